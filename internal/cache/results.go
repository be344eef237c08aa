package cache

import (
	"context"
	"fmt"

	"github.com/freshet-vod/freshet"
)

// exactly holds a driver to its contract: one result per object. If the count
// is wrong, nobody knows which object a result belongs to, so none of them
// counts.
func exactly(n int, results []Result) []Result {
	if len(results) == n {
		return results
	}
	return repeat(n, Failed(freshet.ReasonRefused, fmt.Sprintf("the driver gave %d results for %d objects", len(results), n)))
}

// exactStates is the same for Inspect.
func exactStates(n int, states []State) []State {
	if len(states) == n {
		return states
	}
	return repeat(n, State{Fault: freshet.ReasonRefused})
}

func repeat[T any](n int, v T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// stopped is the result of what was not begun because ctx had ended.
func stopped(ctx context.Context) Result {
	return Result{Outcome: freshet.OutcomeCancelled, Detail: context.Cause(ctx).Error()}
}

// choose returns the items at some places of a list.
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
