package cache_test

import (
	"context"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func group(t *testing.T, o cache.GroupOptions) *cache.Group {
	t.Helper()
	g, err := cache.NewGroup(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestP4_LayersAreSettledFromTheInside has a fill of the old body in flight at
// the inner cache, and a viewer at the outer one at every moment: the outer
// copy must not be made from what the inner one stored too late.
func TestP4_LayersAreSettledFromTheInside(t *testing.T) {
	t.Parallel()
	inner := newModel(nil)
	outer := newModel(inner)
	outer.get(film)
	inner.fills[film] = append(inner.fills[film], inner.tick())
	accepted := outer.tick()
	// Viewers ask right after every purge of either cache.
	in := &between{model: inner, then: func() { outer.get(film) }}
	out := &between{model: outer, then: func() { outer.get(film) }}
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{in}, {out}}})
	r := cache.Settle(t.Context(), g, orderOf(1, film), freshet.VerifyInspect)[0]
	if r.Outcome != freshet.OutcomeDone || r.Rounds != 2 || r.Verified < freshet.VerifiedInspect {
		t.Errorf("%+v", r)
	}
	if born := outer.get(film); !born.After(accepted) {
		t.Errorf("the outer cache serves what left the origin %v before the purge", accepted.Sub(born))
	}
}

func TestGroup_AFaultInsideStopsThePurgeThere(t *testing.T) {
	t.Parallel()
	inner := newModel(nil)
	outer := newModel(inner)
	outer.get(film)
	inner.refuse = true
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{inner}, {outer}}})
	r := cache.Settle(t.Context(), g, orderOf(1, film), freshet.VerifyInspect)[0]
	if r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonUnreachable || outer.purges != 0 {
		t.Errorf("%+v, %d purges further out", r, outer.purges)
	}
}

func TestGroup_EveryShardIsPurgedAndAnyMayHold(t *testing.T) {
	t.Parallel()
	a, b := newModel(nil), newModel(nil)
	b.get(film)
	via := filler(func() cache.Result {
		b.get("http://h/new")
		return cache.Result{Outcome: freshet.OutcomeDone}
	})
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{a, b}}, Via: via})
	r := cache.Settle(t.Context(), g, orderOf(1, film, "http://h/none"), freshet.VerifyInspect)
	if r[0].Outcome != freshet.OutcomeDone || !r[0].Before.Stored() || r[1].Outcome != freshet.OutcomeAlready || a.purges == 0 {
		t.Errorf("%+v", r)
	}
	p := g.Prefetch(t.Context(), []cache.Object{{URL: "http://h/new"}})[0]
	if p.Outcome != freshet.OutcomeDone || !p.After.Stored() {
		t.Errorf("prefetch: %+v", p)
	}
	if p := g.Prefetch(t.Context(), []cache.Object{{URL: "http://h/new"}})[0]; p.Outcome != freshet.OutcomeAlready {
		t.Errorf("prefetch of a fresh object: %+v", p)
	}
	if p := g.Prefetch(t.Context(), []cache.Object{{URL: "http://h/lost"}})[0]; p.Outcome != freshet.OutcomeFailed || p.Reason != freshet.ReasonNoSpace {
		t.Errorf("prefetch of what no shard stores: %+v", p)
	}
}

func TestGroup_AFailedFillLeavesNothing(t *testing.T) {
	t.Parallel()
	a, b := newModel(nil), newModel(nil)
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{a, b}}, Via: filler(func() cache.Result {
		a.get(film) // an error that is stored
		return cache.Failed(freshet.ReasonOrigin4xx, "404")
	})})
	p := g.Prefetch(t.Context(), []cache.Object{{URL: film}})[0]
	if _, ok := a.stored[film]; ok || p.Reason != freshet.ReasonOrigin4xx {
		t.Errorf("%+v, stored %v", p, ok)
	}
}

func TestP5_GroupIsAsFarAsItsSlowestCache(t *testing.T) {
	t.Parallel()
	a, b := newModel(nil), newModel(nil)
	a.cursor, b.cursor = freshet.Position{Epoch: 1, Pos: 9}, freshet.Position{Epoch: 1, Pos: 4}
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{a}, {b}}})
	if at, err := g.ReadCursor(t.Context()); err != nil || at != b.cursor {
		t.Errorf("%v %v", at, err)
	}
	if err := g.WriteCursor(t.Context(), freshet.Position{Epoch: 1, Pos: 7}); err != nil || a.cursor.Pos != 9 || b.cursor.Pos != 7 {
		t.Errorf("%v: cursors %v and %v", err, a.cursor, b.cursor)
	}
	b.replaced = true
	if err := g.WriteCursor(t.Context(), freshet.Position{Epoch: 1, Pos: 12}); freshet.ErrorCode(err) != freshet.CodeConflict {
		t.Errorf("a cache with other content: %v", err)
	}
	if id, err := g.Incarnation(t.Context()); err != nil || id != "one+one" {
		t.Errorf("%q %v", id, err)
	}
	if err := g.Flush(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
}

func TestGroup_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for _, o := range []cache.GroupOptions{
		{}, {Layers: [][]cache.Driver{{}}}, {Layers: [][]cache.Driver{{newModel(nil), newModel(nil)}}},
	} {
		if _, err := cache.NewGroup(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

type filler func() cache.Result

func (f filler) Fill(context.Context, cache.Object) cache.Result { return f() }
