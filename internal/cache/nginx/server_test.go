package nginx_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/nginx"
	"github.com/freshet-vod/freshet/internal/cache/nginx/nginxtest"
)

// versioned is an origin of which every object has the version that is set, and
// that counts what it is asked for.
type versioned struct {
	mu      sync.Mutex
	version int
	seen    map[string]int
	header  http.Header
	size    int
}

func (o *versioned) set(v int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version = v
}

func (o *versioned) requests(uri string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[uri]
}

func (o *versioned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	if o.seen == nil {
		o.seen = map[string]int{}
	}
	o.seen[r.URL.RequestURI()]++
	v := o.version
	o.mu.Unlock()
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Header().Set("ETag", fmt.Sprintf(`"v%d"`, v))
	maps.Copy(w.Header(), o.header)
	body := fmt.Sprintf("v%d %s %s", v, r.Header.Get("Accept-Encoding"), strings.Repeat(string(rune('a'+v)), o.size))
	http.ServeContent(w, r, "film.mp4", time.Time{}, strings.NewReader(body))
}

func (h *harness) wantVersion(t *testing.T, path string, v int, header ...string) {
	t.Helper()
	if got := h.body(t, path, header...); !strings.HasPrefix(got, fmt.Sprintf("v%d ", v)) {
		t.Errorf("%s: a viewer got %.10q, want version %d", path, got, v)
	}
}

func (h *harness) state(t *testing.T, path string) cache.State {
	t.Helper()
	return h.drv.Inspect(t.Context(), []cache.Object{{URL: link(path)}}, cache.InspectNow)[0]
}

func (h *harness) prefetch(t *testing.T, path string) cache.Result {
	t.Helper()
	return h.drv.Prefetch(t.Context(), []cache.Object{{URL: link(path)}})[0]
}

func TestSlices_AreOneObject(t *testing.T) {
	t.Parallel()
	o := &versioned{size: 1 << 20}
	s := supplied()
	s.server.Slice, s.driver.Slice = "64k", 64<<10
	h := open(t, o, s)
	r := h.prefetch(t, "/film.mp4")
	if r.Outcome != freshet.OutcomeDone || r.After.Size != 1<<20+4 || r.After.Validator != `"v0"` {
		t.Fatalf("prefetch = %+v", r)
	}
	if r = h.prefetch(t, "/film.mp4"); r.Outcome != freshet.OutcomeAlready {
		t.Fatalf("prefetch of what is stored = %+v", r)
	}
	asked := o.requests("/film.mp4")
	h.wantVersion(t, "/film.mp4", 0)
	if n := o.requests("/film.mp4"); n != asked || n != 17 {
		t.Errorf("the origin saw %d requests, then %d, for 17 slices", asked, n)
	}
	o.set(1)
	if r := h.settle(t, h.drv, exactly("/film.mp4")); r.Outcome != freshet.OutcomeDone || !r.Before.Stored() || r.After.Stored() {
		t.Errorf("purge = %+v", r)
	}
	if st := h.state(t, "/film.mp4"); st.Copy.Stored() {
		t.Errorf("after the purge there is %+v", st)
	}
	if got := h.body(t, "/film.mp4", "Range", "bytes=500000-500009"); got != "bbbbbbbbbb" {
		t.Errorf("a range is %q", got)
	}
	if st := h.state(t, "/film.mp4"); st.Fresh || st.Copy.Size >= 1<<20 {
		t.Errorf("with one slice: %+v", st)
	}
	if r = h.prefetch(t, "/film.mp4"); r.Outcome != freshet.OutcomeDone || r.After.Size != 1<<20+4 {
		t.Errorf("prefetch of the rest = %+v", r)
	}
	h.wantVersion(t, "/film.mp4", 1)
}

func TestVariants_OfPlaylistsOnly(t *testing.T) {
	t.Parallel()
	o := &versioned{header: http.Header{"Vary": {"Accept-Encoding"}}}
	h := open(t, o, supplied())
	for path, requests := range map[string]int{"/a.m3u8": 2, "/a.ts": 1} {
		if r := h.prefetch(t, path); r.Outcome != freshet.OutcomeDone {
			t.Fatalf("%s: %+v", path, r)
		}
		for _, enc := range []string{"gzip", "br, gzip;q=0.5", "identity", "br"} {
			h.wantVersion(t, path, 0, "Accept-Encoding", enc)
		}
		if n := o.requests(path); n != requests {
			t.Errorf("%s: the origin saw %d requests, want %d", path, n, requests)
		}
	}
	if got := h.body(t, "/a.m3u8", "Accept-Encoding", "br, gzip"); !strings.HasPrefix(got, "v0 gzip") {
		t.Errorf("the variant is %q", got)
	}
	o.set(1)
	h.settle(t, h.drv, exactly("/a.m3u8"))
	h.wantVersion(t, "/a.m3u8", 1, "Accept-Encoding", "gzip")
	h.wantVersion(t, "/a.m3u8", 1)
}

