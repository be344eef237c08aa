package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/cost"
)

const mib = 1 << 20

// hostileRequests are requests to the native API that were made to cost, or to
// deceive, each with what is answered.
func hostileRequests() map[string]struct {
	method, path, body string
	status             int
	field, detail      string
} {
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (mib-len(before)-len(after))/len(unit)) + after
	}
	type r = struct {
		method, path, body string
		status             int
		field, detail      string
	}
	post := func(body string, status int, field, detail string) r {
		return r{http.MethodPost, "/v1/jobs", body, status, field, detail}
	}
	get := func(path string, status int, field, detail string) r {
		return r{http.MethodGet, path, "", status, field, detail}
	}
	var parameters strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&parameters, "p%d=1&", i)
	}
	return map[string]r{
		"nested lists":         post(fill(`{"type":"purge","media":`, "[", ""), 400, "media", "nested deeper than the limit of 32"),
		"nested objects":       post(fill(`{"a":`, `{"a":`, ""), 400, "a", "nested deeper than the limit of 32"),
		"nested without a key": post(fill("", "[", ""), 400, "", "nested deeper than the limit of 32"),
		"media without end":    post(fill(`{"type":"purge","media":[`, `"m",`, `"m"]}`), 400, "media", "longer than the limit of 10000"),
		"10,000 media":         post(`{"type":"purge","media":[`+strings.TrimSuffix(numbered(`"m%d",`, 10_000), ",")+`]}`, 413, "media", "takes at most 20 media"),
		"URLs without end":     post(fill(`{"type":"purge","urls":[`, `"",`, `""]}`), 400, "urls", "longer than the limit of 10000"),
		"10,000 URLs":          post(`{"type":"purge","urls":[`+strings.TrimSuffix(numbered(`"http://vod.example.com/%d",`, 10_000), ",")+`]}`, 413, "", "1000"),
		"keys without end":     post(`{"type":"purge"`+numbered(`,"k%d":1`, 80_000)+`}`, 400, "", "more keys than the limit of 1000"),
		"a key of 1 MB":        post(fill(`{"`, "k", `":1}`), 400, "", "longer than the limit of 1024 bytes for a key"),
		"a key twice":          post(`{"type":"purge","media":["m-1"],"medi\u0061":["m-2"]}`, 400, "media", "given twice"),
		"user data of 1 MB":    post(fill(`{"type":"purge","media":["m-1"],"user_data":"`, "x", `"}`), 400, "user_data", "1024 bytes"),
		"user data of escapes": post(fill(`{"type":"purge","media":["m-1"],"user_data":"`, `\u0000`, `"}`), 400, "user_data", "control characters"),
		"a URL of 1 MB":        post(fill(`{"type":"purge","urls":["http://vod.example.com/`, "x", `"]}`), 400, "urls[0]", "longer than 4096 bytes"),
		"a tag of 1 MB":        post(fill(`{"type":"purge","tags":["`, "x", `"]}`), 400, "tags[0]", "1 to 128 printable"),
		"an ID of 1 MB":        post(fill(`{"type":"purge","media":["`, "x", `"]}`), 400, "media", "1 to 128 letters"),
		"a type of 1 MB":       post(fill(`{"media":["m-1"],"type":"`, "x", `"}`), 400, "type", "must be purge or prefetch"),
		"a number of 1 MB":     post(fill(`{"type":"purge","media":["m-1"],"filters":{"slice_count":1`, "0", `}}`), 400, "filters.slice_count", ""),
		"a pattern of 1 MB":    post(fill(`{"type":"purge","regexes":["vod.example.com/`, "(a", `"]}`), 400, "regexes[0]", ""),
		"CR LF in a header":    post(`{"type":"prefetch","urls":["http://vod.example.com/a"],"headers":{"User-Agent":["a\r\nX-Evil: 1"]}}`, 400, "headers", "printable ASCII"),
		"CR LF in its name":    post(`{"type":"prefetch","urls":["http://vod.example.com/a"],"headers":{"User-Agent\r\nX-Evil":["a"]}}`, 400, "headers", "may not be set"),
		"headers without end":  post(`{"type":"prefetch","urls":["http://vod.example.com/a"],"headers":{"Accept":[`+strings.TrimSuffix(numbered(`"a%d",`, 9000), ",")+`]}}`, 400, "headers", "more than 8 requests"),
		"CR LF in a URL":       post(`{"type":"purge","urls":["http://vod.example.com/a\r\nX-Evil: 1"]}`, 400, "urls[0]", "malformed"),
		"CR LF in user data":   post(`{"type":"purge","media":["m-1"],"user_data":"a\r\nX-Evil: 1"}`, 400, "user_data", "control characters"),
		"a file":               post(`{"type":"purge","urls":["file:///etc/passwd"]}`, 400, "urls[0]", "does not begin with http"),
		"a script":             post(`{"type":"purge","urls":["javascript:alert(1)"]}`, 400, "urls[0]", "does not begin with http"),
		"user information":     post(`{"type":"purge","urls":["http://a:b@vod.example.com/"]}`, 400, "urls[0]", "user information"),
		"metadata":             post(`{"type":"purge","urls":["http://169.254.169.254/latest/"]}`, 404, "urls[0]", "169.254.169.254"),
		"a homograph":          post(`{"type":"purge","urls":["http://v\u043ed.example.com/"]}`, 400, "urls[0]", "characters other than letters"),
		"a body of 1 MB and 1": post(strings.Repeat(" ", mib+1), 413, "", "longer than 1048576 bytes"),
		"10,000 parameters":    get("/v1/jobs?"+parameters.String(), 400, "", ""),
		"a parameter twice":    get("/v1/jobs?limit=1&limit=2", 400, "limit", "given twice"),
		"a parameter of 1 MB":  get("/v1/jobs?limit="+strings.Repeat("1", mib), 400, "limit", "from 1 to 500"),
		"a name of 1 MB":       get("/v1/jobs?"+strings.Repeat("p", mib)+"=1", 400, "", "unknown"),
		"a parameter with NUL": get("/v1/jobs?limit=%00", 400, "limit", "from 1 to 500"),
		"a broken escape":      get("/v1/jobs?limit=%zz", 400, "", "malformed"),
		"a path of 1 MB":       get("/v1/jobs/"+strings.Repeat("x", mib), 404, "", ""),
		"a path with controls": get("/v1/media/%1b%5b2J%00%0d%0a", 404, "", `"\x1b[2J\x00\r\n"`),
		"a path that climbs":   get("/v1/../../etc/passwd", 404, "", ""),
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestP10_HostileRequestsCostLittle: each is answered with a problem that names
// the field and the limit, within the bounds of a refusal.
func TestP10_HostileRequestsCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	f := apitest.New()
	f.AddMedia("m-1")
	h := apitest.Handler(t, f)
	for name, c := range hostileRequests() {
		t.Run(name, func(t *testing.T) {
			path, query, _ := strings.Cut(c.path, "?")
			var w *httptest.ResponseRecorder
			cost.Refusal(t, func() {
				r := httptest.NewRequestWithContext(t.Context(), c.method, "/", strings.NewReader(c.body))
				u, err := r.URL.Parse(path)
				if err != nil {
					t.Fatal(err)
				}
				if r.URL.Path, r.URL.RawPath = u.Path, u.RawPath; strings.Contains(path, "..") {
					r.URL.Path = path
				}
				r.URL.RawQuery = query
				r.SetBasicAuth(apitest.KeyID, apitest.Secret)
				r.RemoteAddr = "127.0.0.1:1"
				w = httptest.NewRecorder()
				h.ServeHTTP(w, r)
			})
			var p api.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Field != c.field && c.field != "" || !strings.Contains(p.Detail, c.detail) || w.Body.Len() > 6000 {
				t.Errorf("answered with %d %.2000s", w.Code, w.Body)
			}
		})
	}
	if len(f.Submitted) > 0 {
		t.Errorf("%d were taken", len(f.Submitted))
	}
}

