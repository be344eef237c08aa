package sdkproof_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// wallCall is a call of either API. In its path, body and parameters, "{media}"
// and the like stand for somebody's thing.
type wallCall struct {
	action string            // of the vendor's API, or
	route  string            // the pattern of a route of the native one
	path   string            // that matches it
	body   string            // for it
	params map[string]string // of the vendor's
	// refused says that the caller may not do this at all.
	refused bool
}

// String tells the call in messages of tests.
func (c wallCall) String() string { return c.action + c.route + " " + c.text() }

// text is where things are named.
func (c wallCall) text() string {
	texts := []string{c.path, c.body}
	for _, v := range c.params {
		texts = append(texts, v)
	}
	slices.Sort(texts)
	return strings.Join(texts, " ")
}

// ask makes the call about somebody's things.
func (c wallCall) ask(t require, w *walls, asker *tenant, things map[string]string) answer {
	if c.action == "" {
		method, _, _ := strings.Cut(c.route, " ")
		return w.native(t, asker, method, strings.ReplaceAll(filled(c.path, things), " ", "%20"), filled(c.body, things))
	}
	params := map[string]string{}
	for name, value := range c.params {
		params[name] = filled(value, things)
	}
	return w.vendor(t, asker, c.action, params)
}

// withOwn names a media of the caller's own too, where several can be named.
func (c wallCall) withOwn(media string) wallCall {
	c.body = strings.Replace(c.body, `"media":["{media}"]`, `"media":["`+media+`","{media}"]`, 1)
	params := map[string]string{}
	for name, value := range c.params {
		if (name == "MediaIds" || name == "VideoIds" && c.action != "DeleteVideo") && value == "{media}" {
			value = media + ",{media}"
		}
		params[name] = value
	}
	c.params = params
	return c
}

func vendorCall(action string, kv ...string) wallCall {
	c := wallCall{action: action, params: map[string]string{}}
	for i := 0; i < len(kv); i += 2 {
		c.params[kv[i]] = kv[i+1]
	}
	return c
}

// nativeCall makes a call of a route, whose {id} or {name} is a thing; what
// follows is the query, and the body.
func nativeCall(route, thing, query, body string) wallCall {
	_, path, _ := strings.Cut(route, " ")
	return wallCall{route: route, path: strings.NewReplacer("{id}", "{"+thing+"}", "{name}", "{"+thing+"}").Replace(path) + query, body: body}
}

// wallCalls are the calls that name things.
func wallCalls() []wallCall { return slices.Concat(vendorWalls(), nativeWalls()) }

func vendorWalls() []wallCall {
	return []wallCall{
		vendorCall("RefreshMediaPlayUrls", "MediaIds", "{media}", "TaskType", "Refresh"),
		vendorCall("RefreshMediaPlayUrls", "MediaIds", "{media}", "TaskType", "Preload"),
		vendorCall("GetMediaRefreshJobs", "MediaRefreshJobId", "{job}"),
		vendorCall("GetMediaRefreshJobs", "MediaRefreshJobId", "{job}", "MediaId", "{media}"),
		vendorCall("DescribeVodRefreshTasks", "DomainName", "{host}", "ObjectType", "file"),
		vendorCall("DescribeVodRefreshTasks", "ObjectPath", "http://{host}/0"),
		vendorCall("DescribeVodRefreshTasks", "TaskId", "{task}"),
		vendorCall("RefreshVodObjectCaches", "ObjectPath", "http://{host}/x"),
		vendorCall("RefreshVodObjectCaches", "ObjectPath", "{host}/{media}.mp4\nhttp://{host}/x"),
		vendorCall("RefreshVodObjectCaches", "ObjectPath", "{host}/a/", "ObjectType", "Directory"),
		vendorCall("RefreshVodObjectCaches", "ObjectPath", "{host}/.*\\.mp4", "ObjectType", "Regex"),
		vendorCall("PreloadVodObjectCaches", "ObjectPath", "http://{host}/x"),
		vendorCall("GetPlayInfo", "VideoId", "{media}"),
		vendorCall("GetPlayInfo", "VideoId", "{denied}"),
		vendorCall("GetVideoInfo", "VideoId", "{media}"),
		vendorCall("GetVideoInfo", "ReferenceId", "ref-{media}"),
		vendorCall("GetVideoInfos", "VideoIds", "{media}"),
		vendorCall("GetVideoInfos", "ReferenceIds", "ref-{media}"),
		vendorCall("SearchMedia", "Match", "Title in ('{title}')"),
		vendorCall("SearchMedia", "Match", "VideoId = '{media}'"),
		vendorCall("RegisterMedia", "RegisterMetadatas", `[{"FileURL":"http://{host}/{media}.mp4","Title":"t"}]`),
		vendorCall("DeleteVideo", "VideoIds", "{media}"),
		vendorCall("DeleteVideo", "VideoIds", "{denied},{media}"),
		vendorCall("DeleteVideo", "ReferenceIds", "ref-{media}"),
		vendorCall("DeleteStream", "VideoId", "{media}", "JobIds", "stream-{media}"),
		vendorCall("DeleteStream", "ReferenceId", "ref-{media}", "JobIds", "stream-{media}"),
		vendorCall("BatchStopVodDomain", "DomainNames", "{host}"),
		vendorCall("BatchStartVodDomain", "DomainNames", "{host}"),
		vendorCall("DescribeVodUserDomains", "DomainName", "{host}"),
		vendorCall("DescribeVodUserDomains", "DomainName", "{host}", "DomainSearchType", "fuzzy_match"),
		vendorCall("GetMessageCallback", "AppId", "{app}"),
		vendorCall("DeleteMessageCallback", "AppId", "{app}"),
	}
}

