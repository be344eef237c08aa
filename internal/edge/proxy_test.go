package edge_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	n := alone(t, edge.Options{}, newContent("film").ServeHTTP)
	for _, c := range []struct {
		method, url string
		status      int
	}{
		{http.MethodGet, "http://stranger.example.com/a", http.StatusNotFound},
		{http.MethodPost, "http://" + host + "/a", http.StatusMethodNotAllowed},
		{"PURGE", "http://" + host + "/a", http.StatusMethodNotAllowed},
		{http.MethodGet, "http://" + strings.ToUpper(host) + ":8081/a", http.StatusOK},
	} {
		r := n.do(t, c.method, c.url)
		if r.status != c.status {
			t.Errorf("%s %s = %d, want %d", c.method, c.url, r.status, c.status)
		}
		wantStatus(t, r, "freshet-local;")
	}
	n.SetReady(false)
	if r := n.get(t, "/a"); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("before it is ready: %d %v", r.status, r.header)
	}
}

func TestCacheStatusTellsWhatHappened(t *testing.T) {
	t.Parallel()
	film := newContent("film", "ETag", `"1"`, "Age", "100", "Connection", "X-Hop", "X-Hop", "secret", "Date", time.Now().UTC().Format(http.TimeFormat))
	n := alone(t, edge.Options{}, film.ServeHTTP)
	first, second := n.get(t, "/a"), n.get(t, "/a")
	wantStatus(t, first, "freshet-local; fwd=uri-miss; fwd-status=200", "stored")
	wantStatus(t, second, "freshet-local; hit; ttl=")
	if second.header.Get("X-Hop") != "" || first.header.Get("X-Hop") != "" {
		t.Error("a hop-by-hop field got through")
	}
	if age, _ := strconv.Atoi(second.header.Get("Age")); age < 100 || age > 110 {
		t.Errorf("Age = %q", second.header.Get("Age"))
	}
	if first.header.Get("Date") != second.header.Get("Date") {
		t.Error("Date was not kept")
	}
	if err := n.Flush(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, n.get(t, "/a"), "fwd=stale; fwd-status=304")
	wantStatus(t, n.get(t, "/b", "Cache-Control", "only-if-cached"), "fwd=uri-miss")
	if r := n.do(t, http.MethodHead, "http://"+host+"/a"); r.header.Get("Content-Length") != "4" || r.body != "" {
		t.Errorf("HEAD: %v", r.header)
	}
}

func TestUpstreamFaults(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	n := alone(t, edge.Options{FillTimeout: 100 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/silent":
			<-release
		case "/stalls":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
			<-release
		default:
			panic(http.ErrAbortHandler)
		}
	})
	if r := n.get(t, "/silent"); r.status != http.StatusGatewayTimeout {
		t.Errorf("silent: %d", r.status)
	}
	if r := n.get(t, "/gone"); r.status != http.StatusBadGateway {
		t.Errorf("gone: %d", r.status)
	}
	if r := n.get(t, "/stalls"); r.err == nil {
		t.Error("stalls: the viewer was told that the body is whole")
	}
	for path, want := range map[string]freshet.Reason{
		"/silent": freshet.ReasonTimeout, "/stalls": freshet.ReasonTimeout, "/gone": freshet.ReasonOrigin5xx,
	} {
		if r := n.Prefetch(t.Context(), "http://"+host+path); r.Reason != want {
			t.Errorf("%s: prefetch %v (%s), want %v", path, r.Reason, r.Detail, want)
		}
	}
}

func TestIfNoneMatchTakesAListAndWeakTags(t *testing.T) {
	t.Parallel()
	n := alone(t, edge.Options{}, newContent("film", "ETag", `"v1"`).ServeHTTP)
	n.get(t, "/a")
	if r := n.get(t, "/a", "If-None-Match", `"v0", W/"v1"`); r.status != http.StatusNotModified {
		t.Errorf("status %d", r.status)
	}
}

