package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// caller asks a served Fake with HTTP Basic, as curl does.
type caller struct {
	t    *testing.T
	base string
	http *http.Client
}

func serve(t *testing.T) (*apitest.Fake, *caller) {
	t.Helper()
	f := apitest.New()
	f.AddMedia("m-1", "m-2")
	s := apitest.Serve(t, f)
	return f, &caller{t, s.URL, s.Client()}
}

// answer is what came back; its Body is closed when the test ends.
type answer struct {
	StatusCode int
	Header     http.Header
	Body       io.Reader
}

func (c *caller) do(method, path, body string, change ...func(*http.Request)) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.SetBasicAuth(apitest.KeyID, apitest.Secret)
	for _, f := range change {
		f(req)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { resp.Body.Close() })
	return answer{resp.StatusCode, resp.Header, resp.Body}
}

func (c *caller) problem(resp answer) api.Problem {
	c.t.Helper()
	var p api.Problem
	d := json.NewDecoder(resp.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		c.t.Fatal(err)
	}
	kind := string(p.Kind)
	if kind == "" {
		kind = string(p.Code)
	}
	said, known := fault.Find(fault.Native, kind)
	if !known || p.Type != said.Type() || p.Remedy != said.Remedy || p.Status != said.Status {
		c.t.Errorf("%+v is not what docs/errors.md says: %+v", p, said)
	}
	if resp.Header.Get("Content-Type") != api.ProblemType || p.Status != resp.StatusCode || p.Detail == "" ||
		p.Title != http.StatusText(p.Status) || p.RequestID == "" || p.RequestID != resp.Header.Get("X-Request-Id") {
		c.t.Errorf("not a whole problem: %+v, %v", p, resp.Header)
	}
	return p
}

