package agent_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/wire"
)

// wantRefused fails unless a POP's cache refuses these URLs and no others.
func (w *world) wantRefused(id string, urls ...string) {
	w.t.Helper()
	if got := slices.Sorted(maps.Keys(w.sites[id].cache.refuses())); !slices.Equal(got, urls) {
		w.t.Fatalf("%s refuses %q, want %q", id, got, urls)
	}
}

// A denial does not wait for parents, and what comes after it in the log waits
// for it; an allowance waits for the parents, who would refuse too.
func TestDeny_IsAheadOfParentsAndAllowIsBehindThem(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("shield"), pop("edge", "shield")), func(w *world) {
		w.sites["edge"].start("", 0)
		pass(time.Second)
		d, p := w.append(deny(u1, u2)), w.append(purge(u1, u2))
		pass(time.Second)
		w.wantRefused("edge", u1, u2)
		w.want(w.t, "edge", d, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.wantNone(w.t, "edge", p, 0) // its parent has not purged
		a := w.append(allow(u1))
		again := w.append(deny(u2)) // again, behind what waits
		pass(time.Second)
		w.wantRefused("edge", u1, u2)
		w.want(w.t, "edge", again, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.sites["shield"].start("", 0)
		pass(5 * time.Second)
		w.want(w.t, "edge", p, 1, freshet.OutcomeAlready, freshet.ReasonNone)
		w.want(w.t, "edge", a, 0, freshet.OutcomeDone, freshet.ReasonNone)
		for _, id := range []string{"shield", "edge"} {
			w.wantRefused(id, u2)
			for _, e := range w.sites[id].cache.effects {
				// The shield came late: its list said already that u1 is allowed.
				if !e.denied && (id == "edge" || e.url != u1) {
					w.t.Errorf("%s purged %s at %s before it was refused", id, e.url, e.at)
				}
			}
			if b := w.beat(id); b.Watermark != again.At || !b.Ready {
				w.t.Errorf("%s ends with %+v", id, b)
			}
		}
		// Order is by position: what was read first does not undo what is later.
		first := w.append(allow(u2))
		pass(3 * time.Second)
		w.wantRefused("edge")
		w.want(w.t, "edge", first, 0, freshet.OutcomeDone, freshet.ReasonNone)
	})
}

// The agent's end between the denial and the purge loses neither, and the
// cache, which forgot, is told before the POP takes traffic.
func TestDeny_SurvivesTheEndOfTheAgentAtAnyPoint(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"before deny", "after deny", "before purge", "after purge", "before commit", "after commit"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				s := w.sites["a"]
				s.cache.put(u1)
				s.start("", 0)
				pass(2 * time.Second)
				s.kill()
				s.start(op, 2)
				pass(time.Second)
				for range 2 {
					w.append(deny(u1))
					w.append(purge(u1))
				}
				pass(2 * time.Second)
				s.kill()
				s.cache.forgets()
				n := len(s.readiness())
				s.opts = func(o *agent.Options) {
					o.OnReady = func(ready bool) {
						if _, ok := s.cache.refuses()[u1]; ready && !ok {
							w.t.Error("it takes traffic and does not refuse what is denied")
						}
						s.mu.Lock()
						defer s.mu.Unlock()
						s.ready = append(s.ready, ready)
					}
				}
				s.start("", 0)
				pass(5 * time.Second)
				if len(s.readiness()) == n || !s.isReady() {
					w.t.Fatal("it is not ready")
				}
				w.wantRefused("a", u1)
				for i, e := range w.log {
					if a, ok := w.answer("a", e.At, 0); !ok || a.fact.Outcome == freshet.OutcomeFailed {
						w.t.Errorf("entry %d, a %s, ended %+v", i, e.Kind, a.fact)
					}
				}
				for _, e := range s.cache.effects {
					if !e.denied {
						w.t.Errorf("%s was purged at %s and not refused", e.url, e.at)
					}
				}
			})
		})
	}
}

// A POP that enrols later, or lost its journal, has the list before it serves,
// though the log does not tell it any more.
func TestDeny_TheListComesBeforeTraffic(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a"), pop("b")), func(w *world) {
		w.sites["a"].start("", 0)
		pass(time.Second)
		w.append(deny(u1, u2, u3))
		w.append(allow(u2))
		p := w.append(purge(u1, u2, u3))
		pass(3 * time.Second)
		w.wantRefused("a", u1, u3)
		b := w.sites["b"]
		b.cache.with(func() { b.cache.cursor = p.At }) // the cache is past it: the log is not read from its beginning
		b.opts = func(o *agent.Options) {
			o.OnReady = func(ready bool) {
				if got := b.cache.refuses(); ready && len(got) != 2 {
					w.t.Errorf("it takes traffic and refuses %v", got)
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				b.ready = append(b.ready, ready)
			}
		}
		b.start("", 0)
		pass(3 * time.Second)
		w.wantRefused("b", u1, u3)
		if !b.isReady() {
			w.t.Error("it is not ready")
		}
	})
}

// What was denied while the control plane was of a release that did not know
// it, or was read in its version, comes with the list.
func TestDeny_AnOlderControlPlaneHasNoListAndANewOneTellsIt(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		w.release(wire.Version2, 10)
		s := w.sites["a"]
		s.start("", 0)
		pass(3 * time.Second)
		if !s.isReady() || w.denyPulls > 0 {
			t.Fatalf("ready %v after asking %d times for what the control plane does not know", s.isReady(), w.denyPulls)
		}
		e := w.append(deny(u1)) // heard of in a version that it may have missed
		w.with(func() { w.speaks = wire.Version3 })
		pass(time.Minute)
		w.wantRefused("a", u1)
		if b := w.beat("a"); b.Watermark != e.At {
			t.Errorf("the watermark is %s", b.Watermark)
		}
	})
}

