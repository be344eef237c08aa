package engine

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/freshet-vod/freshet"
)

// fold is how far one entry is at each of its targets: a pure function of the
// evidence about it. Messages may be applied in any order and repeatedly; of
// two facts about one delivery the one with the greater (stream, number)
// holds.
//
// A target that is done with every task without a failure is one bit; the
// others keep runs of items. So a finished entry costs a few bytes however
// many POPs it went to.
type fold struct {
	n    int
	done bitset
	part map[int][]run // by target index; runs are ordered and do not overlap
}

// run is a range of items [lo, hi) that one message reported alike.
type run struct {
	lo, hi         int
	failed         bool
	stream, number uint64
}

func newFold(n, targets int) *fold {
	return &fold{n: n, done: make(bitset, (targets+63)/64), part: map[int][]run{}}
}

// apply adds what a message says of one target. It returns false if the fold
// no longer knows enough to tell (a fact against a target that is one bit
// already); then the fold must be made anew from all evidence.
func (f *fold) apply(target int, facts []freshet.Fact, stream, number uint64) bool {
	for _, r := range runsOf(facts, f.n, stream, number) {
		if f.done.has(target) {
			if r.failed {
				return false
			}
			continue
		}
		f.part[target] = overlay(f.part[target], r)
	}
	return true
}

// compact turns finished targets into bits.
func (f *fold) compact() {
	for t, runs := range f.part {
		covered := 0
		clean := true
		for _, r := range runs {
			covered += r.hi - r.lo
			clean = clean && !r.failed
		}
		if clean && covered == f.n {
			f.done.set(t)
			delete(f.part, t)
		}
	}
}

// runsOf groups facts, ordered by item, into runs. Facts about items that the
// entry does not have are ignored: they cannot be anybody's task.
func runsOf(facts []freshet.Fact, n int, stream, number uint64) []run {
	var runs []run
	for _, fact := range facts {
		if fact.Item < 0 || fact.Item >= n || fact.Outcome == freshet.OutcomeNone {
			continue
		}
		failed := fact.Outcome == freshet.OutcomeFailed
		if k := len(runs) - 1; k >= 0 && runs[k].hi == fact.Item && runs[k].failed == failed {
			runs[k].hi++
			continue
		}
		runs = append(runs, run{lo: fact.Item, hi: fact.Item + 1, failed: failed, stream: stream, number: number})
	}
	return runs
}

// overlay lays a run over others; where they overlap, the newer message wins.
func overlay(runs []run, add run) []run {
	out := make([]run, 0, len(runs)+2)
	left := []run{add}
	for _, r := range runs {
		switch {
		case r.hi <= add.lo || r.lo >= add.hi:
			out = append(out, r)
		case add.newer(r):
			out = append(out, cut(r, add)...)
		default:
			out = append(out, r)
			var rest []run
			for _, l := range left {
				rest = append(rest, cut(l, r)...)
			}
			left = rest
		}
	}
	out = append(out, left...)
	slices.SortFunc(out, func(a, b run) int { return cmp.Compare(a.lo, b.lo) })
	return out
}

func (r run) newer(o run) bool {
	return cmp.Or(cmp.Compare(r.stream, o.stream), cmp.Compare(r.number, o.number)) > 0
}

// cut returns what is left of r without the range of o.
func cut(r, o run) []run {
	if r.hi <= o.lo || r.lo >= o.hi {
		return []run{r}
	}
	var out []run
	if r.lo < o.lo {
		left := r
		left.hi = o.lo
		out = append(out, left)
	}
	if r.hi > o.hi {
		right := r
		right.lo = o.hi
		out = append(out, right)
	}
	return out
}

// at tells whether an item is final at a target, and whether it failed there.
func (f *fold) at(target, item int) (final, failed bool) {
	if f.done.has(target) {
		return true, false
	}
	for _, r := range f.part[target] {
		if item >= r.lo && item < r.hi {
			return true, r.failed
		}
	}
	return false, false
}

type bitset []uint64

func (b bitset) has(i int) bool { return i/64 < len(b) && b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) set(i int) { b[i/64] |= 1 << (i % 64) }

func (b bitset) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}