func TestEveryFault_IsAProblemWithItsFieldAndCode(t *testing.T) {
	t.Parallel()
	many := `"m` + strings.Repeat(`","m`, 20) + `"`
	for i := range 21 {
		many = strings.Replace(many, `"m"`, `"m`+string(rune('a'+i))+`"`, 1)
	}
	past, far := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code                     freshet.Code
		field, detail            string
	}{
		{"unknown path", "GET", "/v1/nothing", "", 404, freshet.CodeNotFound, "", "nothing at this path"},
		{"wrong method", "DELETE", "/v1/jobs", "", 405, freshet.CodeInvalid, "", "GET and HEAD and POST only"},
		{"no body", "POST", "/v1/jobs", "", 400, freshet.CodeInvalid, "", "empty or ends early"},
		{"not JSON", "POST", "/v1/jobs", "{nope", 400, freshet.CodeInvalid, "", "not JSON"},
		{"two values", "POST", "/v1/jobs", `{"type":"purge","media":["m-1"]}{}`, 400, freshet.CodeInvalid, "", "more than one"},
		{"unknown key", "POST", "/v1/jobs", `{"type":"purge","medias":["m-1"]}`, 400, freshet.CodeInvalid, "medias", `"medias" is unknown`},
		{"key twice", "POST", "/v1/jobs", `{"type":"purge","media":["m-1"],"media":["m-2"]}`, 400, freshet.CodeInvalid, "media", "twice"},
		{"key twice in other case", "POST", "/v1/plan", `{"type":"purge","media":["m-1"],"filters":{"formats":["mp4"],"Formats":[]}}`, 400, freshet.CodeInvalid, "Formats", "twice"},
		{"not UTF-8", "POST", "/v1/jobs", "{\"type\":\"purge\",\"media\":[\"m-1\"],\"user_data\":\"\xff\"}", 400, freshet.CodeInvalid, "", "UTF-8"},
		{"parameter of a write", "POST", "/v1/jobs?dry=true", `{"type":"purge","media":["m-1"]}`, 400, freshet.CodeInvalid, "dry", "unknown"},
		{"parameter of a media", "GET", "/v1/media/m-1?x=1", "", 400, freshet.CodeInvalid, "x", "unknown"},
		{"wrong kind", "POST", "/v1/jobs", `{"type":"purge","media":"m-1"}`, 400, freshet.CodeInvalid, "media", "may not be a JSON string"},
		{"type", "POST", "/v1/jobs", `{"type":"refresh","media":["m-1"]}`, 400, freshet.CodeInvalid, "type", "purge or prefetch"},
		{"nothing named", "POST", "/v1/jobs", `{"type":"purge"}`, 400, freshet.CodeInvalid, "media", "Name media"},
		{"both named", "POST", "/v1/jobs", `{"type":"purge","media":["m-1"],"tags":["x"]}`, 400, freshet.CodeInvalid, "media", "excludes"},
		{"empty ID", "POST", "/v1/jobs", `{"type":"purge","media":[""]}`, 400, freshet.CodeInvalid, "media", "1 to 128"},
		{"too many media", "POST", "/v1/jobs", `{"type":"purge","media":[` + many + `]}`, 413, freshet.CodeTooLarge, "media", "at most 20"},
		{"none exists", "POST", "/v1/jobs", `{"type":"purge","media":["x","y"]}`, 404, freshet.CodeNotFound, "media", "None of the media exists"},
		{"format", "POST", "/v1/jobs", `{"type":"purge","media":["m-1"],"filters":{"formats":["avi"]}}`, 400, freshet.CodeInvalid, "filters.formats", `"avi" is unknown`},
		{"slice count", "POST", "/v1/jobs", `{"type":"purge","media":["m-1"],"filters":{"slice_count":21}}`, 400, freshet.CodeInvalid, "filters.slice_count", "1 to 20"},
		{"prefetch of everything", "POST", "/v1/plan", `{"type":"prefetch","media":["m-1"],"filters":{"everything":true}}`, 400, freshet.CodeInvalid, "filters.everything", "Only a purge"},
		{"everything and more", "POST", "/v1/plan", `{"type":"purge","media":["m-1"],"filters":{"everything":true,"multiple":true}}`, 400, freshet.CodeInvalid, "filters.everything", "excludes"},
		{"filters of URLs", "POST", "/v1/jobs", `{"type":"purge","urls":["http://vod.example.com/a"],"filters":{}}`, 400, freshet.CodeInvalid, "filters", "belong to media"},
		{"prefetch of a prefix", "POST", "/v1/jobs", `{"type":"prefetch","prefixes":["http://vod.example.com/a/"]}`, 400, freshet.CodeInvalid, "prefixes", "Only URLs"},
		{"P8 foreign host", "POST", "/v1/jobs", `{"type":"purge","urls":["http://vod.example.com/a","http://other.example.com/a"]}`, 404, freshet.CodeNotFound, "urls[1]", "other.example.com is not a domain"},
		{"P8 foreign prefix", "POST", "/v1/jobs", `{"type":"purge","prefixes":["http://other.example.com/"]}`, 404, freshet.CodeNotFound, "prefixes[0]", "not a domain"},
		{"prefetch of a regex", "POST", "/v1/jobs", `{"type":"prefetch","regexes":["vod.example.com/.*"]}`, 400, freshet.CodeInvalid, "prefixes", "Only URLs"},
		{"P8 foreign regex", "POST", "/v1/jobs", `{"type":"purge","regexes":["vod.example.com/a","other.example.com/.*"]}`, 404, freshet.CodeNotFound, "regexes[1]", "not a domain"},
		{"P8 regex of a host", "POST", "/v1/jobs", `{"type":"purge","regexes":[".*/a"]}`, 400, freshet.CodeInvalid, "regexes[0]", "must be a name"},
		{"too many regexes", "POST", "/v1/jobs", `{"type":"purge","regexes":["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"]}`, 400, freshet.CodeInvalid, "regexes", "at most 20"},
		{"headers of a purge", "POST", "/v1/jobs", `{"type":"purge","urls":["http://vod.example.com/a"],"headers":{"Accept":["a"]}}`, 400, freshet.CodeInvalid, "urls", "belong to a prefetch"},
		{"area of media", "POST", "/v1/jobs", `{"type":"prefetch","media":["m-1"],"area":"domestic"}`, 400, freshet.CodeInvalid, "urls", "belong to a prefetch"},
		{"area", "POST", "/v1/jobs", `{"type":"prefetch","urls":["http://vod.example.com/a"],"area":"moon"}`, 400, freshet.CodeInvalid, "area", "domestic, overseas"},
		{"header", "POST", "/v1/jobs", `{"type":"prefetch","urls":["http://vod.example.com/a"],"headers":{"Cookie":["a"]}}`, 400, freshet.CodeInvalid, "headers", "may not be set"},
		{"soft of URLs", "POST", "/v1/jobs", `{"type":"purge","urls":["http://vod.example.com/a"],"soft":true}`, 400, freshet.CodeInvalid, "soft", "belongs to a purge of prefixes"},
		{"soft of media", "POST", "/v1/jobs", `{"type":"purge","media":["m-1"],"soft":true}`, 400, freshet.CodeInvalid, "soft", "belongs to a purge of prefixes"},
		{"ignore_params of a prefix", "POST", "/v1/jobs", `{"type":"purge","prefixes":["http://vod.example.com/a/"],"ignore_params":true}`, 400, freshet.CodeInvalid, "ignore_params", "belongs to a purge of urls"},
		{"ignore_params of a query", "POST", "/v1/jobs", `{"type":"purge","urls":["http://vod.example.com/a?b"],"ignore_params":true}`, 400, freshet.CodeInvalid, "urls[0]", "has a query"},
		{"malformed URL", "POST", "/v1/jobs", `{"type":"purge","urls":["vod.example.com/a"]}`, 400, freshet.CodeInvalid, "urls[0]", "does not begin with"},
		{"bad tag", "POST", "/v1/jobs", `{"type":"purge","tags":["a b"]}`, 400, freshet.CodeInvalid, "tags[0]", "without blanks"},
		{"finish_by of a purge", "POST", "/v1/jobs", `{"type":"purge","media":["m-1"],"finish_by":"` + far + `"}`, 400, freshet.CodeInvalid, "finish_by", "belongs to prefetches"},
		{"finish_by passed", "POST", "/v1/jobs", `{"type":"prefetch","media":["m-1"],"finish_by":"` + past + `"}`, 400, freshet.CodeInvalid, "finish_by", "in the future"},
		{"finish_by too far", "POST", "/v1/jobs", `{"type":"prefetch","media":["m-1"],"finish_by":"` + far + `"}`, 400, freshet.CodeInvalid, "finish_by", "30 days"},
		{"user_data", "POST", "/v1/jobs", `{"type":"purge","media":["m-1"],"user_data":"\u0007"}`, 400, freshet.CodeInvalid, "user_data", "control"},
		{"body too long", "POST", "/v1/jobs", strings.Repeat(" ", 1<<20+1), 413, freshet.CodeTooLarge, "", "1048576 bytes"},
		{"no job", "GET", "/v1/jobs/ffff", "", 404, freshet.CodeNotFound, "", "no job"},
		{"no job's events", "GET", "/v1/jobs/ffff/events", "", 404, freshet.CodeNotFound, "", "no job"},
		{"no job's tasks", "GET", "/v1/jobs/ffff/tasks", "", 404, freshet.CodeNotFound, "", "no job"},
		{"bad limit", "GET", "/v1/jobs?limit=501", "", 400, freshet.CodeInvalid, "limit", "1 to 500"},
		{"bad before", "GET", "/v1/jobs?before=monday", "", 400, freshet.CodeInvalid, "before", "2026-01-02"},
		{"unknown parameter", "GET", "/v1/media?form=json", "", 400, freshet.CodeInvalid, "form", "unknown"},
		{"parameter twice", "GET", "/v1/media?limit=1&limit=2", "", 400, freshet.CodeInvalid, "", ""},
		{"no task", "GET", "/v1/tasks/7", "", 404, freshet.CodeNotFound, "", "no task"},
		{"odd task", "GET", "/v1/tasks/x", "", 404, freshet.CodeNotFound, "", "a number"},
		{"no media", "GET", "/v1/media/x", "", 404, freshet.CodeNotFound, "", "no media"},
		{"domain name", "POST", "/v1/domains", `{"name":"VOD.example.com","origin":"http://o"}`, 400, freshet.CodeInvalid, "name", "lower case"},
		{"domain with a path", "POST", "/v1/domains", `{"name":"vod.example.com/a","origin":"http://o"}`, 400, freshet.CodeInvalid, "name", ""},
		{"domain with port 80", "POST", "/v1/domains", `{"name":"vod.example.com:80","origin":"http://o"}`, 400, freshet.CodeInvalid, "name", ""},
		{"domain origin", "POST", "/v1/domains", `{"name":"a.example.com","origin":"file:///etc"}`, 400, freshet.CodeInvalid, "origin", "must be a URL"},
		{"domain origin with a secret", "POST", "/v1/domains", `{"name":"a.example.com","origin":"http://u:p@o"}`, 400, freshet.CodeInvalid, "origin", "user information"},
		{"domain alias twice", "POST", "/v1/domains", `{"name":"a.example.com","aliases":["b.example.com","b.example.com"],"origin":"http://o"}`, 400, freshet.CodeInvalid, "aliases[1]", ""},
		{"domain with keys", "POST", "/v1/domains", `{"name":"a.example.com","origin":"http://o","url_auth":{"type":"A"}}`, 400, freshet.CodeInvalid, "url_auth", "/auth"},
		{"domain scope", "POST", "/v1/domains", `{"name":"a.example.com","origin":"http://o","scope":"moon"}`, 400, freshet.CodeInvalid, "scope", ""},
		{"domain tag", "POST", "/v1/domains", `{"name":"a.example.com","origin":"http://o","tags":{"":"x"}}`, 400, freshet.CodeInvalid, "tags", ""},
		{"domain sources", "POST", "/v1/domains", `{"name":"a.example.com","origin":"http://o","sources":[{"content":"o","type":"oss","port":80,"priority":"20"}]}`, 400, freshet.CodeInvalid, "sources", ""},
		{"domain that is not there", "POST", "/v1/domains/none.example.com/stop", `{}`, 404, freshet.CodeNotFound, "", ""},
		{"domain status", "GET", "/v1/domains?status=gone", "", 400, freshet.CodeInvalid, "status", ""},
		{"auth type", "POST", "/v1/domains/vod.example.com/auth", `{"type":"D","main_key":"0123456789"}`, 400, freshet.CodeInvalid, "type", ""},
		{"auth without a key", "POST", "/v1/domains/vod.example.com/auth", `{"type":"A"}`, 400, freshet.CodeInvalid, "main_key", ""},
		{"auth without a type", "POST", "/v1/domains/vod.example.com/auth", `{"enforce":true}`, 400, freshet.CodeInvalid, "type", ""},
		{"auth validity", "POST", "/v1/domains/vod.example.com/auth", `{"type":"A","main_key":"0123456789","validity":"1ms"}`, 400, freshet.CodeInvalid, "validity", ""},
		{"auth open", "POST", "/v1/domains/vod.example.com/auth", `{"type":"A","main_key":"0123456789","open":["x"]}`, 400, freshet.CodeInvalid, "open", ""},
		{"domain taken", "POST", "/v1/domains", `{"name":"taken.example.com","origin":"http://o"}`, 409, freshet.CodeConflict, "", "taken"},
		{"no POP", "POST", "/v1/pops/nowhere", `{"down":true}`, 404, freshet.CodeNotFound, "", "no POP"},
		{"POP without a word", "POST", "/v1/pops/edge-1", `{}`, 400, freshet.CodeInvalid, "down", "true or false"},
		{"POP with an odd ttl", "POST", "/v1/pops", `{"id":"edge-2","ttl":"soon"}`, 400, freshet.CodeInvalid, "ttl", "90m"},
		{"POP with a negative ttl", "POST", "/v1/pops", `{"id":"edge-2","ttl":"-1h"}`, 400, freshet.CodeInvalid, "ttl", "90m"},
		{"POP under nobody", "POST", "/v1/pops", `{"id":"edge-2","parents":["nowhere"]}`, 400, freshet.CodeInvalid, "parents", "add it first"},
		{"no POP to revoke", "POST", "/v1/pops/nowhere/revoke", "", 404, freshet.CodeNotFound, "", "no POP"},
		{"no POP to remove", "DELETE", "/v1/pops/nowhere", "", 404, freshet.CodeNotFound, "", "no POP"},
		{"wrong method of a POP", "PUT", "/v1/pops/edge-1", "", 405, freshet.CodeInvalid, "", "POST and DELETE only"},
		{"no key", "POST", "/v1/keys/nobody", `{"disabled":true}`, 404, freshet.CodeNotFound, "", ""},
		{"key neither enabled nor disabled", "POST", "/v1/keys/test-key", `{}`, 400, freshet.CodeInvalid, "disabled", "true or false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, call := serve(t)
			call.t = t
			resp := call.do(c.method, c.path, c.body)
			if c.status != resp.StatusCode {
				t.Errorf("status is %d", resp.StatusCode)
			}
			p := call.problem(resp)
			if p.Code != c.code || c.field != "" && p.Field != c.field || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("got %+v", p)
			}
			if len(f.Submitted) > 0 && c.name != "none exists" {
				t.Error("something was submitted all the same")
			}
		})
	}
}

