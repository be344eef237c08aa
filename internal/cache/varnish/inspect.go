package varnish

import (
	"context"
	"net/http"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// joinRounds bounds how many fills of one object a join waits for, one after
// the other. Only an object with very many variants has a fill in flight all
// the time.
const joinRounds = 200

// Inspect implements cache.Driver. Varnish tells of a fill once its header is
// in, and that is all that Join waits for: then the stamp is known, and a purge
// removes the object, body in flight or not. Filling says that the body still
// comes. Of several variants the oldest that was seen is reported: what came
// in during a join, and else the one that came last; Hidden says that there may
// be more.
func (d *Driver) Inspect(ctx context.Context, objs []cache.Object, mode cache.InspectMode) []cache.State {
	urls := make([]string, len(objs))
	for i, o := range objs {
		urls[i] = o.URL
	}
	lane, op := d.quick, opInspect
	if mode == cache.InspectJoin {
		lane, op = d.slow, opJoin
	}
	f := d.fan(urls, func(host, path string) request { return request{op: op, host: host, path: path} })
	for k, i := range f.object {
		f.requests[k].header = objs[i].Header
	}
	out := make([]cache.State, len(objs))
	// Fills come one by one, but each is waited for while the others go on.
	for range joinRounds {
		var again fanned
		for i, r := range lane.do(ctx, f.requests) {
			if see(&out[f.object[i]], r) {
				again.requests = append(again.requests, f.requests[i])
				again.object = append(again.object, f.object[i])
			}
		}
		if f = again; len(f.requests) == 0 {
			return out
		}
	}
	for _, i := range f.object {
		out[i] = cache.State{Fault: freshet.ReasonTimeout}
	}
	return out
}

// see adds an answer to what is known of an object, and reports whether there
// may be more fills to wait for.
func see(st *cache.State, r reply) (again bool) {
	if st.Fault != freshet.ReasonNone {
		return false
	}
	if r.err != nil {
		*st = cache.State{Fault: reasonOf(r.err)}
		return false
	}
	switch r.verdict {
	case saysMiss:
		return false
	case saysAgain:
		return true
	case saysHit, saysJoined:
	default:
		*st = cache.State{Fault: freshet.ReasonRefused}
		return false
	}
	joined := r.verdict == saysJoined
	st.Joined = st.Joined || joined
	st.Hidden = st.Hidden || r.varies
	if c := r.copied(); !st.Copy.Stored() || !c.FetchedAt.After(st.Copy.FetchedAt) {
		st.Copy, st.Fresh, st.Filling = c, r.fresh(), r.streaming
	}
	return joined
}

// fresh reports whether viewers get the object without the origin being asked.
func (r *reply) fresh() bool { return r.ttl > 0 && r.status == http.StatusOK }
