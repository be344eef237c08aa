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

// TestGroup_AFailedPrefetchLeavesNoErrorBehind holds that an error is removed
// wherever a layer stored it, while what was there before stays: viewers may
// live on it.
func TestGroup_AFailedPrefetchLeavesNoErrorBehind(t *testing.T) {
	t.Parallel()
	const stale = "http://h/stale"
	shield, a, b := newModel(nil), newModel(nil), newModel(nil)
	for _, m := range []*model{shield, a} {
		m.get(stale)
		m.bad[stale] = true
	}
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{shield}, {a, b}}, Via: filler(func() cache.Result {
		for _, m := range []*model{shield, b} {
			m.get(film)
			m.bad[film] = true
		}
		return cache.Failed(freshet.ReasonOrigin5xx, "503")
	})})
	for _, p := range g.Prefetch(t.Context(), []cache.Object{{URL: film}, {URL: stale}}) {
		if p.Reason != freshet.ReasonOrigin5xx {
			t.Errorf("%+v", p)
		}
	}
	for n, m := range []*model{shield, a, b} {
		if _, ok := m.stored[film]; ok {
			t.Errorf("cache %d keeps the error", n)
		}
		if _, ok := m.stored[stale]; ok != (n < 2) {
			t.Errorf("cache %d: the stale copy is there: %t", n, ok)
		}
	}
}

// TestGroup_AStoredRefusalIsNoAnswerOfTheOrigin has an error in the inner cache
// from before there was an object.
func TestGroup_AStoredRefusalIsNoAnswerOfTheOrigin(t *testing.T) {
	t.Parallel()
	shield, out := newModel(nil), newModel(nil)
	shield.get(film)
	shield.bad[film] = true
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{shield}, {out}}, Via: filler(func() cache.Result {
		if _, ok := shield.stored[film]; ok {
			return cache.Failed(freshet.ReasonOrigin4xx, "404, stored by the shield")
		}
		out.get(film)
		return cache.Result{Outcome: freshet.OutcomeDone}
	})})
	if p := g.Prefetch(t.Context(), []cache.Object{{URL: film}})[0]; p.Outcome != freshet.OutcomeDone {
		t.Errorf("%+v", p)
	}
}

// TestGroup_AShardThatIsAwayIsNoAnswer holds that what cannot be looked at is
// not taken for absent, and hides nothing that another shard has.
func TestGroup_AShardThatIsAwayIsNoAnswer(t *testing.T) {
	t.Parallel()
	a, b := newModel(nil), &fake{inspect: func(_ context.Context, objs []cache.Object) []cache.State {
		return make([]cache.State, 7*len(objs))
	}}
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{a, b}}, Via: filler(nil)})
	a.get(film)
	st := g.Inspect(t.Context(), []cache.Object{{URL: film}, {URL: "http://h/none"}}, cache.InspectNow)
	if !st[0].Fresh || st[0].Fault != freshet.ReasonNone || st[1].Fault == freshet.ReasonNone {
		t.Errorf("%+v", st)
	}
}

// TestP5_OneCacheRestartsAndTheOthersKeepTheirContent has one cache of a POP
// come back empty: it and what fills from it revalidate, and its siblings do
// not.
func TestP5_OneCacheRestartsAndTheOthersKeepTheirContent(t *testing.T) {
	t.Parallel()
	in := [2]*model{newModel(nil), newModel(nil)}
	out := [2]*model{newModel(in[0]), newModel(in[1])}
	g := group(t, cache.GroupOptions{Layers: [][]cache.Driver{{in[0], in[1]}, {out[0], out[1]}}, Via: filler(nil)})
	at := freshet.Position{Epoch: 1, Pos: 9}
	if _, err := g.Incarnation(t.Context()); err != nil || in[0].flushes+out[0].flushes > 0 {
		t.Fatalf("a POP that is new as a whole is the agent's to flush: %v", err)
	}
	for step, c := range []struct {
		lost *model
		want [4]int // flushes of in and out
	}{{nil, [4]int{}}, {out[1], [4]int{0, 0, 0, 1}}, {in[0], [4]int{1, 0, 1, 2}}} {
		if err := g.WriteCursor(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		before, err := g.Incarnation(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if c.lost != nil {
			c.lost.lose(string(rune('a' + step)))
		}
		after, err := g.Incarnation(t.Context())
		if err != nil || (before == after) != (c.lost == nil) {
			t.Fatalf("step %d: %q became %q, %v", step, before, after, err)
		}
		if got := [4]int{in[0].flushes, in[1].flushes, out[0].flushes, out[1].flushes}; got != c.want {
			t.Errorf("step %d: flushes %v, want %v", step, got, c.want)
		}
		if got, err := g.ReadCursor(t.Context()); err != nil || got != at {
			t.Errorf("step %d: cursor %v, %v", step, got, err)
		}
		at.Pos++
	}
	if err := g.WriteCursor(t.Context(), freshet.Position{Epoch: 1, Pos: 3}); freshet.ErrorCode(err) != freshet.CodeConflict {
		t.Errorf("a cursor that goes back: %v", err)
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