func TestFaultsOfParts_KeepTheirCodeAndInternalsStayPrivate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   freshet.Code
		header string
	}{
		{errors.New("sql: secret detail"), 500, freshet.CodeInternal, ""},
		{freshet.Errorf(freshet.CodeInternal, "secret detail"), 500, freshet.CodeInternal, ""},
		{&freshet.Error{Code: freshet.CodeUnavailable, Message: "The queue is full.", RetryAfter: 1500 * time.Millisecond, Err: errors.New("secret")}, 503, freshet.CodeUnavailable, "2"},
		{&freshet.Error{Code: freshet.CodeLimited, Message: "Slow down.", RetryAfter: time.Second}, 429, freshet.CodeLimited, "1"},
	} {
		f, call := serve(t)
		f.Err = c.err
		resp := call.do("POST", "/v1/jobs", `{"type":"purge","media":["m-1"]}`)
		p := call.problem(resp)
		if p.Status != c.status || p.Code != c.code || resp.Header.Get("Retry-After") != c.header || strings.Contains(p.Detail, "secret") {
			t.Errorf("%v: got %+v, %v", c.err, p, resp.Header)
		}
	}
}

func TestP8_NobodyIsServedWithoutAKey(t *testing.T) {
	t.Parallel()
	_, call := serve(t)
	for _, path := range []string{"/v1/jobs", "/v1/media", "/v1/keys", "/v1/pops", "/v1/domains", "/v1/tasks/1", "/v1/jobs/x/events"} {
		resp := call.do("GET", path, "", func(r *http.Request) { r.SetBasicAuth(apitest.KeyID, "wrong") })
		if p := call.problem(resp); p.Status != 401 || resp.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: got %+v", path, p)
		}
		resp = call.do("GET", path, "", func(r *http.Request) { r.Header.Del("Authorization") })
		if p := call.problem(resp); p.Code != freshet.CodeUnauthenticated {
			t.Errorf("%s: got %+v", path, p)
		}
	}
}

