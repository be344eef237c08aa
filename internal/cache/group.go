package cache

import (
	"context"
	"errors"
	"slices"
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

// Group is the caches of one POP as one Driver. A layer is settled before the
// next is purged: an outer cache refills from an inner one at once, and its
// copy would be new by its stamp and old by its bytes.
//
// For the same reason only the innermost layer keeps what Fence would let it
// keep: further out every order removes whatever is stored. A repeat then costs
// a fetch from the inner cache, and none from the origin.
type Group struct {
	layers [][]Driver
	all    []Driver
	outer  []Driver
	via    Filler
	powers Powers

	mu   sync.Mutex         // guards kept, and adopting against writing
	kept []freshet.Position // the cursor of each cache as read last
}

var (
	_ Driver   = (*Group)(nil)
	_ Settler  = (*Group)(nil)
	_ Follower = (*Group)(nil)
	_ Denier   = (*Group)(nil)
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
	g.kept = make([]freshet.Position, len(g.all))
	g.powers = g.all[0].Powers()
	names := []string{g.powers.Driver}
	for _, d := range g.all[1:] {
		p := d.Powers()
		if !slices.Contains(names, p.Driver) {
			names = append(names, p.Driver)
		}
		g.powers = g.powers.with(p)
	}
	g.powers.Driver = strings.Join(names, "+")
	g.powers.Stamps = false // the caches have fences of their own
	// An object may be stored once in each layer, and a fill that is ended
	// further out goes on further in.
	g.powers.Counts = g.powers.Counts && len(g.layers) == 1
	g.powers.CancelsFills = g.powers.CancelsFills && len(g.layers) == 1 && g.via == nil
	g.powers.Prefetch = g.via != nil || g.outer[0].Powers().Prefetch
	return g, nil
}

// with returns what both of two caches can do. Denying is what one alone should
// still do, where the others cannot: what is asked of all fails then.
func (p Powers) with(q Powers) Powers {
	return Powers{
		MaxBatch: min(p.MaxBatch, q.MaxBatch),
		Prefix:   p.Prefix && q.Prefix, Regex: p.Regex && q.Regex, Tag: p.Tag && q.Tag,
		Soft: p.Soft && q.Soft, SoftPurge: p.SoftPurge && q.SoftPurge, Inspect: p.Inspect && q.Inspect, DefeatsFills: p.DefeatsFills && q.DefeatsFills,
		CancelsFills: p.CancelsFills && q.CancelsFills, KeepsCursor: p.KeepsCursor && q.KeepsCursor,
		Survives: p.Survives && q.Survives, Counts: p.Counts && q.Counts, Denies: p.Denies || q.Denies,
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
		if len(left) == 0 {
			break
		}
		order := o
		order.Again = o.Again || n > 0 // what was fetched since may come from an inner cache that had not purged yet
		if o.Selector.Kind == freshet.SelectExact {
			order.Selector.URLs = choose(o.Selector.URLs, left)
		}
		before := time.Since(began)
		shards := concurrently(layer, func(_ int, d Driver) []Result { return exactly(order.Len(), purge(d, order)) })
		var good []int
		for k, i := range left {
			r := combined(shards, k, before)
			if n > 0 {
				r = all[i].and(r)
			}
			all[i] = r
			if all[i].Outcome == freshet.OutcomeDone || all[i].Outcome == freshet.OutcomeAlready {
				good = append(good, i)
			}
		}
		left = good
	}
	return all
}

// combined is what the shards of a layer said of the object at a place, when the
// first purge of a layer was made so long before theirs.
func combined(shards [][]Result, place int, before time.Duration) Result {
	var all Result
	for s, results := range shards {
		r := results[place]
		if r.Rounds > 0 {
			r.Window += before
		}
		if s > 0 {
			r = all.and(r)
		}
		all = r
	}
	return all
}

// and combines what two caches of a POP said of one object: the worse outcome,
// the weaker proof, the older copy. Of the rounds the higher number counts,
// since the caches of a layer do theirs at the same time; the window ends with
// the last look at the last layer.
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
	if lo, hi := min(a, b), max(a, b); lo != freshet.VerifiedInspect || hi != freshet.VerifiedInspectJoined {
		return lo
	}
	return freshet.VerifiedInspectJoined
}

// concurrently asks several caches at once.
func concurrently[T any](list []Driver, ask func(n int, d Driver) T) []T {
	out := make([]T, len(list))
	var wg sync.WaitGroup
	for i, d := range list {
		wg.Go(func() { out[i] = ask(i, d) })
	}
	wg.Wait()
	return out
}
