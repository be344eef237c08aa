package cache

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// GroupOptions say what a Group is made of.
type GroupOptions struct {
	// Layers are the caches of a POP from the inside: each layer fills from the
	// one before it. Caches of one layer are shards behind a hash: any may hold
	// an object. Every layer has at least one.
	Layers [][]Driver
	// Via prefetches through a door in front of the outermost layer. It may be
	// nil if that layer has one cache.
	Via Filler
}

// Filler prefetches one object through a door behind which nobody knows which
// cache will store it.
type Filler interface {
	// Fill asks for an object and reads it whole. A Result that is not done says
	// why.
	Fill(ctx context.Context, obj Object) Result
}

// fillAttempts bounds how often a Group asks for an object that was answered
// well and stored nowhere: some caches store what is asked for again.
const fillAttempts = 4

// Group is the caches of one POP as one Driver. A layer is settled before the
// next is purged: an outer cache refills from an inner one at once, and its
// copy would be new by its stamp and old by its bytes.
type Group struct {
	layers [][]Driver
	all    []Driver
	outer  []Driver
	via    Filler
	powers Powers
}

var (
	_ Driver   = (*Group)(nil)
	_ Settler  = (*Group)(nil)
	_ Follower = (*Group)(nil)
)

// NewGroup makes a Group.
func NewGroup(o GroupOptions) (*Group, error) {
	g := &Group{layers: o.Layers, via: o.Via}
	for _, layer := range o.Layers {
		if len(layer) == 0 {
			return nil, errors.New("a group of caches has an empty layer")
		}
		g.all = append(g.all, layer...)
	}
	if len(g.all) == 0 {
		return nil, errors.New("a group of caches has none")
	}
	g.outer = o.Layers[len(o.Layers)-1]
	if len(g.outer) > 1 && g.via == nil {
		return nil, errors.New("a group whose outermost layer has several caches needs a door to prefetch through")
	}
	g.powers = g.all[0].Powers()
	for _, d := range g.all[1:] {
		g.powers = g.powers.with(d.Powers())
	}
	g.powers.Stamps = false // each member has a fence of its own
	if g.via != nil {
		g.powers.Prefetch = true
	}
	return g, nil
}

// with returns what both of two caches can do.
func (p Powers) with(q Powers) Powers {
	name := p.Driver
	if name != q.Driver {
		name += "+" + q.Driver
	}
	return Powers{
		Driver: name, MaxBatch: min(p.MaxBatch, q.MaxBatch),
		Prefix: p.Prefix && q.Prefix, Regex: p.Regex && q.Regex, Tag: p.Tag && q.Tag,
		Soft: p.Soft && q.Soft, Prefetch: p.Prefetch && q.Prefetch, Inspect: p.Inspect && q.Inspect,
		Stamps: p.Stamps || q.Stamps, DefeatsFills: p.DefeatsFills && q.DefeatsFills,
		CancelsFills: p.CancelsFills && q.CancelsFills, KeepsCursor: p.KeepsCursor && q.KeepsCursor,
		Survives: p.Survives && q.Survives, Counts: p.Counts && q.Counts,
	}
}

// Powers implements Driver: what all of the caches can do.
func (g *Group) Powers() Powers { return g.powers }

// SetTopology implements Follower.
func (g *Group) SetTopology(t freshet.Topology) {
	for _, d := range g.all {
		if f, ok := d.(Follower); ok {
			f.SetTopology(t)
		}
	}
}

// Purge implements Driver. It settles nothing; the agent calls Settle.
func (g *Group) Purge(ctx context.Context, o Order) []Result {
	return g.outward(o, func(d Driver, o Order) []Result { return d.Purge(ctx, o) })
}

// Settle implements Settler: layer by layer, the shards of one at a time.
func (g *Group) Settle(ctx context.Context, o Order, mode freshet.Verify) []Result {
	return g.outward(o, func(d Driver, o Order) []Result { return Settle(ctx, d, o, mode) })
}

// outward purges the layers one after the other. An object that failed in one
// is not purged further out: there it would be filled again with what is old
// further in, and it failed as a whole.
func (g *Group) outward(o Order, purge func(Driver, Order) []Result) []Result {
	began := time.Now()
	all := make([]Result, o.Len())
	left := make([]int, o.Len())
	for i := range left {
		left[i] = i
	}
	for n, layer := range g.layers {
		order := o
		if o.Selector.Kind == freshet.SelectExact {
			order.Selector.URLs = choose(o.Selector.URLs, left)
		}
		if order.Len() == 0 || len(left) == 0 {
			break
		}
		before := time.Since(began)
		shards := concurrently(layer, func(d Driver) []Result { return exactly(order.Len(), purge(d, order)) })
		var good []int
		for k, i := range left {
			for s := range shards {
				r := shards[s][k]
				if r.Rounds > 0 {
					r.Window += before
				}
				if n == 0 && s == 0 {
					all[i] = r
				} else {
					all[i] = all[i].and(r)
				}
			}
			if all[i].Outcome != freshet.OutcomeFailed && all[i].Outcome != freshet.OutcomeCancelled {
				good = append(good, i)
			}
		}
		left = good
	}
	return all
}

// and combines what two caches of a POP said of one object: the worse outcome,
// the weaker proof, the older copy.
func (r Result) and(q Result) Result {
	out := r
	if rank(q.Outcome) > rank(r.Outcome) {
		out = q
	}
	out.Before, out.After = older(r.Before, q.Before), older(r.After, q.After)
	out.Removed = r.Removed + q.Removed
	out.Rounds = max(r.Rounds, q.Rounds)
	out.Window = max(r.Window, q.Window)
	out.Verified = weaker(r.Verified, q.Verified)
	if q.Executed.After(r.Executed) {
		out.Executed = q.Executed
	} else {
		out.Executed = r.Executed
	}
	return out
}