func TestCrossOriginWritesAreRefused(t *testing.T) {
	t.Parallel()
	f, call := serve(t)
	resp := call.do("POST", "/v1/jobs", `{"type":"purge","media":["m-1"]}`, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") })
	if p := call.problem(resp); p.Code != freshet.CodeForbidden || len(f.Submitted) > 0 {
		t.Errorf("got %+v", p)
	}
}

func TestEvents_SendEachChangeAndEndWithTheJob(t *testing.T) {
	t.Parallel()
	f, call := serve(t)
	call.do("POST", "/v1/jobs", `{"type":"purge","media":["m-1"]}`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	resp := call.do("GET", "/v1/jobs/0000000000000001/events", "", func(r *http.Request) { *r = *r.WithContext(ctx) })
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type is %s", got)
	}
	first := make([]byte, len("event: report\ndata: {"))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "event: report\ndata: {" {
		t.Fatalf("got %q, %v", first, err)
	}
	f.Update(func() { f.Jobs["0000000000000001"].Tally.Refreshing = 7 })
	f.Update(func() {
		f.Jobs["0000000000000001"].Tally = freshet.Tally{Complete: 7}
		f.Jobs["0000000000000001"].Done = true
	})
	rest, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(rest, []byte("event: report")); n < 1 || n > 2 || !bytes.Contains(rest, []byte(`"done":true`)) {
		t.Errorf("got %s", rest)
	}
}

func TestEvents_AFaultOnTheWayIsAnEvent(t *testing.T) {
	t.Parallel()
	f, call := serve(t)
	call.do("POST", "/v1/jobs", `{"type":"purge","media":["m-1"]}`)
	resp := call.do("GET", "/v1/jobs/0000000000000001/events", "")
	f.Update(func() { f.Err = errors.New("disk") })
	all, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Contains(all, []byte("event: problem\ndata: {")) || bytes.Contains(all, []byte("disk")) {
		t.Errorf("got %s, %v", all, err)
	}
}

func TestImport_AnswersEachBadLineAndASummary(t *testing.T) {
	t.Parallel()
	f, call := serve(t)
	resp := call.do("POST", "/v1/media", `{"MediaId":"new","Streams":[]}`+"\n"+`{"MediaId":"bad","X":1}`+"\n")
	all, err := io.ReadAll(resp.Body)
	want := `{"line":2,"id":"bad","error":"X: unknown key"}` + "\n" + `{"imported":1,"refused":1}` + "\n"
	if err != nil || string(all) != want || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("got %s, %v", all, err)
	}
	if m := f.MediaSet["new"]; m == nil || m.Account != apitest.Account {
		t.Errorf("stored %+v", m)
	}
}

