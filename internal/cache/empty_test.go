package cache_test

import (
	"context"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// TestGroup_AnEmptyAnswerIsNeverASuccess has one cache say nothing of an object,
// whichever it is of them.
func TestGroup_AnEmptyAnswerIsNeverASuccess(t *testing.T) {
	t.Parallel()
	silent := &fake{purge: func(_ context.Context, urls []string) []cache.Result { return make([]cache.Result, len(urls)) }}
	for n, layers := range [][][]cache.Driver{
		{{silent, newModel(nil)}}, {{newModel(nil), silent}}, {{silent}, {newModel(nil)}}, {{newModel(nil)}, {silent}},
	} {
		g := group(t, cache.GroupOptions{Layers: layers, Via: filler(nil)})
		for _, r := range []cache.Result{
			g.Purge(t.Context(), orderOf(1, film))[0], cache.Settle(t.Context(), g, orderOf(1, film), freshet.VerifyInspect)[0],
		} {
			if r.Outcome == freshet.OutcomeDone || r.Outcome == freshet.OutcomeAlready {
				t.Errorf("%d: %+v", n, r)
			}
		}
	}
}