// rank orders outcomes by how much they say of a POP as a whole: one cache that
// had something to do makes it done, and one that failed makes it failed.
func rank(o freshet.Outcome) int {
	switch o {
	case freshet.OutcomeAlready:
		return 1
	case freshet.OutcomeDone:
		return 2
	case freshet.OutcomeCancelled:
		return 3
	case freshet.OutcomeFailed:
		return 4
	case freshet.OutcomeNone, freshet.OutcomeCovered, freshet.OutcomeExcused:
	}
	return 5 // no driver's answer
}

func older(a, b freshet.Copy) freshet.Copy {
	if !a.Stored() || b.Stored() && b.FetchedAt.Before(a.FetchedAt) {
		return b
	}
	return a
}

// weaker returns the weaker proof; that one of two looks waited for a fill is
// worth telling.
func weaker(a, b freshet.Verified) freshet.Verified {
	if min(a, b) == freshet.VerifiedInspect {
		return max(a, b)
	}
	return min(a, b)
}

// concurrently asks several caches at once.
func concurrently[T any](list []Driver, ask func(Driver) T) []T {
	out := make([]T, len(list))
	var wg sync.WaitGroup
	for i, d := range list {
		wg.Go(func() { out[i] = ask(d) })
	}
	wg.Wait()
	return out
}

// Prefetch implements Driver: through the outermost cache, or the door in front
// of several.
func (g *Group) Prefetch(ctx context.Context, objs []Object) []Result {
	if g.via == nil {
		return exactly(len(objs), g.outer[0].Prefetch(ctx, objs))
	}
	out := make([]Result, len(objs))
	for i, obj := range objs {
		if ctx.Err() != nil {
			out[i] = stopped(ctx)
			continue
		}
		out[i] = g.fill(ctx, obj)
	}
	return out
}

// fill asks through the door until a cache has stored the object.
func (g *Group) fill(ctx context.Context, obj Object) Result {
	before := g.Inspect(ctx, []Object{obj}, InspectNow)[0]
	if before.Fault == freshet.ReasonNone && before.Fresh {
		return Result{Outcome: freshet.OutcomeAlready, Before: before.Copy, After: before.Copy}
	}
	var r Result
	for range fillAttempts {
		r = g.via.Fill(ctx, obj)
		r.Before = before.Copy
		if r.Outcome != freshet.OutcomeDone {
			g.clean(ctx, obj, before)
			return r
		}
		after := g.Inspect(ctx, []Object{obj}, InspectJoin)[0]
		if !g.powers.Inspect || after.Fault == freshet.ReasonUnsupported {
			return r
		}
		if after.Fault == freshet.ReasonNone && after.Fresh {
			r.After = after.Copy
			return r
		}
	}
	return Failed(freshet.ReasonNoSpace, "no cache behind the door stored the object")
}

// clean removes what a failed prefetch may have left, such as a stored error,
// unless a copy was there before.
func (g *Group) clean(ctx context.Context, obj Object, before State) {
	if before.Copy.Stored() || ctx.Err() != nil {
		return
	}
	o := Order{At: obj.Generation, Again: true, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{obj.URL}}}
	concurrently(g.outer, func(d Driver) []Result { return d.Purge(ctx, o) })
}

// Inspect implements Driver: what viewers may get, which is what any cache of
// the outermost layer holds. Of several copies the oldest is told.
func (g *Group) Inspect(ctx context.Context, objs []Object, mode InspectMode) []State {
	shards := concurrently(g.outer, func(d Driver) []State { return exactStates(len(objs), d.Inspect(ctx, objs, mode)) })
	out := shards[0]
	for _, states := range shards[1:] {
		for i, st := range states {
			a := &out[i]
			if a.Fault == freshet.ReasonNone {
				a.Fault = st.Fault
			}
			a.Copy = older(a.Copy, st.Copy)
			a.Fresh, a.Joined, a.Filling = a.Fresh || st.Fresh, a.Joined || st.Joined, a.Filling || st.Filling
		}
	}
	return out
}

// Flush implements Driver, from the inside.
func (g *Group) Flush(ctx context.Context, before time.Time) error {
	for _, layer := range g.layers {
		if err := errors.Join(concurrently(layer, func(d Driver) error { return d.Flush(ctx, before) })...); err != nil {
			return err
		}
	}
	return nil
}

// Incarnation implements Driver: it changes when that of any cache does.
func (g *Group) Incarnation(ctx context.Context) (string, error) {
	ids := make([]string, len(g.all))
	for i, d := range g.all {
		id, err := d.Incarnation(ctx)
		if err != nil {
			return "", err
		}
		ids[i] = id
	}
	return strings.Join(ids, "+"), nil
}

// ReadCursor implements Driver: the lowest of all.
func (g *Group) ReadCursor(ctx context.Context) (freshet.Position, error) {
	var low freshet.Position
	for i, d := range g.all {
		at, err := d.ReadCursor(ctx)
		if err != nil {
			return freshet.Position{}, err
		}
		if i == 0 {
			low = at
		}
		low = freshet.Earlier(low, at)
	}
	return low, nil
}

// WriteCursor implements Driver. One cache may be ahead of another after a
// crash between two writes; that one is left as it is.
func (g *Group) WriteCursor(ctx context.Context, at freshet.Position) error {
	for _, d := range g.all {
		have, err := d.ReadCursor(ctx)
		if err != nil {
			return err
		}
		if at.Before(have) {
			continue
		}
		if err := d.WriteCursor(ctx, at); err != nil {
			return err
		}
	}
	return nil
}
