package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// waitOptions say how to wait for a job.
type waitOptions struct {
	timeout time.Duration // 0 = for ever
	each    bool          // with JSON: print every report, not the last only
}

// waitJob waits until a job is done, shows its progress, prints the last
// report, and returns its outcome. A wait that ends early says how to go on:
// the job itself never depends on anybody's watching.
func waitJob(ctx context.Context, r *remote, c *client.Client, id string, o waitOptions) error {
	waitCtx := ctx
	if o.timeout > 0 {
		var cancel context.CancelFunc
		waitCtx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	p := newProgress(ctx, r.deps)
	var showErr error
	last, err := c.Wait(waitCtx, id, func(j *freshet.JobReport) {
		p.update(j)
		if o.each && r.json {
			showErr = errors.Join(showErr, writeJSON(r.out, j, false))
		}
	})
	p.end()
	switch {
	case ctx.Err() != nil:
		return exitError{exitInterrupted, fmt.Sprintf("the job goes on; wait for it again with: freshet job %s --wait", id)}
	case errors.Is(err, context.DeadlineExceeded):
		return exitError{exitTimeout, fmt.Sprintf("job %s is not done after %s; wait for it again with: freshet job %s --wait", id, o.timeout, id)}
	case err != nil:
		return err
	case last == nil:
		return freshet.Errorf(freshet.CodeUnavailable, "The server told nothing of job %s.", id)
	case o.each && r.json:
		if jobFailed(last) {
			return exitError{code: exitFailed}
		}
		return showErr
	}
	return showJob(r, last)
}