func TestWhatVariesByMoreIsNotStored(t *testing.T) {
	t.Parallel()
	o := &versioned{header: http.Header{"Vary": {"Accept-Encoding, Cookie"}}}
	h := open(t, o, supplied())
	for v := range 3 {
		o.set(v)
		h.wantVersion(t, "/a", v)
	}
	if r := h.prefetch(t, "/a"); r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonRefused {
		t.Errorf("prefetch = %+v", r)
	}
}

// An odd spelling of a name would be a second file, which no purge of the name
// could wait for.
func TestOddNamesAreNotStored(t *testing.T) {
	t.Parallel()
	o := &versioned{}
	h := open(t, o, supplied())
	h.wantVersion(t, "/x/a.ts?b=1", 0)
	o.set(1)
	for _, path := range []string{"/x/%61.ts?b=1", "/x/./a.ts?b=1", "/x/../x/a.ts?b=1", "/x/a.ts?b=1&", "/x/a.ts?&b=1", "/x/a.ts?b=%31", "/x/a.ts?b=%3f"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link("/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = "//" + cachetest.Host + path
		resp, err := h.front.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(b), "v1 ") {
			t.Errorf("%s: %d %.40q", path, resp.StatusCode, b)
		}
	}
	files := 0
	_ = filepath.WalkDir(h.srv.Cache, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && !strings.HasPrefix(e.Name(), "freshet-") {
			files++
		}
		return nil
	})
	if files != 1 {
		t.Errorf("%d files are stored", files)
	}
	h.wantVersion(t, "/x/a.ts?auth_key=1-2-3&b=1&"+cachetest.Ignored+"=x", 0)
	h.wantVersion(t, "/x/a.ts?"+cachetest.Ignored+"&b=1&auth_key", 0)
}

func TestPrefetch_MeetsAdmission(t *testing.T) {
	t.Parallel()
	o := &versioned{}
	s := supplied()
	s.server.Location = "proxy_cache_min_uses 3;"
	h := open(t, o, s)
	if r := h.prefetch(t, "/a.ts"); r.Outcome != freshet.OutcomeDone || !r.After.Stored() {
		t.Fatalf("%+v", r)
	}
	asked := o.requests("/a.ts")
	h.wantVersion(t, "/a.ts", 0)
	if n := o.requests("/a.ts"); n != asked {
		t.Errorf("the origin saw %d requests, then %d", asked, n)
	}
}

// A fill in flight that a pattern names lands after the purge: nobody can wait
// for it, and it goes within a moment.
func TestPattern_WhatLandsLaterGoes(t *testing.T) {
	t.Parallel()
	hold, asked := make(chan struct{}), make(chan struct{}, 1)
	h := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		select {
		case <-hold:
		case <-r.Context().Done():
		}
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = io.WriteString(w, "old")
	}), supplied())
	early := make(chan string, 1)
	go func() { early <- h.body(t, "/film/1.ts") }()
	<-asked
	sel := freshet.Selector{Kind: freshet.SelectPrefix, Pattern: link("/film/")}
	if r := h.settle(t, h.drv, sel); r.Outcome != freshet.OutcomeAlready || r.Verified != freshet.VerifiedAnswer {
		t.Fatalf("%+v", r)
	}
	h.restartDriver(t) // the fence outlives the agent
	close(hold)
	<-early
	deadline := time.Now().Add(10 * time.Second)
	for h.state(t, "/film/1.ts").Copy.Stored() {
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
	}
}

func (h *harness) restartDriver(t *testing.T) {
	t.Helper()
	h.stopDriver(t)
	h.startDriver(t)
	if _, err := h.drv.Incarnation(t.Context()); err != nil { // as an agent does
		t.Fatal(err)
	}
}