// What is denied is not prefetched, whatever the cache can do.
func TestDeny_PrefetchesFail(t *testing.T) {
	t.Parallel()
	for _, able := range []bool{true, false} {
		t.Run(fmt.Sprint(able), func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				s := w.sites["a"]
				s.cache.powers.Denies = able
				s.start("", 0)
				pass(time.Second)
				d := w.append(deny(u1))
				p := w.append(purge(u1))
				f := w.append(prefetch(u1, u2))
				pass(3 * time.Second)
				w.want(w.t, "a", f, 0, freshet.OutcomeFailed, freshet.ReasonDenied)
				w.want(w.t, "a", f, 1, freshet.OutcomeDone, freshet.ReasonNone)
				w.want(w.t, "a", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
				if able {
					w.want(w.t, "a", d, 0, freshet.OutcomeDone, freshet.ReasonNone)
				} else { // named, and in nobody's way
					w.want(w.t, "a", d, 0, freshet.OutcomeFailed, freshet.ReasonUnsupported)
				}
				w.append(allow(u1))
				f = w.append(prefetch(u1))
				pass(3 * time.Second)
				w.want(w.t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone)
			})
		})
	}
}

// Denials, allowances, purges and prefetches in any order, with restarts, lost
// and repeated messages, and faults of the caches, end with every cache
// refusing what the log says; nothing that a takedown purges is purged before
// it is refused.
func TestP3_DenialsFollowTheLogInEveryHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := genHistory(rt)
		h.Refuse = ""
		h.Acts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
			a := genAct(t, h.POPs)
			if kind := rapid.SampledFrom([]string{"", "deny", "takedown", "takedown", "allow", "allow"}).Draw(t, "list"); kind != "" {
				a.Kind = kind
				a.URLs = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{u1, u2, u3}), 1, 3, rapid.ID[string]).Draw(t, "listed")
			} else if a.Kind == "start" && a.Op == "before cursor" {
				a.Op = rapid.SampledFrom([]string{"before deny", "after deny"}).Draw(t, "deny")
			} else if a.Kind == "release" {
				a.Kind = "wait"
			}
			return a
		}), 1, 25).Draw(rt, "acts")
		var faulty string
		synctest.Test(t, func(t *testing.T) { faulty = h.playDenials(t) })
		if faulty != "" {
			rt.Fatal(faulty)
		}
	})
}

func (h *history) playDenials(t *testing.T) string {
	t.Helper()
	w := newWorld(t, h.Seed, h.POPs...)
	defer w.end()
	w.weather.turn(h.Bad)
	for _, p := range h.POPs {
		s := w.sites[p.ID]
		s.cache.powers.DefeatsFills, s.cache.powers.KeepsCursor = h.Defeats, h.Keeps
		s.cache.transient = h.Lost
		s.opts = func(o *agent.Options) { o.CallTimeout = 3 * time.Second }
		s.disk.delay = h.Sync
		s.start("", 0)
	}
	down := map[string]bool{}
	paired := map[freshet.Position]freshet.Position{} // a takedown's purge: its denial
	for _, a := range h.Acts {
		switch a.Kind {
		case "deny":
			w.append(deny(a.URLs...))
		case "allow":
			w.append(allow(a.URLs...))
		case "takedown":
			d := w.append(deny(slices.Clone(a.URLs)...))
			paired[w.append(purge(a.URLs...)).At] = d.At
		default:
			h.do(w, a, down)
		}
		pass(a.Wait)
	}
	w.weather.turn(faults{})
	for _, p := range h.POPs {
		s := w.sites[p.ID]
		s.cache.with(func() { s.cache.transient = 0 })
		s.kill()
		s.cache.forgets()
		s.start("", 0)
		if down[p.ID] {
			w.append(member(freshet.MemberUp, p.ID))
		}
	}
	pass(5 * time.Minute)
	return w.denialsHold(paired)
}

// denialsHold returns what is wrong in the end.
func (w *world) denialsHold(paired map[freshet.Position]freshet.Position) string {
	w.mu.Lock()
	log := slices.Clone(w.log)
	w.mu.Unlock()
	want := map[string]int{}
	for u, d := range deniedBy(log) {
		want[u] = d.Status
	}
	allowedAfter := func(url string, at freshet.Position) bool {
		return slices.ContainsFunc(log, func(e *freshet.Entry) bool {
			return e.Kind == freshet.EntryAllow && at.Before(e.At) && slices.Contains(e.Selector.URLs, url)
		})
	}
	for id, s := range w.sites {
		if got := s.cache.refuses(); !maps.Equal(got, want) {
			return fmt.Sprintf("%s refuses %v, the log says %v", id, got, want)
		}
		for _, e := range s.cache.effects {
			if d, ok := paired[e.at]; ok && !e.denied && !allowedAfter(e.url, d) {
				return fmt.Sprintf("%s purged %s at %s before it was refused", id, e.url, e.at)
			}
		}
		for _, e := range log {
			for i := range e.Len() {
				a, ok := w.answer(id, e.At, i)
				if e.Kind.Lists() && (!ok || a.fact.Outcome != freshet.OutcomeDone && a.fact.Outcome != freshet.OutcomeAlready) {
					return fmt.Sprintf("%s: %s %s item %d ended %v %+v", id, e.Kind, e.At, i, ok, a.fact)
				}
			}
		}
	}
	return ""
}
