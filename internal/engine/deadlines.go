package engine

import (
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// deadlines are the recorded deadlines of one POP as ranges of positions, in
// order, that neither overlap nor touch. A POP that is away while work goes on
// gets a new deadline every second or so; kept one by one, each look at an
// entry would cost more with every hour. A joined range has the latest of its
// times, so the order in which deadlines are taken in does not matter.
type deadlines []store.Deadline

// add returns the ranges with one more.
func (l deadlines) add(d store.Deadline) deadlines {
	lo, _ := slices.BinarySearchFunc(l, d, func(x, d store.Deadline) int {
		if x.Hi.Before(d.Lo) && !follows(x.Hi, d.Lo) {
			return -1
		}
		return 1
	})
	hi := lo
	for ; hi < len(l) && (!d.Hi.Before(l[hi].Lo) || follows(d.Hi, l[hi].Lo)); hi++ {
		d.Lo, d.Hi = freshet.Earlier(d.Lo, l[hi].Lo), freshet.Later(d.Hi, l[hi].Hi)
		if d.At.Before(l[hi].At) {
			d.At = l[hi].At
		}
	}
	return slices.Replace(l, lo, hi, d)
}

// follows reports whether no position lies between two.
func follows(p, q freshet.Position) bool { return p.Epoch == q.Epoch && p.Pos+1 == q.Pos }

// passed reports whether an entry's deadline passed. A prefetch has its own
// time: a range that was recorded before says nothing about it.
func (l deadlines) passed(at freshet.Position, finishBy time.Time) bool {
	i, _ := slices.BinarySearchFunc(l, at, func(x store.Deadline, at freshet.Position) int {
		if x.Hi.Before(at) {
			return -1
		}
		return 1
	})
	return i < len(l) && l[i].Lo.Compare(at) <= 0 && (finishBy.IsZero() || !l[i].At.Before(finishBy))
}

// owedEntry is an entry that a POP owes and is not excused from.
type owedEntry struct {
	at   freshet.Position
	late bool // its time is over
}

// lateRanges returns the ranges of what is late. A range ends before an entry
// that still has time: it must not be declared late with its neighbours.
func lateRanges(pop string, owed []owedEntry, now time.Time) []store.Deadline {
	slices.SortFunc(owed, func(a, b owedEntry) int { return a.at.Compare(b.at) })
	var out []store.Deadline
	open := false
	for _, o := range owed {
		switch {
		case !o.late:
			open = false
		case open:
			out[len(out)-1].Hi = o.at
		default:
			out = append(out, store.Deadline{POP: pop, Lo: o.at, Hi: o.at, At: now})
			open = true
		}
	}
	return out
}
