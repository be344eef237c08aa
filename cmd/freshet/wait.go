package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// waitOptions say how to wait for jobs.
type waitOptions struct {
	wait, each bool          // each: with JSON, print every report, not the last only
	timeout    time.Duration // for all jobs; 0 = for ever

	left time.Duration // of the timeout
	rest []string      // the jobs to wait for after this one
	line bool          // with JSON: one line a report
}

// add gives a command that submits jobs the flags to wait for them.
func (o *waitOptions) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.wait, "wait", false, "wait until the job is done, and exit by its outcome")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "with --wait: give up waiting after `TIME`, such as 90s or 10m; the job goes on")
}

func (o *waitOptions) check() error {
	switch {
	case o.timeout != 0 && !o.wait:
		return usageError{errors.New("--timeout belongs to --wait")}
	case o.timeout < 0:
		return usageError{errors.New("--timeout must be a time such as 90s or 10m")}
	}
	return nil
}

// waitJobs waits for one job after the other, all within one timeout, and
// returns the worst of their outcomes.
func waitJobs(ctx context.Context, r *remote, c *client.Client, ids []string, o waitOptions) error {
	o.line = len(ids) > 1
	deadline := time.Now().Add(o.timeout)
	var failed error
	for i, id := range ids {
		if o.rest = ids[i+1:]; o.timeout > 0 {
			o.left = max(time.Until(deadline), time.Nanosecond)
		}
		if i > 0 && !r.json {
			fmt.Fprintln(r.out)
		}
		err := waitJob(ctx, r, c, id, o)
		if e, ok := errors.AsType[exitError](err); ok && e.code == exitFailed {
			failed = err
			continue
		}
		if err != nil {
			return err
		}
	}
	return failed
}

// waitJob waits until a job is done, shows its progress, prints the last
// report, and returns its outcome. A wait that ends early says how to go on:
// the job itself never depends on anybody's watching.
func waitJob(ctx context.Context, r *remote, c *client.Client, id string, o waitOptions) error {
	waitCtx := ctx
	if o.timeout > 0 {
		var cancel context.CancelFunc
		waitCtx, cancel = context.WithTimeout(ctx, o.left)
		defer cancel()
	}
	p := newProgress(ctx, r)
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
		return exitError{exitInterrupted, o.goOn(id, "")}
	case errors.Is(err, context.DeadlineExceeded):
		return exitError{exitTimeout, o.goOn(id, fmt.Sprintf("job %s is not done after %s; ", id, o.timeout))}
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
	return showJob(r, last, o.line)
}

// goOn says how to wait again after a wait ended early.
func (o *waitOptions) goOn(id, why string) string {
	text := "the job goes on; "
	switch {
	case len(o.rest) > 0:
		text = "the jobs go on; "
	case why != "":
		text = ""
	}
	text = why + text + "wait for it again with: freshet job " + id + " --wait"
	if len(o.rest) > 0 {
		text += "; further jobs: " + strings.Join(o.rest, " ")
	}
	return text
}
