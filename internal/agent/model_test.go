package agent_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is one POP of the model: a cache and a disk that last, and an agent
// that comes and goes.
type site struct {
	t     *testing.T
	c     *control
	id    string
	cache *modelCache
	disk  *disk
	opts  func(*agent.Options)

	k     *killer
	a     *agent.Agent
	done  chan struct{}
	lives int

	mu         sync.Mutex
	ready      []bool
	topologies []uint64
}

func newSite(t *testing.T, c *control, id string) *site {
	t.Helper()
	return &site{t: t, c: c, id: id, cache: newCache(1, &c.ticks), disk: newDisk(t)}
}

// start begins a life. With an op such as "before purge", it ends by itself at
// the nth such call.
func (s *site) start(op string, n int) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.lives++
	s.k = &killer{life: s.lives, op: op, n: n, end: cancel}
	o := agent.Options{
		POP: s.id, Bus: s.c.bus.Agent(s.id), Driver: &handle{s.cache, s.k}, Journal: &diskEnd{s.disk, s.k},
		OnReady: func(r bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ready = append(s.ready, r)
		},
		OnTopology: func(t freshet.Topology) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.topologies = append(s.topologies, t.Version)
		},
	}
	if s.opts != nil {
		s.opts(&o)
	}
	a, err := agent.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	s.a, s.done = a, done
	go func() {
		defer close(done)
		if err := a.Run(ctx); err != nil {
			s.t.Errorf("agent of %s: %v", s.id, err)
		}
	}()
}

// kill ends the life as kill -9 does, and waits for its end.
func (s *site) kill() {
	if s.k != nil {
		s.k.kill()
		<-s.done
	}
}

func (s *site) readiness() []bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]bool(nil), s.ready...)
}

func (s *site) isReady() bool {
	r := s.readiness()
	return len(r) > 0 && r[len(r)-1]
}

// world is a control plane with POPs, in a bubble.
type world struct {
	*control
	t     *testing.T
	sites map[string]*site
	stop  context.CancelFunc
	over  chan struct{}
}

// newWorld makes a world of POPs, each given as its ID and its parents, and
// starts pushing heads.
func newWorld(t *testing.T, seed uint64, pops ...freshet.POP) *world {
	t.Helper()
	w := &world{
		control: newControl(t, seed, freshet.Topology{Version: 1, POPs: pops}), t: t,
		sites: map[string]*site{}, over: make(chan struct{}),
	}
	for i, p := range pops {
		w.sites[p.ID] = newSite(t, w.control, p.ID)
		w.sites[p.ID].cache = newCache(seed+uint64(i), &w.ticks)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.stop = cancel
	go func() {
		defer close(w.over)
		for wait(ctx, time.Second) {
			w.heads(ctx)
		}
	}()
	return w
}

// end stops everything and waits for it.
func (w *world) end() {
	for _, s := range w.sites {
		s.kill()
	}
	w.stop()
	<-w.over
	w.close()
}

// pass lets time go by in the bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// bubble runs a test of a world in a bubble.
func bubble(t *testing.T, pops []freshet.POP, fn func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, pops...)
		defer w.end()
		fn(w)
	})
}

func pops(list ...freshet.POP) []freshet.POP { return list }

func pop(id string, parents ...string) freshet.POP { return freshet.POP{ID: id, Parents: parents} }

func purge(urls ...string) *freshet.Entry {
	return &freshet.Entry{Kind: freshet.EntryPurge, Account: "a", Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: urls}}
}

func purgePrefix(prefix string) *freshet.Entry {
	return &freshet.Entry{Kind: freshet.EntryPurge, Account: "a", Selector: freshet.Selector{Kind: freshet.SelectPrefix, Pattern: prefix}}
}

func prefetch(urls ...string) *freshet.Entry {
	e := purge(urls...)
	e.Kind = freshet.EntryPrefetch
	return e
}

func member(change freshet.MembershipChange, id string) *freshet.Entry {
	return &freshet.Entry{
		Kind: freshet.EntryMembership, Targets: []string{}, Membership: freshet.Membership{Change: change, POP: id},
	}
}

// want fails the test unless a delivery ended like this.
func (w *world) want(t *testing.T, id string, e *freshet.Entry, item int, outcome freshet.Outcome, reason freshet.Reason) freshet.Fact {
	t.Helper()
	a, ok := w.answer(id, e.At, item)
	switch {
	case !ok:
		t.Fatalf("%s: nothing is known of %s item %d, want %s", id, e.At, item, outcome)
	case a.fact.Outcome != outcome || a.fact.Reason != reason:
		t.Fatalf("%s: %s item %d ended %s %q, want %s %q", id, e.At, item, a.fact.Outcome, a.fact.Reason, outcome, reason)
	}
	return a.fact
}

// wantNone fails the test if a delivery has an answer already.
func (w *world) wantNone(t *testing.T, id string, e *freshet.Entry, item int) {
	t.Helper()
	if a, ok := w.answer(id, e.At, item); ok {
		t.Fatalf("%s: %s item %d is %s already", id, e.At, item, a.fact.Outcome)
	}
}
