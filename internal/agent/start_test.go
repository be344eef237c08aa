package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
)

func TestP5_POPCatchesUpBeforeItServes(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		e, s := w.sites["e"], w.sites["s"]
		w.weather.turn(faults{Mute: true, Cut: true})
		e.start("", 0)
		pass(10 * time.Second)
		if len(e.readiness()) != 0 {
			t.Fatal("ready without having heard the control plane")
		}
		w.append(purge(u1))
		w.weather.turn(faults{})
		pass(time.Minute)
		if len(e.readiness()) != 0 {
			t.Fatal("ready below the head of the log")
		}
		s.start("", 0)
		pass(3 * time.Second)
		if got := e.readiness(); !slices.Equal(got, []bool{true}) {
			t.Fatalf("readiness %v, want it once", got)
		}
		if !w.beat("e").Ready {
			t.Fatal("the heartbeat does not say so")
		}
		// Losing contact later does not take it out of service.
		w.weather.turn(faults{Mute: true, Cut: true})
		pass(time.Minute)
		if !e.isReady() {
			t.Fatal("not ready any more")
		}
	})
}

func TestP5_ReturningPOPIsNotReadyBeforeTheHeadOfItsReturn(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		e, s := w.sites["e"], w.sites["s"]
		e.start("", 0)
		s.start("", 0)
		pass(3 * time.Second)
		w.append(member(freshet.MemberDown, "e"))
		pass(time.Second)
		if e.isReady() {
			t.Fatal("ready though marked down")
		}
		s.kill()
		p := w.append(purge(u1))
		w.append(member(freshet.MemberUp, "e"))
		pass(time.Minute)
		if e.isReady() {
			t.Fatal("ready though a purge is owed")
		}
		s.start("", 0)
		pass(3 * time.Second)
		w.want(t, "e", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if got := e.readiness(); !slices.Equal(got, []bool{true, false, true}) {
			t.Fatalf("readiness %v", got)
		}
	})
}

func TestP5_StartTakesTheLowerCursor(t *testing.T) {
	t.Parallel()
	type start struct {
		name    string
		between func(s *site, first, second freshet.Position)
		again   int // how often the second purge ran in all
		first   int // and the first
		flushes int // after the first start, which knows nothing and flushes
	}
	lose := func(s *site) { s.disk = newDisk(s.t) }
	for _, tc := range []start{
		{"nothing happened", func(*site, freshet.Position, freshet.Position) {}, 1, 1, 0},
		{"cache restored from a copy", func(s *site, first, _ freshet.Position) { s.cache.cursor = first }, 2, 1, 0},
		{"cursor lost, content kept", func(s *site, _, _ freshet.Position) { s.cache.cursor = freshet.Position{} }, 2, 2, 0},
		{"journal lost", func(s *site, first, _ freshet.Position) { lose(s); s.cache.cursor = first }, 2, 1, 0},
		{"new content", func(s *site, _, _ freshet.Position) {
			s.cache.incarnation, s.cache.cursor = "second", freshet.Position{}
		}, 1, 1, 1},
		{"both lost", func(s *site, _, _ freshet.Position) {
			lose(s)
			s.cache.incarnation, s.cache.cursor = "second", freshet.Position{}
		}, 2, 2, 1},
		{"a cache without a cursor", func(s *site, _, _ freshet.Position) { s.cache.powers.KeepsCursor = false }, 1, 1, 0},
		{"a cache without a cursor that was emptied", func(s *site, _, _ freshet.Position) {
			s.cache.powers.KeepsCursor, s.cache.incarnation = false, "second"
		}, 1, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				t := w.t
				s := w.sites["a"]
				s.start("", 0)
				first := w.append(purge(u1))
				pass(2 * time.Second)
				second := w.append(purge(u2))
				pass(3 * time.Second)
				s.kill()
				flushes := len(s.cache.flushed)
				tc.between(s, first.At, second.At)
				s.start("", 0)
				pass(5 * time.Second)
				if n := len(s.cache.effectsOn(u2)); n != tc.again {
					t.Errorf("the second purge ran %d times, want %d", n, tc.again)
				}
				if n := len(s.cache.effectsOn(u1)); n != tc.first {
					t.Errorf("the first purge ran %d times, want %d", n, tc.first)
				}
				if n := len(s.cache.flushed) - flushes; n != tc.flushes {
					t.Errorf("flushed %d times, want %d", n, tc.flushes)
				}
				if h := w.beat("a"); h.Watermark != second.At || h.Incarnation != s.cache.incarnation || !s.isReady() {
					t.Errorf("heartbeat %+v, ready %v", h, s.isReady())
				}
				if s.cache.powers.KeepsCursor && s.cache.cursor != second.At {
					t.Errorf("the cache's cursor is %s, want %s", s.cache.cursor, second.At)
				}
			})
		})
	}
}

func TestP5_ContentThatChangesUnderTheAgentIsFlushed(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.start("", 0)
		e := w.append(purge(u1))
		pass(3 * time.Second)
		flushes := len(s.cache.flushed)
		s.cache.with(func() { s.cache.incarnation, s.cache.cursor = "second", freshet.Position{} })
		pass(35 * time.Second)
		if len(s.cache.flushed) != flushes+1 || s.cache.cursor != e.At || w.beat("a").Incarnation != "second" {
			t.Fatalf("flushed %d times, cursor %s, heartbeat %+v", len(s.cache.flushed)-flushes, s.cache.cursor, w.beat("a"))
		}
	})
}

