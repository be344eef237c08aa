package agent_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/cache"
)

// seer is a prober that says what the test wants.
type seer struct {
	mu    sync.Mutex
	finds func(p cache.Probe) cache.Finding
	takes time.Duration
	asked []cache.Probe
	most  int
	now   int
}

func (s *seer) probe(ctx context.Context, p cache.Probe) cache.Finding {
	s.mu.Lock()
	s.asked = append(s.asked, p)
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	done := wait(ctx, s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	if !done {
		return cache.Finding{Reason: freshet.ReasonTimeout, Detail: "ended"}
	}
	if s.finds == nil {
		return cache.Finding{}
	}
	return s.finds(p)
}

func (s *seer) with(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

// seen is a world of one POP whose domain is probed, beside one that is not.
func seen(t *testing.T, fn func(w *world, s *site, p *seer)) {
	t.Helper()
	bubble(t, pops(pop("a")), func(w *world) {
		w.with(func() {
			w.topology.Domains = []freshet.Domain{
				{Name: "vod.example.com", Origin: "http://origin.example.net", Verify: freshet.VerifyProbe},
				{Name: "live.example.com", Origin: "http://origin.example.net"},
			}
		})
		s, p := w.sites["a"], &seer{takes: time.Millisecond}
		s.opts = func(o *agent.Options) { o.Probe = p.probe }
		fn(w, s, p)
	})
}

func TestP4_ProbedPurgeIsSeenThroughTheFrontDoor(t *testing.T) {
	t.Parallel()
	seen(t, func(w *world, s *site, p *seer) {
		t := w.t
		s.cache.put(u1)
		s.start("", 0)
		pass(2 * time.Second)
		e := w.append(purge(u1, u2))
		other := w.append(purge("http://live.example.com/1.ts"))
		pass(time.Second)
		if f := w.want(t, "a", e, 0, freshet.OutcomeDone, freshet.ReasonNone); f.Verified != freshet.VerifiedProbe {
			t.Fatalf("%+v", f)
		}
		if f := w.want(t, "a", e, 1, freshet.OutcomeAlready, freshet.ReasonNone); f.Verified != freshet.VerifiedProbe {
			t.Fatalf("%+v", f)
		}
		if f := w.want(t, "a", other, 0, freshet.OutcomeAlready, freshet.ReasonNone); f.Verified != freshet.VerifiedInspect {
			t.Fatalf("a domain that is not probed: %+v", f)
		}
		p.with(func() {
			i := slices.IndexFunc(p.asked, func(q cache.Probe) bool { return q.URL == u1 })
			if len(p.asked) != 2 || i < 0 || p.asked[i].Before.Validator != `"old"` || p.asked[i].Whole || p.asked[i].Domain.Name != "vod.example.com" {
				t.Fatalf("%+v", p.asked)
			}
		})
	})
}

func TestP4_PurgeThatIsSeenToBeStaleIsRepeated(t *testing.T) {
	t.Parallel()
	seen(t, func(w *world, s *site, p *seer) {
		t := w.t
		p.finds = func(q cache.Probe) cache.Finding {
			if q.URL == u1 {
				return cache.Finding{Reason: freshet.ReasonMismatch, Detail: "stale"}
			}
			return cache.Finding{}
		}
		s.start("", 0)
		pass(2 * time.Second)
		e := w.append(purge(u1, u2))
		pass(10 * time.Second)
		w.wantNone(t, "a", e, 0)
		w.want(t, "a", e, 1, freshet.OutcomeAlready, freshet.ReasonNone)
		if h := w.beat("a"); !h.Watermark.Before(e.At) {
			t.Fatalf("watermark %s passed a purge that viewers do not see", h.Watermark)
		}
		if n := len(s.cache.effectsOn(u1)); n < 5 {
			t.Fatalf("purged %d times in ten seconds", n)
		}
		if n := len(s.cache.effectsOn(u2)); n != 1 {
			t.Fatalf("a neighbour was purged %d times, want once", n)
		}
		p.with(func() { p.finds = nil })
		pass(31 * time.Second)
		if f := w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone); f.Verified != freshet.VerifiedProbe || f.Attempts < 5 {
			t.Fatalf("%+v", f)
		}
		// A door that refuses us will go on doing so.
		p.with(func() {
			p.finds = func(cache.Probe) cache.Finding { return cache.Finding{Reason: freshet.ReasonRefused} }
		})
		e = w.append(purge(u3))
		pass(time.Second)
		w.want(t, "a", e, 0, freshet.OutcomeFailed, freshet.ReasonRefused)
	})
}

// What the agent says of the cache decides whether an odd answer may be newer
// than all that the origin was seen to have.
func TestP4_ProbeIsToldWhatWasFetchedAfterThePurge(t *testing.T) {
	t.Parallel()
	seen(t, func(w *world, s *site, p *seer) {
		t := w.t
		s.start("", 0)
		pass(2 * time.Second)
		w.append(purge(u3))
		pass(time.Second)
		var old, found, lacks bool
		p.with(func() {
			p.finds = func(q cache.Probe) cache.Finding {
				// One that began before, which a fill of another layer brought.
				s.cache.with(func() { s.cache.stored[u1] = freshet.Copy{FetchedAt: time.Now(), Generation: freshet.Position{Pos: 1}} })
				_, old = q.Newer(t.Context())
				s.cache.with(func() { s.cache.stored[u1] = freshet.Copy{FetchedAt: time.Now(), Generation: freshet.Position{Pos: 2}} })
				_, found = q.Newer(t.Context())
				s.cache.with(func() { delete(s.cache.stored, u1) })
				_, lacks = q.Newer(t.Context())
				return cache.Finding{}
			}
		})
		e := w.append(purge(u1))
		pass(time.Second)
		w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if old || !found || lacks {
			t.Fatalf("an old copy counts: %v, a new one: %v, none: %v", old, found, lacks)
		}
	})
}

func TestP5_PurgesOfAPOPThatIsNotReadyAreInspected(t *testing.T) {
	t.Parallel()
	seen(t, func(w *world, s *site, p *seer) {
		t := w.t
		e := w.append(purge(u1))
		p.finds = func(cache.Probe) cache.Finding {
			return cache.Finding{Reason: freshet.ReasonOrigin5xx, Detail: "503, as it is not ready"}
		}
		s.start("", 0)
		pass(5 * time.Second)
		if f := w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone); f.Verified != freshet.VerifiedInspect || !s.isReady() {
			t.Fatalf("%+v, ready %v", f, s.isReady())
		}
	})
}

