package cache

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/freshet-vod/freshet"
)

// RetryPolicy says how often and at what pace a call is tried again.
type RetryPolicy struct {
	Attempts int           // in all; default 3
	First    time.Duration // mean pause after the first attempt; default 200 ms
	Max      time.Duration // longest mean pause; default 5 s
}

func (p RetryPolicy) orDefaults() RetryPolicy {
	if p.Attempts <= 0 {
		p.Attempts = 3
	}
	if p.First <= 0 {
		p.First = 200 * time.Millisecond
	}
	if p.Max <= 0 {
		p.Max = 5 * time.Second
	}
	return p
}

// pause waits between attempts: twice as long each time, give or take half, so
// that many agents do not knock in step. It returns false if ctx ended.
func (p RetryPolicy) pause(ctx context.Context, attempt int) bool {
	mean := p.Max
	if shift := attempt - 1; shift < 30 && p.First<<shift < p.Max {
		mean = p.First << shift
	}
	timer := time.NewTimer(mean/2 + rand.N(mean)) //nolint:gosec // jitter, not a secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Retry tries again what failed for a transient reason, and only that: objects
// that succeeded, or that the cache refused, are not asked about twice. If ctx
// ends in a pause, the last failure stands.
func Retry(d Driver, p RetryPolicy) Driver { return &retrying{Driver: d, p: p.orDefaults()} }

type retrying struct {
	Driver

	p RetryPolicy
}

func transient(r Result) bool {
	return r.Outcome == freshet.OutcomeFailed && r.Reason.Transient()
}

// repeatFailed calls do for all of n objects, then for those that keep
// failing. do gets indexes into the whole.
func (w *retrying) repeatFailed(ctx context.Context, n int, do func(idx []int) []Result) []Result {
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	out := make([]Result, n)
	for attempt := 1; len(idx) > 0; attempt++ {
		var again []int
		for k, r := range exactly(len(idx), do(idx)) {
			i := idx[k]
			// The first attempt may have removed what it could not confirm; what
			// was there before is known only from it.
			if attempt > 1 && !r.Before.Stored() {
				r.Before = out[i].Before
			}
			if attempt > 1 && r.Outcome == freshet.OutcomeAlready && out[i].Removed > 0 {
				r.Outcome, r.Removed = freshet.OutcomeDone, out[i].Removed
			}
			out[i] = r
			if transient(r) {
				again = append(again, i)
			}
		}
		idx = again
		if len(idx) == 0 || attempt >= w.p.Attempts || !w.p.pause(ctx, attempt) {
			break
		}
	}
	return out
}

// Purge implements Driver.
func (w *retrying) Purge(ctx context.Context, o Order) []Result {
	return w.repeatFailed(ctx, o.Len(), func(idx []int) []Result {
		some := o
		if o.Selector.Kind == freshet.SelectExact {
			some.Selector.URLs = choose(o.Selector.URLs, idx)
		}
		return w.Driver.Purge(ctx, some)
	})
}

// Prefetch implements Driver.
func (w *retrying) Prefetch(ctx context.Context, objs []Object) []Result {
	return w.repeatFailed(ctx, len(objs), func(idx []int) []Result {
		return w.Driver.Prefetch(ctx, choose(objs, idx))
	})
}

// Inspect implements Driver.
func (w *retrying) Inspect(ctx context.Context, objs []Object, mode InspectMode) []State {
	var states []State
	w.repeatFailed(ctx, len(objs), func(idx []int) []Result {
		if states == nil {
			states = make([]State, len(objs))
		}
		faults := make([]Result, len(idx))
		for k, st := range exactStates(len(idx), w.Driver.Inspect(ctx, choose(objs, idx), mode)) {
			states[idx[k]] = st
			if st.Fault != freshet.ReasonNone {
				faults[k] = Failed(st.Fault, "")
			}
		}
		return faults
	})
	return states
}

func choose[T any](list []T, idx []int) []T {
	if len(idx) == len(list) {
		return list
	}
	out := make([]T, len(idx))
	for k, i := range idx {
		out[k] = list[i]
	}
	return out
}

func (w *retrying) other(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || !freshet.Retryable(err) || attempt >= w.p.Attempts || !w.p.pause(ctx, attempt) {
			return err
		}
	}
}

// Flush implements Driver.
func (w *retrying) Flush(ctx context.Context, before time.Time) error {
	return w.other(ctx, func() error { return w.Driver.Flush(ctx, before) })
}

// Incarnation implements Driver.
func (w *retrying) Incarnation(ctx context.Context) (id string, err error) {
	err = w.other(ctx, func() error {
		id, err = w.Driver.Incarnation(ctx)
		return err
	})
	return id, err
}

// ReadCursor implements Driver.
func (w *retrying) ReadCursor(ctx context.Context) (at freshet.Position, err error) {
	err = w.other(ctx, func() error {
		at, err = w.Driver.ReadCursor(ctx)
		return err
	})
	return at, err
}

// WriteCursor implements Driver.
func (w *retrying) WriteCursor(ctx context.Context, at freshet.Position) error {
	return w.other(ctx, func() error { return w.Driver.WriteCursor(ctx, at) })
}
