package nginx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// Purge implements cache.Driver. A file that is being refreshed at that moment
// goes as soon as the refresh is over; Inspect with Join waits for that.
func (d *Driver) Purge(ctx context.Context, o cache.Order) []cache.Result {
	if o.Selector.Kind != freshet.SelectExact {
		return []cache.Result{d.purgePattern(ctx, o)}
	}
	results := make([]cache.Result, len(o.Selector.URLs))
	stop := func(r cache.Result) []cache.Result {
		for i := range results {
			results[i] = r
		}
		return results
	}
	if ctx.Err() != nil {
		return stop(canceled(ctx))
	}
	if !d.complete() {
		if err := d.index.refresh(ctx, false, d.sweep); err != nil {
			return stop(d.failure(ctx, err))
		}
	}
	executed := time.Now()
	var late []*target
	var keys []string
	var of []int
	for i, p := range d.removeAll(ctx, o, executed) {
		results[i] = p.result
		for n := range p.late {
			late, keys, of = append(late, p.late[n]), append(keys, p.keys[n]), append(of, i)
		}
	}
	fates, errs := d.dropStale(ctx, late, keys)
	for n, f := range fates {
		d.account(ctx, &results[of[n]], *late[n], keys[n], f, errs[n])
	}
	for i := range results {
		results[i].Executed = executed
	}
	return results
}

// removers is how many objects of one purge are worked on at a time: the disk,
// or the kernel, takes longer over a file than the agent does.
const removers = 4

// removeAll raises the fences of an order and removes what can be removed
// without asking nginx.
func (d *Driver) removeAll(ctx context.Context, o cache.Order, executed time.Time) []purged {
	// Whoever saw a file under its raised fence would remove it uncounted, and
	// this purge would say that there was nothing.
	d.purging.RLock()
	defer d.purging.RUnlock()
	fence := o.Since
	if fence.IsZero() {
		fence = executed
	}
	urls := o.Selector.URLs
	d.fences.raise(urls, fence)
	if !d.complete() {
		d.watch()
	}
	all := make([]purged, len(urls))
	each(len(urls), removers, func(i int) {
		if host, _ := freshet.SplitURL(urls[i]); len(o.Selector.Hosts) > 0 && !slices.Contains(o.Selector.Hosts, host) {
			all[i].result = cache.Failed(freshet.ReasonRefused, "the URL is outside the selector's hosts")
			return
		}
		all[i] = d.purgeObject(ctx, d.targets(urls[i], o.Since))
	})
	return all
}

// targets returns the files that an object may have: at the places that can be
// computed, and those that the index knows of.
func (d *Driver) targets(url string, bound time.Time) []target {
	keys := d.keys(url, d.ranges(url))
	known := d.index.of(url)
	all := make([]target, 0, len(keys)+len(known))
	for _, k := range keys {
		n := nameOf(k)
		all = append(all, target{name: n, path: d.pathOf(n), key: k, url: url, bound: bound})
	}
	if len(known) == 0 {
		return all
	}
	computed := make(map[name]struct{}, len(all))
	for i := range all {
		computed[all[i].name] = struct{}{}
	}
	for _, n := range known {
		if _, ok := computed[n]; !ok {
			all = append(all, target{name: n, path: d.pathOf(n), url: url, bound: bound})
		}
	}
	return all
}

// others returns those that only the index knows of.
func (d *Driver) others(url string) []target {
	if !d.index.has(url) {
		return nil
	}
	return slices.DeleteFunc(d.targets(url, time.Time{}), func(t target) bool { return t.key != "" })
}

// purged is what came of one object's files.
type purged struct {
	result cache.Result
	late   []*target // expired: each needs a hold
	keys   []string
}

// purgeObject removes the files of one object, as far as that can be done
// without asking nginx.
func (d *Driver) purgeObject(ctx context.Context, targets []target) purged {
	p := purged{result: cache.Result{Outcome: freshet.OutcomeAlready}}
	r := &p.result
	for i := range targets {
		t := &targets[i]
		f, h, err := d.drop(t, false)
		if f == removed || f == stale || f == kept {
			r.Before = older(r.Before, h.copied())
		}
		switch f {
		case stale:
			p.late, p.keys = append(p.late, t), append(p.keys, h.key)
		case kept:
			r.After = older(r.After, h.copied())
		case absent, removed, waiting, failed:
			d.account(ctx, r, *t, h.key, f, err)
		}
	}
	return p
}

