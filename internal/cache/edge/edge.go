// Package edgecache is the driver of the built-in cache: it puts the calls of
// cache.Driver into those of *edge.Cache, in the same process.
//
// It must not know the agent or the log. App makes one per built-in cache and
// hands it to an agent. If it mapped an outcome wrongly, evidence would state
// what did not happen.
package edgecache

import (
	"context"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/edge"
)

const (
	maxBatch = 1000
	// prefetchers bounds the fetches of one call that run at a time, so that a
	// large batch leaves the origin's connections to viewers.
	prefetchers = 8
)

// Driver implements cache.Driver over one *edge.Cache.
type Driver struct{ c *edge.Cache }

var (
	_ cache.Driver = (*Driver)(nil)
	_ cache.Denier = (*Driver)(nil)

	_ cache.Emptier = (*Driver)(nil)
)

// New makes the driver of c.
func New(c *edge.Cache) *Driver { return &Driver{c: c} }

// Purge implements cache.Driver.
func (d *Driver) Purge(ctx context.Context, o cache.Order) []cache.Result {
	purge := d.c.Purge
	if o.Soft && o.Selector.Kind != freshet.SelectExact {
		purge = d.c.PurgeSoft
	}
	results := purge(ctx, o.At, o.Selector)
	out := make([]cache.Result, len(results))
	for i, r := range results {
		out[i] = result(r)
	}
	return out
}

func result(r edge.Result) cache.Result {
	return cache.Result{
		Outcome: r.Outcome, Reason: r.Reason, Detail: r.Detail, Before: r.Before, After: r.After, Removed: r.Removed,
		FirstByte: r.FirstByte,
	}
}

// SetTopology implements cache.Follower.
func (d *Driver) SetTopology(t freshet.Topology) { d.c.SetTopology(t) }

// Prefetch implements cache.Driver.
func (d *Driver) Prefetch(ctx context.Context, objs []cache.Object) []cache.Result {
	out := make([]cache.Result, len(objs))
	each(len(objs), func(i int) { out[i] = result(d.c.PrefetchAs(ctx, objs[i].URL, objs[i].Header)) })
	return out
}

// Inspect implements cache.Driver.
func (d *Driver) Inspect(ctx context.Context, objs []cache.Object, mode cache.InspectMode) []cache.State {
	out := make([]cache.State, len(objs))
	inspect := func(i int) {
		st, err := d.c.InspectAs(ctx, objs[i].URL, objs[i].Header, mode == cache.InspectJoin)
		out[i] = cache.State{Copy: st.Copy, Fresh: st.Fresh, Joined: st.Joined, Filling: st.Filling}
		if err != nil {
			out[i] = cache.State{Fault: freshet.ReasonTimeout}
		}
	}
	if mode == cache.InspectNow {
		for i := range objs {
			inspect(i) // a look into memory
		}
		return out
	}
	each(len(objs), inspect)
	return out
}

// Flush implements cache.Driver.
func (d *Driver) Flush(ctx context.Context, before time.Time) error { return d.c.Flush(ctx, before) }

// Empty implements cache.Emptier.
func (d *Driver) Empty() bool { return d.c.Empty() }

// Incarnation implements cache.Driver.
func (d *Driver) Incarnation(context.Context) (string, error) { return d.c.Incarnation(), nil }

// ReadCursor implements cache.Driver.
func (d *Driver) ReadCursor(context.Context) (freshet.Position, error) { return d.c.Cursor(), nil }

// WriteCursor implements cache.Driver.
func (d *Driver) WriteCursor(ctx context.Context, at freshet.Position) error {
	return d.c.SetCursor(ctx, at)
}

// Powers implements cache.Driver.
func (d *Driver) Powers() cache.Powers {
	return cache.Powers{
		Driver: "edge", MaxBatch: maxBatch, Prefix: true, Regex: true, Tag: true,
		Soft: true, SoftPurge: true, Prefetch: true, Inspect: true, DefeatsFills: true, CancelsFills: true,
		KeepsCursor: true, Survives: true, Counts: true, Denies: true,
	}
}

// each calls do for 0 to n-1 on a few goroutines and waits for them.
func each(n int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, prefetchers) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
