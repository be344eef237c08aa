package varnish_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/varnish"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
)

func TestViewersCannotReachTheControls(t *testing.T) {
	t.Parallel()
	h := open(t, &site{}, setup{})
	url := "http://" + cachetest.Host + "/a"
	first := h.body(t, url)
	if _, err := h.drv.Incarnation(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"purge", "soft", "ban", "xkey", "put", "count", "join", "inspect", "hello"} {
		for _, method := range []string{http.MethodHead, http.MethodGet, "PURGE", "BAN"} {
			req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"X-Freshet-Op": {op}, "X-Freshet-Id": {"1"}, "X-Freshet-Text": {"obj.status == 200"}}
			resp, err := h.front.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			for name := range resp.Header {
				if strings.HasPrefix(name, "X-Freshet") || name == "Xkey" {
					t.Errorf("%s %s: a viewer sees %s", method, op, name)
				}
			}
		}
	}
	if got := h.body(t, url); got != first {
		t.Errorf("%q became %q", first, got)
	}
	resp, err := h.Get(t.Context(), "http://freshet.invalid/cursor", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("a viewer gets %d for the driver's notes", resp.StatusCode)
	}
}

// What a purge could not find must not be stored in the first place.
func TestOddSpellingsAreNeverStored(t *testing.T) {
	t.Parallel()
	h := open(t, &site{}, setup{})
	ask := func(raw string) string {
		t.Helper()
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(h.srv.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", raw, cachetest.Host); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		line, _ := bufio.NewReader(resp.Body).ReadString('\n')
		return line
	}
	for _, raw := range []string{"/%7Ea", "/%2f", "/a/./b", "/a/../b", "/a/..", "/a|b", "/a?b|c", "/" + strings.Repeat("a", 5000)} {
		if c, err := freshet.Canonical("http://"+cachetest.Host+raw, nil); err == nil && c == "http://"+cachetest.Host+raw {
			t.Fatalf("%s is canonical", raw)
		}
		if first := ask(raw); first == ask(raw) {
			t.Errorf("%s is stored", raw)
		}
	}
	for _, raw := range []string{"/a//b", "/%2F", "/a?b=%20c", "/~a;b=(c)", "/a?b=c?d", "/a&&b", "/a?b=/./c", "/...", "/a?auth_key=1", "/a?b=1&auth_key=1-2&" + cachetest.Ignored + "=3"} {
		if first := ask(raw); first != ask(raw) {
			t.Errorf("%s is not stored", raw)
		}
	}
}

func TestWithoutModules(t *testing.T) {
	t.Parallel()
	s := &site{}
	h := open(t, s, setup{server: varnishtest.Options{Bare: true}})
	if p := h.drv.Powers(); p.Tag || !p.Prefix || !p.Regex {
		t.Fatalf("%+v", p)
	}
	if r := h.drv.Purge(t.Context(), pattern(freshet.SelectTag, "film", cachetest.Host))[0]; r.Reason != freshet.ReasonUnsupported {
		t.Errorf("%v %v", r.Outcome, r.Reason)
	}
	url := "http://" + cachetest.Host + "/film/1"
	first := h.body(t, url)
	r := h.drv.Purge(t.Context(), prefix("/film/"))[0]
	if r.Outcome != freshet.OutcomeDone || !strings.Contains(r.Detail, "fills in flight") {
		t.Errorf("%v %s", r.Outcome, r.Detail)
	}
	if h.body(t, url) == first {
		t.Error("it is still there")
	}
}

// A lookup that meets the mark of an answer that was not to be stored waits for
// no fill, and a soft purge keeps such marks.
func TestMarksOfWhatIsNotStoredDoNotHoldUpAPurge(t *testing.T) {
	t.Parallel()
	h := open(t, &site{header: http.Header{"Cache-Control": {"no-store"}}}, setup{driver: varnish.Options{Soft: true}})
	url := "http://" + cachetest.Host + "/a"
	for range 3 {
		h.body(t, url)
		o := cache.Order{At: freshet.Position{Epoch: 1, Pos: 1}, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{url}}}
		if r := cache.Settle(t.Context(), h.drv, o, freshet.VerifyInspect)[0]; r.Outcome == freshet.OutcomeFailed {
			t.Fatalf("%v %s", r.Reason, r.Detail)
		}
	}
}

func TestSoftPurgeRevalidatesAndTheCopyHasANewStamp(t *testing.T) {
	t.Parallel()
	var confirmed atomic.Int64
	h := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			confirmed.Add(1)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte("film"))
	}), setup{driver: varnish.Options{Soft: true}})
	url := "http://" + cachetest.Host + "/a"
	h.body(t, url)
	o := cache.Order{At: freshet.Position{Epoch: 1, Pos: 1}, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{url}}}
	r := h.drv.Purge(t.Context(), o)[0]
	if r.Outcome != freshet.OutcomeDone || confirmed.Load() != 0 {
		t.Fatalf("%v %s", r.Outcome, r.Detail)
	}
	h.eventually(t, func() bool { return time.Since(r.Executed) > 5*time.Millisecond })
	if got := h.body(t, url); got != "film" || confirmed.Load() != 1 {
		t.Fatalf("%q, the origin confirmed %d times", got, confirmed.Load())
	}
	st := h.drv.Inspect(t.Context(), []cache.Object{{URL: url}}, cache.InspectJoin)[0]
	if !st.Copy.FetchedAt.After(r.Executed) || !st.Fresh || st.Copy.Size != 4 {
		t.Errorf("%+v was purged at %v", st, r.Executed)
	}
}
