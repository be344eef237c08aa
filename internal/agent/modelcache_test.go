package agent_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// effect is one purge of one URL, or of one pattern, that took effect.
type effect struct {
	at     freshet.Position
	url    string
	began  uint64 // tick at which the purge was asked for
	life   int
	prefix bool
	again  bool // it was ordered as a redo
	denied bool // the URL was refused meanwhile
}

// warming is one prefetch of one URL that was asked for.
type warming struct {
	at    freshet.Position
	url   string
	began uint64
}

// modelCache is a cache in memory that records what was done to it. It
// survives the lives of its agent.
type modelCache struct {
	ticks       *atomic.Uint64 // the world's
	mu          sync.Mutex
	rng         *rand.Rand
	stored      map[string]freshet.Copy
	cursor      freshet.Position
	expect      freshet.Position // a cursor below it is not the one that was written last
	incarnation string
	powers      cache.Powers
	effects     []effect
	warmings    []warming
	flushed     []time.Time
	flushTakes  time.Duration
	delay       time.Duration
	transient   float64                                                  // chance that a purge fails for now
	lateFill    float64                                                  // chance that a fill in flight stores an old body after a purge
	verdict     func(op, url string, at freshet.Position) freshet.Reason // nil: no faults
	prefetched  []string
	headers     []http.Header             // of the prefetches, in order
	softs       []freshet.Position        // of the purges that were soft
	hold        chan struct{}             // prefetches wait for it
	stubborn    bool                      // a cancelled prefetch stores what it has all the same, a little later
	slipIn      int                       // so many old fills are stored between a purge and the look at it
	origin      func(url string) answerOf // what origins answer to prefetches; nil: one byte, at once
	busy        map[string]int            // by host: prefetches that run
	most        map[string]int            // the highest of it, until it is cleared
	short       bool                      // what is stored lacks a byte
	denied      map[string]int            // by URL, how it is refused
}

// answerOf is what an origin answers.
type answerOf struct {
	firstByte time.Duration
	body      time.Duration
	size      int64
	reason    freshet.Reason
}

func newCache(seed uint64, ticks *atomic.Uint64) *modelCache {
	return &modelCache{
		ticks: ticks, rng: rand.New(rand.NewPCG(seed, 2)), stored: map[string]freshet.Copy{}, incarnation: "first", delay: time.Millisecond,
		busy: map[string]int{}, most: map[string]int{},
		powers: cache.Powers{
			Driver: "model", MaxBatch: 4, Prefix: true, Regex: true, Soft: true, Prefetch: true, Inspect: true, KeepsCursor: true, DefeatsFills: true, Denies: true,
		},
	}
}

func (m *modelCache) chance(p float64) bool { return p > 0 && m.rng.Float64() < p }

func (m *modelCache) fault(op, url string, at freshet.Position) freshet.Reason {
	if m.verdict == nil {
		return freshet.ReasonNone
	}
	return m.verdict(op, url, at)
}

// names returns the stored URLs that a pattern names.
func (m *modelCache) names(sel freshet.Selector) []string {
	var out []string
	for u := range m.stored {
		switch sel.Kind {
		case freshet.SelectPrefix:
			if strings.HasPrefix(u, sel.Pattern) {
				out = append(out, u)
			}
		case freshet.SelectRegex:
			if regexp.MustCompile(sel.Pattern).MatchString(u) {
				out = append(out, u)
			}
		case freshet.SelectExact, freshet.SelectTag:
		}
	}
	return out
}

// handle is what one life of an agent sees of the cache: after a kill it can
// do nothing any more.
type handle struct {
	*modelCache
	k *killer
}

var _ cache.Driver = (*handle)(nil)

func (h *handle) Powers() cache.Powers { return h.powers }

