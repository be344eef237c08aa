package varnish

import (
	"context"
	"fmt"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// Purge implements cache.Driver. It does not touch fills whose header is still
// to come: the caller inspects with Join and purges again (cache.Settle). Of
// patterns, see pattern.go.
func (d *Driver) Purge(ctx context.Context, o cache.Order) []cache.Result {
	if o.Selector.Kind != freshet.SelectExact {
		return []cache.Result{d.purgePattern(ctx, o)}
	}
	op := request{op: opPurge, since: o.Since}
	if d.o.Soft {
		op.op, op.keep = opSoft, d.o.Keep
	}
	f := d.fan(o.Selector.URLs, func(host, path string) request {
		r := op
		r.host, r.path = host, path
		return r
	})
	out := make([]cache.Result, len(o.Selector.URLs))
	for i, r := range d.quick.do(ctx, f.requests) {
		merge(&out[f.object[i]], d.purged(ctx, r))
	}
	return out
}

// purged reads one answer to a purge.
func (d *Driver) purged(ctx context.Context, r reply) cache.Result {
	if r.err != nil {
		return failed(ctx, r.err)
	}
	res := cache.Result{Outcome: freshet.OutcomeAlready, Executed: r.now}
	switch r.verdict {
	case saysHit:
		res.Before = r.copied()
		if r.count > 0 {
			res.Outcome = freshet.OutcomeDone
		}
	case saysKept:
		res.Before = r.copied()
		res.After = res.Before
	case saysMiss:
		// Variants that are stale beyond use, or kept for the origin's word on
		// them. A soft purge finds those it made itself, each time anew.
		if r.count > 0 && !d.o.Soft {
			res.Outcome = freshet.OutcomeDone
		}
	case saysPass:
	default:
		return cache.Failed(freshet.ReasonRefused, fmt.Sprintf("Varnish answered a purge with %q", r.verdict))
	}
	return res
}

// merge adds what became of an object under one of its names to what is known
// of the others: a failure counts more than a success, and "done" more than
// "already". The earliest time counts, since copies are compared with it.
func merge(all *cache.Result, r cache.Result) {
	if all.Outcome == freshet.OutcomeNone {
		*all = r
		return
	}
	if r.Executed.Before(all.Executed) && !r.Executed.IsZero() {
		all.Executed = r.Executed
	}
	if !all.Before.Stored() {
		all.Before = r.Before
	}
	if !all.After.Stored() {
		all.After = r.After
	}
	worse := func(o freshet.Outcome) int {
		switch o {
		case freshet.OutcomeAlready:
			return 0
		case freshet.OutcomeDone:
			return 1
		case freshet.OutcomeNone, freshet.OutcomeCovered, freshet.OutcomeCancelled, freshet.OutcomeFailed, freshet.OutcomeExcused:
		}
		return 2
	}
	if worse(r.Outcome) > worse(all.Outcome) {
		all.Outcome, all.Reason, all.Detail = r.Outcome, r.Reason, r.Detail
	}
}
