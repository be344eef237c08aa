package agent_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/health"
	"github.com/freshet-vod/freshet/internal/wire"
)

// forget makes the log begin after a position.
func (c *control) forget(at freshet.Position) {
	c.with(func() {
		c.begins = map[string]freshet.Position{freshet.SubjectPurge: at, freshet.SubjectPrefetch: at}
	})
}

// again begins another life, of which nothing is known yet.
func (s *site) again(op string) {
	s.kill()
	s.mu.Lock()
	s.ready = nil
	s.mu.Unlock()
	s.start(op, 1)
}

// TestP5_AwayWithinTheLogAPOPReplaysIt has a POP away while purges come, for an
// hour and for a week: it carries out each before it takes traffic, and nothing
// is flushed.
func TestP5_AwayWithinTheLogAPOPReplaysIt(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]time.Duration{"an hour": time.Hour, "a week": 7 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				t, a := w.t, w.sites["a"]
				a.start("", 0)
				w.append(purge(u1))
				pass(3 * time.Second)
				a.kill()
				flushes := a.cache.flushes()
				a.cache.put(u1)
				a.cache.put(u2)
				var last *freshet.Entry
				for i := range 30 {
					pass(away / 30)
					last = w.append(purge([]string{u1, u2}[i%2]))
				}
				a.cache.delay = time.Second
				a.again("")
				pass(500 * time.Millisecond)
				if a.isReady() {
					t.Fatal("ready before it purged what it missed")
				}
				pass(15 * time.Second)
				if !a.isReady() || a.cache.has(u1) || a.cache.has(u2) {
					t.Fatalf("ready: %t, it holds what was purged: %t, %t", a.isReady(), a.cache.has(u1), a.cache.has(u2))
				}
				if w.beat("a").Watermark != last.At || a.cache.flushes() != flushes {
					t.Fatalf("watermark %s, want %s; %d flushes", w.beat("a").Watermark, last.At, a.cache.flushes()-flushes)
				}
				w.want(t, "a", last, 0, freshet.OutcomeDone, freshet.ReasonNone)
			})
		})
	}
}

// TestP5_AwayBeyondTheLogAPOPRevalidatesEverything has the log begin later than
// where the POP stopped.
func TestP5_AwayBeyondTheLogAPOPRevalidatesEverything(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t, a := w.t, w.sites["a"]
		a.start("", 0)
		w.append(purge(u1))
		pass(3 * time.Second)
		a.kill()
		flushes := a.cache.flushes()
		missed := w.append(purge(u1))
		denied := w.append(deny(u2))
		gone := w.append(purge(u1))
		w.forget(gone.At)
		later := w.append(purge(u1))
		a.cache.put(u1)
		a.cache.flushTakes = 10 * time.Second
		a.again("")
		pass(5 * time.Second)
		if a.isReady() || !w.beat("a").Watermark.Before(gone.At) {
			t.Fatalf("ready: %t, watermark %s, though nothing was revalidated", a.isReady(), w.beat("a").Watermark)
		}
		pass(10 * time.Second)
		if !a.isReady() || a.cache.flushes() != flushes+1 || w.beat("a").Watermark != later.At {
			t.Fatalf("ready: %t, %d flushes, watermark %s", a.isReady(), a.cache.flushes()-flushes, w.beat("a").Watermark)
		}
		// What lasts was told, what is behind the gap was done, and nothing is said
		// of what was never heard of.
		w.wantRefused("a", u2)
		w.want(t, "a", denied, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.want(t, "a", later, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.wantNone(t, "a", missed, 0)
		w.wantNone(t, "a", gone, 0)
		// It is over with that: the next life knows.
		a.again("")
		pass(5 * time.Second)
		if !a.isReady() || a.cache.flushes() != flushes+1 {
			t.Fatalf("ready: %t, %d flushes after another start", a.isReady(), a.cache.flushes()-flushes)
		}
	})
}

