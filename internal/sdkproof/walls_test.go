package sdkproof_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/config"
)

// tenant is an account with a key.
type tenant struct {
	endpoint string
	http     *http.Client
	client.Key
}

var wallNonces atomic.Int64

// ask makes a call of the vendor's API and returns status and body.
func (w tenant) ask(t require, action string, params map[string]string) string {
	p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}}
	for name, value := range params {
		p.Set(name, value)
	}
	auth.SignV1(http.MethodPost, p, w.ID, w.Secret, time.Now(), "walls"+strconv.FormatInt(wallNonces.Add(1), 10))
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+w.endpoint+"/?"+p.Encode(), nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	resp, err := w.http.Do(req)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}

// require is what *testing.T and *rapid.T have in common.
type require interface {
	Fatalf(format string, args ...any)
}

// walls is a server with two tenants: one has things, and the other asks for
// them.
type walls struct {
	owner, stranger tenant
	// job, task and object are what the owner's work is called.
	job, task, object string
}

// media of a tenant, as a line of an import.
func mediaLine(id, host, title string) string {
	return `{"MediaId":"` + id + `","ReferenceId":"ref-` + id + `","Title":"` + title + `","MediaType":"video","Status":"Normal","Tags":["` + title + `"],"Streams":[` +
		`{"JobId":"stream-` + id + `","Format":"mp4","Definition":"HD","StreamType":"video","PlayURL":"http://` + host + `/` + id + `.mp4"}]}` + "\n"
}

