package edge

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"github.com/freshet-vod/freshet"
)

// Prefetch stores an object whole, as a viewer without wishes would get it,
// unless a fresh copy is there. What fails leaves nothing behind. When ctx
// ends, a fill that only prefetches wait for ends with it.
func (c *Cache) Prefetch(ctx context.Context, url string) Result {
	return c.PrefetchAs(ctx, url, nil)
}

// PrefetchAs is Prefetch for a viewer with wishes: header chooses the variant
// that is stored, and goes upstream.
func (c *Cache) PrefetchAs(ctx context.Context, url string, header http.Header) Result {
	st, path := c.routes.Load().byURL(url)
	if st == nil || st.offline {
		return failed(freshet.ReasonRefused, fmt.Errorf("no domain of this cache serves %s", url))
	}
	if c.denied.status(url) != 0 {
		return failed(freshet.ReasonDenied, fmt.Errorf("%s is denied", url))
	}
	rq := &request{
		site: st, url: url, path: path, method: http.MethodGet, prefetch: true,
		header: http.Header{"User-Agent": {"freshet"}},
	}
	maps.Copy(rq.header, header)
	before := c.lookup(rq)
	for {
		if ctx.Err() != nil {
			return cancelled(ctx)
		}
		got, err := c.find(ctx, rq)
		if err != nil {
			return failed(freshet.ReasonUnreachable, err)
		}
		if got.hit != nil {
			if file, err := openBody(c.opt.Dir, got.hit); err == nil {
				_ = file.Close()
				return Result{Outcome: freshet.OutcomeAlready, Before: got.hit.copy(), After: got.hit.copy()}
			}
			c.shelf.drop(got.hit)
			continue
		}
		r, again := c.awaitFill(ctx, rq, got)
		if !again {
			r.Before = before
			return r
		}
	}
}

// awaitFill waits for the end of a flight; again means that it was somebody
// else's after all.
func (c *Cache) awaitFill(ctx context.Context, rq *request, got found) (r Result, again bool) {
	f := got.flight
	defer func() { c.leave(f, got.lead, ctx.Err() != nil) }()
	superseded := Result{Outcome: freshet.OutcomeCancelled, Reason: freshet.ReasonSuperseded, Detail: "purged while it came"}
	for _, step := range []chan struct{}{f.header, f.done} {
		select {
		case <-step:
		case <-f.cut:
			return superseded, false
		case <-ctx.Done():
			return cancelled(ctx), false
		}
		if f.phase == phaseFilling && !got.lead && !f.v.answers(rq.header) {
			rq.skipped = append(rq.skipped, f)
			return r, true
		}
	}
	if f.superseded {
		return superseded, false
	}
	r, again = f.verdict()
	r.FirstByte = f.first
	return r, again
}

// verdict puts the end of a flight into the words of a prefetch.
func (f *flight) verdict() (r Result, again bool) {
	switch {
	case f.phase == phaseFailed:
		return failed(f.fault.reason, f.fault.err), false
	case f.status >= http.StatusInternalServerError:
		return failed(freshet.ReasonOrigin5xx, fmt.Errorf("the upstream answered %d", f.status)), false
	case f.status >= http.StatusBadRequest:
		return failed(freshet.ReasonOrigin4xx, fmt.Errorf("the upstream answered %d", f.status)), false
	case f.phase == phasePassing:
		return failed(passReason(f.detail), fmt.Errorf("the answer (status %d) cannot be stored: %s", f.status, f.detail)), false
	case f.end != nil:
		return failed(endReason(f.end), f.end), false
	case f.stored == nil:
		return r, true // the copy was pushed out while it was revalidated
	case !heuristic(f.stored.Status):
		return failed(freshet.ReasonRefused, fmt.Errorf("the upstream answered %d", f.stored.Status)), false
	}
	return Result{Outcome: freshet.OutcomeDone, After: f.stored.copy()}, false
}

func passReason(why string) freshet.Reason {
	switch why {
	case "too-large":
		return freshet.ReasonTooLarge
	case "no-space":
		return freshet.ReasonNoSpace
	}
	return freshet.ReasonRefused
}

// lookup describes what is stored for a request now.
func (c *Cache) lookup(rq *request) freshet.Copy {
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	if o := c.shelf.object(rq.site.name, rq.url, false); o != nil {
		return o.pick(rq).copy()
	}
	return freshet.Copy{}
}