func (h *handle) Purge(ctx context.Context, o cache.Order) []cache.Result {
	at, sel := o.At, o.Selector
	out := make([]cache.Result, max(1, len(sel.URLs)))
	began := h.ticks.Add(1)
	if !h.k.before("purge") || !wait(ctx, h.delay) {
		return fill(out, cache.Result{Outcome: freshet.OutcomeCancelled})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.k.isDead() {
		return fill(out, cache.Result{Outcome: freshet.OutcomeCancelled})
	}
	if o.Soft {
		h.softs = append(h.softs, at)
	}
	urls := sel.URLs
	if sel.Kind != freshet.SelectExact {
		urls = []string{sel.Pattern}
	}
	for i, u := range urls {
		if reason := h.fault("purge", u, at); reason != freshet.ReasonNone {
			out[i] = cache.Failed(reason, "as the test wants")
			continue
		}
		if h.chance(h.transient) {
			out[i] = cache.Failed(freshet.ReasonUnreachable, "now and then")
			continue
		}
		_, refused := h.denied[u]
		h.effects = append(h.effects, effect{at, u, began, h.k.life, sel.Kind == freshet.SelectPrefix, o.Again, refused})
		if sel.Kind != freshet.SelectExact {
			out[i] = h.remove(h.names(sel), at)
			continue
		}
		old := h.stored[u]
		out[i] = h.remove([]string{u}, at)
		if old.Stored() && old.Generation.Before(at) && h.chance(h.lateFill) {
			h.stored[u] = old
		}
	}
	if !h.k.after("purge") {
		return fill(out, cache.Result{Outcome: freshet.OutcomeCancelled})
	}
	return out
}

func (h *handle) remove(urls []string, at freshet.Position) cache.Result {
	r := cache.Result{Outcome: freshet.OutcomeAlready}
	for _, u := range urls {
		if c := h.stored[u]; c.Stored() && c.Generation.Before(at) {
			r = cache.Result{Outcome: freshet.OutcomeDone, Before: c, Removed: r.Removed + 1}
			delete(h.stored, u)
		}
	}
	return r
}

func (h *handle) Prefetch(ctx context.Context, objs []cache.Object) []cache.Result {
	out := make([]cache.Result, len(objs))
	for i, o := range objs {
		out[i] = h.prefetchOne(ctx, o)
	}
	return out
}

func (h *handle) prefetchOne(ctx context.Context, o cache.Object) cache.Result {
	h.mu.Lock()
	h.warmings = append(h.warmings, warming{o.Generation, o.URL, h.ticks.Add(1)})
	hold, delay := h.hold, h.delay
	h.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
		}
	}
	var a answerOf
	if h.origin != nil {
		host, _ := freshet.SplitURL(o.URL)
		h.with(func() {
			a = h.origin(o.URL)
			h.busy[host]++
			h.most[host] = max(h.most[host], h.busy[host])
		})
		defer h.with(func() { h.busy[host]-- })
		delay = a.firstByte + a.body
	}
	if !wait(ctx, delay) || h.k.isDead() {
		if h.stubborn {
			<-time.After(50 * time.Millisecond)
			h.put(o.URL)
		}
		return cache.Result{Outcome: freshet.OutcomeCancelled}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.prefetched = append(h.prefetched, o.URL)
	h.headers = append(h.headers, o.Header)
	if reason := h.fault("prefetch", o.URL, o.Generation); reason != freshet.ReasonNone {
		return cache.Failed(reason, "as the test wants")
	}
	old := h.stored[o.URL]
	if old.Stored() {
		return cache.Result{Outcome: freshet.OutcomeAlready, Before: old, After: old}
	}
	if a.reason != freshet.ReasonNone {
		r := cache.Failed(a.reason, "as the origin wants")
		r.FirstByte = a.firstByte
		return r
	}
	c := freshet.Copy{FetchedAt: time.Now(), Generation: h.fence(o.URL), Validator: `"v"`, Size: max(a.size, 1)}
	h.stored[o.URL] = c
	if h.short {
		cut := c
		cut.Size--
		h.stored[o.URL] = cut
	}
	return cache.Result{Outcome: freshet.OutcomeDone, After: c, FirstByte: a.firstByte}
}

// fence is the generation of a fetch that begins now: which purges it is
// certain to come after.
func (m *modelCache) fence(url string) freshet.Position {
	at := m.cursor
	for _, e := range m.effects {
		if e.url == url || e.prefix && strings.HasPrefix(url, e.url) {
			at = freshet.Later(at, e.at)
		}
	}
	return at
}

func (h *handle) Inspect(ctx context.Context, objs []cache.Object, mode cache.InspectMode) []cache.State {
	out := make([]cache.State, len(objs))
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, o := range objs {
		if h.slipIn > 0 {
			h.slipIn--
			h.stored[o.URL] = freshet.Copy{FetchedAt: time.Now().Add(-time.Second)}
		}
		out[i] = cache.State{Copy: h.stored[o.URL], Joined: mode == cache.InspectJoin}
		if h.k.isDead() || ctx.Err() != nil {
			out[i] = cache.State{Fault: freshet.ReasonUnreachable}
		} else if reason := h.fault("inspect", o.URL, o.Generation); reason != freshet.ReasonNone {
			out[i] = cache.State{Fault: reason}
		}
	}
	return out
}

func (h *handle) Flush(ctx context.Context, before time.Time) error {
	if !h.k.before("flush") || !wait(ctx, h.flushTakes) {
		return errKilled
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flushed = append(h.flushed, before)
	return ctx.Err()
}

func (h *handle) Incarnation(ctx context.Context) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.incarnation, ctx.Err()
}

func (h *handle) ReadCursor(ctx context.Context) (freshet.Position, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cursor, ctx.Err()
}

func (h *handle) WriteCursor(_ context.Context, at freshet.Position) error {
	if !h.k.before("cursor") {
		return errKilled
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.k.isDead():
		return errKilled
	case h.fault("cursor", "", at) != freshet.ReasonNone:
		return errors.New("model: the cursor cannot be written")
	case h.cursor.Before(h.expect):
		h.expect = freshet.Position{}
		return freshet.Errorf(freshet.CodeConflict, "model: the content was replaced")
	case at.Before(h.cursor):
		return fmt.Errorf("model: cursor %s is lower than %s", at, h.cursor)
	}
	h.cursor = at
	if !h.k.after("cursor") {
		return errKilled
	}
	return nil
}

// effectsOn returns the positions at which an object was purged, in order.
func (m *modelCache) effectsOn(url string) []freshet.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []freshet.Position
	for _, e := range m.effects {
		if e.url == url {
			out = append(out, e.at)
		}
	}
	return out
}

// put stores an object as a viewer's request would have.
func (m *modelCache) put(url string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stored[url] = freshet.Copy{FetchedAt: time.Now(), Validator: `"old"`, Size: 3}
}

// with changes the cache between calls.
func (m *modelCache) with(fn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn()
}

func (m *modelCache) has(url string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stored[url].Stored()
}

// flushes returns how often the whole content was made to revalidate.
func (m *modelCache) flushes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.flushed)
}

func (m *modelCache) prefetches() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.prefetched)
}

func fill(out []cache.Result, r cache.Result) []cache.Result {
	for i := range out {
		out[i] = r
	}
	return out
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