// TestP5_AFlushThatWasCutOffIsMadeAgain kills the POP before its cache is told,
// and before the watermark is written.
func TestP5_AFlushThatWasCutOffIsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"before flush", "before cursor"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				t, a := w.t, w.sites["a"]
				a.start("", 0)
				w.append(purge(u1))
				pass(3 * time.Second)
				a.kill()
				flushes := a.cache.flushes()
				w.forget(w.append(purge(u2)).At)
				a.again(op)
				pass(10 * time.Second)
				a.again("")
				pass(10 * time.Second)
				want := flushes + 1
				if op == "before cursor" {
					want++ // nobody knew of the first
				}
				if !a.isReady() || a.cache.flushes() != want {
					t.Fatalf("ready: %t, %d flushes", a.isReady(), a.cache.flushes()-flushes)
				}
			})
		})
	}
}

// TestP5_AGapIsCrossedBehindTheParents: a child that missed history revalidates
// when its parent has, and again when one comes back that was excused.
func TestP5_AGapIsCrossedBehindTheParents(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t, s, e := w.t, w.sites["s"], w.sites["e"]
		s.start("", 0)
		e.start("", 0)
		w.append(purge(u1))
		pass(3 * time.Second)
		s.kill()
		e.kill()
		first := e.cache.flushes()
		gone := w.append(purge(u1))
		w.forget(gone.At)
		e.again("")
		pass(30 * time.Second)
		if e.isReady() || e.cache.flushes() != first {
			t.Fatal("the child did not wait for its parent")
		}
		// Excused, it is not waited for; but what comes from it is not trusted.
		w.append(member(freshet.MemberDown, "s"))
		pass(10 * time.Second)
		if !e.isReady() || e.cache.flushes() != first+1 {
			t.Fatalf("ready: %t, %d flushes while the parent is excused", e.isReady(), e.cache.flushes()-first)
		}
		s.start("", 0)
		w.append(member(freshet.MemberUp, "s"))
		pass(20 * time.Second)
		if !e.isReady() || e.cache.flushes() != first+2 || w.beat("s").Watermark.Before(gone.At) {
			t.Fatalf("ready: %t, %d flushes after the parent's return", e.isReady(), e.cache.flushes()-first)
		}
	})
}

// TestP5_ALifeThatWasCutOffForLongCrossesTheGap is about a POP that ran all the
// time and heard nothing.
func TestP5_ALifeThatWasCutOffForLongCrossesTheGap(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t, a := w.t, w.sites["a"]
		a.start("", 0)
		w.append(purge(u1))
		pass(3 * time.Second)
		flushes := a.cache.flushes()
		w.weather.turn(faults{Mute: true, Cut: true})
		w.append(purge(u1))
		w.forget(w.append(purge(u2)).At)
		pass(time.Hour)
		w.weather.turn(faults{})
		pass(time.Minute)
		if got := a.readiness(); a.cache.flushes() != flushes+1 || !slices.Equal(got, []bool{true, false, true}) {
			t.Fatalf("%d flushes, readiness %v", a.cache.flushes()-flushes, got)
		}
	})
}

// TestP5_AFlushedPOPWaitsForItsTurn: while another POP of the tier asks about
// all that it holds, this one catches up, says what it waits for, and takes no
// traffic.
func TestP5_AFlushedPOPWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]bool{"at a start": false, "in a life": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				t, a := w.t, w.sites["a"]
				a.start("", 0)
				w.append(purge(u1))
				pass(3 * time.Second)
				a.kill()
				flushes := a.cache.flushes()
				if gap {
					w.forget(w.append(purge(u2)).At)
				} else {
					a.cache.incarnation, a.cache.cursor = "second", freshet.Position{}
				}
				last := w.append(purge(u1))
				w.with(func() { w.busy, w.asks = time.Now().Add(time.Hour), nil })
				a.again("")
				pass(50 * time.Minute)
				a.hinders("waits for its turn", health.Turn)
				if a.isReady() || a.cache.flushes() != flushes+1 || w.beat("a").Watermark != last.At {
					t.Fatalf("ready: %t, %d flushes, watermark %s before its turn", a.isReady(), a.cache.flushes()-flushes, w.beat("a").Watermark)
				}
				pass(11 * time.Minute)
				a.hinders("")
				asked := len(w.asks)
				pass(time.Minute)
				if !a.isReady() || len(w.asks) != asked {
					t.Fatalf("ready: %t after its turn came; asked %d times since", a.isReady(), len(w.asks)-asked)
				}
			})
		})
	}
}

