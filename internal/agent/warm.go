package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/trace"
)

// warming is what a worker must know to prefetch one object, and to tell
// whether what is there afterwards is what should be.
type warming struct {
	obj       cache.Object
	domain    freshet.Domain
	badHeader bool         // its entry's header cannot be read
	probe     bool         // it is to be seen through the front door too
	floor     carried      // the last purge of the object that this life carried out
	came      freshet.Copy // what an earlier attempt was told had come, but did not find; zero: nothing
}

// warming gathers that.
func (l *life) warming(s wish) warming {
	url, at := s.p.entry.URL(s.item), s.p.entry.At
	w := warming{obj: cache.Object{URL: url, Generation: at}, domain: l.domainOf(url), came: s.p.came[s.item]}
	// What an older control plane writes, or a newer one, is not believed blindly.
	if h, err := freshet.ParseHeader(s.p.entry.Header); err == nil {
		w.obj.Header = h
	} else {
		w.badHeader = true
	}
	w.probe = l.mayProbe(w.domain)
	if c := l.purges.recent.urls[url]; c.at.Before(at) {
		w.floor = c
	}
	return w
}

// warm prefetches one object and looks whether it is really there, whole and
// new: some caches drop objects silently when they are short of something, and
// what is stored from before a purge must not pass for warmed.
func (a *Agent) warm(ctx context.Context, w warming) (verdict, echo) {
	v := verdict{executed: now()}
	if w.badHeader {
		v.fail(freshet.ReasonUnsupported, "the header of the prefetch cannot be read")
		return v, echo{}
	}
	called, span := trace.Start(ctx, trace.Driver)
	results := a.o.Driver.Prefetch(called, []cache.Object{w.obj})
	traceResults(span, results)
	span.URL(trace.Link, w.obj.URL)
	span.End(nil)
	e := echoOf(results)
	if !v.accept(results, 0) {
		return v, e
	}
	if w.domain.Verify == freshet.VerifyAck || !a.powers.Inspect {
		v.verified, v.after = freshet.VerifiedAnswer, results[0].After
	} else {
		a.inspectWarm(ctx, &v, w, results[0].After)
	}
	if w.probe && v.outcome != freshet.OutcomeFailed {
		a.probeWarm(ctx, &v, w)
	}
	if e.answered && e.bytes < 0 && v.after.Size > 0 {
		e.bytes = v.after.Size
	}
	return v, e
}

// inspectWarm compares what is stored with what the driver says came.
func (a *Agent) inspectWarm(ctx context.Context, v *verdict, w warming, came freshet.Copy) {
	objs := []cache.Object{w.obj}
	s := state(a.o.Driver.Inspect(ctx, objs, cache.InspectNow), 0)
	if s.Fault == freshet.ReasonNone && !s.Copy.Stored() && s.Filling {
		// The last byte was handed on before the cache had put the object away.
		s = state(a.o.Driver.Inspect(ctx, objs, cache.InspectJoin), 0)
	}
	switch {
	case s.Fault == freshet.ReasonUnsupported:
		v.verified, v.after = freshet.VerifiedAnswer, came
	case s.Fault != freshet.ReasonNone:
		v.fail(s.Fault, "the cache could not be inspected after the prefetch")
	case !s.Copy.Stored():
		v.fail(freshet.ReasonNoSpace, "the cache stored nothing")
	case !sameLength(s.Copy, came):
		v.came = came
		v.fail(freshet.ReasonMismatch, fmt.Sprintf("%d bytes came, %d are stored", came.Size, s.Copy.Size))
	case !sameLength(s.Copy, w.came):
		v.came = w.came
		v.fail(freshet.ReasonMismatch, fmt.Sprintf("%d bytes came before, %d are stored", w.came.Size, s.Copy.Size))
	case w.floor.isAfter(s.Copy):
		v.fail(freshet.ReasonMismatch, "what is stored is from before a purge")
	default:
		v.verified, v.after = freshet.VerifiedInspect, s.Copy
	}
}

// sameLength is false if what is stored cannot be what came. Of two bodies with
// different validators the stored one is a newer one, which says nothing of the
// length.
func sameLength(stored, came freshet.Copy) bool {
	if stored.Size <= 0 || came.Size <= 0 || stored.Size == came.Size {
		return true
	}
	return stored.Validator != "" && came.Validator != "" && stored.Validator != came.Validator
}

// carried is the last purge of an object that was carried out.
type carried struct {
	at       freshet.Position
	executed time.Time // on the cache's clock: what began to be fetched before is older; zero: not known
}

// carriedOut notes what a purge says of what may be stored afterwards. What was
// found after it was found good, be it from before the time of execution: a
// repeat keeps what is newer than the first one.
func carriedOut(at freshet.Position, v *verdict) carried {
	c := carried{at: at}
	if v.outcome == freshet.OutcomeFailed {
		return c
	}
	c.executed = v.executed
	if s := v.after; s.Stored() && s.FetchedAt.Before(c.executed) {
		c.executed = s.FetchedAt
	}
	return c
}

// isAfter reports whether a copy is from before the purge. The generation
// decides where the cache keeps one. Otherwise the same millisecond does not
// count as before: the purge itself was strict about it, and here a false alarm
// would fail a prefetch that nobody can mend.
func (c carried) isAfter(s freshet.Copy) bool {
	switch {
	case c.executed.IsZero():
		return false
	case !s.Generation.IsZero():
		return s.Generation.Before(c.at)
	}
	return s.FetchedAt.Before(c.executed)
}
