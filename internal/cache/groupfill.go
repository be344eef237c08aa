package cache

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// fillAttempts bounds how often a Group asks for an object that was answered
// well and stored nowhere: some caches store what is asked for again.
const fillAttempts = 4

// Prefetch implements Driver: through the outermost cache, or the door in front
// of several. A refusal that a cache had stored before it was asked is no answer
// of the origin's: it is removed, and the object is asked for again.
func (g *Group) Prefetch(ctx context.Context, objs []Object) []Result {
	before := look(ctx, g.all, objs, InspectNow)
	out := g.ask(ctx, objs, before)
	g.clean(ctx, objs, out, before)
	var again []int
	for i, r := range out {
		if r.Outcome == freshet.OutcomeFailed && r.Reason == freshet.ReasonOrigin4xx && spoilt(before, i) {
			again = append(again, i)
		}
	}
	if len(again) == 0 || ctx.Err() != nil {
		return out
	}
	some := choose(objs, again)
	before = look(ctx, g.all, some, InspectNow)
	results := g.ask(ctx, some, before)
	g.clean(ctx, some, results, before)
	for k, i := range again {
		results[k].Before = out[i].Before
		out[i] = results[k]
	}
	return out
}

// ask makes the requests of a prefetch.
func (g *Group) ask(ctx context.Context, objs []Object, before [][]State) []Result {
	if g.via == nil {
		return exactly(len(objs), g.outer[0].Prefetch(ctx, objs))
	}
	out := make([]Result, len(objs))
	for i, obj := range objs {
		out[i] = g.fill(ctx, obj, held(before[len(g.all)-len(g.outer):], i))
	}
	return out
}

// spoilt reports whether a cache held something that viewers could not get as an
// object: it was stale, or an error.
func spoilt(before [][]State, i int) bool {
	for _, states := range before {
		if states[i].Copy.Stored() && !states[i].Fresh {
			return true
		}
	}
	return false
}

// fill asks through the door until a cache has stored the object.
func (g *Group) fill(ctx context.Context, obj Object, before State) Result {
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	if before.served() {
		return Result{Outcome: freshet.OutcomeAlready, Before: before.Copy, After: before.Copy}
	}
	for range fillAttempts {
		r := g.via.Fill(ctx, obj)
		r.Before = before.Copy
		if r.Outcome != freshet.OutcomeDone {
			return r
		}
		after := g.Inspect(ctx, []Object{obj}, InspectJoin)[0]
		switch {
		case !g.powers.Inspect || after.Fault == freshet.ReasonUnsupported:
			return r
		case after.Fault != freshet.ReasonNone:
			return Failed(after.Fault, "not every cache behind the door could be inspected, and no other has the object")
		case after.Fresh:
			r.After = after.Copy
			return r
		}
	}
	return Failed(freshet.ReasonNoSpace, "no cache behind the door stored the object")
}

// clean removes what failed prefetches left in any layer, such as an error that
// a cache further in was given and would give again. If the origin is away, a
// copy that was there before stays, stale or not: viewers may live on it.
func (g *Group) clean(ctx context.Context, objs []Object, results []Result, before [][]State) {
	if ctx.Err() != nil {
		return
	}
	var bad []int
	for i, r := range results {
		if r.Outcome == freshet.OutcomeFailed {
			bad = append(bad, i)
		}
	}
	if len(bad) == 0 {
		return
	}
	// An answer may be on its way into the cache that gave it.
	after := look(ctx, g.all, choose(objs, bad), InspectJoin)
	n := 0 // of the cache, in g.all
	for _, layer := range g.layers {
		concurrently(layer, func(s int, d Driver) struct{} {
			for k, i := range bad {
				if left(after[n+s][k], before[n+s][i], results[i].Reason) {
					o := Order{At: objs[i].Generation, Again: true, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{objs[i].URL}}}
					d.Purge(ctx, o) // if it cannot be removed, the failure that is reported stands anyhow
				}
			}
			return struct{}{}
		})
		n += len(layer)
	}
}

// left reports whether a failed prefetch left something in a cache. Of one that
// cannot be looked into, a refusal of the origin is what it has stored, if it
// has stored anything.
func left(after, before State, reason freshet.Reason) bool {
	switch {
	case after.Fault == freshet.ReasonUnsupported:
		return reason == freshet.ReasonOrigin4xx || reason == freshet.ReasonRefused
	case after.Fault != freshet.ReasonNone:
		return false
	}
	gone := reason == freshet.ReasonOrigin4xx // then nobody is served a stale copy
	return after.Copy.Stored() && !after.Fresh && (gone || !after.Copy.FetchedAt.Equal(before.Copy.FetchedAt))
}

// Inspect implements Driver: what viewers may get, which is what any cache of
// the outermost layer holds. (Settle looks into every cache by itself.)
func (g *Group) Inspect(ctx context.Context, objs []Object, mode InspectMode) []State {
	shards := look(ctx, g.outer, objs, mode)
	out := make([]State, len(objs))
	for i := range out {
		out[i] = held(shards, i)
	}
	return out
}

// look inspects objects in several caches: a list of states for each.
func look(ctx context.Context, list []Driver, objs []Object, mode InspectMode) [][]State {
	return concurrently(list, func(_ int, d Driver) []State { return exactStates(len(objs), d.Inspect(ctx, objs, mode)) })
}

// held combines what the shards of a layer hold of the object at a place.
func held(shards [][]State, i int) State {
	st := shards[0][i]
	for _, states := range shards[1:] {
		st = st.or(states[i])
	}
	return st
}

// served reports whether viewers may get what is stored.
func (s State) served() bool { return s.Fault == freshet.ReasonNone && s.Fresh && s.Copy.Stored() }

// or combines what two shards hold of an object. A copy that viewers may get
// counts before one that they may not; a shard that could not be asked counts
// before one that has none; else the older copy counts.
func (s State) or(q State) State {
	out := s
	switch {
	case s.served() != q.served():
		if q.served() {
			out = q
		}
	case !s.served() && s.Fault != q.Fault:
		if s.Fault == freshet.ReasonNone {
			out = q
		}
	default:
		out.Copy = older(s.Copy, q.Copy)
	}
	out.Joined, out.Filling, out.Hidden = s.Joined || q.Joined, s.Filling || q.Filling, s.Hidden || q.Hidden
	return out
}