func TestP10_ProbesThatHangHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	seen(t, func(w *world, s *site, p *seer) {
		t := w.t
		p.takes = time.Hour
		s.start("", 0)
		pass(2 * time.Second)
		hung := w.append(purge(listed("vod.example.com", 500)...))
		pass(time.Second)
		other := w.append(purge(listed("live.example.com", 100)...))
		pass(2 * time.Second)
		for i := range other.Len() {
			w.want(t, "a", other, i, freshet.OutcomeAlready, freshet.ReasonNone)
		}
		w.wantNone(t, "a", hung, 0)
		p.with(func() {
			if p.most > 16 {
				t.Fatalf("%d probes at a time", p.most)
			}
		})
	})
}

func TestP6_ProbedPrefetch(t *testing.T) {
	t.Parallel()
	seen(t, func(w *world, s *site, p *seer) {
		t := w.t
		p.finds = func(q cache.Probe) cache.Finding {
			stored, ok := q.Newer(t.Context())
			if !q.Whole {
				return cache.Finding{}
			}
			if q.Before.Stored() || !ok || stored.Validator != `"v"` {
				return cache.Finding{Reason: freshet.ReasonRefused, Detail: "not what a prefetch stored"}
			}
			if q.URL == u2 {
				return cache.Finding{Reason: freshet.ReasonMismatch, Detail: "half of it"}
			}
			return cache.Finding{}
		}
		s.start("", 0)
		pass(2 * time.Second)
		f := w.append(prefetch(u1, u2))
		pass(time.Minute)
		if got := w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone); got.Verified != freshet.VerifiedProbe || !got.After.Stored() {
			t.Fatalf("%+v", got)
		}
		w.want(t, "a", f, 1, freshet.OutcomeFailed, freshet.ReasonRefused) // the second time it was there already, and nothing says since when
		// After a purge that this life carried out, it is known.
		w.append(purge(u3))
		pass(time.Second)
		f = w.append(prefetch(u3))
		pass(time.Second)
		w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone)
		f = w.append(prefetch(u3))
		pass(time.Second)
		w.want(t, "a", f, 0, freshet.OutcomeAlready, freshet.ReasonNone)
	})
}
