package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
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