// TestP5_NobodyWaitsForASilentControlPlanesTurn for longer than is set.
func TestP5_NobodyWaitsForASilentControlPlanesTurn(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t, a := w.t, w.sites["a"]
		a.opts = func(o *agent.Options) { o.Bus = mute{o.Bus} }
		a.start("", 0)
		pass(55 * time.Second)
		a.hinders("waits for its turn", health.Turn)
		pass(30 * time.Second)
		a.hinders("")
		if a.cache.flushes() != 1 || !a.isReady() {
			t.Fatalf("%d flushes, ready: %t", a.cache.flushes(), a.isReady())
		}
	})
}

// mute is a bus on which nobody answers about turns.
type mute struct{ bus.Agent }

func (m mute) Do(ctx context.Context, call bus.Call, req []byte) ([]byte, error) {
	if call == bus.CallTurn {
		return nil, errors.New("model: nobody answers")
	}
	return m.Agent.Do(ctx, call, req)
}

// TestP5_WhoNeedsNoTurnAsksForNone: an empty cache, and a control plane of an
// older release.
func TestP5_WhoNeedsNoTurnAsksForNone(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*world){
		"an empty cache": func(w *world) {
			w.sites["a"].opts = func(o *agent.Options) { o.Driver = emptyCache{o.Driver, o.Driver.(cache.Denier)} }
		},
		"an older control plane": func(w *world) { w.release(wire.Version2, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				prepare(w)
				w.with(func() { w.busy = time.Now().Add(time.Hour) })
				a := w.sites["a"]
				a.start("", 0)
				pass(5 * time.Second)
				if n := a.cache.flushes(); n != 1 || !a.isReady() || len(w.asks) != 0 {
					w.t.Fatalf("%d flushes, ready: %t, asked %v", n, a.isReady(), w.asks)
				}
			})
		})
	}
}

type emptyCache struct {
	cache.Driver
	cache.Denier
}

func (emptyCache) Empty() bool { return true }

// TestP5_WithoutItsJournalAChildDoubtsWhatItFilled: which purges ran while a
// parent was excused nobody remembers, so that what was filled from it meanwhile
// is asked about once it is back.
func TestP5_WithoutItsJournalAChildDoubtsWhatItFilled(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t, s, e := w.t, w.sites["s"], w.sites["e"]
		s.start("", 0)
		e.start("", 0)
		pass(2 * time.Second)
		s.kill()
		w.append(member(freshet.MemberDown, "s"))
		w.append(purge(u1))
		pass(3 * time.Second)
		e.kill()
		flushes := e.cache.flushes()
		e.disk = newDisk(t)
		w.with(func() { w.topology.POPs = w.topology.POPs[:0:0] }) // who the parents are is not told at once
		e.again("")
		pass(3 * time.Second)
		w.with(func() { w.topology = freshet.Topology{Version: 2, POPs: pops(pop("s"), pop("e", "s"))} })
		e.again("")
		pass(time.Minute)
		if !e.isReady() || e.cache.flushes() != flushes {
			t.Fatalf("ready: %t, %d flushes while the parent is away", e.isReady(), e.cache.flushes()-flushes)
		}
		e.again("") // it does not forget its doubt
		s.start("", 0)
		w.append(member(freshet.MemberUp, "s"))
		pass(10 * time.Second)
		if !e.isReady() || e.cache.flushes() != flushes+1 {
			t.Fatalf("ready: %t, %d flushes after the parent's return", e.isReady(), e.cache.flushes()-flushes)
		}
		e.again("")
		pass(10 * time.Second)
		if e.cache.flushes() != flushes+1 {
			t.Fatalf("%d flushes", e.cache.flushes()-flushes)
		}
	})
}