func TestImport_AStoreThatFailsIsNoSuccess(t *testing.T) {
	t.Parallel()
	f, call := serve(t)
	f.Update(func() { f.Err = errors.New("disk") })
	resp := call.do("POST", "/v1/media", `{"MediaId":"new","Streams":[]}`)
	if p := call.problem(resp); p.Code != freshet.CodeInternal {
		t.Errorf("got %+v", p)
	}
}

func TestJobTasks_ArePagedInTheOrderOfThePlan(t *testing.T) {
	t.Parallel()
	f, call := serve(t)
	for id := uint64(1); id <= 5; id++ {
		media := "m-1"
		if id > 3 {
			media = "m-2"
		}
		f.Tasks[id] = &freshet.TaskReport{Task: freshet.Task{ID: id, Media: media, URL: "http://vod.example.com/x"}}
	}
	f.Shape = func(j *freshet.JobReport) { j.Rows[0].Tally.Complete, j.Rows[1].Tally.Complete = 3, 2 }
	call.do("POST", "/v1/jobs", `{"type":"purge","media":["m-1","m-2"]}`)
	var got []uint64
	for offset, next := 0, 1; next != 0; offset = next {
		resp := call.do("GET", "/v1/jobs/0000000000000001/tasks?limit=2&offset="+string(rune('0'+offset)), "")
		var page api.TaskPage
		if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
			t.Fatal(err)
		}
		for _, task := range page.Tasks {
			got = append(got, task.ID)
		}
		next = page.Next
	}
	if d := cmp.Diff([]uint64{1, 2, 3, 4, 5}, got); d != "" {
		t.Error(d)
	}
}

func TestKeys_SecretsAreToldOnce(t *testing.T) {
	t.Parallel()
	_, call := serve(t)
	var made api.Key
	if err := json.NewDecoder(call.do("POST", "/v1/keys", "").Body).Decode(&made); err != nil || made.Secret == "" {
		t.Fatalf("got %+v, %v", made, err)
	}
	all, err := io.ReadAll(call.do("GET", "/v1/keys", "").Body)
	if err != nil || !bytes.Contains(all, []byte(made.ID)) || bytes.Contains(all, []byte(made.Secret)) || bytes.Contains(all, []byte(apitest.Secret)) {
		t.Errorf("got %s, %v", all, err)
	}
}

func TestNew_NamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := api.New(api.Options{}); err == nil || !strings.Contains(err.Error(), "Engine is nil") || !strings.Contains(err.Error(), "Log is nil") {
		t.Errorf("got %v", err)
	}
}
