package agent

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// purgeRounds bounds how often one call purges an object that is stored again
// each time it looks. Three: the first removes, the second catches the fill
// that was in flight, the third a fill that joined that one. What is stale
// even then gets a pause, not a tight loop.
const purgeRounds = 3

// verdict is how the purge of one object ended.
type verdict struct {
	outcome  freshet.Outcome // done, already or failed
	reason   freshet.Reason
	detail   string
	verified freshet.Verified
	attempts int
	executed time.Time
	before   freshet.Copy
	after    freshet.Copy
}

func (v *verdict) fail(reason freshet.Reason, detail string) {
	v.outcome, v.reason, v.detail = freshet.OutcomeFailed, reason, detail
}

// transient reports whether trying again may help.
func (v *verdict) transient() bool {
	return v.outcome == freshet.OutcomeFailed && v.reason.Transient()
}

// now is the POP's clock as it appears in evidence.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// purgeObjects purges objects at one position and looks afterwards: the cache's
// answer alone proves nothing while a fill is in flight.
func (a *Agent) purgeObjects(ctx context.Context, at freshet.Position, urls []string) []verdict {
	all := make([]verdict, len(urls))
	left := make([]int, len(urls))
	for i := range left {
		left[i] = i
	}
	for range purgeRounds {
		left = a.purgeRound(ctx, at, urls, all, left)
		if len(left) == 0 {
			return all
		}
	}
	for _, i := range left {
		all[i].fail(freshet.ReasonMismatch, "an older body is stored again after every purge")
	}
	return all
}

// purgeRound purges and inspects the objects named by left, and returns those
// that are still stored as they were before.
func (a *Agent) purgeRound(ctx context.Context, at freshet.Position, urls []string, all []verdict, left []int) []int {
	sel := freshet.Selector{Kind: freshet.SelectExact, URLs: pick(urls, left)}
	executed := now()
	results := a.o.Driver.Purge(ctx, at, sel)
	var look []int
	for n, i := range left {
		v := &all[i]
		v.attempts++
		v.executed = executed
		if v.accept(results, n) {
			look = append(look, i)
		}
	}
	if len(look) == 0 {
		return nil
	}
	mode := cache.InspectJoin
	if a.powers.DefeatsFills {
		mode = cache.InspectNow
	}
	states := a.o.Driver.Inspect(ctx, objects(pick(urls, look), at), mode)
	var stale []int
	for n, i := range look {
		v := &all[i]
		switch s := state(states, n); {
		case s.Fault == freshet.ReasonUnsupported:
			v.verified = freshet.VerifiedAnswer
		case s.Fault != freshet.ReasonNone:
			v.fail(s.Fault, "the cache could not be inspected after the purge")
		case isStale(s.Copy, at, executed):
			stale = append(stale, i)
		default:
			v.after = s.Copy
			v.verified = freshet.VerifiedInspect
			if s.Joined {
				v.verified = freshet.VerifiedInspectJoined
			}
		}
	}
	return stale
}

// accept takes in the cache's answer for one object. Anything but a clear yes
// is a failure.
func (v *verdict) accept(results []cache.Result, n int) bool {
	if n >= len(results) {
		v.fail(freshet.ReasonUnreachable, "the cache gave no answer for the object")
		return false
	}
	r := results[n]
	if !v.before.Stored() {
		v.before = r.Before
	}
	v.detail, v.reason = r.Detail, freshet.ReasonNone
	switch r.Outcome {
	case freshet.OutcomeDone:
		v.outcome = freshet.OutcomeDone
	case freshet.OutcomeAlready:
		// After a round that removed something, "already" means done.
		if v.outcome != freshet.OutcomeDone {
			v.outcome = freshet.OutcomeAlready
		}
	case freshet.OutcomeFailed:
		v.fail(orUnreachable(r.Reason), r.Detail)
		return false
	case freshet.OutcomeNone, freshet.OutcomeCovered, freshet.OutcomeCancelled, freshet.OutcomeExcused:
		v.fail(freshet.ReasonTimeout, "the cache did not finish: "+r.Outcome.String()+" "+r.Detail)
		return false
	default:
		v.fail(freshet.ReasonUnreachable, "the cache gave an answer that is none")
		return false
	}
	return true
}

// isStale reports whether a copy may stem from before the purge. The
// generation decides where the cache keeps one; otherwise its own clock does,
// and the same millisecond counts as before.
func isStale(c freshet.Copy, at freshet.Position, executed time.Time) bool {
	switch {
	case !c.Stored():
		return false
	case !c.Generation.IsZero():
		return c.Generation.Before(at)
	}
	return !c.FetchedAt.After(executed)
}

// purgePattern purges what a pattern names. Nothing can be looked at
// afterwards: which objects there were is known to the cache alone.
func (a *Agent) purgePattern(ctx context.Context, at freshet.Position, sel freshet.Selector) verdict {
	v := verdict{attempts: 1, executed: now()}
	if v.accept(a.o.Driver.Purge(ctx, at, sel), 0) {
		v.verified = freshet.VerifiedAnswer
	}
	return v
}

func orUnreachable(r freshet.Reason) freshet.Reason {
	if r == freshet.ReasonNone {
		return freshet.ReasonUnreachable
	}
	return r
}

func state(states []cache.State, n int) cache.State {
	if n >= len(states) {
		return cache.State{Fault: freshet.ReasonUnreachable}
	}
	return states[n]
}

func pick(urls []string, idx []int) []string {
	out := make([]string, len(idx))
	for n, i := range idx {
		out[n] = urls[i]
	}
	return out
}

func objects(urls []string, at freshet.Position) []cache.Object {
	out := make([]cache.Object, len(urls))
	for i, u := range urls {
		out[i] = cache.Object{URL: u, Generation: at}
	}
	return out
}
