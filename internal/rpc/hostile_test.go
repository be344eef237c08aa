package rpc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/cost"
)

const mib = 1 << 20

// form makes a signed call with its parameters in the body, as the SDKs do when
// they are long.
func form(action string, kv ...string) *http.Request {
	p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}}
	for i := 0; i < len(kv); i += 2 {
		p.Set(kv[i], kv[i+1])
	}
	auth.SignV1(http.MethodPost, p, keyID, secret, time.Now(), nonce())
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", strings.NewReader(p.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// unsigned makes a call with anything as its query.
func unsigned(query string) func() *http.Request {
	return func() *http.Request {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		return r
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// hostileCalls are calls of the vendor's API that were made to cost, or to
// deceive, each with what is answered.
func hostileCalls() map[string]struct {
	make   func() *http.Request
	status int
	code   string
	name   string // in the message
} {
	type c = struct {
		make   func() *http.Request
		status int
		code   string
		name   string
	}
	call := func(status int, code, name, action string, kv ...string) c {
		return c{func() *http.Request { return form(action, kv...) }, status, code, name}
	}
	bad := func(name, action string, kv ...string) c {
		return call(400, "InvalidParameter", name, action, kv...)
	}
	plain := func(name, query string) c { return c{unsigned(query), 400, "InvalidParameter", name} }
	x := strings.Repeat("x", 256<<10) // longer ones cost the test more than the server
	return map[string]c{
		"10,000 parameters":        plain("query", numbered("P%d=1&", 10_000)),
		"millions of empty ones":   plain("query", strings.Repeat("&", 4*mib)),
		"a parameter twice":        plain("MediaIds", "Action=RefreshMediaPlayUrls&Version=2017-03-21&Format=JSON&MediaIds=a&MediaIds=b"),
		"the action twice":         plain("Action", "Action=RefreshMediaPlayUrls&Action=PreloadVodObjectCaches&Version=2017-03-21&Format=JSON"),
		"a signature twice":        plain("Signature", "Action=RefreshMediaPlayUrls&Version=2017-03-21&Format=JSON&Signature=a&Signature=b"),
		"a broken escape":          plain("MediaIds", "Format=JSON&MediaIds=%zz"),
		"not UTF-8":                plain("MediaIds", "Format=JSON&MediaIds=%ff"),
		"a name of 256 KB":         plain("", "Format=JSON&"+x+"=%zz"),
		"an action of 256 KB":      {unsigned("Format=JSON&Version=2017-03-21&Action=" + x), 404, "InvalidAction.NotFound", ""},
		"an action with CR LF":     {unsigned("Format=JSON&Version=2017-03-21&Action=a%0d%0aX-Evil:1"), 404, "InvalidAction.NotFound", ""},
		"media IDs without end":    call(400, "", "", "RefreshMediaPlayUrls", "MediaIds", numbered("m%d,", 200_000), "TaskType", "Refresh"),
		"a task type of 256 KB":    bad("TaskType", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", x),
		"formats without end":      bad("Formats", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh", "Formats", numbered("f%d,", 20_000)),
		"a slice count of 256 KB":  bad("SliceCount", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh", "SliceFlag", "true", "SliceCount", strings.Repeat("1", 256<<10)),
		"a slice count with a NUL": bad("SliceCount", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh", "SliceFlag", "true", "SliceCount", "1\x00"),
		"user data of 256 KB":      call(400, "", "", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh", "UserData", `{"Extend":"`+x+`"}`),
		"nested user data":         call(400, "", "", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh", "UserData", strings.Repeat(`{"Extend":`, 100_000)),
		"user data with escapes":   call(400, "", "", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh", "UserData", "{\"Extend\":\"\x1b[2J\"}"),
		"paths without end":        call(400, "", "", "RefreshVodObjectCaches", "ObjectPath", strings.Repeat("http://vod.example.com/a\n", 40_000)),
		"a path of 256 KB":         call(400, "", "", "RefreshVodObjectCaches", "ObjectPath", "http://vod.example.com/"+x),
		"a path to a file":         call(400, "", "", "RefreshVodObjectCaches", "ObjectPath", "file:///etc/passwd"),
		"a path to metadata":       call(0, "", "", "RefreshVodObjectCaches", "ObjectPath", "http://169.254.169.254/latest/"),
		"a path with user data":    call(400, "", "", "RefreshVodObjectCaches", "ObjectPath", "http://a:b@vod.example.com/a"),
		"a path with a CR":         call(400, "", "", "RefreshVodObjectCaches", "ObjectPath", "http://vod.example.com/a\rX-Evil: 1"),
		"a header with CR LF":      bad("WithHeader", "PreloadVodObjectCaches", "ObjectPath", "http://vod.example.com/a", "WithHeader", `{"User-Agent":["a\r\nX-Evil: 1"]}`),
		"a header twice":           bad("WithHeader", "PreloadVodObjectCaches", "ObjectPath", "http://vod.example.com/a", "WithHeader", `{"Accept":["a"],"Accept":["b"]}`),
		"headers of 256 KB":        bad("WithHeader", "PreloadVodObjectCaches", "ObjectPath", "http://vod.example.com/a", "WithHeader", `{"Accept":["`+x+`"]}`),
		"nested headers":           bad("WithHeader", "PreloadVodObjectCaches", "ObjectPath", "http://vod.example.com/a", "WithHeader", strings.Repeat("[", 4000)),
		"a time of 256 KB":         bad("StartTime", "DescribeVodRefreshTasks", "StartTime", strings.Repeat("2", 256<<10)),
		"a page of 256 KB":         bad("PageSize", "DescribeVodRefreshTasks", "PageSize", strings.Repeat("1", 256<<10)),
		"a body over the limit":    {func() *http.Request { return form("RefreshMediaPlayUrls", "MediaIds", strings.Repeat("x", 4*mib)) }, 413, "", "4194304"},
		"4 MB that are signed wrongly": {func() *http.Request {
			r := form("RefreshMediaPlayUrls", "MediaIds", strings.Repeat("\n", mib))
			text, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(strings.Replace(string(text), "Signature=", "Signature=x", 1)))
			r.ContentLength = -1
			return r
		}, 400, "SignatureDoesNotMatch", "MediaIds"},
		"a body that is compressed":   {compressed, 400, "InvalidParameter", "Content-Encoding"},
		"a body said to be 1 TB":      {func() *http.Request { r := form("RefreshMediaPlayUrls"); r.ContentLength = 1 << 40; return r }, 413, "", "4194304"},
		"a body shorter than it says": {func() *http.Request { r := form("RefreshMediaPlayUrls"); r.ContentLength = 1 << 20; return r }, 400, "InvalidParameter", "body"},
		"V3 headers of 256 KB": {func() *http.Request {
			r := unsigned("")()
			r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+x+",SignedHeaders="+strings.Repeat("a;", mib/2)+",Signature=00")
			r.Header.Set("X-Acs-Action", "RefreshMediaPlayUrls")
			r.Header.Set("X-Acs-Version", "2017-03-21")
			return r
		}, 400, "", ""},
		"an accept of 256 KB": {func() *http.Request {
			r := unsigned("Action=x&Version=2017-03-21")()
			r.Header.Set("Accept", strings.Repeat("application/jso,", mib/16))
			return r
		}, 404, "", ""},
	}
}

func compressed() *http.Request {
	r := form("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh")
	text, _ := io.ReadAll(r.Body)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text)
	_ = z.Close()
	r.Body, r.ContentLength = io.NopCloser(&b), int64(b.Len())
	r.Header.Set("Content-Encoding", "gzip")
	return r
}

// TestP10_HostileCallsCostLittle: each is answered as the vendor's API answers,
// within the bounds of a refusal, and nothing is done.
func TestP10_HostileCallsCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	for name, c := range hostileCalls() {
		t.Run(name, func(t *testing.T) {
			fx := setup(t)
			requests := make([]*http.Request, 0, cost.Runs)
			for range cap(requests) {
				requests = append(requests, c.make())
			}
			var a answer
			cost.Refusal(t, func() {
				a = fx.do(requests[0])
				requests = requests[1:]
			})
			sound(t, a)
			t.Logf("%d %.300s", a.status, a.body)
			if c.status != 0 && a.status != c.status || c.status == 0 && a.status < 400 || !strings.Contains(a.body, c.code) || !strings.Contains(a.body, c.name) || len(a.body) > 70_000 {
				t.Errorf("answered with %d %.1000s", a.status, a.body)
			}
			if n := len(fx.engine.subs); n > 0 {
				t.Errorf("%d jobs were made", n)
			}
		})
	}
}
