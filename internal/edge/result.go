package edge

import (
	"context"
	"errors"
	"strings"

	"github.com/freshet-vod/freshet"
)

func failed(reason freshet.Reason, err error) Result {
	return Result{Outcome: freshet.OutcomeFailed, Reason: reason, Detail: err.Error()}
}

func cancelled(ctx context.Context) Result {
	return Result{Outcome: freshet.OutcomeCancelled, Detail: context.Cause(ctx).Error()}
}

func fill(results []Result, with Result) []Result {
	for i := range results {
		results[i] = with
	}
	return results
}

// isFull reports whether the index could not be written for want of space.
// SQLite says so in its own words and number (13).
func isFull(err error) bool {
	return errors.Is(diskError(err), errNoSpace) || strings.Contains(err.Error(), "database or disk is full")
}

// endReason puts the end of a body into the closed list.
func endReason(err error) freshet.Reason {
	switch {
	case errors.Is(err, errStalled):
		return freshet.ReasonTimeout
	case errors.Is(err, errTooLarge):
		return freshet.ReasonTooLarge
	case errors.Is(err, errTruncated):
		return freshet.ReasonMismatch
	case errors.Is(err, errClosed):
		return freshet.ReasonUnreachable
	case errors.Is(err, errNoSpace):
		return freshet.ReasonNoSpace
	}
	return freshet.ReasonNoSpace // what is left are faults of the disk
}
