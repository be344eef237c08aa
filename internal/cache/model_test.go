package cache_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// model is a cache in memory that stamps what it fetches, and stores the body
// of a fill in flight whatever was purged meanwhile, as Varnish and nginx do.
type model struct {
	cache.Driver

	mu       sync.Mutex
	now      time.Time
	stored   map[string]time.Time
	fills    map[string][]time.Time // begun, not ended
	upstream *model                 // where it fills from; nil: from an origin that is always new
	born     map[string]time.Time   // when the bytes of what is stored left the origin
	bad      map[string]bool        // what is stored is an error
	purges   int
	refuse   bool
	cursor   freshet.Position
	replaced bool
	id       string // its incarnation
	flushes  int
}

func newModel(upstream *model) *model {
	return &model{
		now: time.Unix(1_700_000_000, 0), stored: map[string]time.Time{}, fills: map[string][]time.Time{},
		born: map[string]time.Time{}, bad: map[string]bool{}, upstream: upstream, id: "one",
	}
}

// tick moves the clock of the cache and of those that it fills from.
func (m *model) tick() time.Time {
	m.now = m.now.Add(10 * time.Millisecond)
	for u := m.upstream; u != nil; u = u.upstream {
		u.now = m.now
	}
	return m.now
}

// get is a viewer's request: it fills what is not stored.
func (m *model) get(url string) (born time.Time) {
	if _, ok := m.stored[url]; !ok {
		at := m.tick()
		m.born[url] = at
		if m.upstream != nil {
			m.born[url] = m.upstream.get(url)
		}
		m.stored[url] = at
	}
	return m.born[url]
}

func (m *model) Powers() cache.Powers {
	return cache.Powers{Driver: "model", MaxBatch: 10, Prefetch: true, Inspect: true, Stamps: true, KeepsCursor: true, Soft: true}
}

func (m *model) Purge(_ context.Context, o cache.Order) []cache.Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.purges++
	out := make([]cache.Result, o.Len())
	for i := range out {
		out[i].Executed = m.tick()
		if m.refuse {
			out[i] = cache.Failed(freshet.ReasonUnreachable, "away")
			continue
		}
		u := o.Selector.URLs[i]
		at, ok := m.stored[u]
		out[i].Outcome = freshet.OutcomeAlready
		if ok && (o.Since.IsZero() || !at.After(o.Since)) {
			out[i].Outcome, out[i].Before = freshet.OutcomeDone, freshet.Copy{FetchedAt: at, Size: 1}
			delete(m.stored, u)
		}
	}
	return out
}

func (m *model) Inspect(_ context.Context, objs []cache.Object, mode cache.InspectMode) []cache.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]cache.State, len(objs))
	for i, obj := range objs {
		if fills := m.fills[obj.URL]; mode == cache.InspectJoin && len(fills) > 0 {
			out[i].Joined = true
			m.stored[obj.URL], m.born[obj.URL] = fills[0], fills[0]
			m.fills[obj.URL] = slices.Delete(fills, 0, 1)
		}
		if at, ok := m.stored[obj.URL]; ok {
			out[i].Copy, out[i].Fresh = freshet.Copy{FetchedAt: at, Size: 1}, !m.bad[obj.URL]
		}
	}
	return out
}

func (m *model) Prefetch(_ context.Context, objs []cache.Object) []cache.Result {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]cache.Result, len(objs))
	for i, obj := range objs {
		m.get(obj.URL)
		out[i] = cache.Result{Outcome: freshet.OutcomeDone, After: freshet.Copy{FetchedAt: m.stored[obj.URL], Size: 1}}
	}
	return out
}

func (m *model) Flush(context.Context, time.Time) error {
	m.flushes++
	clear(m.stored)
	return nil
}

// lose makes it a cache that was started anew, empty.
func (m *model) lose(id string) {
	m.id, m.cursor = id, freshet.Position{}
	clear(m.stored)
}

func (m *model) Incarnation(context.Context) (string, error) { return m.id, nil }

func (m *model) ReadCursor(context.Context) (freshet.Position, error) { return m.cursor, nil }

func (m *model) WriteCursor(_ context.Context, at freshet.Position) error {
	if m.replaced {
		return freshet.Errorf(freshet.CodeConflict, "other content")
	}
	m.cursor = at
	return nil
}

const film = "http://h/film"

func orderOf(pos uint64, urls ...string) cache.Order {
	o := exact(urls)
	o.At = freshet.Position{Epoch: 1, Pos: pos}
	return o
}
