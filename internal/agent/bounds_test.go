package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
)

func TestP10_TooManyRedosGiveWayToOneFlush(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		s, e := w.sites["s"], w.sites["e"]
		e.opts = func(o *agent.Options) { o.RedoLimit = 5 }
		s.start("", 0)
		e.start("", 0)
		pass(2 * time.Second)
		s.kill()
		w.append(member(freshet.MemberDown, "s"))
		var last *freshet.Entry
		for i := range 30 {
			last = w.append(purge(u1, fmt.Sprintf("%s?%d", u2, i)))
			pass(time.Second)
			if n := len(e.disk.entries()); n > 5+1 { // and who is down
				t.Fatalf("%d entries are kept", n)
			}
		}
		w.want(t, "e", last, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		e.kill()
		e.cache.put(u1)
		e.start("", 0)
		pass(5 * time.Second)
		flushed := len(e.cache.flushed)
		s.start("", 0)
		pass(5 * time.Second)
		if len(e.cache.flushed) != flushed {
			t.Fatal("flushed while the parent is excused")
		}
		w.append(member(freshet.MemberUp, "s"))
		pass(10 * time.Second)
		if n := len(e.cache.flushed) - flushed; n != 1 {
			t.Fatalf("flushed %d times, want once", n)
		}
		if h := w.beat("e"); h.Owed != 0 || len(e.disk.entries()) != 0 || len(e.disk.state().Flushes) != 0 {
			t.Fatalf("%d owed, %d kept, marks %v", h.Owed, len(e.disk.entries()), e.disk.state().Flushes)
		}
		// From here on it is as before: one purge, one redo.
		pass(time.Second)
		s.kill()
		w.append(member(freshet.MemberDown, "s"))
		again := w.append(purge(u3))
		pass(5 * time.Second)
		s.start("", 0)
		w.append(member(freshet.MemberUp, "s"))
		pass(10 * time.Second)
		if n := len(e.cache.effectsOn(u3)); n != 2 || len(e.cache.flushed) != flushed+1 {
			t.Fatalf("%s was carried out %d times, flushed %d times", again.At, n, len(e.cache.flushed)-flushed)
		}
	})
}

func TestP2_AFullQueueDoesNotHideThatAParentIsExcused(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		e := w.sites["e"]
		e.opts = func(o *agent.Options) { o.ReadAhead = 4 }
		w.append(member(freshet.MemberEnrol, "s"))
		e.start("", 0)
		pass(2 * time.Second)
		var last *freshet.Entry
		for range 10 {
			last = w.append(purge(u1))
		}
		pass(5 * time.Second)
		w.append(member(freshet.MemberDown, "s"))
		down := pop("s")
		down.Down = true
		w.with(func() { w.topology = freshet.Topology{Version: 2, POPs: pops(down, pop("e", "s"))} })
		pass(time.Minute)
		w.want(t, "e", last, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if h := w.beat("e"); h.Watermark.Before(last.At) {
			t.Fatalf("watermark %s, want %s", h.Watermark, last.At)
		}
	})
}

func TestP10_AJournalThatCannotBeWrittenEndsTheReading(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.start("", 0)
		pass(2 * time.Second)
		s.disk.fill(true)
		urls := make([]string, 2000)
		for i := range urls {
			urls[i] = fmt.Sprintf("http://vod.example.com/%d.ts", i)
		}
		const entries = 60 // 120,000 facts
		var last *freshet.Entry
		for range entries {
			last = w.append(purge(urls...))
			pass(time.Second)
		}
		pass(time.Minute)
		if n := len(s.cache.effectsOn(urls[0])); n > 40 {
			t.Fatalf("%d of %d entries were carried out while nothing could be noted", n, entries)
		}
		s.disk.fill(false)
		pass(5 * time.Minute)
		if h := w.beat("a"); h.Watermark != last.At {
			t.Fatalf("watermark %s, want %s", h.Watermark, last.At)
		}
	})
}

func TestTopology_IsAskedForByVersion(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		w.with(func() { w.topology.Version = 7 })
		w.sites["a"].start("", 0)
		pass(2 * time.Minute)
		w.with(func() {
			if w.asked != 7 {
				w.t.Errorf("asked as one that has version %d, want 7", w.asked)
			}
		})
	})
}

func TestP7_WhatALostJournalAnsweredStandsOverTwoLives(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		old := prefetch(u1)
		old.FinishBy = time.Now().Add(time.Second)
		w.append(old)
		pass(time.Minute)
		// The journal is lost. The first life after that hears nobody.
		w.weather.turn(faults{Mute: true, Cut: true})
		s.start("", 0)
		pass(5 * time.Second)
		s.kill()
		w.weather.turn(faults{})
		s.start("", 0)
		pass(5 * time.Second)
		w.wantNone(t, "a", old, 0)
		// What ends from here on it answers for.
		next := prefetch(u2)
		next.FinishBy = time.Now().Add(time.Second)
		s.kill()
		w.append(next)
		pass(time.Minute)
		s.start("", 0)
		pass(5 * time.Second)
		w.want(t, "a", next, 0, freshet.OutcomeFailed, freshet.ReasonTimeout)
	})
}
