// Package cachetest is the conformance suite of cache.Driver: what every
// driver must do to a real cache, seen from the driver's side and from a
// viewer's.
//
// It must not know any particular cache: what one cannot do is skipped by its
// Powers, or by its Harness saying so. Each driver's tests call Run. If the
// suite is too kind, a driver says done when it was not.
package cachetest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// What a Harness must configure in its cache: one domain with an alias and an
// ignored parameter, filled from the origin that it is given.
const (
	Host    = "vod.example.com"
	Alias   = "alias.example.com"
	Ignored = "utm_source"
)

// rounds is how often each race is run; four times as often on a cache that
// does not defeat fills, where more can go wrong.
const rounds = 25

// Fewer is a Harness of caches that are tested by themselves, too: its races
// are run as often as it says.
type Fewer interface{ Rounds() int }

func (b *bench) rounds() int {
	if f, ok := b.Harness.(Fewer); ok {
		return f.Rounds()
	}
	if b.Driver().Powers().DefeatsFills {
		return rounds
	}
	return 4 * rounds
}

// Domain is the domain of the suite for a given origin.
func Domain(origin string) freshet.Domain {
	return freshet.Domain{Account: "acme", Name: Host, Aliases: []string{Alias}, Origin: origin, IgnoreParams: []string{Ignored}}
}

// Harness is a cache under test.
type Harness interface {
	// Driver returns the driver; after Restart or Crash it may be another one.
	Driver() cache.Driver
	// Get sends a viewer's GET through the cache's front door. The URL's host
	// is the Host header. The caller closes the body.
	Get(ctx context.Context, url string, header http.Header) (*http.Response, error)
	// Restart stops the cache in good order and starts it on the same content.
	Restart(t *testing.T)
	// Crash starts the cache on the content as a kill would have left it;
	// false if that cannot be done to this cache.
	Crash(t *testing.T) bool
}

// Limited is a Harness whose cache cannot do something that others can,
// whatever its driver does.
type Limited interface {
	// Lacks says why a test makes no sense; "" if it does.
	Lacks(test string) string
}

// OnDisk is a Harness whose cache keeps its content on a disk.
type OnDisk interface {
	// Save stops the cache, copies its content and starts it again. What it
	// returns does the same, but puts the copy in the content's place between.
	Save(t *testing.T) (bringBack func(t *testing.T))
	// Lose stops the cache, deletes its content and starts it again.
	Lose(t *testing.T)
}

// Open starts a cache, ready for traffic, in front of an origin. It registers
// its own cleanup.
type Open func(t *testing.T, origin http.Handler) Harness

// Run runs the suite, or some groups of it: Contract, Purge, Soft, Race, Prefetch,
// Inspect, Keep, HTTP, Deny.
func Run(t *testing.T, open Open, only ...string) {
	t.Helper()
	groups := []struct {
		name  string
		tests []test
	}{
		{"Contract", contractTests()},
		{"Purge", purgeTests()},
		{"Soft", softTests()},
		{"Race", raceTests()},
		{"Prefetch", prefetchTests()},
		{"Inspect", inspectTests()},
		{"Keep", keepTests()},
		{"HTTP", httpTests()},
		{"Deny", denyTests()},
	}
	for _, g := range groups {
		if len(only) > 0 && !slices.Contains(only, g.name) {
			continue
		}
		for _, c := range g.tests {
			t.Run(g.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				o := newOrigin()
				h := open(t, o)
				if c.needs != nil && !c.needs(h.Driver().Powers()) {
					t.Skip("this cache has not the power")
				}
				if l, ok := h.(Limited); ok && l.Lacks(c.name) != "" {
					t.Skip(l.Lacks(c.name))
				}
				c.run(&bench{Harness: h, t: t, origin: o, dir: t.TempDir()})
			})
		}
	}
}

// test is one promise.
type test struct {
	name  string
	needs func(cache.Powers) bool
	run   func(b *bench)
}

// bench is a cache under test with its origin, and words to speak of both.
type bench struct {
	Harness

	t      *testing.T
	origin *origin
	last   atomic.Uint64 // position handed out by next

	dir    string       // of the fence
	of     cache.Driver // what fenced was made of
	fenced cache.Driver
}

// next returns a position above all that it returned before.
func (b *bench) next() uint64 {
	return b.last.Add(1)
}

