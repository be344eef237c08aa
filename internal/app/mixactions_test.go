package app_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// act does one thing, chosen at random, and adds to the model what came of it.
func (c *mixClient) act() {
	actions := []func(){
		c.refreshMedia, c.refreshMedia, c.refreshFiles, c.refreshFiles, c.refreshDirectory, c.preload, c.register, c.register,
		c.deleteVideo, c.deleteStream, c.setCallback, c.deleteCallback, c.addDomain, c.look, c.look, c.trespass,
		c.nativePurge,
	}
	actions[c.rand.IntN(len(actions))]()
}

// spend notes what an accepted call cost, or that it was refused for it.
func (c *mixClient) spend(a mixAnswer, kind freshet.QuotaKind, objectType, ids string, n int) {
	m := c.account
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.code != "" {
		m.refusals = append(m.refusals, mixRefusal{kind, n})
		return
	}
	m.used[kind] += n
	m.tasks[objectType] += n
	m.taskIDs = append(m.taskIDs, strings.Split(ids, ",")...)
}

// paths returns n lines of an ObjectPath.
func (c *mixClient) paths(n int, end string) string {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "http://%s/%s%s\n", c.account.host, c.fresh(), end)
	}
	return b.String()
}

func (c *mixClient) refreshFiles() {
	n := 1 + c.rand.IntN(6)
	a := c.call("RefreshVodObjectCaches", "ObjectPath", c.paths(n, ".mp4"))
	c.want(a, "a purge of files", "", "QuotaExceeded.Refresh")
	c.spend(a, freshet.QuotaURLs, "file", a.text("RefreshTaskId"), n)
}

func (c *mixClient) refreshDirectory() {
	n := 1 + c.rand.IntN(2)
	a := c.call("RefreshVodObjectCaches", "ObjectPath", c.paths(n, "/"), "ObjectType", "Directory")
	c.want(a, "a purge of directories", "", "QuotaExceeded.Refresh")
	c.spend(a, freshet.QuotaDirectories, "directory", a.text("RefreshTaskId"), n)
}

func (c *mixClient) preload() {
	n := 1 + c.rand.IntN(4)
	a := c.call("PreloadVodObjectCaches", "ObjectPath", c.paths(n, ".mp4"))
	c.want(a, "a prefetch", "", "QuotaExceeded.Refresh")
	c.spend(a, freshet.QuotaPreloads, "preload", a.text("PreloadTaskId"), n)
}

// nativePurge is an operator's purge: whatever is spent, it is not refused, and
// it costs nothing.
func (c *mixClient) nativePurge() {
	n := 1 + c.rand.IntN(5)
	paths := strings.Fields(c.paths(n, ".ts"))
	native, err := client.New(client.Options{Endpoint: c.base, AccessKeyID: c.account.key, AccessKeySecret: c.account.secret})
	if err != nil {
		c.t.Error(err)
		return
	}
	defer native.Close()
	if _, err := native.Submit(c.t.Context(), client.JobRequest{Type: freshet.Purge, URLs: paths}); err != nil {
		c.t.Errorf("an operator's purge by %s was refused: %v", c.account.name, err)
		return
	}
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.tasks["file"] += n
	c.account.native += n
}

// refreshMedia purges or prefetches the account's film and a media that does
// not exist, and looks at the job until its row is final.
func (c *mixClient) refreshMedia() {
	kind, typ, word := freshet.QuotaURLs, "file", "Refresh"
	if c.rand.IntN(3) == 0 {
		kind, typ, word = freshet.QuotaPreloads, "preload", "Preload"
	}
	absent := c.fresh()
	a := c.call("RefreshMediaPlayUrls", "MediaIds", c.account.film+", "+absent, "TaskType", word)
	if !c.want(a, "a job", "") {
		return
	}
	job := a.text("MediaRefreshJobId")
	if a.text("NonExistMediaIds") != absent || a.text("ForbiddenMediaIds") != "" || job == "" {
		c.t.Errorf("a job of a film and an absent media: %v", a.body)
	}
	row := map[string]any{}
	for row["Status"] != "success" && row["Status"] != "fail" {
		jobs, _ := c.call("GetMediaRefreshJobs", "MediaRefreshJobId", job).body["MediaRefreshJobs"].([]any)
		if len(jobs) != 1 {
			c.t.Errorf("job %s has %d rows", job, len(jobs))
			return
		}
		row, _ = jobs[0].(map[string]any)
	}
	const urls = 2
	if row["Status"] == "fail" {
		if row["ErrorCode"] != "QuotaExceeded.Refresh" || row["TaskIds"] != "" {
			c.t.Errorf("a row failed: %v", row)
		}
		c.spend(mixAnswer{code: "refused"}, kind, typ, "", urls)
	} else {
		ids, _ := row["TaskIds"].(string)
		c.spend(mixAnswer{}, kind, typ, ids, urls)
	}
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.jobs[job] = 1
}

