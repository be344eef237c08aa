// Package probe makes a request as a player does, through a POP's front door,
// and compares the answer with what the origin says it has.
//
// It must not know the agent, the log or what kind of cache is behind the door.
// Agents call it after purges and prefetches of domains that ask for it; app
// makes one per POP. If it takes an old body for a new one, evidence says that
// viewers get the new one; if it takes a new one for old, purges are repeated
// for ever.
package probe

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
	"github.com/freshet-vod/freshet/internal/fetch"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

// Options are the options of New. Door, Origins and Guarded must be set.
type Options struct {
	Door    *door.Door
	Origins *fetch.Client
	Guarded *fetch.Client // for origins that tenants declared
	InPath  bool          // the door takes signatures before the path, as the built-in cache does
	AtOnce  int           // probes that run at a time; others wait their turn; default 16
	Timeout time.Duration // of one probe, but for one of a whole body, which ends when it stalls; default 30 s
}

// Prober probes one POP. It may be used concurrently.
type Prober struct {
	o     Options
	turns chan struct{}
}

// New makes a Prober.
func New(o Options) *Prober {
	if o.AtOnce <= 0 {
		o.AtOnce = 16
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	return &Prober{o: o, turns: make(chan struct{}, o.AtOnce)}
}

// Probe implements cache.Prober. It passes what has the origin's validator, as
// that was read before or after the request, because a newer version may be
// published in between; or what the cache is certain to have fetched after the
// purge. Everything else is a failure, for a reason that may pass unless the
// door refuses Freshet.
func (p *Prober) Probe(ctx context.Context, q cache.Probe) cache.Finding {
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return cut(ctx)
	}
	if !q.Whole {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.o.Timeout)
		defer cancel()
	}
	before, bad := p.origin(ctx, q)
	if bad != nil {
		return *bad
	}
	got, bad := p.served(ctx, q)
	if bad != nil {
		return *bad
	}
	first := compare(q, got, before)
	if first.Reason == freshet.ReasonNone {
		return first
	}
	after, bad := p.origin(ctx, q)
	if bad != nil {
		return *bad
	}
	second := compare(q, got, after)
	if second.Reason == freshet.ReasonNone {
		return second
	}
	if got.status == http.StatusUnauthorized || got.status == http.StatusForbidden {
		return cache.Finding{Reason: freshet.ReasonRefused, Detail: fmt.Sprintf("the front door answers %d, the origin %d", got.status, after.status)}
	}
	if q.Newer != nil {
		if stored, ok := q.Newer(ctx); ok && got.is(stored) {
			return cache.Finding{}
		}
	}
	if q.Before.Stored() && got.is(q.Before) {
		return cache.Finding{Reason: freshet.ReasonMismatch, Detail: "viewers get what was stored before the purge, and the origin has something else"}
	}
	return second
}

// origin asks the origin what it has.
func (p *Prober) origin(ctx context.Context, q cache.Probe) (view, *cache.Finding) {
	origins := p.o.Origins
	if q.Domain.Guarded {
		origins = p.o.Guarded
	}
	d, err := origins.Describe(ctx, q.Domain.Origin, q.URL)
	switch {
	case err != nil && ctx.Err() != nil:
		f := cut(ctx)
		return view{}, &f
	case err != nil:
		return view{}, &cache.Finding{Reason: freshet.ReasonOrigin5xx, Detail: "the origin could not be asked: " + err.Error()}
	case d.Status >= http.StatusInternalServerError, d.Status == http.StatusTooManyRequests,
		d.Status == http.StatusRequestTimeout, d.Status == http.StatusTooEarly:
		return view{}, &cache.Finding{Reason: freshet.ReasonOrigin5xx, Detail: fmt.Sprintf("the origin answers %d", d.Status)}
	}
	return view{status: d.Status, etag: d.ETag, modified: d.LastModified, length: d.Length, location: d.Location}, nil
}

// served asks the front door, as a player does.
func (p *Prober) served(ctx context.Context, q cache.Probe) (view, *cache.Finding) {
	var a door.Answer
	asked := urlsign.ForCache(q.Domain, q.URL, time.Now(), p.o.InPath)
	if q.Whole {
		a = p.o.Door.Fetch(ctx, asked, nil)
	} else {
		a = p.o.Door.Peek(ctx, asked, http.Header{"Range": {"bytes=0-0"}})
	}
	fail := func(r freshet.Reason) (view, *cache.Finding) {
		return view{}, &cache.Finding{Reason: r, Detail: "through the front door: " + a.Detail}
	}
	switch {
	case a.Cancelled:
		f := cut(ctx)
		return view{}, &f
	case a.Status == 0, a.Reason == freshet.ReasonTimeout, a.Reason == freshet.ReasonMismatch:
		return fail(a.Reason)
	case a.Status >= http.StatusInternalServerError:
		return fail(freshet.ReasonOrigin5xx)
	}
	v := view{
		status: a.Status, etag: a.Header.Get("ETag"), modified: a.Header.Get("Last-Modified"), length: a.Length,
		location: a.Header.Get("Location"),
	}
	total := fetch.WholeLength(a.Header.Get("Content-Range"))
	switch {
	case v.status == http.StatusPartialContent:
		v.status, v.length = http.StatusOK, total
	case v.status == http.StatusRequestedRangeNotSatisfiable && total == 0:
		v.status, v.length = http.StatusOK, 0
	case q.Whole:
		v.length = a.Size
	}
	return v, nil
}

func cut(ctx context.Context) cache.Finding {
	return cache.Finding{Reason: freshet.ReasonTimeout, Detail: "the probe was ended: " + context.Cause(ctx).Error()}
}
