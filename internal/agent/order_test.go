package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
)

const (
	u1 = "http://vod.example.com/a/1.ts"
	u2 = "http://vod.example.com/a/2.ts"
	u3 = "http://vod.example.com/b/3.ts"
)

func TestP2_PurgeIsCarriedOutAndProved(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.put(u1)
		s.start("", 0)
		pass(2 * time.Second)
		e := w.append(purge(u1, u2))
		pass(500 * time.Millisecond)
		f := w.want(t, "a", e, 0, freshet.OutcomeDone, freshet.ReasonNone)
		if f.Verified != freshet.VerifiedInspect || f.Attempts != 1 || f.Before.Validator != `"old"` || f.After.Stored() {
			t.Fatalf("evidence is thin: %+v", f)
		}
		w.want(t, "a", e, 1, freshet.OutcomeAlready, freshet.ReasonNone)
		if h := w.beat("a"); h.Watermark != e.At || !h.Ready || h.Known != e.At || h.KnownTask != e.FirstTask+1 {
			t.Fatalf("heartbeat %+v", h)
		}
		if s.cache.cursor != e.At {
			t.Fatalf("cursor %s", s.cache.cursor)
		}
		pass(2 * time.Second) // clearing the spool is not in a hurry
		if s.disk.spooled() != 0 {
			t.Fatalf("spooled %d", s.disk.spooled())
		}
	})
}

func TestP3_ObjectIsPurgedOnceAtItsHighestPosition(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		first := w.append(purge(u1))
		second := w.append(purge(u1, u2))
		last := w.append(purge(u1))
		w.sites["a"].start("", 0)
		pass(3 * time.Second)
		if got := w.sites["a"].cache.effectsOn(u1); !slices.Equal(got, []freshet.Position{last.At}) {
			t.Fatalf("purged at %v, want once at %s", got, last.At)
		}
		for _, e := range []*freshet.Entry{first, second} {
			if f := w.want(t, "a", e, 0, freshet.OutcomeCovered, freshet.ReasonNone); f.CoveredBy != last.At {
				t.Fatalf("%s covered by %s, want %s", e.At, f.CoveredBy, last.At)
			}
		}
		w.want(t, "a", second, 1, freshet.OutcomeAlready, freshet.ReasonNone)
		w.want(t, "a", last, 0, freshet.OutcomeAlready, freshet.ReasonNone)
	})
}

func TestP2_LostPushesArePulled(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		w.sites["a"].start("", 0)
		pass(2 * time.Second)
		w.weather.turn(faults{Mute: true})
		var all []*freshet.Entry
		for range 12 {
			all = append(all, w.append(purge(u1)), w.append(prefetch(u2)))
		}
		pass(5 * time.Second)
		w.wantNone(t, "a", all[0], 0)
		w.weather.turn(faults{})
		pass(5 * time.Second)
		for _, e := range all {
			if _, ok := w.answer("a", e.At, 0); !ok {
				t.Fatalf("entry %s was lost", e.At)
			}
		}
	})
}

func TestP2_PushBeyondAGapIsNotApplied(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		w.sites["a"].start("", 0)
		pass(2 * time.Second)
		w.weather.turn(faults{Mute: true, Cut: true})
		lost := w.append(purge(u1))
		w.weather.turn(faults{Cut: true})
		seen := w.append(purge(u2))
		pass(20 * time.Second)
		w.wantNone(t, "a", seen, 0)
		if n := len(w.sites["a"].cache.effectsOn(u2)); n != 0 {
			t.Fatal("an entry behind a gap was carried out")
		}
		w.weather.turn(faults{})
		pass(time.Minute)
		w.want(t, "a", lost, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		w.want(t, "a", seen, 0, freshet.OutcomeAlready, freshet.ReasonNone)
	})
}

func TestP2_RaisedEpochIsFollowed(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		w.sites["a"].start("", 0)
		for range 9 {
			w.append(purge(u1))
		}
		pass(2 * time.Second)
		// The control plane forgets its newest entries and raises its epoch.
		w.with(func() { w.log = w.log[:4]; w.next = freshet.Position{Epoch: 1, Pos: 5} })
		e := w.append(purge(u2))
		pass(3 * time.Second)
		w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if h := w.beat("a"); h.Watermark != e.At {
			t.Fatalf("watermark %s, want %s", h.Watermark, e.At)
		}
	})
}

func TestP2_TransientFailureHoldsTheWatermarkOnly(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		sick := true
		s.cache.verdict = func(op, url string, _ freshet.Position) freshet.Reason {
			if op == "purge" && url == u1 && sick {
				return freshet.ReasonTimeout
			}
			return freshet.ReasonNone
		}
		s.start("", 0)
		pass(2 * time.Second)
		e := w.append(purge(u1, u2))
		later := w.append(purge(u3))
		pass(5 * time.Minute)
		w.wantNone(t, "a", e, 0)
		w.want(t, "a", e, 1, freshet.OutcomeAlready, freshet.ReasonNone)
		w.want(t, "a", later, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if n := len(s.cache.effectsOn(u2)); n != 1 {
			t.Fatalf("a neighbour was purged %d times, want once", n)
		}
		if h := w.beat("a"); !h.Watermark.Before(e.At) {
			t.Fatalf("watermark %s passed a purge that was not carried out", h.Watermark)
		}
		s.cache.with(func() { sick = false })
		pass(31 * time.Second)
		f := w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if f.Attempts < 10 {
			t.Fatalf("%d attempts are reported", f.Attempts)
		}
		if h := w.beat("a"); h.Watermark != later.At {
			t.Fatalf("watermark %s, want %s", h.Watermark, later.At)
		}
	})
}

func TestP2_FillThatSlippedInIsPurgedAgain(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.put(u1)
		s.cache.powers.DefeatsFills = false
		s.cache.lateFill = 1
		s.start("", 0)
		pass(2 * time.Second)
		e := w.append(purge(u1))
		pass(time.Second)
		w.wantNone(t, "a", e, 0)
		s.cache.with(func() { s.cache.lateFill = 0 })
		pass(time.Minute)
		f := w.want(t, "a", e, 0, freshet.OutcomeDone, freshet.ReasonNone)
		if f.Attempts < 4 || f.Verified != freshet.VerifiedInspectJoined || s.cache.has(u1) {
			t.Fatalf("%+v, stored %v", f, s.cache.has(u1))
		}
	})
}

func TestP2_OldFillInFlightIsCaughtAtOnce(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.start("", 0)
		pass(2 * time.Second)
		s.cache.with(func() { s.cache.slipIn = 2 })
		e := w.append(purge(u1))
		pass(50 * time.Millisecond)
		if f := w.want(t, "a", e, 0, freshet.OutcomeDone, freshet.ReasonNone); f.Attempts != 3 || s.cache.has(u1) {
			t.Fatalf("%d attempts, stored %v", f.Attempts, s.cache.has(u1))
		}
	})
}

func TestP2_EvidenceIsSentAgainUntilAcknowledged(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		w.sites["a"].start("", 0)
		pass(2 * time.Second)
		w.with(func() { w.refuse = 3 })
		e := w.append(purge(u1))
		pass(time.Minute)
		w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if n := w.sites["a"].disk.spooled(); n != 0 {
			t.Fatalf("%d messages are still spooled", n)
		}
		w.with(func() {
			for id, seen := range w.numbers {
				for n := range uint64(len(seen)) {
					if !seen[n+1] {
						t.Errorf("%s: number %d is missing of %d", id, n+1, len(seen))
					}
				}
			}
		})
	})
}