// register makes a media of a file, twice: the second time it is known.
func (c *mixClient) register() {
	file := "http://" + c.account.host + "/" + c.fresh() + ".mp4"
	metadata, err := json.Marshal([]map[string]string{{"FileURL": file, "Title": c.name}})
	if err != nil {
		c.t.Error(err)
		return
	}
	var id string
	for i := range 2 {
		a := c.call("RegisterMedia", "RegisterMetadatas", string(metadata), "TemplateGroupId", "VOD_NO_TRANSCODE")
		if !c.want(a, "registering", "") {
			return
		}
		list, _ := a.body["RegisteredMediaList"].([]any)
		if len(list) != 1 {
			c.t.Errorf("registering one file: %v", a.body)
			return
		}
		one, _ := list[0].(map[string]any)
		if got, _ := one["MediaId"].(string); i == 0 {
			id = got
		} else if got != id {
			c.t.Errorf("a known file is media %s, and was %s", got, id)
		}
		if one["NewRegister"] != (i == 0) {
			c.t.Errorf("registering for the %d. time: %v", i+1, one)
		}
	}
	c.media = append(c.media, id)
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.media[id] = true
}

// drop takes one of the client's media out of the model.
func (c *mixClient) drop() string {
	if len(c.media) == 0 {
		c.register()
	}
	if len(c.media) == 0 {
		return ""
	}
	id := c.media[len(c.media)-1]
	c.media = c.media[:len(c.media)-1]
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	delete(c.account.media, id)
	return id
}

func (c *mixClient) deleteVideo() {
	id := c.drop()
	c.want(c.call("DeleteVideo", "VideoIds", id), "deleting a media", "")
	c.want(c.call("DeleteVideo", "VideoIds", id), "deleting a media again", "InvalidVideo.NotFound")
	c.want(c.call("GetPlayInfo", "VideoId", id), "playing a deleted media", "InvalidVideo.NotFound")
}

// deleteStream deletes the one stream of a media, which then cannot be played.
func (c *mixClient) deleteStream() {
	id := c.drop()
	a := c.call("GetPlayInfo", "VideoId", id)
	if !c.want(a, "playing", "") {
		return
	}
	list, _ := a.body["PlayInfoList"].(map[string]any)
	streams, _ := list["PlayInfo"].([]any)
	if len(streams) != 1 {
		c.t.Errorf("a registered media has %d streams: %v", len(streams), a.body)
		return
	}
	stream, _ := streams[0].(map[string]any)
	job, _ := stream["JobId"].(string)
	c.want(c.call("DeleteStream", "VideoId", id, "JobIds", job), "deleting a stream", "")
	c.want(c.call("DeleteStream", "VideoId", id, "JobIds", job), "deleting a stream again", "InvalidStream.NotFound")
	c.want(c.call("GetPlayInfo", "VideoId", id), "playing without a stream", "InvalidVideo.NoneStream")
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	c.account.media[id] = true // it is still there
}

// setCallback sets the callback of an application of the client's own.
func (c *mixClient) setCallback() {
	app, to := "app-"+c.name, "http://callback.example.com/"+c.fresh()
	a := c.call("SetMessageCallback", "AppId", app, "CallbackURL", to, "EventTypeList", "ALL")
	if !c.want(a, "setting a callback", "") {
		return
	}
	c.account.mu.Lock()
	c.account.callback[app] = to
	c.account.mu.Unlock()
	c.checkCallback(app, to)
}

func (c *mixClient) deleteCallback() {
	app := "app-" + c.name
	if c.want(c.call("DeleteMessageCallback", "AppId", app), "deleting a callback", "") {
		c.account.mu.Lock()
		delete(c.account.callback, app)
		c.account.mu.Unlock()
		c.checkCallback(app, "")
	}
}

