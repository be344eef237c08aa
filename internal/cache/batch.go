package cache

import (
	"context"
	"slices"

	"github.com/freshet-vod/freshet"
)

// Batch splits calls so that none has more objects than d's Powers allow. The
// parts run one after the other; when ctx ends between two, the rest is
// cancelled.
func Batch(d Driver) Driver { return &batched{Driver: d} }

type batched struct{ Driver }

func (w *batched) size() int { return max(w.Powers().MaxBatch, 1) }

// Purge implements Driver. Patterns are one object each.
func (w *batched) Purge(ctx context.Context, o Order) []Result {
	if o.Selector.Kind != freshet.SelectExact {
		return exactly(1, w.Driver.Purge(ctx, o))
	}
	return inParts(ctx, o.Selector.URLs, w.size(), func(part []string) []Result {
		some := o
		some.Selector.URLs = part
		return w.Driver.Purge(ctx, some)
	})
}

// Prefetch implements Driver.
func (w *batched) Prefetch(ctx context.Context, objs []Object) []Result {
	return inParts(ctx, objs, w.size(), func(part []Object) []Result { return w.Driver.Prefetch(ctx, part) })
}

// Inspect implements Driver.
func (w *batched) Inspect(ctx context.Context, objs []Object, mode InspectMode) []State {
	out := make([]State, 0, len(objs))
	for part := range slices.Chunk(objs, w.size()) {
		if ctx.Err() != nil {
			out = append(out, repeat(len(part), State{Fault: freshet.ReasonTimeout})...)
			continue
		}
		out = append(out, exactStates(len(part), w.Driver.Inspect(ctx, part, mode))...)
	}
	return out
}

func inParts[T any](ctx context.Context, list []T, size int, do func([]T) []Result) []Result {
	out := make([]Result, 0, len(list))
	for part := range slices.Chunk(list, size) {
		if ctx.Err() != nil {
			out = append(out, repeat(len(part), stopped(ctx))...)
			continue
		}
		out = append(out, exactly(len(part), do(part))...)
	}
	return out
}