func TestP5_ContentRestoredUnderTheAgentIsPurgedAgain(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} { // by the next cursor that is written, or by the next look
		bubble(t, pops(pop("a")), func(w *world) {
			t := w.t
			s := w.sites["a"]
			s.start("", 0)
			first := w.append(purge(u1))
			pass(3 * time.Second)
			second := w.append(purge(u2))
			pass(3 * time.Second)
			before := len(s.cache.effectsOn(u2))
			s.cache.with(func() {
				s.cache.cursor = first.At
				s.cache.stored[u2] = freshet.Copy{FetchedAt: time.Now().Add(-time.Hour), Generation: first.At}
			})
			last := second
			if !late {
				s.cache.with(func() { s.cache.expect = second.At })
				last = w.append(purge(u3))
			}
			pass(40 * time.Second)
			if len(s.cache.effectsOn(u2)) != before+1 || s.cache.has(u2) {
				t.Errorf("late %v: the restored copy was not purged: %v", late, s.cache.effectsOn(u2))
			}
			if h := w.beat("a"); h.Watermark != last.At || !s.isReady() {
				t.Errorf("late %v: heartbeat %+v", late, h)
			}
		})
	}
}

func TestP5_POPEnrolledAgainRevalidates(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.start("", 0)
		w.append(member(freshet.MemberEnrol, "a"))
		pass(3 * time.Second)
		if n := len(s.cache.flushed); n != 1 {
			t.Fatalf("flushed %d times by the first enrolment, want none but the start's", n)
		}
		w.append(member(freshet.MemberRemove, "a"))
		pass(3 * time.Second)
		if s.isReady() {
			t.Fatal("ready though removed")
		}
		s.kill()
		missed := purge(u1)
		missed.Targets = []string{"b"}
		w.append(missed)
		w.append(member(freshet.MemberEnrol, "a"))
		s.start("", 0)
		pass(5 * time.Second)
		if n := len(s.cache.flushed); n != 2 || !s.isReady() {
			t.Fatalf("flushed %d times, ready %v", n, s.isReady())
		}
	})
}

func TestP5_CursorThatCannotBeWrittenHoldsTheWatermarkOnly(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		sick := true
		s.cache.verdict = func(op, _ string, _ freshet.Position) freshet.Reason {
			if op == "cursor" && sick {
				return freshet.ReasonUnreachable
			}
			return freshet.ReasonNone
		}
		s.start("", 0)
		e := w.append(purge(u1))
		pass(time.Minute)
		w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if h := w.beat("a"); !h.Watermark.IsZero() {
			t.Fatalf("watermark %s though the cache does not hold it", h.Watermark)
		}
		s.cache.with(func() { sick = false })
		pass(31 * time.Second)
		if h := w.beat("a"); h.Watermark != e.At {
			t.Fatalf("watermark %s, want %s", h.Watermark, e.At)
		}
	})
}

func TestTopologyIsSavedAndFollowed(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a"), pop("b", "a")), func(w *world) {
		t := w.t
		s := w.sites["b"]
		s.start("", 0)
		pass(2 * time.Second)
		w.with(func() { w.topology = freshet.Topology{Version: 2, POPs: pops(pop("a"), pop("b"))} })
		e := w.append(purge(u1))
		pass(5 * time.Second)
		w.wantNone(t, "b", e, 0)
		pass(31 * time.Second)
		w.want(t, "b", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		s.kill()
		w.weather.turn(faults{Cut: true})
		s.start("", 0)
		pass(2 * time.Second)
		if !slices.Equal(s.topologies, []uint64{1, 2, 2}) {
			t.Fatalf("topologies %v, want both and then the saved one", s.topologies)
		}
	})
}

func TestNothingRunsBeforeTheParentsAreKnown(t *testing.T) {
	t.Parallel()
	bubble(t, nil, func(w *world) {
		t := w.t
		s := newSite(t, w.control, "a")
		w.sites["a"] = s
		s.start("", 0)
		e := purge(u1)
		e.Targets = []string{"a"}
		w.append(e)
		pass(time.Minute)
		w.wantNone(t, "a", e, 0)
		w.with(func() { w.topology = freshet.Topology{Version: 2, POPs: pops(pop("a"))} })
		pass(31 * time.Second)
		w.want(t, "a", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
	})
}

func TestP10_ReadAheadIsBounded(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		s := w.sites["e"]
		s.opts = func(o *agent.Options) { o.ReadAhead = 7 }
		s.start("", 0)
		pass(2 * time.Second)
		var all []*freshet.Entry
		for range 40 {
			all = append(all, w.append(purge(u1)))
		}
		pass(10 * time.Second)
		calls := 0
		w.with(func() { calls = w.pulls })
		pass(time.Minute)
		w.with(func() {
			if w.pulls != calls {
				t.Errorf("%d pulls while there is no room", w.pulls-calls)
			}
		})
		if h := s.a.Heartbeat(); h.Owed != 7 {
			t.Fatalf("%d entries are held, want 7", h.Owed)
		}
		w.sites["s"].start("", 0)
		pass(5 * time.Second)
		for _, e := range all {
			if _, ok := w.answer("e", e.At, 0); !ok {
				t.Fatalf("entry %s was lost", e.At)
			}
		}
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	if _, err := agent.New(agent.Options{}); err == nil {
		t.Fatal("no POP was named")
	}
	if _, err := agent.New(agent.Options{POP: "a"}); err == nil {
		t.Fatal("there is no bus, driver and journal")
	}
}
