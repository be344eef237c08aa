package agent

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/trace"
)

// verdict is how the purge of one object ended.
type verdict struct {
	outcome  freshet.Outcome // done, already or failed
	reason   freshet.Reason
	detail   string
	verified freshet.Verified
	attempts int
	rounds   int
	window   time.Duration
	executed time.Time
	before   freshet.Copy
	after    freshet.Copy
	came     freshet.Copy // of a prefetch: what the cache said it had fetched, and does not have
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

// carryOut carries out a purge, and everything that its proof needs.
func (a *Agent) carryOut(ctx context.Context, o cache.Order, mode freshet.Verify) []verdict {
	executed := now()
	ctx, span := trace.Start(ctx, trace.Driver)
	results := cache.Settle(ctx, a.o.Driver, o, mode)
	traceCall(span, o, results)
	all := make([]verdict, o.Len())
	for i := range all {
		v := &all[i]
		v.attempts, v.executed = 1, executed
		if v.accept(results, i) {
			r := results[i]
			v.verified, v.after, v.window = r.Verified, r.After, r.Window
			if !r.Executed.IsZero() {
				v.executed = r.Executed.UTC().Truncate(time.Millisecond)
			}
		}
	}
	return all
}

// accept takes in the cache's answer for one object. Anything but a clear yes
// is a failure.
func (v *verdict) accept(results []cache.Result, n int) bool {
	if n >= len(results) {
		v.fail(freshet.ReasonUnreachable, "the cache gave no answer for the object")
		return false
	}
	r := results[n]
	v.before, v.rounds, v.detail, v.reason = r.Before, r.Rounds, r.Detail, freshet.ReasonNone
	v.attempts = max(v.attempts, r.Rounds)
	switch r.Outcome {
	case freshet.OutcomeDone, freshet.OutcomeAlready:
		v.outcome = r.Outcome
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
