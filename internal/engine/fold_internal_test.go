package engine

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
)

type sent struct {
	target         int
	facts          []freshet.Fact
	stream, number uint64
}

func drawSent(t *rapid.T, n, targets int) []sent {
	var list []sent
	numbers := map[[2]uint64]uint64{}
	for range rapid.IntRange(0, 12).Draw(t, "messages") {
		target := rapid.IntRange(0, targets-1).Draw(t, "target")
		stream := rapid.Uint64Range(1, 2).Draw(t, "stream")
		key := [2]uint64{uint64(target), stream}
		numbers[key]++
		var facts []freshet.Fact
		for item := range n {
			switch rapid.IntRange(0, 3).Draw(t, "fact") {
			case 0:
				facts = append(facts, freshet.Fact{Item: item, Outcome: freshet.OutcomeDone})
			case 1:
				facts = append(facts, freshet.Fact{Item: item, Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonRefused})
			}
		}
		list = append(list, sent{target, facts, stream, numbers[key]})
	}
	return list
}

// model is the rule in its plainest form: for each delivery the newest fact.
func model(list []sent, target, item int) (final, failed bool) {
	var newest sent
	for _, s := range list {
		for _, f := range s.facts {
			if s.target == target && f.Item == item &&
				cmp.Or(cmp.Compare(s.stream, newest.stream), cmp.Compare(s.number, newest.number)) > 0 {
				newest, final, failed = s, true, f.Outcome == freshet.OutcomeFailed
			}
		}
	}
	return final, failed
}

// foldAll folds as the engine does: compacting after every message, and anew
// from everything when the fold cannot tell.
func foldAll(list []sent, n, targets int) *fold {
	f := newFold(n, targets)
	for i, s := range list {
		if !f.apply(s.target, s.facts, s.stream, s.number) {
			f = newFold(n, targets)
			for _, s := range list[:i+1] {
				f.apply(s.target, s.facts, s.stream, s.number)
			}
		}
		f.compact()
	}
	return f
}

func TestP7_FoldingIsOrderFreeAndIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, targets := rapid.IntRange(1, 6).Draw(t, "items"), rapid.IntRange(1, 3).Draw(t, "targets")
		list := drawSent(t, n, targets)
		shuffled := append(slices.Clone(list), list...) // each at least twice
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, seed)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		for _, f := range []*fold{foldAll(list, n, targets), foldAll(shuffled, n, targets)} {
			for target := range targets {
				for item := range n {
					final, failed := f.at(target, item)
					wantFinal, wantFailed := model(list, target, item)
					if final != wantFinal || failed != wantFailed {
						t.Fatalf("target %d item %d: final %v failed %v, want %v %v", target, item, final, failed, wantFinal, wantFailed)
					}
				}
			}
			again, err := decodeFold(f.encode(targets), n, targets)
			if err != nil {
				t.Fatal(err)
			}
			for target := range targets {
				for item := range n {
					a, b := f.at(target, item)
					c, d := again.at(target, item)
					if a != c || b != d {
						t.Fatalf("target %d item %d changed by encoding", target, item)
					}
				}
			}
		}
	})
}

func TestFold_StatusWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    taskState
		want freshet.TaskStatus
	}{
		{taskState{}, freshet.TaskPending},
		{taskState{final: 1}, freshet.TaskRefreshing},
		{taskState{final: 3}, freshet.TaskComplete},
		{taskState{final: 3, failed: 1}, freshet.TaskFailed},
		{taskState{final: 2, overdue: 1}, freshet.TaskFailed},
	} {
		if got := c.s.status(3); got != c.want {
			t.Errorf("%+v: %s, want %s", c.s, got, c.want)
		}
	}
}

func TestView_EachAgreesWithTask(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, targets := rapid.IntRange(1, 6).Draw(t, "items"), rapid.IntRange(1, 4).Draw(t, "targets")
		v := view{
			entryMeta: entryMeta{Len: n, Targets: make([]string, targets)},
			fold:      foldAll(drawSent(t, n, targets), n, targets),
			excuses:   make([]excuse, targets),
		}
		for i := range v.excuses {
			if !v.fold.done.has(i) {
				v.excuses[i] = excuse(rapid.IntRange(0, 3).Draw(t, "excuse"))
			}
		}
		seen := 0
		v.each(func(item int, s taskState) {
			seen++
			if want := v.task(item); s != want {
				t.Fatalf("item %d: %+v, want %+v", item, s, want)
			}
		})
		if tally := v.tally(); seen != n || tally.Total() != n {
			t.Fatalf("%d items seen, %d counted, want %d", seen, tally.Total(), n)
		}
	})
}

func FuzzDecodeFold(f *testing.F) {
	f.Add([]byte{1, 3, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if fold, err := decodeFold(b, 10, 3); err == nil {
			for target := range 3 {
				fold.at(target, 5)
			}
		}
	})
}
