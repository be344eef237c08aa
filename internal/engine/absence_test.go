package engine_test

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

func keeping(o *engine.Options) { o.Store.Retention = o.Store.Jobs.(store.Retention) }

// pullsAfter asks for what comes after a position.
func (p *popPlayed) pullsAfter(v wire.Version, after freshet.Position) (wire.EntryBatch, error) {
	p.w.t.Helper()
	answer, err := p.agent.Do(p.w.t.Context(), bus.CallPull, wire.EncodePullAs(v, wire.PullRequest{Subject: freshet.SubjectPurge, After: after, Limit: 100}))
	if err != nil {
		return wire.EntryBatch{}, err
	}
	return wire.DecodeEntries(answer)
}

// told checks what a POP is told that asks for what comes after a position.
func (p *popPlayed) told(after, forgotten freshet.Position, want ...freshet.Position) {
	p.w.t.Helper()
	from := after
	first, err := p.pullsAfter(wire.Newest, after)
	must(p.w.t, err)
	var got []freshet.Position
	for b := first; len(b.Entries) > 0; {
		for _, e := range b.Entries {
			if after = e.At; e.Kind != freshet.EntryMembership {
				got = append(got, e.At)
			}
		}
		b, err = p.pullsAfter(wire.Newest, after)
		must(p.w.t, err)
	}
	same := len(got) == len(want)
	for i := range want {
		same = same && got[i] == want[i]
	}
	if first.Forgotten != forgotten || !same {
		p.w.t.Errorf("%s asks after %s and is told of %v, and that the log begins after %s; want %v, %s",
			p.id, from, got, first.Forgotten, want, forgotten)
	}
}

// TestP5_P6_AnAbsentPOPIsGivenUp holds that a POP which is away for longer than
// the log is replayed does not hold up retention, that what it owes is recorded,
// and that it is told at its return where the log begins.
func TestP5_P6_AnAbsentPOPIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keeping, "a", "b")
	a, b := w.pops["a"], w.pops["b"]
	old := w.submit(freshet.Purge, "m1")
	warm := w.submit(freshet.Prefetch, "m2")
	denied := w.submit(freshet.Takedown, "m3")
	first, second, deny := old.Rows[0].Entries[0], warm.Rows[0].Entries[0], denied.Rows[0].Entries[0]
	last := denied.Rows[0].Entries[1] // the purge that follows the denial
	for _, at := range []freshet.Position{first, second, deny, last} {
		a.say(at, freshet.OutcomeDone)
	}
	b.stream = uint64(time.Now().UnixNano()) // as an agent's is
	b.say(first, freshet.OutcomeDone, 0)
	b.told(freshet.Position{}, freshet.Position{}, first, deny, last)

	must(t, w.GiveUp(t.Context(), time.Now().Add(-time.Hour)))
	w.until(old.ID, "b owes", func(r *freshet.JobReport) bool { return r.Tally == freshet.Tally{Complete: 1, Refreshing: 2} })
	b.told(freshet.Position{}, freshet.Position{}, first, deny, last)

	cut := time.Now().Add(time.Hour)
	must(t, w.GiveUp(t.Context(), cut))
	must(t, w.GiveUp(t.Context(), cut)) // once more changes nothing
	r := w.until(old.ID, "b is given up", func(r *freshet.JobReport) bool { return r.Done })
	if want := (freshet.Tally{Complete: 1, Failed: 2}); r.Tally != want {
		t.Errorf("the purge counts %+v, want %+v", r.Tally, want)
	}
	task, err := w.TaskReport(t.Context(), account, b.entry(first).FirstTask+1)
	must(t, err)
	for _, d := range task.Deliveries {
		if d.POP == "b" && (d.Outcome != freshet.OutcomeFailed || d.Reason != freshet.ReasonAbsent) {
			t.Errorf("b's delivery reads %+v", d)
		}
	}
	w.until(warm.ID, "the prefetch is given up", func(r *freshet.JobReport) bool { return r.Done && r.Tally.Failed == 3 })
	w.until(denied.ID, "the denial is owed", func(r *freshet.JobReport) bool { return !r.Done && r.Tally.Failed == 3 })
	w.refolded(old.ID)

	// The denial is told whatever its age, with the news that the log begins later.
	b.told(freshet.Position{}, last, deny)
	b.told(deny, last)
	b.told(last, freshet.Position{})
	next := w.submit(freshet.Purge, "m2").Rows[0].Entries[0]
	b.entry(next)
	b.told(deny, last, next)
	b.told(last, freshet.Position{}, next)

	// A POP that joins now has missed nothing, and reads nothing that is not for it.
	must(t, w.AddPOP(t.Context(), freshet.POP{ID: "new"}))
	w.play("new")
	own := w.submit(freshet.Purge, "m1").Rows[0].Entries[0]
	w.pops["new"].entry(own)
	w.pops["new"].told(freshet.Position{}, freshet.Position{}, deny, own)

	// An agent that cannot be told does not get what looks like all.
	b.asks(wire.Version1)
	if got, err := b.pullsAfter(wire.Version1, deny); err == nil {
		t.Errorf("an old agent is told %+v", got)
	}

	// What is given up can be forgotten, though nobody was heard.
	must(t, w.Forget(t.Context(), cut))
	eventually(t, "the purge is forgotten", func() bool {
		must(t, w.Forget(t.Context(), cut))
		_, err := w.db.Entry(t.Context(), first)
		return freshet.ErrorCode(err) == freshet.CodeNotFound
	})
	if _, err := w.db.Entry(t.Context(), next); err != nil {
		t.Errorf("what is owed and not given up is gone: %v", err)
	}
}