func TestContent_ReplacedIsAConflict(t *testing.T) {
	t.Parallel()
	h := open(t, &versioned{}, supplied())
	notes := filepath.Join(h.srv.Cache, "freshet-keeps-its-cursor-in-this-file.0000000001")
	wantConflict := func(what string) {
		t.Helper()
		var e *freshet.Error
		if err := h.drv.WriteCursor(t.Context(), at(9)); !errors.As(err, &e) || e.Code != freshet.CodeConflict {
			t.Fatalf("%s: %v", what, err)
		}
	}
	id, err := h.drv.Incarnation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.drv.WriteCursor(t.Context(), at(5)); err != nil {
		t.Fatal(err)
	}
	older, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.drv.WriteCursor(t.Context(), at(7)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(notes, older, 0o600); err != nil {
		t.Fatal(err)
	}
	wantConflict("restored from an older copy")
	if c, err := h.drv.ReadCursor(t.Context()); err != nil || c != at(5) {
		t.Fatalf("cursor = %v %v", c, err)
	}
	if err := h.drv.WriteCursor(t.Context(), at(8)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(notes); err != nil {
		t.Fatal(err)
	}
	wantConflict("emptied")
	if got, err := h.drv.Incarnation(t.Context()); err != nil || got == id {
		t.Fatalf("incarnation %q became %q, %v", id, got, err)
	}
}

// With open files kept open, nginx would go on serving one that was removed.
func TestOpenFileCache_OfTheOperatorDoesNotApply(t *testing.T) {
	t.Parallel()
	o := &versioned{}
	s := supplied()
	s.server.HTTP = "open_file_cache max=1000 inactive=1h; open_file_cache_valid 1h;"
	h := open(t, o, s)
	for range 3 {
		h.wantVersion(t, "/a.ts", 0)
	}
	o.set(1)
	h.settle(t, h.drv, exactly("/a.ts"))
	h.wantVersion(t, "/a.ts", 1)
}

// An operator's own cache: nginx's default key, variants by nginx's own Vary.
func TestOwnKey_NativeVariantsAreFound(t *testing.T) {
	t.Parallel()
	o := &versioned{header: http.Header{"Vary": {"Accept-Encoding"}}}
	s := supplied()
	s.driver.Key = "$scheme://$host$request_uri"
	s.server.Bare = true
	s.server.Location = `
      proxy_pass http://freshet_stamp;
      proxy_set_header Host $host;
      proxy_hide_header X-Freshet-Fetch;
      proxy_cache freshet;
      proxy_cache_key $scheme://$host$request_uri;
      proxy_cache_lock on;
      proxy_cache_lock_age 1h;
      proxy_cache_use_stale updating;`
	h := open(t, o, s)
	urls := []string{link("/a?utm_source=x"), link("/a?auth_key=7"), link("/a"), "http://" + cachetest.Alias + "/%61"}
	for _, u := range urls {
		for _, enc := range []string{"gzip", "br", ""} {
			h.bodyOf(t, u, "Accept-Encoding", enc)
		}
	}
	if n := o.requests("/a"); n != 3 {
		t.Fatalf("the origin saw %d requests for 3 variants", n)
	}
	o.set(1)
	h.settle(t, h.drv, exactly("/a"))
	for _, u := range urls {
		for _, enc := range []string{"gzip", "br", ""} {
			if got := h.bodyOf(t, u, "Accept-Encoding", enc); !strings.HasPrefix(got, "v1 ") {
				t.Errorf("%s %s: %.10q", u, enc, got)
			}
		}
	}
}

func TestNew_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := nginx.Options{Path: "/var/cache/nginx", Levels: nginxtest.Levels, Control: "http://127.0.0.1:1", URL: "http://127.0.0.1:2"}
	for field, edit := range map[string]func(*nginx.Options){
		"path":   func(o *nginx.Options) { o.Path = "cache" },
		"levels": func(o *nginx.Options) { o.Levels = "3" },
		"key":    func(o *nginx.Options) { o.Key = "$cookie_x$host$uri" },
		"url":    func(o *nginx.Options) { o.Control = "ftp://x" },
	} {
		o := good
		edit(&o)
		_, err := nginx.New(t.Context(), o)
		var e *freshet.Error
		if !errors.As(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestNginxAway_NothingIsDone(t *testing.T) {
	t.Parallel()
	h := open(t, &versioned{}, supplied())
	h.body(t, "/a")
	if err := h.srv.Kill(); err != nil {
		t.Fatal(err)
	}
	r := cache.Settle(t.Context(), h.drv, cache.Order{At: at(1), Selector: exactly("/a", "/b")}, freshet.VerifyInspect)
	for i := range r {
		if r[i].Outcome != freshet.OutcomeFailed || r[i].Reason != freshet.ReasonUnreachable {
			t.Errorf("%+v", r[i])
		}
	}
	if f := h.prefetch(t, "/a"); f.Outcome != freshet.OutcomeFailed {
		t.Errorf("%+v", f)
	}
	if err := h.srv.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
}