// talk sends raw bytes to a server and returns the statuses that it answers with.
func talk(t *testing.T, addr, text string) (statuses []int, last string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		_, _ = io.WriteString(conn, text)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	answers := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return statuses, last
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		statuses, last = append(statuses, resp.StatusCode), string(text)
	}
}

// TestHostileFraming: what a body says of itself is held against what comes, and
// nothing of a body is ever taken for a request.
func TestHostileFraming(t *testing.T) {
	t.Parallel()
	f := apitest.New()
	f.AddMedia("m-1")
	srv := apitest.Serve(t, f)
	const job = `{"type":"purge","media":["m-1"]}`
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(job))
	_ = z.Close()
	head := "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dGVzdC1rZXk6dGVzdC1zZWNyZXQ=\r\n"
	for name, c := range map[string]struct {
		text   string
		status []int
		detail string
	}{
		"longer than it says":     {head + fmt.Sprintf("Content-Length: %d\r\n\r\n%sGET /v1/jobs HTTP/1.1\r\n", len(job)-1, job), []int{400, 400}, ""},
		"shorter than it says":    {head + "Content-Length: 100\r\n\r\n" + job, []int{400}, "could not be read whole"},
		"no length":               {head + "\r\n" + job, []int{400, 400}, ""},
		"two lengths":             {head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", []int{400}, ""},
		"a negative length":       {head + "Content-Length: -1\r\n\r\n{}", []int{400}, ""},
		"a length beyond 64 bits": {head + "Content-Length: 99999999999999999999\r\n\r\n{}", []int{400}, ""},
		"a length of 1 TB":        {head + "Content-Length: 1099511627776\r\n\r\n{}", []int{413}, "longer than 1048576 bytes"},
		"both length and chunks":  {head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []int{400}, ""},
		"chunks that lie":         {head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}", []int{400}, ""},
		"compressed":              {head + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", zipped.Len(), zipped.String()), []int{400}, "without a Content-Encoding"},
		"an unknown transfer":     {head + "Transfer-Encoding: gzip\r\n\r\n", []int{501}, ""},
		"a field with a NUL":      {head + "X-A: a\x00b\r\nContent-Length: 0\r\n\r\n", []int{400}, ""},
		"a field that is folded":  {head + "X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n", []int{400}, ""},
		"10,000 fields":           {head + numbered("X-%d: 1\r\n", 10_000) + "Content-Length: 0\r\n\r\n", []int{400}, ""},
		"a head over the limit":   {head + "X-A: " + strings.Repeat("x", 5*mib) + "\r\n\r\n", []int{431}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, last := talk(t, srv.Listener.Addr().String(), c.text)
			if len(status) == 0 || len(status) > len(c.status) || fmt.Sprint(status) != fmt.Sprint(c.status[:len(status)]) || !strings.Contains(last, c.detail) {
				t.Errorf("answered with %v, %.300q; want %v", status, last, c.status)
			}
		})
	}
	t.Cleanup(func() {
		f.Update(func() {
			if len(f.Submitted) > 0 {
				t.Errorf("%d jobs were taken", len(f.Submitted))
			}
		})
	})
}