// worked returns the driver as production works it: a cache that stamps its
// copies is given the times of earlier purges.
func (b *bench) worked(t *testing.T) cache.Driver {
	t.Helper()
	if d := b.Driver(); d != b.of {
		fenced, closer, err := cache.Fence(d, filepath.Join(b.dir, "fence"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = closer.Close() })
		b.of, b.fenced = d, fenced
	}
	return b.fenced
}

// later waits until a fetch that begins now has another stamp than what a cache
// did before, and a cache that does too much just after a purge has done it.
func (b *bench) later(t *testing.T) {
	t.Helper()
	if b.Driver().Powers().Stamps {
		until := time.Now().Add(150 * time.Millisecond)
		eventually(t, "time passes", func() bool { return time.Now().After(until) })
	}
}

func at(pos uint64) freshet.Position { return freshet.Position{Epoch: 1, Pos: pos} }

func link(path string) string { return "http://" + Host + path }

func exact(paths ...string) freshet.Selector {
	sel := freshet.Selector{Kind: freshet.SelectExact}
	for _, p := range paths {
		sel.URLs = append(sel.URLs, link(p))
	}
	return sel
}

func objects(paths ...string) []cache.Object {
	objs := make([]cache.Object, 0, len(paths))
	for _, p := range paths {
		objs = append(objs, cache.Object{URL: link(p)})
	}
	return objs
}

// answer is what a viewer got.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // the body ended early
}

// fetch gets a path as a viewer and reads the whole answer.
func (b *bench) fetch(t *testing.T, path string, header ...string) answer {
	t.Helper()
	return b.fetchURL(t, link(path), header...)
}

func (b *bench) fetchURL(t *testing.T, url string, header ...string) answer {
	t.Helper()
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	resp, err := b.Get(ctx, url, h)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body), err: err}
}

// wantBody fails unless a viewer gets a body whole.
func (b *bench) wantBody(t *testing.T, path, want string, header ...string) {
	t.Helper()
	a := b.fetch(t, path, header...)
	if a.err != nil || a.body != want {
		t.Fatalf("GET %s = %d %.60q (%v), want %.60q", path, a.status, a.body, a.err, want)
	}
}

// wantRequests fails unless the origin has seen n requests for a path so far.
func (b *bench) wantRequests(t *testing.T, path string, n int) {
	t.Helper()
	if got := b.origin.requests(path); got != n {
		t.Fatalf("the origin saw %d requests for %s, want %d", got, path, n)
	}
}

func (b *bench) purge(t *testing.T, pos uint64, sel freshet.Selector) []cache.Result {
	t.Helper()
	n := 1
	if sel.Kind == freshet.SelectExact {
		n = len(sel.URLs)
	}
	rs := b.worked(t).Purge(t.Context(), cache.Order{At: at(pos), Selector: sel})
	if len(rs) != n {
		t.Fatalf("purge gave %d results for %d objects", len(rs), n)
	}
	return rs
}

// wantPurged purges and fails unless every result is final and good.
func (b *bench) wantPurged(t *testing.T, pos uint64, sel freshet.Selector) {
	t.Helper()
	for i, r := range b.purge(t, pos, sel) {
		if r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
			t.Fatalf("purge result %d = %v %v %s", i, r.Outcome, r.Reason, r.Detail)
		}
	}
}

func (b *bench) prefetch(t *testing.T, paths ...string) []cache.Result {
	t.Helper()
	rs := b.Driver().Prefetch(t.Context(), objects(paths...))
	if len(rs) != len(paths) {
		t.Fatalf("prefetch gave %d results for %d objects", len(rs), len(paths))
	}
	return rs
}

func wantOutcome(t *testing.T, r cache.Result, o freshet.Outcome, reason freshet.Reason) {
	t.Helper()
	if r.Outcome != o || r.Reason != reason {
		t.Fatalf("result = %v %v (%s), want %v %v", r.Outcome, r.Reason, r.Detail, o, reason)
	}
}

// stored inspects one path.
func (b *bench) stored(t *testing.T, path string, mode cache.InspectMode) cache.State {
	t.Helper()
	st := b.Driver().Inspect(t.Context(), objects(path), mode)
	if len(st) != 1 || st[0].Fault != freshet.ReasonNone {
		t.Fatalf("inspect %s = %+v", path, st)
	}
	return st[0]
}

// eventually polls for what another goroutine is about to do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it never happened: %s", what)
		}
	}
}

// version makes bodies that tell their version apart, long enough to be sent
// in pieces.
func version(n int) string {
	return fmt.Sprintf("version %d|%s", n, string(make([]byte, 64<<10)))
}