// account adds the fate of a file to the result of its object.
func (d *Driver) account(ctx context.Context, r *cache.Result, t target, key string, f fate, err error) {
	switch f {
	case removed:
		if r.Outcome == freshet.OutcomeAlready {
			r.Outcome = freshet.OutcomeDone
		}
	case waiting, stale:
		d.busy.add(t, key)
		if r.Outcome == freshet.OutcomeAlready {
			r.Outcome, r.Detail = freshet.OutcomeDone, "it is being refreshed, and goes when that is over"
		}
	case failed:
		e := d.failure(ctx, err)
		r.Outcome, r.Reason, r.Detail = e.Outcome, e.Reason, e.Detail
	case absent, kept:
	}
}

// older returns the copy that was fetched earlier.
func older(a, b freshet.Copy) freshet.Copy {
	if !a.Stored() || b.Stored() && b.FetchedAt.Before(a.FetchedAt) {
		return b
	}
	return a
}

// failure turns an error into a result.
func (d *Driver) failure(ctx context.Context, err error) cache.Result {
	switch {
	case ctx.Err() != nil:
		return canceled(ctx)
	case errors.Is(err, errFormat), errors.Is(err, errNotHeld):
		return cache.Failed(freshet.ReasonRefused, err.Error())
	case errors.Is(err, os.ErrPermission):
		return cache.Failed(freshet.ReasonRefused, fmt.Sprintf("%v; run the agent as the user of nginx's workers", err))
	case errors.Is(err, os.ErrNotExist):
		return cache.Failed(freshet.ReasonUnreachable, fmt.Sprintf("%v; is it the folder of proxy_cache_path?", err))
	}
	return cache.Failed(reasonOf(err), err.Error())
}

// purgePattern removes what a pattern names. The fence is kept first, so that
// nothing that was in flight outlives a crash of the agent.
func (d *Driver) purgePattern(ctx context.Context, o cache.Order) cache.Result {
	if o.Selector.Kind == freshet.SelectTag {
		return cache.Failed(freshet.ReasonUnsupported, "nginx keeps no tags that could be looked up")
	}
	p, err := newPattern(o.Selector)
	if err != nil {
		return cache.Failed(freshet.ReasonRefused, err.Error())
	}
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	// What lies there is taken in before the fence is raised: from then on
	// whoever sees a file that is too old removes it, uncounted.
	if err := d.index.refresh(ctx, false, d.sweep); err != nil {
		return d.failure(ctx, err)
	}
	executed := time.Now()
	p.At = o.Since
	if p.At.IsZero() {
		p.At = executed
	}
	if err := d.notes.keepPattern(p); err != nil {
		return d.failure(ctx, err)
	}
	err = d.index.refresh(ctx, false, func(ctx context.Context, l landed) {
		if !p.match(l.url) {
			d.sweep(ctx, l)
		}
	})
	if err != nil {
		return d.failure(ctx, err)
	}
	if err := d.index.unread(); err != nil {
		return d.failure(ctx, err)
	}
	r := cache.Result{Outcome: freshet.OutcomeAlready}
	for _, url := range d.index.match(p.match) {
		if ctx.Err() != nil {
			return canceled(ctx)
		}
		one := d.purgeObject(ctx, d.targets(url, o.Since))
		fates, errs := d.dropStale(ctx, one.late, one.keys)
		for n, f := range fates {
			d.account(ctx, &one.result, *one.late[n], one.keys[n], f, errs[n])
		}
		switch {
		case one.result.Outcome == freshet.OutcomeDone:
			r.Removed++
		case one.result.Outcome != freshet.OutcomeAlready:
			return one.result
		}
	}
	if r.Removed > 0 {
		r.Outcome = freshet.OutcomeDone
	}
	r.Executed = executed
	return r
}
