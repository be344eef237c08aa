package agent

import (
	"context"
	"math/rand/v2"
	"time"
)

// pause returns how long to wait after the nth failure in a row (from 1): it
// doubles up to RetryMax, and a quarter of it is random, so that a hundred
// POPs do not return to a recovering control plane in step.
func (a *Agent) pause(n int) time.Duration {
	d := a.o.RetryMax
	if n < 20 {
		d = min(d, a.o.RetryMin<<max(0, n-1))
	}
	return d - time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // jitter needs no secrecy
}

// sleep waits for d; it is false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sleepUnless waits for d or until ctx ends; it is true if early ended it
// before.
func sleepUnless(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-early:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// kick makes the receiver of a channel with room for one look again.
func kick(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
