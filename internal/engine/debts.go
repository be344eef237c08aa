package engine

import (
	"iter"
	"math/bits"
	"time"

	"github.com/freshet-vod/freshet"
)

// debt is what one POP has not answered for.
type debt struct {
	purges, prefetches int       // entries
	oldest             time.Time // when the first of the purges was recorded
}

// debts counts the open entries by those who owe them. After a long absence of
// a POP there may be a million, of which most targets are done.
func (l *ledger) debts() map[string]*debt {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]*debt{}
	for _, o := range l.entries {
		for t := range o.fold.done.missing(len(o.meta.Targets)) {
			if o.fold.final(t) {
				continue
			}
			d := out[o.meta.Targets[t]]
			if d == nil {
				d = &debt{}
				out[o.meta.Targets[t]] = d
			}
			switch {
			case o.meta.Kind == freshet.EntryPrefetch:
				d.prefetches++
				continue
			case d.oldest.IsZero() || o.meta.Created.Before(d.oldest):
				d.oldest = o.meta.Created
			}
			d.purges++
		}
	}
	return out
}

// final tells whether every item is final at a target that is not one bit: some
// failed there.
func (f *fold) final(target int) bool {
	covered := 0
	for _, r := range f.part[target] {
		covered += r.hi - r.lo
	}
	return covered == f.n && f.n > 0
}

// missing yields the numbers below n that are not set.
func (b bitset) missing(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for w := range b {
			for rest := ^b[w]; rest != 0; rest &= rest - 1 {
				i := w*64 + bits.TrailingZeros64(rest)
				if i >= n || !yield(i) {
					return
				}
			}
		}
	}
}