func nativeWalls() []wallCall {
	return []wallCall{
		nativeCall("POST /v1/jobs", "", "", `{"type":"purge","media":["{media}"]}`),
		nativeCall("POST /v1/jobs", "", "", `{"type":"prefetch","media":["{media}"]}`),
		nativeCall("POST /v1/jobs", "", "", `{"type":"purge","urls":["http://{host}/0"]}`),
		nativeCall("POST /v1/jobs", "", "", `{"type":"purge","prefixes":["http://{host}/"]}`),
		nativeCall("POST /v1/jobs", "", "", `{"type":"purge","regexes":["{host}/.*"]}`),
		nativeCall("GET /v1/jobs/{id}", "job", "", ""),
		nativeCall("GET /v1/jobs/{id}/events", "job", "", ""),
		nativeCall("GET /v1/jobs/{id}/tasks", "job", "", ""),
		nativeCall("GET /v1/tasks/{id}", "task", "", ""),
		nativeCall("POST /v1/plan", "", "", `{"type":"purge","media":["{media}"]}`),
		nativeCall("POST /v1/plan", "", "", `{"type":"prefetch","urls":["http://{host}/0"]}`),
		nativeCall("POST /v1/takedowns", "", "", `{"media":["{denied}"]}`),
		nativeCall("POST /v1/takedowns/undo", "", "", `{"media":["{denied}"]}`),
		nativeCall("DELETE /v1/takedowns/{id}", "denied", "", ""),
		nativeCall("POST /v1/media", "", "", mediaLine("stolen", "{host}", "{title}")),
		nativeCall("GET /v1/media/{id}", "media", "", ""),
		nativeCall("GET /v1/domains", "", "?account={account}", ""),
		nativeCall("POST /v1/domains", "", "", `{"name":"new.{host}","origin":"http://origin.example.com","account":"{account}"}`),
		nativeCall("DELETE /v1/domains/{name}", "host", "", ""),
		nativeCall("POST /v1/domains/{name}/stop", "host", "", ""),
		nativeCall("POST /v1/domains/{name}/start", "host", "", ""),
		nativeCall("POST /v1/domains/{name}/approve", "host", "", ""),
		nativeCall("POST /v1/domains/{name}/auth", "host", "", `{"type":"A","main_key":"0123456789abcdef"}`),
		nativeCall("POST /v1/pops", "", "", `{"id":"{pop}"}`),
		nativeCall("POST /v1/pops/{id}", "pop", "", `{"state":"down"}`),
		nativeCall("DELETE /v1/pops/{id}", "pop", "", ""),
		nativeCall("POST /v1/pops/{id}/revoke", "pop", "", ""),
		nativeCall("POST /v1/accounts", "", "", `{"name":"{account}"}`),
		nativeCall("POST /v1/accounts/{id}", "account", "", `{"disabled":true}`),
		nativeCall("GET /v1/keys", "", "?account={account}", ""),
		nativeCall("GET /v1/evidence", "", "?media={media}", ""),
		nativeCall("GET /v1/evidence", "", "?account={account}", ""),
		nativeCall("POST /v1/keys", "", "", `{"account":"{account}"}`),
		nativeCall("GET /v1/callbacks", "", "?before={callback}", ""),
		nativeCall("POST /v1/callbacks/{id}/retry", "callback", "", ""),
		nativeCall("GET /v1/audit", "", "?account={account}", ""),
		nativeCall("POST /v1/keys/{id}", "key", "", `{"disabled":true}`),
		nativeCall("DELETE /v1/keys/{id}", "key", "", ""),
		nativeCall("GET /v1/keys/{id}/policy", "key", "", ""),
		nativeCall("POST /v1/keys/{id}/policy", "key", "", onlyTheSound),
		nativeCall("POST /v1/keys/{id}/tokens", "key", "", `{"duration":"1h"}`),
		nativeCall("DELETE /v1/keys/{id}/policy", "key", "", ""),
	}
}

