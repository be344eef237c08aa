package apitest

import (
	"context"
	"iter"

	"github.com/freshet-vod/freshet"
)

// ExportEvidence implements [api.Evidence] by the field Evidence, of which it
// yields what the filter's media and POP let through.
func (f *Fake) ExportEvidence(_ context.Context, filter freshet.EvidenceFilter) iter.Seq2[freshet.EvidenceLine, error] {
	return func(yield func(freshet.EvidenceLine, error) bool) {
		f.mu.Lock()
		lines, fault := f.Evidence, f.EvidenceFault
		f.mu.Unlock()
		for _, l := range lines {
			if (filter.Media == "" || filter.Media == l.Media) && (filter.POP == "" || filter.POP == l.POP) && !yield(l, nil) {
				return
			}
		}
		if fault != nil {
			yield(freshet.EvidenceLine{}, fault)
		}
	}
}
