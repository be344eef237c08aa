package door_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open starts a cache made of a handler, and a door to it.
func open(t *testing.T, h http.HandlerFunc, o door.Options) *door.Door {
	t.Helper()
	s := httptest.NewServer(h)
	o.URL = s.URL
	d, err := door.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); s.Close() })
	return d
}

func TestFetch_JudgesEveryAnswer(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		page   http.HandlerFunc
		reason freshet.Reason
	}{
		"whole":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("film")) }, freshet.ReasonNone},
		"404":      {status(http.StatusNotFound), freshet.ReasonOrigin4xx},
		"503":      {status(http.StatusServiceUnavailable), freshet.ReasonOrigin5xx},
		"redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, freshet.ReasonRefused},
		"partial":  {status(http.StatusPartialContent), freshet.ReasonRefused},
		"truncated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("film"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, freshet.ReasonMismatch},
		"broken chunks": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("film"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, freshet.ReasonMismatch},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, freshet.ReasonUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, c.page, door.Options{})
			a := d.Fetch(t.Context(), "http://vod.example.com/a", nil)
			if a.Reason != c.reason || a.Whole() != (c.reason == freshet.ReasonNone) {
				t.Errorf("%+v, want %v", a, c.reason)
			}
		})
	}
}

func TestFetch_AsksAsAViewerDoes(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 1)
	d := open(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		w.Header().Set("ETag", `"v1"`)
		_, _ = w.Write([]byte("film"))
	}, door.Options{})
	r := d.Fill(t.Context(), cache.Object{URL: "http://vod.example.com/a%20b?x=1"})
	got := <-asked
	if got.Host != "vod.example.com" || got.RequestURI != "/a%20b?x=1" || got.Method != http.MethodGet {
		t.Errorf("asked for %s %s at %s", got.Method, got.RequestURI, got.Host)
	}
	if r.Outcome != freshet.OutcomeDone || r.After.Size != 4 || r.After.Validator != `"v1"` || r.FirstByte <= 0 {
		t.Errorf("%+v", r)
	}
}

func TestFetch_EndsWhenABodyStalls(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	d := open(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("film"))
		_ = http.NewResponseController(w).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, door.Options{StallAfter: 50 * time.Millisecond})
	defer close(release)
	if a := d.Fetch(t.Context(), "http://h/a", nil); a.Reason != freshet.ReasonTimeout || a.Cancelled {
		t.Errorf("%+v", a)
	}
}

// TestFetch_CountsLongBodies reads what is longer than every buffer on the way.
func TestFetch_CountsLongBodies(t *testing.T) {
	t.Parallel()
	const size = 1<<20 + 7
	d := open(t, func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, size)
		switch r.URL.Path {
		case "/announced":
			w.Header().Set("Content-Length", strconv.Itoa(size))
		case "/cut":
			w.Header().Set("Content-Length", strconv.Itoa(size+1))
		}
		_, _ = w.Write(body)
	}, door.Options{})
	for _, path := range []string{"/announced", "/chunked"} {
		if a := d.Fetch(t.Context(), "http://h"+path, nil); !a.Whole() || a.Size != size {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if a := d.Fetch(t.Context(), "http://h/cut", nil); a.Whole() || a.Size != size || a.Reason != freshet.ReasonMismatch {
		t.Errorf("%+v", a)
	}
}

func TestPeek_LeavesTheBodyWhereItIs(t *testing.T) {
	t.Parallel()
	d := open(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "bytes=0-0" {
			t.Errorf("range %q", r.Header.Get("Range"))
		}
		if r.URL.Path == "/short" {
			_, _ = w.Write([]byte("film"))
			return
		}
		for { // a film that never ends
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}, door.Options{})
	header := http.Header{"Range": {"bytes=0-0"}}
	if a := d.Peek(t.Context(), "http://h/long", header); !a.Whole() || a.Size != 4<<10 || a.Status != http.StatusOK {
		t.Errorf("%+v", a)
	}
	if a := d.Peek(t.Context(), "http://h/short", header); !a.Whole() || a.Size != 4 || a.Length != 4 {
		t.Errorf("%+v", a)
	}
}

func TestFetch_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	d := open(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	}, door.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if r := d.Fill(ctx, cache.Object{URL: "http://h/a"}); r.Outcome != freshet.OutcomeCancelled {
		t.Errorf("%+v", r)
	}
}

func TestFetch_NobodyThere(t *testing.T) {
	t.Parallel()
	d, err := door.New(door.Options{URL: "unix:" + filepath.Join(t.TempDir(), "none")})
	if err != nil {
		t.Fatal(err)
	}
	if a := d.Fetch(t.Context(), "http://h/a", nil); a.Reason != freshet.ReasonUnreachable {
		t.Errorf("%+v", a)
	}
}

func TestFetch_OverAUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("film")) })}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	d, err := door.New(door.Options{URL: "unix:" + path})
	if err != nil {
		t.Fatal(err)
	}
	if a := d.Fetch(t.Context(), "http://h/a", nil); !a.Whole() || a.Size != 4 {
		t.Errorf("%+v", a)
	}
	d.Close()
	_ = s.Close()
	<-ended
}

func TestNew_RefusesWhatIsNoDoor(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "ftp://h", "http://", "https://h", "http://u:p@h", "http://h/path", "http://h?q", "unix:relative"} {
		if _, err := door.New(door.Options{URL: u}); freshet.ErrorCode(err) != freshet.CodeInvalid {
			t.Errorf("%q: %v", u, err)
		}
	}
}

// TestFetch_SignsWhereCachesAskForIt: type A, which the configurations for
// other caches cut off, and nothing that they would take for a path.
func TestFetch_SignsWhereCachesAskForIt(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 1)
	d := open(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r }, door.Options{})
	a := freshet.URLAuth{Type: freshet.AuthA, MainKey: "main-key-000001", Enforce: true, Open: freshet.DefaultOpen()}
	for _, c := range []struct {
		change func(*freshet.URLAuth)
		path   string
		signed bool
	}{
		{func(*freshet.URLAuth) {}, "/a.mp4?x=1", true},
		{func(*freshet.URLAuth) {}, "/a.ts", false},
		{func(a *freshet.URLAuth) { a.Enforce = false }, "/a.mp4", false},
		{func(a *freshet.URLAuth) { a.Type = freshet.AuthB }, "/a.mp4", false},
		{func(a *freshet.URLAuth) { a.MainKey = "" }, "/a.mp4", false},
	} {
		auth := a
		c.change(&auth)
		d.SetTopology(freshet.Topology{Domains: []freshet.Domain{{Name: "vod.example.com", URLAuth: auth}}})
		if got := d.Fetch(t.Context(), "http://vod.example.com"+c.path, nil); !got.Whole() {
			t.Errorf("%+v", got)
		}
		r := <-asked
		v := urlsign.Verify(a, r.URL.EscapedPath(), r.URL.RawQuery, time.Now())
		if bare := a.CanonicalPath(r.URL.EscapedPath(), r.URL.RawQuery, nil); bare != c.path || (v == urlsign.Valid) != c.signed || !c.signed && r.RequestURI != c.path {
			t.Errorf("%s: asked for %s (%v)", c.path, r.RequestURI, v)
		}
	}
}
