package edge

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/freshet-vod/freshet"
)

// openInside opens a cache in front of an origin.
func openInside(t *testing.T, origin http.HandlerFunc) (*Cache, freshet.Topology) {
	t.Helper()
	s := httptest.NewServer(origin)
	t.Cleanup(s.Close)
	c, err := Open(t.Context(), Options{Dir: t.TempDir(), POP: "local"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	top := freshet.Topology{Version: 1, Domains: []freshet.Domain{{Name: "h", Origin: s.URL}}}
	c.SetTopology(top)
	c.SetReady(true)
	return c, top
}

// storeSome prefetches http://h/0 to http://h/N-1.
func storeSome(t *testing.T, c *Cache, n int) {
	t.Helper()
	for i := range n {
		if r := c.Prefetch(t.Context(), fmt.Sprintf("http://h/%d", i)); r.Outcome != freshet.OutcomeDone {
			t.Fatalf("prefetch: %+v", r)
		}
	}
}

// fullFile refuses to grow beyond what has been removed from the cache, as a
// file on a full disk does.
type fullFile struct {
	out  strings.Builder
	free func() int64
}

// Write implements io.Writer.
func (f *fullFile) Write(p []byte) (int, error) {
	n := min(int64(len(p)), f.free()-int64(f.out.Len()))
	f.out.Write(p[:n])
	if n < int64(len(p)) {
		return int(n), syscall.ENOSPC
	}
	return len(p), nil
}

func TestWritesMakeRoom(t *testing.T) {
	t.Parallel()
	const size = 200 << 10
	c, _ := openInside(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
	storeSome(t, c, 3)
	used := func() int64 {
		c.shelf.mu.Lock()
		defer c.shelf.mu.Unlock()
		return c.shelf.used
	}
	all := used()
	f := &fullFile{free: func() int64 { return all - used() }}
	text := strings.Repeat("film", 80<<10)
	if err := c.writeBody(t.Context(), f, []byte(text)); err != nil || f.out.String() != text {
		t.Fatalf("%d of %d bytes, %v", f.out.Len(), len(text), err)
	}
	for i, want := range []bool{false, false, true} {
		st, err := c.Inspect(t.Context(), fmt.Sprintf("http://h/%d", i), false)
		if err != nil || st.Copy.Stored() != want {
			t.Errorf("object %d stored: %v, want %v", i, st.Copy.Stored(), want)
		}
	}
	if err := c.writeBody(t.Context(), f, make([]byte, 4*size)); diskError(err) == nil || endReason(err) != freshet.ReasonNoSpace {
		t.Errorf("with nothing left to remove: %v", err)
	}
}

func TestAFullIndexMakesRoom(t *testing.T) {
	t.Parallel()
	c, _ := openInside(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 8<<10))
		_, _ = w.Write(make([]byte, 64<<10))
	})
	storeSome(t, c, 40)
	for rows := 0; rows < 40; runtime.Gosched() { // nobody waits for them but us
		if err := c.index.db.QueryRowContext(t.Context(), "SELECT count(*) FROM variant").Scan(&rows); err != nil {
			t.Fatal(err)
		}
	}
	limitPages(t, c)
	sel := freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"http://h/39"}}
	for i := range 500 {
		sel.URLs = append(sel.URLs, fmt.Sprintf("http://h/%s/%d", strings.Repeat("y", 100), i))
	}
	for _, r := range c.Purge(t.Context(), freshet.Position{Epoch: 1, Pos: 5}, sel) {
		if r.Outcome == freshet.OutcomeFailed {
			t.Fatalf("%s: %s", r.Reason, r.Detail)
		}
	}
	left := 0
	for i := range 40 {
		if st, _ := c.Inspect(t.Context(), fmt.Sprintf("http://h/%d", i), false); st.Copy.Stored() {
			left++
		}
	}
	if left == 0 || left >= 39 {
		t.Errorf("%d of 40 objects are left", left)
	}
}

// limitPages lets the index grow no more.
func limitPages(t *testing.T, c *Cache) {
	t.Helper()
	var pages int
	if err := c.index.db.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := c.index.db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
}

// TestP2_ARepeatedPurgeStoresTheFenceThatFailed: the answer of the second try
// says that the fence is on disk; it must be.
func TestP2_ARepeatedPurgeStoresTheFenceThatFailed(t *testing.T) {
	t.Parallel()
	c, _ := openInside(t, func(http.ResponseWriter, *http.Request) {})
	at := freshet.Position{Epoch: 1, Pos: 5}
	selectors := []freshet.Selector{
		{Kind: freshet.SelectExact, URLs: []string{"http://h/a"}},
		{Kind: freshet.SelectPrefix, Pattern: "http://h/b/"},
	}
	// The index is held, so that the first try of each ends with its context.
	tx, err := c.index.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() { held <- c.index.commit(context.WithoutCancel(t.Context()), change{}) }()
	for i, sel := range selectors {
		ctx, cancel := context.WithCancel(t.Context())
		tried := make(chan Result, 1)
		go func() { tried <- c.Purge(ctx, at, sel)[0] }()
		for raised := 0; raised <= i; runtime.Gosched() {
			c.shelf.mu.Lock()
			raised = len(c.shelf.fence.exact) + len(c.shelf.fence.patterns)
			c.shelf.mu.Unlock()
		}
		cancel()
		if r := <-tried; r.Outcome != freshet.OutcomeCancelled {
			t.Fatalf("%+v", r)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	for _, sel := range selectors {
		if r := c.Purge(t.Context(), at, sel)[0]; r.Outcome != freshet.OutcomeAlready {
			t.Fatalf("%+v", r)
		}
	}
	var rows int
	if err := c.index.db.QueryRowContext(t.Context(), "SELECT count(*) FROM fence").Scan(&rows); err != nil || rows != len(selectors) {
		t.Errorf("%d fences are in the index (%v)", rows, err)
	}
}

// TestP4_ARequestThatWaitedAsksNoParentThatWasExcused: the request was read
// when the parent was still asked; the purge went on without it.
func TestP4_ARequestThatWaitedAsksNoParentThatWasExcused(t *testing.T) {
	t.Parallel()
	c, top := openInside(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "new") })
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "old") }))
	t.Cleanup(behind.Close)
	withParent := func(down bool) {
		top.Version++
		top.POPs = []freshet.POP{{ID: "shield", URL: behind.URL, Down: down}, {ID: "local", Parents: []string{"shield"}}}
		c.SetTopology(top)
	}
	withParent(false)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://h/a", nil)
	rq := c.viewer(c.routes.Load().site("h"), r)
	withParent(true)
	at := freshet.Position{Epoch: 1, Pos: 5}
	c.Purge(t.Context(), at, freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"http://h/a"}})
	if err := c.SetCursor(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	c.serve(httptest.NewRecorder(), r, rq)
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if got := w.Body.String(); got != "new" {
		t.Errorf("after the purge: %q", got)
	}
}
