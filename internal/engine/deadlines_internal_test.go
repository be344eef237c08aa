package engine

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func at(pos uint64) freshet.Position { return freshet.Position{Epoch: 1, Pos: pos} }

func TestDeadlines_HoldWhatWasRecordedInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []store.Deadline
		covered := map[uint64]bool{}
		for i := range rapid.IntRange(0, 10).Draw(t, "n") {
			lo := rapid.Uint64Range(1, 30).Draw(t, "lo")
			hi := lo + rapid.Uint64Range(0, 6).Draw(t, "len")
			all = append(all, store.Deadline{Lo: at(lo), Hi: at(hi), At: time.Unix(int64(i), 0)})
			for p := lo; p <= hi; p++ {
				covered[p] = true
			}
		}
		var forth, back deadlines
		for _, d := range all {
			forth = forth.add(d)
		}
		slices.Reverse(all)
		for _, d := range all {
			back = back.add(d)
		}
		if !slices.Equal(forth, back) {
			t.Fatalf("%v\nis not\n%v", forth, back)
		}
		for p := uint64(1); p < 40; p++ {
			if got := forth.passed(at(p), time.Time{}); got != covered[p] {
				t.Fatalf("position %d: %v in %v", p, got, forth)
			}
		}
		for i := 1; i < len(forth); i++ {
			if !forth[i-1].Hi.Before(forth[i].Lo) || follows(forth[i-1].Hi, forth[i].Lo) {
				t.Fatalf("ranges touch: %v", forth)
			}
		}
	})
}

func TestP10_DeadlinesOfAnAbsentPOPAreOneRange(t *testing.T) {
	t.Parallel()
	var list deadlines
	for p := range uint64(10_000) {
		list = list.add(store.Deadline{Lo: at(p + 1), Hi: at(p + 1), At: time.Unix(int64(p), 0)})
	}
	if len(list) != 1 || list[0].Hi != at(10_000) {
		t.Fatalf("%d ranges", len(list))
	}
}

func TestDeadline_DoesNotTakeNeighboursAlong(t *testing.T) {
	t.Parallel()
	got := lateRanges("a", []owedEntry{{at(9), true}, {at(3), true}, {at(5), false}, {at(2), true}}, time.Unix(1, 0))
	if len(got) != 2 || got[0].Lo != at(2) || got[0].Hi != at(3) || got[1].Lo != at(9) || got[1].Hi != at(9) {
		t.Fatalf("%+v", got)
	}
}

func TestDeadline_OfAPrefetchLeavesEvidenceTimeAfterAStart(t *testing.T) {
	t.Parallel()
	now := time.Unix(10_000, 0)
	e := &Engine{members: &members{started: now.Add(-time.Second)}}
	m := entryMeta{FinishBy: now.Add(-time.Hour)}
	if e.overdue(m, time.Time{}, now) {
		t.Error("overdue a second after the start")
	}
	if !e.overdue(m, time.Time{}, now.Add(2*time.Minute)) {
		t.Error("never overdue")
	}
}

func TestP10_WaitersForJobsThatAreNotThereAreBounded(t *testing.T) {
	t.Parallel()
	c := newChanges()
	_, first := c.version("first")
	for i := range maxWatched + 10 {
		c.version(strconv.Itoa(i))
	}
	if len(c.jobs) > maxWatched {
		t.Errorf("%d jobs are watched", len(c.jobs))
	}
	select {
	case <-first:
	default:
		t.Error("who waited for a forgotten job was not woken")
	}
}
