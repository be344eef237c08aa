package cache

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// Limit lets at most n calls with objects run at a time; others wait for their
// turn or the end of their context. Calls without objects are not counted:
// they are few, and a flush must not wait behind prefetches.
func Limit(d Driver, n int) Driver {
	return &limited{Driver: d, turns: make(chan struct{}, max(n, 1))}
}

type limited struct {
	Driver

	turns chan struct{}
}

func (w *limited) enter(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false // select would toss a coin
	}
	select {
	case w.turns <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *limited) exit() { <-w.turns }

// Purge implements Driver.
func (w *limited) Purge(ctx context.Context, o Order) []Result {
	if !w.enter(ctx) {
		return repeat(o.Len(), stopped(ctx))
	}
	defer w.exit()
	return exactly(o.Len(), w.Driver.Purge(ctx, o))
}

// Prefetch implements Driver.
func (w *limited) Prefetch(ctx context.Context, objs []Object) []Result {
	if !w.enter(ctx) {
		return repeat(len(objs), stopped(ctx))
	}
	defer w.exit()
	return exactly(len(objs), w.Driver.Prefetch(ctx, objs))
}

// Inspect implements Driver.
func (w *limited) Inspect(ctx context.Context, objs []Object, mode InspectMode) []State {
	if !w.enter(ctx) {
		return repeat(len(objs), State{Fault: freshet.ReasonTimeout})
	}
	defer w.exit()
	return exactStates(len(objs), w.Driver.Inspect(ctx, objs, mode))
}
