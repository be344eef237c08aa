package fetch_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet/internal/fetch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const object = "http://vod.example.com/a/index.m3u8?x=1"

// serve starts an origin and a client for it.
func serve(t *testing.T, o fetch.Options, h http.HandlerFunc) (*fetch.Client, string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Millisecond
	}
	c := fetch.New(o)
	t.Cleanup(c.Close)
	return c, srv.URL
}

func wantKind(t *testing.T, err error, kind fetch.Kind) *fetch.Error {
	t.Helper()
	e, ok := errors.AsType[*fetch.Error](err)
	if !ok || e.Kind != kind {
		t.Fatalf("got error %v, want kind %s", err, kind)
	}
	return e
}

func TestGet_AsksTheOriginForTheObject(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	c, origin := serve(t, fetch.Options{UserAgent: "Freshet/1.2"}, func(w http.ResponseWriter, r *http.Request) {
		got <- r
		_, _ = io.WriteString(w, "#EXTM3U\n")
	})
	body, at, err := c.Get(t.Context(), origin+"/base/", "HTTP://VOD.example.com:80/a/../a/index.m3u8?x=1&auth_key=secret")
	if err != nil || string(body) != "#EXTM3U\n" || at != object {
		t.Fatalf("got %q at %q, %v", body, at, err)
	}
	r := <-got
	if r.RequestURI != "/base/a/index.m3u8?x=1" {
		t.Errorf("asked for %s", r.RequestURI)
	}
	if want := strings.TrimPrefix(origin, "http://"); r.Host != want {
		t.Errorf("asked under the host %s, want the origin's own, %s", r.Host, want)
	}
	for name, want := range map[string]string{
		"X-Forwarded-Host": "vod.example.com", "User-Agent": "Freshet/1.2", "Cache-Control": "no-cache", "Cookie": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestGet_EachStatusButOKIsAFault(t *testing.T) {
	t.Parallel()
	c, origin := serve(t, fetch.Options{Retries: -1}, func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.WriteHeader(status)
		if status != http.StatusNoContent && status != http.StatusNotModified {
			_, _ = io.WriteString(w, "#EXTM3U\n")
		}
	})
	for _, status := range []int{201, 204, 206, 304, 401, 403, 404, 410, 416, 429, 500, 502, 503} {
		_, _, err := c.Get(t.Context(), origin, fmt.Sprintf("http://vod.example.com/%d", status))
		e := wantKind(t, err, fetch.KindStatus)
		if e.Status != status || !strings.Contains(e.Reason(), fmt.Sprint(status)) {
			t.Errorf("%d: got %+v, %q", status, e, e.Reason())
		}
		if e.Transient() != (status >= 500 || status == 429) {
			t.Errorf("%d: Transient is %v", status, e.Transient())
		}
	}
}

func TestGet_TriesAgainWhenThatMayHelp(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c, origin := serve(t, fetch.Options{Retries: 2}, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = io.WriteString(w, "ok")
	})
	if body, _, err := c.Get(t.Context(), origin, object); err != nil || string(body) != "ok" {
		t.Errorf("got %q, %v", body, err)
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

func TestGet_DoesNotRepeatWhatCannotHelp(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c, origin := serve(t, fetch.Options{Retries: 5}, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	})
	_, _, err := c.Get(t.Context(), origin, object)
	wantKind(t, err, fetch.KindStatus)
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want 1", n)
	}
}