// wallLists are the calls that name nothing, or only what is the caller's own.
func wallLists() []wallCall {
	refused := func(c wallCall) wallCall { c.refused = true; return c }
	return append(wallStates(),
		vendorCall("DescribeVodRefreshTasks", "PageSize", "50"),
		vendorCall("DescribeVodRefreshQuota"),
		vendorCall("SearchMedia", "Match", "Status = 'Normal'"),
		vendorCall("SearchMedia"),
		vendorCall("SetMessageCallback", "CallbackURL", "http://callbacks.example.com/x", "EventTypeList", "ALL"),
		refused(vendorCall("AddVodDomain", "DomainName", "{host}", "Sources", oneWallSource)),
		nativeCall("GET /v1/jobs", "", "?failed=true", ""),
		nativeCall("GET /v1/jobs", "", "", ""),
		nativeCall("GET /v1/pops", "", "", ""),
		refused(nativeCall("GET /v1/accounts", "", "", "")),
		nativeCall("GET /v1/evidence", "", "", ""),
		nativeCall("GET /v1/audit", "", "?limit=100", ""),
		nativeCall("GET /v1/callbacks", "", "", ""),
		nativeCall("POST /v1/webhook/rotate", "", "", ""),
		nativeCall("POST /v1/webhook", "", "", `{"url":"http://callbacks.example.com/x"}`),
		nativeCall("DELETE /v1/webhook", "", "", ""),
	)
}

const oneWallSource = `[{"content":"origin.example.com","type":"domain","priority":"20","port":80}]`

// wallStates are calls that show what a tenant has and that no other call here
// changes.
func wallStates() []wallCall {
	return []wallCall{
		vendorCall("GetVideoInfo", "VideoId", "{media}"),
		vendorCall("GetPlayInfo", "VideoId", "{media}"),
		vendorCall("GetMediaRefreshJobs", "MediaRefreshJobId", "{job}"),
		vendorCall("DescribeVodRefreshTasks", "TaskId", "{task}"),
		vendorCall("DescribeVodUserDomains"),
		vendorCall("GetMessageCallback", "AppId", "{app}"),
		nativeCall("GET /v1/media", "", "", ""),
		nativeCall("GET /v1/domains", "", "", ""),
		nativeCall("GET /v1/webhook", "", "", ""),
		nativeCall("GET /v1/takedowns", "", "?all=true", ""),
		nativeCall("GET /v1/keys/{id}/policy", "key", "", ""),
	}
}

// TestP8_EveryOperationAndRouteIsTried holds that the table of calls leaves out
// no operation of the vendor's API and no route of the native one.
func TestP8_EveryOperationAndRouteIsTried(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, c := range slices.Concat(wallCalls(), wallLists()) {
		tried[c.action+c.route] = true
	}
	names, err := os.ReadFile("../rpc/actions.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := built(t, server(t).Addr(), strings.Fields(string(names)))
	table, err := os.ReadFile("../api/route.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`pattern: "([^"]+)"`).FindAllStringSubmatch(string(table), -1) {
		want = append(want, m[1])
	}
	if len(want) < 60 {
		t.Fatalf("found %d operations and routes only", len(want))
	}
	for _, name := range want {
		if !tried[name] {
			t.Errorf("the table of calls lacks %s", name)
		}
	}
}