func TestStaleIfErrorOnlyWhereAllowed(t *testing.T) {
	t.Parallel()
	for cc, want := range map[string]int{
		"max-age=0":                    http.StatusInternalServerError,
		"max-age=0, stale-if-error=60": http.StatusOK,
		"max-age=0, stale-if-error=60, must-revalidate": http.StatusInternalServerError,
	} {
		var n *node
		var broken sync.Once
		down := false
		var mu sync.Mutex
		n = alone(t, edge.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if down {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.Header().Set("Cache-Control", cc)
			w.Header().Set("ETag", `"1"`)
			_, _ = w.Write([]byte("film"))
		})
		n.wantBody(t, "/a", "film")
		broken.Do(func() { mu.Lock(); down = true; mu.Unlock() })
		if r := n.get(t, "/a"); r.status != want {
			t.Errorf("%s: %d, want %d", cc, r.status, want)
		}
		if err := n.Flush(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if r := n.get(t, "/a"); r.status != http.StatusInternalServerError {
			t.Errorf("%s: after a flush a stale copy was served (%d)", cc, r.status)
		}
	}
}

func TestEvictionKeepsToTheLimitAndDropsTheOldest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := alone(t, edge.Options{Dir: dir, MaxBytes: 10_000, MaxObject: 2000}, newContent(strings.Repeat("x", 1000)).ServeHTTP)
	for i := range 10 {
		n.get(t, fmt.Sprintf("/%d", i))
	}
	n.get(t, "/0") // used again: /1 is the oldest now
	for i := 10; i < 15; i++ {
		n.get(t, fmt.Sprintf("/%d", i))
	}
	for i, want := range map[int]bool{0: true, 1: false, 5: false, 6: true, 14: true} {
		st, _ := n.Inspect(t.Context(), fmt.Sprintf("http://%s/%d", host, i), true)
		if st.Copy.Stored() != want {
			t.Errorf("object %d stored: %v, want %v", i, st.Copy.Stored(), want)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if files, size := bodies(t, dir); files > 10 || size > 10_000 {
		t.Errorf("%d files with %d bytes are on disk", files, size)
	}
}

func bodies(t *testing.T, dir string) (files int, size int64) {
	t.Helper()
	err := filepath.Walk(filepath.Join(dir, "bodies"), func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			files++
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, size
}

func TestLimitsOfSize(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	n := alone(t, edge.Options{MaxBytes: 10_000, MaxObject: 8000}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			w.Header().Set("Content-Length", "9000")
			_, _ = w.Write(bytes.Repeat([]byte("x"), 9000))
		case "/chunked":
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(bytes.Repeat([]byte("x"), 9000))
		case "/first":
			w.Header().Set("Content-Length", "6000")
			_ = http.NewResponseController(w).Flush()
			<-release
			_, _ = w.Write(bytes.Repeat([]byte("x"), 6000))
		case "/second":
			w.Header().Set("Content-Length", "6000")
			_, _ = w.Write(bytes.Repeat([]byte("x"), 6000))
		}
	})
	for _, path := range []string{"/long", "/chunked"} {
		if r := n.Prefetch(t.Context(), "http://"+host+path); r.Reason != freshet.ReasonTooLarge {
			t.Errorf("%s: %v %s", path, r.Reason, r.Detail)
		}
		if r := n.get(t, path); len(r.body) != 9000 || r.err != nil {
			t.Errorf("%s: a viewer got %d bytes (%v)", path, len(r.body), r.err)
		}
	}
	// The header is here only once its space is promised.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+"/first", nil)
	if err != nil {
		t.Fatal(err)
	}
	first, err := n.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Body.Close()
	if r := n.Prefetch(t.Context(), "http://"+host+"/second"); r.Reason != freshet.ReasonNoSpace {
		t.Errorf("with all space promised: %v %s", r.Reason, r.Detail)
	}
	if r := n.get(t, "/second"); len(r.body) != 6000 {
		t.Errorf("a viewer got %d bytes (%v)", len(r.body), r.err)
	}
	close(release)
	if body, err := io.ReadAll(first.Body); len(body) != 6000 {
		t.Errorf("the first got %d bytes (%v)", len(body), err)
	}
}

func TestRangesOfAFillInFlight(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 1), make(chan struct{})
	n := alone(t, edge.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = w.Write([]byte("01234"))
		_ = http.NewResponseController(w).Flush()
		arrived <- struct{}{}
		<-release
		_, _ = w.Write([]byte("56789"))
	})
	whole := make(chan reply, 1)
	go func() { whole <- n.get(t, "/a") }()
	<-arrived
	if r := n.get(t, "/a", "Range", "bytes=1-3"); r.body != "123" || r.header.Get("Content-Range") != "bytes 1-3/10" {
		t.Errorf("%q %v", r.body, r.header)
	}
	if r := n.get(t, "/a", "Range", "bytes=99-"); r.status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("status %d", r.status)
	}
	tail := make(chan reply, 1)
	go func() { tail <- n.get(t, "/a", "Range", "bytes=-7") }()
	close(release)
	if r := <-tail; r.body != "3456789" {
		t.Errorf("tail %q (%v)", r.body, r.err)
	}
	if r := <-whole; r.body != "0123456789" {
		t.Errorf("whole %q", r.body)
	}
}

func TestOpenDropsWhatACrashLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	film := newContent("film")
	n := alone(t, edge.Options{Dir: dir}, film.ServeHTTP)
	for _, p := range []string{"/cut", "/gone", "/good"} {
		n.wantBody(t, p, "film")
	}
	id := n.Incarnation()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	var files []string
	_ = filepath.Walk(filepath.Join(dir, "bodies"), func(p string, info os.FileInfo, _ error) error {
		if !info.IsDir() {
			files = append(files, p)
		}
		return nil
	})
	if len(files) != 3 {
		t.Fatalf("files: %v", files)
	}
	if err := os.Truncate(files[0], 2); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(files[0]), "0000000000000bad.part"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := alone(t, edge.Options{Dir: dir}, film.ServeHTTP)
	for _, p := range []string{"/cut", "/gone", "/good"} {
		again.wantBody(t, p, "film")
	}
	if got := film.hits.Load(); got != 5 {
		t.Errorf("the origin saw %d requests, want 3 before and 2 after", got)
	}
	if again.Incarnation() != id {
		t.Error("the incarnation changed")
	}
	if other := alone(t, edge.Options{}, film.ServeHTTP); other.Incarnation() == id {
		t.Error("a new directory has an old incarnation")
	}
	if _, err := edge.Open(t.Context(), edge.Options{Dir: dir, POP: "x"}); err == nil {
		t.Error("two caches share a directory")
	}
}

// A crash may come between the answer of a purge and the removal of bodies:
// the index alone must know.
func TestP2_APurgeIsInTheIndexWhenItReturns(t *testing.T) {
	t.Parallel()
	dir, image := t.TempDir(), t.TempDir()
	film := newContent("old")
	n := alone(t, edge.Options{Dir: dir}, film.ServeHTTP)
	n.wantBody(t, "/a", "old")
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(image, "bodies"), os.DirFS(filepath.Join(dir, "bodies"))); err != nil {
		t.Fatal(err)
	}
	n = alone(t, edge.Options{Dir: dir}, film.ServeHTTP)
	n.wantBody(t, "/a", "old")
	if film.hits.Load() != 1 {
		t.Fatal("the body was not kept")
	}
	n.purgeA(t, 5)
	for _, name := range []string{"index.db", "index.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(image, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	film.body.Store("new")
	again := alone(t, edge.Options{Dir: image}, film.ServeHTTP)
	again.wantBody(t, "/a", "new")
	if files, _ := bodies(t, image); files != 1 {
		t.Errorf("%d bodies are on disk", files)
	}
}

func BenchmarkHit(b *testing.B) {
	c, err := edge.Open(b.Context(), edge.Options{Dir: b.TempDir(), POP: "local"})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	film := newContent(strings.Repeat("x", 64<<10))
	s := httptestServer(b, film)
	c.SetTopology(topology(s))
	c.SetReady(true)
	if r := c.Prefetch(b.Context(), "http://"+host+"/a"); r.Outcome != freshet.OutcomeDone {
		b.Fatal(r)
	}
	req, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+host+"/a", nil)
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	for b.Loop() {
		c.ServeHTTP(&sink{header: http.Header{}}, req)
	}
}