func newWalls(t *testing.T) walls {
	t.Helper()
	s := server(t, func(c *config.Config) {
		origin := c.Domains[0].Origin
		c.Domains = append(c.Domains,
			config.Domain{Name: "a.example.com", Origin: origin, Account: "owner"},
			config.Domain{Name: "b.example.com", Origin: origin, Account: "stranger"})
	})
	calls := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(calls.CloseIdleConnections)
	become := func(account string) tenant {
		k, err := operator(t, s).CreateKey(t.Context(), client.NewKey{Account: account})
		if err != nil {
			t.Fatal(err)
		}
		return tenant{s.Addr(), calls, k}
	}
	w := walls{owner: become("owner"), stranger: become("stranger")}
	for _, m := range []struct {
		of   tenant
		line string
	}{
		{w.owner, mediaLine("a-media", "a.example.com", "alpha")}, {w.stranger, mediaLine("b-media", "b.example.com", "beta")},
	} {
		c, err := client.New(client.Options{Endpoint: "http://" + s.Addr(), AccessKeyID: m.of.ID, AccessKeySecret: m.of.Secret})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if sum, err := c.Import(t.Context(), strings.NewReader(m.line), nil); err != nil || sum.Imported != 1 {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
	w.job = field(t, w.owner.ask(t, "RefreshMediaPlayUrls", map[string]string{"MediaIds": "a-media", "TaskType": "Refresh"}), "MediaRefreshJobId")
	w.object = field(t, w.owner.ask(t, "RefreshVodObjectCaches", map[string]string{"ObjectPath": "http://a.example.com/x"}), "RefreshTaskId")
	w.task = field(t, w.owner.ask(t, "GetMediaRefreshJobs", map[string]string{"MediaRefreshJobId": w.job}), "TaskIds")
	w.owner.ask(t, "SetMessageCallback", map[string]string{"CallbackType": "HTTP", "CallbackURL": "http://callbacks.example.com/a", "EventTypeList": "ALL"})
	return w
}

// field takes a text out of an answer.
func field(t *testing.T, answer, name string) string {
	t.Helper()
	m := regexp.MustCompile(`"` + name + `":"([^"]+)"`).FindStringSubmatch(answer)
	if m == nil {
		t.Fatalf("no %s in %s", name, answer)
	}
	return m[1]
}

// state is what the owner sees of what it has.
func (w walls) state(t require) string {
	var b strings.Builder
	for _, c := range []struct {
		action string
		params map[string]string
	}{
		{"GetVideoInfo", map[string]string{"VideoId": "a-media"}},
		{"GetPlayInfo", map[string]string{"VideoId": "a-media"}},
		{"GetMediaRefreshJobs", map[string]string{"MediaRefreshJobId": w.job}},
		{"DescribeVodRefreshTasks", map[string]string{"PageSize": "50"}},
		{"DescribeVodUserDomains", nil},
		{"DescribeVodRefreshQuota", nil},
		{"GetMessageCallback", nil},
	} {
		fmt.Fprintf(&b, "%s: %s\n", c.action, w.owner.ask(t, c.action, c.params))
	}
	return masked(b.String())
}

// masked replaces what differs between any two calls.
func masked(answer string) string {
	for _, m := range []struct{ what, by string }{
		{`"RequestId":"[^"]+"`, `"RequestId":"…"`},
		{`"(MediaRefreshJobId|RefreshTaskId|PreloadTaskId|JobId)":"[0-9a-f,]+"`, `"$1":"…"`},
		{`"(CreationTime|GmtCreate|GmtModified|ModificationTime)":"[^"]*"`, `"$1":"…"`},
		{`"(Status|Process|Description)":"(Pending|Refreshing|Complete|Failed|[0-9.]+%|)"`, `"$1":"…"`},
		{`server string to sign is:[^"]*`, ""},
	} {
		answer = regexp.MustCompile(m.what).ReplaceAllString(answer, m.by)
	}
	return answer
}

// wallCall draws a call of the stranger. In its parameters, "{media}" and the
// like stand for a thing of the owner, or for one that nobody has.
func wallCall(t *rapid.T) (string, map[string]string) {
	own := rapid.SampledFrom([]string{"", "b-media,"}).Draw(t, "own")
	kind := rapid.SampledFrom([]string{"Refresh", "Preload"}).Draw(t, "type")
	path := rapid.SampledFrom([]string{"http://{domain}/x", "{domain}/{media}.mp4", "http://b.example.com/x\nhttp://{domain}/x", "{domain}/a/"}).Draw(t, "path")
	calls := []struct {
		action string
		params map[string]string
	}{
		{"RefreshMediaPlayUrls", map[string]string{"MediaIds": own + "{media}", "TaskType": kind}},
		{"GetMediaRefreshJobs", map[string]string{"MediaRefreshJobId": "{job}"}},
		{"GetMediaRefreshJobs", map[string]string{"MediaRefreshJobId": "{job}", "MediaId": "{media}"}},
		{"DescribeVodRefreshTasks", map[string]string{"DomainName": "{domain}", "ObjectType": "file"}},
		{"DescribeVodRefreshTasks", map[string]string{"ObjectPath": "http://{domain}/x"}},
		{"RefreshVodObjectCaches", map[string]string{"ObjectPath": path}},
		{"RefreshVodObjectCaches", map[string]string{"ObjectPath": "{domain}/a/", "ObjectType": "Directory"}},
		{"RefreshVodObjectCaches", map[string]string{"ObjectPath": "{domain}/.*\\.mp4", "ObjectType": "Regex"}},
		{"PreloadVodObjectCaches", map[string]string{"ObjectPath": path}},
		{"GetPlayInfo", map[string]string{"VideoId": "{media}"}},
		{"GetVideoInfo", map[string]string{"VideoId": "{media}"}},
		{"GetVideoInfo", map[string]string{"ReferenceId": "ref-{media}"}},
		{"GetVideoInfos", map[string]string{"VideoIds": own + "{media}"}},
		{"GetVideoInfos", map[string]string{"ReferenceIds": "ref-{media}"}},
		{"SearchMedia", map[string]string{"Match": "Title in ('{title}')"}},
		{"SearchMedia", map[string]string{"Match": "VideoId = '{media}'"}},
		{"RegisterMedia", map[string]string{"RegisterMetadatas": `[{"FileURL":"http://{domain}/{media}.mp4","Title":"t"}]`}},
		{"DeleteVideo", map[string]string{"VideoIds": "{media}"}},
		{"DeleteVideo", map[string]string{"ReferenceIds": "ref-{media}"}},
		{"DeleteStream", map[string]string{"VideoId": "{media}", "JobIds": "stream-{media}"}},
		{"BatchStopVodDomain", map[string]string{"DomainNames": "{domain}"}},
		{"BatchStartVodDomain", map[string]string{"DomainNames": "{domain}"}},
		{"DescribeVodUserDomains", map[string]string{"DomainName": "{domain}"}},
		{"GetMessageCallback", map[string]string{"AppId": "app-1000000"}},
		{"DeleteMessageCallback", nil},
		{"DescribeVodRefreshQuota", nil},
	}
	c := calls[rapid.IntRange(0, len(calls)-1).Draw(t, "call")]
	return c.action, c.params
}

// Whatever a tenant asks about another's things, it is answered as if they were
// nobody's, and they stay as they are.
func TestP8_AnothersThingsAreNobodysThings(t *testing.T) {
	t.Parallel()
	w := newWalls(t)
	theirs := strings.NewReplacer("{media}", "a-media", "{domain}", "a.example.com", "{job}", w.job, "{title}", "alpha")
	nobodys := strings.NewReplacer("{media}", "n-media", "{domain}", "n.example.com", "{job}", "0123456789abcdef", "{title}", "nabla")
	same := strings.NewReplacer("n-media", "a-media", "n.example.com", "a.example.com", "nabla", "alpha")
	before := w.state(t)
	rapid.Check(t, func(t *rapid.T) {
		action, params := wallCall(t)
		ask := func(fill *strings.Replacer) string {
			filled := map[string]string{}
			for name, value := range params {
				filled[name] = fill.Replace(value)
			}
			return masked(w.stranger.ask(t, action, filled))
		}
		a, n := ask(theirs), same.Replace(ask(nobodys))
		if d := cmp.Diff(n, a); d != "" {
			t.Errorf("%s %v tells another's from nobody's:\n%s", action, params, d)
		}
		if strings.HasPrefix(a, "500") || strings.HasPrefix(a, "503") {
			t.Errorf("%s %v: %s", action, params, a)
		}
	})
	if d := cmp.Diff(before, w.state(t)); d != "" {
		t.Errorf("the owner's things changed:\n%s", d)
	}
	// Task IDs count for each account: the owner's may be the stranger's too, but
	// never show what is the owner's.
	for id := range strings.SplitSeq(w.task+","+w.object, ",") {
		if a := w.stranger.ask(t, "DescribeVodRefreshTasks", map[string]string{"TaskId": id}); strings.Contains(a, "a.example.com") {
			t.Errorf("task %s: %s", id, a)
		}
	}
	if a := w.stranger.ask(t, "DescribeVodRefreshTasks", map[string]string{"PageSize": "50"}); strings.Contains(a, "a.example.com") {
		t.Errorf("all tasks: %s", a)
	}
}

// The native API likewise.
func TestP8_NativelyToo(t *testing.T) {
	t.Parallel()
	w := newWalls(t)
	c, err := client.New(client.Options{Endpoint: "http://" + w.stranger.endpoint, AccessKeyID: w.stranger.ID, AccessKeySecret: w.stranger.Secret})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := t.Context()
	task, err := strconv.ParseUint(w.task, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func(theirs bool) error{
		"a media": func(theirs bool) error { _, err := c.Media(ctx, either(theirs, "a-media", "n-media")); return err },
		"a job":   func(theirs bool) error { _, err := c.Job(ctx, either(theirs, w.job, "0123456789abcdef")); return err },
		"tasks": func(theirs bool) error {
			_, err := c.JobTasks(ctx, either(theirs, w.job, "0123456789abcdef"), 0)
			return err
		},
		"a task": func(theirs bool) error { _, err := c.Task(ctx, either(theirs, task, 1)); return err },
		"a key": func(theirs bool) error {
			_, err := c.SetKey(ctx, either(theirs, w.owner.ID, "nobody"), true)
			return err
		},
		"a policy": func(theirs bool) error { _, err := c.KeyPolicy(ctx, either(theirs, w.owner.ID, "nobody")); return err },
		"a token": func(theirs bool) error {
			_, err := c.IssueToken(ctx, either(theirs, w.owner.ID, "nobody"), client.NewToken{Lasts: time.Hour})
			return err
		},
	} {
		a, n := ask(true), ask(false)
		mask := strings.NewReplacer("a-media", "…", "n-media", "…", w.job, "…", "0123456789abcdef", "…", w.task, "…", " 1 ", " … ")
		if freshet.ErrorCode(a) != freshet.CodeNotFound || mask.Replace(message(a)) != mask.Replace(message(n)) {
			t.Errorf("%s of another: %v; of nobody: %v", name, a, n)
		}
	}
	if l, err := c.Keys(ctx, ""); err != nil || len(l) != 1 || l[0].ID != w.stranger.ID {
		t.Errorf("keys %+v, %v", l, err)
	}
	if l, err := c.ListMedia(ctx, "", 0); err != nil || len(l.Media) != 1 || l.Media[0].ID != "b-media" {
		t.Errorf("media %+v, %v", l, err)
	}
	if l, err := c.Jobs(ctx, time.Time{}, 0); err != nil || len(l.Jobs) != 0 {
		t.Errorf("jobs %+v, %v", l, err)
	}
}

// message is an error as a user sees it.
func message(err error) string {
	if e, ok := errors.AsType[*freshet.Error](err); ok {
		return e.Message
	}
	return fmt.Sprint(err)
}

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}
