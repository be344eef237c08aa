package cache_test

import (
	"path/filepath"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// TestP4_LayersAreNotFencedByOtherPurges has a later purge of another object
// overtake. What the outer cache fetches after that comes from an inner one
// that has not carried out the earlier purge, so that its stamp says nothing.
func TestP4_LayersAreNotFencedByOtherPurges(t *testing.T) {
	t.Parallel()
	inner := newModel(nil)
	outer := newModel(inner)
	dir := t.TempDir()
	in, done := fence(t, inner, filepath.Join(dir, "inner"))
	defer done()
	out, done := fence(t, outer, filepath.Join(dir, "outer"))
	defer done()
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{in}, {out}}})
	inner.get(film)
	accepted := outer.tick()
	cache.Settle(t.Context(), g, orderOf(7, "http://h/other"), freshet.VerifyInspect)
	outer.get(film) // old bytes under a new stamp
	r := cache.Settle(t.Context(), g, orderOf(5, film), freshet.VerifyInspect)[0]
	if r.Outcome != freshet.OutcomeDone {
		t.Errorf("%+v", r)
	}
	if born := outer.get(film); !born.After(accepted) {
		t.Errorf("the outer cache serves what left the origin %v before the purge", accepted.Sub(born))
	}
	// The inner cache is fenced: a repeat does not cost the origin anything.
	kept := inner.born[film]
	cache.Settle(t.Context(), g, orderOf(5, film), freshet.VerifyInspect)
	if born := outer.get(film); !born.Equal(kept) {
		t.Error("a repeat removed a newer body from the inner cache")
	}
}
