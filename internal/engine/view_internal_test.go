package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
)

// TestP7_APOPsTallyIsTheSumOfItsDeliveries holds that counting a POP's runs says
// what looking at each of its deliveries would, whatever was said and excused.
func TestP7_APOPsTallyIsTheSumOfItsDeliveries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, targets := rapid.IntRange(1, 6).Draw(t, "items"), rapid.IntRange(1, 4).Draw(t, "targets")
		v := view{entryMeta: entryMeta{Len: n, Targets: make([]string, targets)}, fold: foldAll(drawSent(t, n, targets), n, targets), excuses: make([]excuse, targets)}
		for i := range v.excuses {
			v.excuses[i] = excuse(rapid.IntRange(int(excuseNone), int(excuseRemoved)).Draw(t, "excuse"))
		}
		for target := range targets {
			want := freshet.POPTally{Targets: n}
			for item := range n {
				final, failed := v.fold.at(target, item)
				s := v.target(target, item)
				want.Final += s.final
				want.Overdue += s.overdue
				if failed {
					want.Failed++
				}
				if !final && v.excuses[target] == excuseDown {
					want.Excused++
				}
			}
			if d := cmp.Diff(want, v.popTally(target)); d != "" {
				t.Fatalf("target %d (-deliveries +tally):\n%s", target, d)
			}
		}
	})
}
