package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/wire"
)

// parents returns whom each member fills from, as the POPs are told.
func (w *world) parents() map[string][]string {
	got := map[string][]string{}
	for _, p := range w.Topology().POPs {
		got[p.ID] = p.Parents
	}
	return got
}

// TestAddPOP_TargetsWhatComesLater holds that a POP that joins while the engine
// runs owes what is accepted from then on, and nothing from before.
func TestAddPOP_TargetsWhatComesLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	before := w.submit(freshet.Purge, "m1")
	topologies := make(chan freshet.Topology, 16)
	stop, err := w.bus.Agent("watcher").Listen(func(ch bus.Channel, _ string, msg []byte) {
		if ch == bus.ChannelTopology {
			got, err := wire.DecodeTopology(msg)
			if err != nil {
				t.Error(err)
			}
			topologies <- got
		}
	})
	must(t, err)
	defer stop()
	must(t, w.AddPOP(t.Context(), freshet.POP{ID: "b", Parents: []string{"a"}, Remote: true}))
	pushed := <-topologies
	if p, ok := pushed.POP("b"); !ok || !cmp.Equal(p.Parents, []string{"a"}) {
		t.Errorf("the POPs are told %+v", pushed)
	}
	w.play("b")
	after := w.submit(freshet.Purge, "m1")
	w.pops["a"].say(before.Rows[0].Entries[0], freshet.OutcomeDone)
	w.pops["a"].say(after.Rows[0].Entries[0], freshet.OutcomeDone)
	w.until(before.ID, "complete", status(freshet.TaskComplete))
	w.until(after.ID, "owed", status(freshet.TaskRefreshing))
	w.pops["b"].say(after.Rows[0].Entries[0], freshet.OutcomeDone)
	w.until(after.ID, "complete", status(freshet.TaskComplete))
	// The same again is nothing new; other parents are.
	must(t, w.AddPOP(t.Context(), freshet.POP{ID: "b", Parents: []string{"a"}, Remote: true}))
	if n := len(topologies); n != 0 {
		t.Errorf("%d topologies are pushed for nothing", n)
	}
	must(t, w.AddPOP(t.Context(), freshet.POP{ID: "b", Remote: true}))
	if p, _ := (<-topologies).POP("b"); len(p.Parents) != 0 {
		t.Errorf("the POPs are told %+v", p)
	}
}

// TestAddPOP_AParentCountsWhenItHasJoined holds that no POP waits for, or asks,
// a parent that is no member.
func TestAddPOP_AParentCountsWhenItHasJoined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	must(t, w.AddPOP(t.Context(), freshet.POP{ID: "c", Parents: []string{"b", "a"}, Remote: true}))
	if d := cmp.Diff(map[string][]string{"a": nil, "c": {"a"}}, w.parents()); d != "" {
		t.Error(d)
	}
	must(t, w.AddPOP(t.Context(), freshet.POP{ID: "b", Remote: true}))
	if d := cmp.Diff(map[string][]string{"a": nil, "b": nil, "c": {"b", "a"}}, w.parents()); d != "" {
		t.Error(d)
	}
}

func TestRemovePOP_WhileRunningItOwesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a", "gone")
	job := w.submit(freshet.Purge, "m1")
	w.pops["a"].say(job.Rows[0].Entries[0], freshet.OutcomeDone)
	w.until(job.ID, "refreshing", status(freshet.TaskRefreshing))
	must(t, w.RemovePOP(t.Context(), "gone"))
	w.until(job.ID, "complete", status(freshet.TaskComplete))
	must(t, w.RemovePOP(t.Context(), "gone")) // it is no member: nothing happens
	next := w.submit(freshet.Purge, "m1")
	w.pops["a"].say(next.Rows[0].Entries[0], freshet.OutcomeDone)
	w.until(next.ID, "complete", status(freshet.TaskComplete))
	pops, err := w.POPs(t.Context())
	must(t, err)
	if len(pops) != 1 || pops[0].ID != "a" {
		t.Errorf("%+v", pops)
	}
	// Back again it owes what comes then.
	must(t, w.AddPOP(t.Context(), freshet.POP{ID: "gone", Remote: true}))
	last := w.submit(freshet.Purge, "m1")
	w.pops["a"].say(last.Rows[0].Entries[0], freshet.OutcomeDone)
	w.until(last.ID, "owed", status(freshet.TaskRefreshing))
	w.refolded(job.ID)
	w.refolded(last.ID)
}

// TestAddPOP_OutlivesTheEngine holds that one who is told at the next start
// stays, and one who is not is removed there.
func TestAddPOP_OutlivesTheEngine(t *testing.T) { //nolint:tparallel // lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	members := func(t *testing.T, w *world) int {
		t.Helper()
		entries, err := w.db.Members(t.Context())
		must(t, err)
		return len(entries)
	}
	t.Run("added", func(t *testing.T) {
		w := newWorldIn(t, dir, "a")
		must(t, w.AddPOP(t.Context(), freshet.POP{ID: "b", Remote: true}))
	})
	t.Run("told", func(t *testing.T) {
		w := newWorldIn(t, dir, "a", "b")
		if n := members(t, w); n != 2 {
			t.Errorf("the log has %d changes of membership", n)
		}
	})
	t.Run("not told", func(t *testing.T) {
		w := newWorldIn(t, dir, "a")
		if n := members(t, w); n != 3 || len(w.Topology().POPs) != 1 {
			t.Errorf("the log has %d changes of membership, members are %v", n, w.parents())
		}
	})
	t.Run("options", func(t *testing.T) {
		w := newWorld(t, func(o *engine.Options) {
			o.POPs = append(o.POPs, freshet.POP{ID: "b", Parents: []string{"a"}, Remote: true})
		}, "a")
		if d := cmp.Diff(map[string][]string{"a": nil, "b": {"a"}}, w.parents()); d != "" {
			t.Error(d)
		}
	})
}