// TestP5_WhatAGivenUpPOPSaysHolds has the POP come back while the log is there.
func TestP5_WhatAGivenUpPOPSaysHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keeping, "a")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	w.pops["a"].entry(at)
	must(t, w.GiveUp(t.Context(), time.Now().Add(time.Hour)))
	w.until(job.ID, "failed", status(freshet.TaskFailed))
	w.pops["a"].stream = uint64(time.Now().UnixNano())
	w.pops["a"].say(at, freshet.OutcomeDone)
	w.until(job.ID, "done after all", status(freshet.TaskComplete))
	w.refolded(job.ID)
}

// TestP5_TheHorizonOutlivesARestart holds that what was deleted is known by the
// next process, before it gives up anything itself.
func TestP5_TheHorizonOutlivesARestart(t *testing.T) { //nolint:tparallel // two lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	var at freshet.Position
	t.Run("first", func(t *testing.T) {
		w := &world{t: t, bus: membus.New(), pops: map[string]*popPlayed{}}
		w.start(dir, keeping, "a")
		at = w.submit(freshet.Purge, "m1").Rows[0].Entries[0]
		w.pops["a"].entry(at)
		must(t, w.GiveUp(t.Context(), time.Now().Add(time.Hour)))
		eventually(t, "it is forgotten", func() bool {
			must(t, w.Forget(t.Context(), time.Now().Add(time.Hour)))
			_, err := w.db.Entry(t.Context(), at)
			return freshet.ErrorCode(err) == freshet.CodeNotFound
		})
	})
	w := &world{t: t, bus: membus.New(), pops: map[string]*popPlayed{}}
	w.start(dir, keeping, "a")
	eventually(t, "it answers", func() bool { return w.Ready() == nil })
	w.pops["a"].told(freshet.Position{Epoch: at.Epoch, Pos: at.Pos - 1}, at)
	next := w.submit(freshet.Purge, "m1").Rows[0].Entries[0]
	if !at.Before(next) {
		t.Errorf("after %s came %s", at, next)
	}
}

// TestP5_WhatALostStoreKnewIsMissed is about a control plane that was brought back
// from an older copy: one POP knows of entries that are lost, and whoever was
// behind it missed them.
func TestP5_WhatALostStoreKnewIsMissed(t *testing.T) { //nolint:tparallel // two lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	known := freshet.Position{Epoch: 1, Pos: 900}
	check := func(w *world, at freshet.Position) {
		t := w.t
		t.Helper()
		next := w.submit(freshet.Purge, "m2").Rows[0].Entries[0]
		if !known.Before(next) {
			t.Fatalf("after %s came %s", known, next)
		}
		w.pops["b"].entry(next)
		for _, after := range []freshet.Position{{}, at, {Epoch: 1, Pos: 700}} {
			b, err := w.pops["b"].pullsAfter(wire.Newest, after)
			must(t, err)
			if b.Forgotten != known || len(b.Entries) == 0 {
				t.Errorf("who read up to %s is told %d entries, and that the log begins after %s", after, len(b.Entries), b.Forgotten)
			}
		}
		for _, after := range []freshet.Position{known, next} {
			b, err := w.pops["b"].pullsAfter(wire.Newest, after)
			must(t, err)
			if !b.Forgotten.IsZero() {
				t.Errorf("who read up to %s is told that the log begins after %s", after, b.Forgotten)
			}
		}
	}
	var at freshet.Position
	t.Run("found out", func(t *testing.T) {
		w := newWorldIn(t, dir, "a", "b")
		at = w.submit(freshet.Purge, "m1").Rows[0].Entries[0]
		w.pops["b"].entry(at)
		eventually(t, "the heartbeat is taken in", func() bool {
			must(t, w.pops["a"].agent.Beat(t.Context(), wire.EncodeHeartbeat(freshet.Heartbeat{
				POP: "a", Watermark: at, Known: freshet.Position{Epoch: 1, Pos: 950}, // the last ones are prefetches
				Cursors: []freshet.Cursor{{Subject: freshet.SubjectPurge, At: known}, {Subject: freshet.SubjectPrefetch, At: freshet.Position{Epoch: 1, Pos: 950}}},
			})))
			b, err := w.pops["b"].pullsAfter(wire.Newest, at)
			must(t, err)
			return b.Forgotten == known
		})
		check(w, at)
	})
	t.Run("remembered", func(t *testing.T) {
		w := newWorldIn(t, dir, "a", "b")
		eventually(t, "it answers", func() bool { return w.Ready() == nil })
		check(w, at)
		must(t, w.AddPOP(t.Context(), freshet.POP{ID: "new"}))
		w.play("new")
		own := w.submit(freshet.Purge, "m1").Rows[0].Entries[0]
		w.pops["new"].entry(own)
		b, err := w.pops["new"].pullsAfter(wire.Newest, freshet.Position{})
		must(t, err)
		if !b.Forgotten.IsZero() {
			t.Errorf("a POP that joined later is told that the log begins after %s", b.Forgotten)
		}
	})
}