// TestP10_UploadsAreRefusedBeforeTheyAreRead: an import of 100 MB that says so
// costs nothing; one that does not say so, no more than it may have.
func TestP10_UploadsAreRefusedBeforeTheyAreRead(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	f := apitest.New()
	h := apitest.Handler(t, f)
	for name, length := range map[string]int64{"said": 100 * mib, "not said": -1} {
		t.Run(name, func(t *testing.T) {
			var w *httptest.ResponseRecorder
			read := 0
			cost.Refusal(t, func() {
				in := &counted{left: 100 * mib}
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/media", in)
				r.ContentLength = length
				r.SetBasicAuth(apitest.KeyID, apitest.Secret)
				r.RemoteAddr = "127.0.0.1:1"
				w = httptest.NewRecorder()
				h.ServeHTTP(w, r)
				read = in.read
			})
			if w.Code != http.StatusRequestEntityTooLarge || length > 0 && read > 0 || read > 9*mib {
				t.Errorf("answered with %d %s after %d bytes", w.Code, w.Body, read)
			}
		})
	}
}

// counted is a body without end, which counts what is read of it.
type counted struct{ left, read int }

func (c *counted) Read(p []byte) (int, error) {
	n := min(len(p), c.left)
	if n == 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	c.left -= n
	c.read += n
	return n, nil
}

// TestImport_AnswersEachHostileLine over HTTP, as Package catalog holds for each.
func TestImport_AnswersEachHostileLine(t *testing.T) {
	t.Parallel()
	_, c := serve(t)
	good := `{"MediaId":"%s","Streams":[]}`
	body := "\ufeff" + fmt.Sprintf(good, "a") + "\r\n\r\n{\"MediaId\":\"twice\",\"Title\":\"a\",\"title\":\"b\",\"Streams\":[]}\n" +
		`{"MediaId":"long","Title":"` + strings.Repeat("x", mib) + "\"}\n{\"MediaId\":\"\xff\"}\n" + fmt.Sprintf(good, "b") + "\n{\"MediaId\":\"cut"
	resp := c.do(http.MethodPost, "/v1/media", body)
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	want := `{"line":3,"id":"twice","error":"title: is given twice"}
{"line":4,"error":"the line is longer than 1048576 bytes"}
{"line":5,"error":"the line is not valid UTF-8"}
{"line":7,"error":"the line is not JSON: unexpected end of JSON input at byte 15"}
{"imported":2,"refused":4}
`
	if string(text) != want {
		t.Errorf("answered\n%s\nwant\n%s", text, want)
	}
}
