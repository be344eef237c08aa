package agent

import (
	"context"
	"sync"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

const (
	// probesOfCall is how many objects of one call are probed at a time.
	probesOfCall = 8
	// probedCalls is how many calls of one domain are probed at a time.
	probedCalls = 2
)

// probing is what was purged and waits to be seen through the front door. Each
// domain has a lane of its own, and none of it counts as a purge that runs: an
// origin that does not answer must not hold up the purges of others.
type probing map[string]*probeLane

type probeLane struct {
	running int
	waiting []*probedCall
}

// probedCall is one call of purges that were carried out.
type probedCall struct {
	at       freshet.Position
	batch    []*object
	verdicts []verdict
	domain   freshet.Domain
}

// mayProbe reports whether a probe of a domain says anything. While the POP is
// not ready, its door turns everybody away, and becomes ready only when its
// purges are done: they are inspected then, as the evidence says.
func (l *life) mayProbe(d freshet.Domain) bool {
	return l.o.Probe != nil && d.Verify == freshet.VerifyProbe && d.Origin != "" && !d.Offline && l.ready.told
}

// settled takes in that a call of purges was carried out as far as the cache's
// word goes.
func (l *life) settled(ctx context.Context, c *probedCall) {
	l.purges.running--
	if !l.mayProbe(c.domain) {
		l.purged(ctx, c.at, c.batch, c.verdicts)
		return
	}
	n := l.purges.probing[c.domain.Name]
	if n == nil {
		n = &probeLane{}
		l.purges.probing[c.domain.Name] = n
	}
	n.waiting = append(n.waiting, c)
	l.startProbes(ctx, n)
}

func (l *life) startProbes(ctx context.Context, n *probeLane) {
	for n.running < probedCalls && len(n.waiting) > 0 {
		c := n.waiting[0]
		n.waiting = n.waiting[1:]
		n.running++
		l.work(ctx, func() func() {
			l.probePurges(ctx, c)
			return func() {
				n.running--
				if l.startProbes(ctx, n); n.running == 0 {
					delete(l.purges.probing, c.domain.Name)
				}
				l.purged(ctx, c.at, c.batch, c.verdicts)
			}
		})
	}
}

// probePurges probes what a call purged. What is not seen to be new fails, and
// is purged again like anything that failed for now.
func (a *Agent) probePurges(ctx context.Context, c *probedCall) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(probesOfCall, len(c.batch)) {
		wg.Go(func() {
			for i := range next {
				a.probePurge(ctx, c, i)
			}
		})
	}
	for i := range c.verdicts {
		if c.verdicts[i].outcome != freshet.OutcomeFailed {
			next <- i
		}
	}
	close(next)
	wg.Wait()
}

func (a *Agent) probePurge(ctx context.Context, c *probedCall, i int) {
	v, url := &c.verdicts[i], c.batch[i].url
	done := carriedOut(c.at, v)
	v.probed(a.o.Probe(ctx, cache.Probe{
		Domain: c.domain, URL: url, Before: v.before,
		Newer: a.newer(cache.Object{URL: url, Generation: c.at}, func(s freshet.Copy) bool { return !done.isAfter(s) }),
	}))
}

// newer returns a look into the cache that says whether what is stored was
// certainly fetched late enough; nil if it cannot be looked into.
func (a *Agent) newer(o cache.Object, late func(freshet.Copy) bool) func(context.Context) (freshet.Copy, bool) {
	if !a.powers.Inspect {
		return nil
	}
	return func(ctx context.Context) (freshet.Copy, bool) {
		s := state(a.o.Driver.Inspect(ctx, []cache.Object{o}, cache.InspectNow), 0)
		return s.Copy, s.Fault == freshet.ReasonNone && s.Copy.Stored() && late(s.Copy)
	}
}

// probeWarm probes what a prefetch stored. What it fetched itself is new; of
// what was there already it takes a purge, carried out before, to say so.
func (a *Agent) probeWarm(ctx context.Context, v *verdict, w warming) {
	late := func(freshet.Copy) bool { return !w.floor.executed.IsZero() } // warm has compared it
	if v.outcome == freshet.OutcomeDone {
		late = func(s freshet.Copy) bool { return !s.FetchedAt.Before(v.after.FetchedAt) }
	}
	v.probed(a.o.Probe(ctx, cache.Probe{Domain: w.domain, URL: w.obj.URL, Whole: true, Newer: a.newer(w.obj, late)}))
}

// probed takes in what a probe found.
func (v *verdict) probed(f cache.Finding) {
	if f.Reason != freshet.ReasonNone {
		v.fail(f.Reason, f.Detail)
		v.verified = freshet.VerifiedNone
		return
	}
	v.verified = freshet.VerifiedProbe
}
