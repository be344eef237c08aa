package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
)

// Timeouts bounds the calls of a Driver; zero means no bound.
type Timeouts struct {
	Purge    time.Duration
	Prefetch time.Duration // of a whole call, however many objects it has
	Inspect  time.Duration
	Other    time.Duration
}

var errTimeout = errors.New("the cache did not answer in time")

// Timeout bounds every call of d. What is still running then is failed for
// ReasonTimeout, while the end of the caller's own context stays a
// cancellation. It relies on d to heed its context.
func Timeout(d Driver, t Timeouts) Driver { return &timed{Driver: d, t: t} }

type timed struct {
	Driver

	t Timeouts
}

func bound(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, d, errTimeout)
}

// late reports whether it was our bound that ended a call.
func late(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errTimeout) }

func lateResults(ctx context.Context, results []Result) []Result {
	if !late(ctx) {
		return results
	}
	for i, r := range results {
		// A supersession is the cache's own word, not ours.
		if r.Outcome == freshet.OutcomeCancelled && r.Reason == freshet.ReasonNone {
			results[i].Outcome, results[i].Reason, results[i].Detail = freshet.OutcomeFailed, freshet.ReasonTimeout, errTimeout.Error()
		}
	}
	return results
}

// Purge implements Driver.
func (w *timed) Purge(ctx context.Context, o Order) []Result {
	ctx, cancel := bound(ctx, w.t.Purge)
	defer cancel()
	return lateResults(ctx, exactly(o.Len(), w.Driver.Purge(ctx, o)))
}

// Prefetch implements Driver.
func (w *timed) Prefetch(ctx context.Context, objs []Object) []Result {
	ctx, cancel := bound(ctx, w.t.Prefetch)
	defer cancel()
	return lateResults(ctx, exactly(len(objs), w.Driver.Prefetch(ctx, objs)))
}

// Inspect implements Driver.
func (w *timed) Inspect(ctx context.Context, objs []Object, mode InspectMode) []State {
	ctx, cancel := bound(ctx, w.t.Inspect)
	defer cancel()
	return exactStates(len(objs), w.Driver.Inspect(ctx, objs, mode))
}

func (w *timed) other(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := bound(ctx, w.t.Other)
	defer cancel()
	err := do(ctx)
	if err != nil && late(ctx) {
		return &freshet.Error{Code: freshet.CodeUnavailable, Message: "The cache did not answer in time.", Err: fmt.Errorf("%w: %w", errTimeout, err)}
	}
	return err
}

// Flush implements Driver.
func (w *timed) Flush(ctx context.Context, before time.Time) error {
	return w.other(ctx, func(ctx context.Context) error { return w.Driver.Flush(ctx, before) })
}

// Incarnation implements Driver.
func (w *timed) Incarnation(ctx context.Context) (id string, err error) {
	err = w.other(ctx, func(ctx context.Context) error {
		id, err = w.Driver.Incarnation(ctx)
		return err
	})
	return id, err
}

// ReadCursor implements Driver.
func (w *timed) ReadCursor(ctx context.Context) (at freshet.Position, err error) {
	err = w.other(ctx, func(ctx context.Context) error {
		at, err = w.Driver.ReadCursor(ctx)
		return err
	})
	return at, err
}

// WriteCursor implements Driver.
func (w *timed) WriteCursor(ctx context.Context, at freshet.Position) error {
	return w.other(ctx, func(ctx context.Context) error { return w.Driver.WriteCursor(ctx, at) })
}