func (c *mixClient) checkCallback(app, want string) {
	a := c.call("GetMessageCallback", "AppId", app)
	rule, _ := a.body["MessageCallback"].(map[string]any)
	if got, _ := rule["CallbackURL"].(string); got != want {
		c.t.Errorf("the callback of %s is %q, want %q: %v", app, got, want, a.body)
	}
}

// addDomain adds a domain of the client's own, or one that another client of
// any account may be adding at the same time.
func (c *mixClient) addDomain() {
	name := c.fresh() + ".example.net"
	if c.rand.IntN(2) == 0 {
		name = fmt.Sprintf("wanted-%d.example.net", c.rand.IntN(5))
	}
	a := c.call("AddVodDomain", "DomainName", name, "Sources", `[{"content":"198.41.0.4","type":"ipaddr","priority":"20","port":80}]`)
	if c.want(a, "adding a domain", "", "DomainAlreadyExist", "DomainOverLimit") {
		c.account.mu.Lock()
		defer c.account.mu.Unlock()
		c.account.domains = append(c.account.domains, name)
	}
}

// look reads what the account has, and compares what cannot change.
func (c *mixClient) look() {
	m := c.account
	m.mu.Lock()
	used := m.used[freshet.QuotaURLs]
	m.mu.Unlock()
	a := c.call("DescribeVodRefreshQuota")
	left, err := strconv.Atoi(a.text("UrlRemain"))
	if err != nil || a.text("UrlQuota") != strconv.Itoa(mixURLs) || left > mixURLs-used || left < 0 {
		c.t.Errorf("%d URLs were paid for, and the quota is %v", used, a.body)
	}
	c.want(c.call("DescribeVodRefreshTasks", "ObjectType", "file"), "a look at tasks", "")
	a = c.call("GetVideoInfos", "VideoIds", m.film+","+c.other().film)
	videos, _ := a.body["VideoList"].([]any)
	if got := a.list("NonExistVideoIds"); len(videos) != 1 || len(got) != 1 {
		c.t.Errorf("two films, one of which is another account's: %v", a.body)
	}
	c.want(c.call("GetVideoInfo", "VideoId", m.film), "a look at a film", "")
	c.want(c.call("GetPlayInfo", "VideoId", m.film), "playing a film", "")
	c.want(c.call("DescribeVodUserDomains"), "a look at domains", "")
}

// trespass tries what belongs to another account: it is not there.
func (c *mixClient) trespass() {
	o := c.other()
	o.mu.Lock()
	job := ""
	for id := range o.jobs {
		job = id
	}
	o.mu.Unlock()
	if job != "" {
		if rows, _ := c.call("GetMediaRefreshJobs", "MediaRefreshJobId", job).body["MediaRefreshJobs"].([]any); len(rows) != 0 {
			c.t.Errorf("%s sees a job of %s", c.account.name, o.name)
		}
	}
	a := c.call("RefreshMediaPlayUrls", "MediaIds", o.film, "TaskType", "Refresh")
	if c.want(a, "a purge of another's film", "") && (a.text("MediaRefreshJobId") != "" || a.text("NonExistMediaIds") != o.film) {
		c.t.Errorf("%s purges a film of %s: %v", c.account.name, o.name, a.body)
	}
	c.want(c.call("RefreshVodObjectCaches", "ObjectPath", "http://"+o.host+"/a"), "a purge of another's URL", "InvalidDomain.NotFound")
	c.want(c.call("DeleteVideo", "VideoIds", o.film), "deleting another's film", "InvalidVideo.NotFound")
	if a = c.call("SearchMedia", "Match", "VideoId = '"+o.film+"'"); a.code != "" || a.body["Total"] != 0.0 {
		c.t.Errorf("%s finds a film of %s: %v", c.account.name, o.name, a.body)
	}
	c.want(c.call("GetVideoInfo", "VideoId", o.film), "a look at another's film", "InvalidVideo.NotFound")
	c.want(c.call("AddVodDomain", "DomainName", o.host, "Sources", `[{"content":"198.41.0.4","type":"ipaddr","priority":"20","port":80}]`),
		"adding another's domain", "DomainAlreadyExist")
}