func TestP9_RedirectsLeadNowhereElse(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("another host was asked")
	}))
	t.Cleanup(elsewhere.Close)
	var self string
	handler := func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/base/near":     "/base/b/found.m3u8?y=2",
			"/base/relative": "b/found.m3u8",
			"/base/absolute": self + "/base/b/found.m3u8",
			"/base/far":      elsewhere.URL + "/base/b/found.m3u8",
			"/base/up":       "/base/../secret",
			"/base/beside":   "/base-of-another/secret",
			"/base/userinfo": "http://user@" + strings.TrimPrefix(self, "http://") + "/base/b/found.m3u8",
			"/base/scheme":   "https://" + strings.TrimPrefix(self, "http://") + "/base/b/found.m3u8",
			"/base/file":     "file:///etc/passwd",
			"/base/none":     "",
			"/base/loop":     "/base/loop",
		}
		if l, ok := to[r.URL.Path]; ok {
			if l != "" {
				w.Header().Set("Location", l)
			}
			w.WriteHeader(http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "found "+r.URL.Path)
	}
	c, origin := serve(t, fetch.Options{MaxRedirects: 3}, handler)
	self = origin
	strict, strictOrigin := serve(t, fetch.Options{}, handler)
	for name, at := range map[string]string{
		"near": "http://vod.example.com/b/found.m3u8?y=2", "relative": "http://vod.example.com/b/found.m3u8",
		"absolute": "http://vod.example.com/b/found.m3u8",
		"far":      "", "up": "", "beside": "", "userinfo": "", "scheme": "", "file": "", "none": "", "loop": "",
	} {
		body, got, err := c.Get(t.Context(), origin+"/base", "http://vod.example.com/"+name)
		if at == "" {
			wantKind(t, err, fetch.KindRedirect)
		} else if err != nil || got != at || string(body) != "found /base/b/found.m3u8" {
			t.Errorf("%s: got %q at %q, %v", name, body, got, err)
		}
		_, _, err = strict.Get(t.Context(), strictOrigin+"/base", "http://vod.example.com/"+name)
		wantKind(t, err, fetch.KindRedirect)
	}
}

func TestP9_TheEnvironmentsProxyIsNotUsed(t *testing.T) {
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	c := fetch.New(fetch.Options{Retries: -1, Timeout: time.Second})
	t.Cleanup(c.Close)
	// The reserved name resolves nowhere; only a proxy could answer for it.
	_, _, err := c.Get(t.Context(), "http://origin.invalid", object)
	wantKind(t, err, fetch.KindUnreachable)
	if asked.Load() != 0 {
		t.Error("the proxy of the environment was asked")
	}
}

func TestGet_FaultsOfTheConnectionAndTheBody(t *testing.T) {
	t.Parallel()
	c, origin := serve(t, fetch.Options{Retries: -1}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/short":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "#EXTM3U")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/notgzip":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "#EXTM3U\n#EXTINF:1,\na.ts\n")
		case "/halfgzip":
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = io.WriteString(z, strings.Repeat("#EXTINF:1,\n", 100))
			_ = z.Close()
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(b.Bytes()[:b.Len()/2])
		case "/br":
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "x")
		}
	})
	for path, kind := range map[string]fetch.Kind{
		"/short": fetch.KindTruncated, "/notgzip": fetch.KindEncoding,
		"/halfgzip": fetch.KindTruncated, "/br": fetch.KindEncoding,
	} {
		_, _, err := c.Get(t.Context(), origin, "http://vod.example.com"+path)
		if e := wantKind(t, err, kind); e.Reason() == "" {
			t.Errorf("%s: no reason", path)
		}
	}

	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()
	_, _, err = c.Get(t.Context(), closed, object)
	e := wantKind(t, err, fetch.KindUnreachable)
	if strings.Contains(e.Reason(), "127.0.0.1") {
		t.Errorf("the reason for users names the origin's address: %q", e.Reason())
	}
}

func TestP9_OnlySoundAddressesAreAsked(t *testing.T) {
	t.Parallel()
	c := fetch.New(fetch.Options{})
	t.Cleanup(c.Close)
	for _, a := range [][2]string{
		{"", object},
		{"ftp://origin", object},
		{"http://", object},
		{"http://user:secret@127.0.0.1:1", object},
		{"http://127.0.0.1:1/?q", object},
		{"http://127.0.0.1:1/#f", object},
		{"http://127.0.0.1:1/%zz", object},
		{"http://127.0.0.1:1", "file:///etc/passwd"},
		{"http://127.0.0.1:1", "/relative"},
		{"http://127.0.0.1:1", "http://vod.example.com/" + strings.Repeat("a", 5000)},
	} {
		_, _, err := c.Get(t.Context(), a[0], a[1])
		if e := wantKind(t, err, fetch.KindAddress); strings.Contains(e.Error(), "secret") {
			t.Errorf("the error holds a password: %v", e)
		}
	}
}
