package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

const (
	maxMediaLine  = 64 << 10  // bytes of one line of standard input
	maxMediaLines = 1_000_000 // media IDs of one command
)

// mediaIDs returns the media IDs of a command line, each once; those of
// standard input, one a line, in the place of "-".
func mediaIDs(d deps, args []string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	add := func(id string) {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	read := false
	for _, arg := range args {
		if arg != "-" {
			add(arg)
			continue
		}
		if read {
			return nil, usageError{errors.New("- stands for standard input, which can be read once")}
		}
		read = true
		if err := readIDs(d, add); err != nil {
			return nil, err
		}
	}
	if read && len(out) == 0 {
		return nil, freshet.Errorf(freshet.CodeInvalid, "Standard input holds no media ID.")
	}
	if len(out) > maxMediaLines {
		return nil, freshet.Errorf(freshet.CodeTooLarge, "A command takes at most %d media IDs; these are %d.", maxMediaLines, len(out))
	}
	return out, nil
}

// readIDs reads IDs, one a line. Empty lines and those that begin with # are
// passed over.
func readIDs(d deps, add func(string)) error {
	lines := bufio.NewScanner(d.in)
	lines.Buffer(nil, maxMediaLine)
	if d.typed {
		fmt.Fprintln(d.err, "media IDs, one a line, then Ctrl-D:")
	}
	n := 0
	for lines.Scan() {
		n++
		id := strings.TrimSpace(lines.Text())
		if id == "" || strings.HasPrefix(id, "#") {
			continue
		}
		if strings.ContainsAny(id, " \t") {
			return freshet.Errorf(freshet.CodeInvalid, "Line %d of standard input is not one media ID: %q.", n, clip(id))
		}
		add(id)
	}
	if err := lines.Err(); errors.Is(err, context.Canceled) {
		return err
	} else if err != nil {
		return freshet.Errorf(freshet.CodeInvalid, "Standard input cannot be read after line %d: %w.", n, err)
	}
	return nil
}

// batch is what became of the media of one command: a job for every twenty.
type batch struct {
	receipts  []freshet.Receipt
	split     bool // there may be several jobs
	nowhere   []string
	forbidden []string
}

// submitMedia submits media in as many jobs as it takes. A part of which no
// media exists makes no job; if that is all of them, it is an error. With
// another error the jobs before it are in the batch.
func submitMedia(ctx context.Context, d deps, media []string, submit func(context.Context, []string) (freshet.Receipt, error)) (batch, error) {
	b := batch{split: len(media) > freshet.MaxMediaPerJob}
	bar := newMeter(ctx, d, "submit", "media", int64(len(media)))
	defer bar.end()
	var nothing error
	for i := 0; i == 0 || i < len(media); i += freshet.MaxMediaPerJob {
		part := media[i:min(i+freshet.MaxMediaPerJob, len(media))]
		receipt, err := submit(ctx, part)
		missing := missingOf(err)
		switch {
		case err == nil:
			b = b.with(receipt)
			b.receipts = append(b.receipts, receipt)
		case missing != nil && b.split:
			b, nothing = b.with(*missing), err
		default:
			return b, cut(ctx, err, media[i:], b.split)
		}
		bar.add(int64(len(part)))
	}
	if len(b.receipts) == 0 {
		return b, nothing
	}
	return b, nil
}

// missingOf reads the fault of a job none of whose media can be worked on;
// nil is another one.
func missingOf(err error) *freshet.Receipt {
	e, ok := errors.AsType[*freshet.Error](err)
	if !ok || len(e.Sub) == 0 || e.Code != freshet.CodeNotFound && e.Code != freshet.CodeForbidden {
		return nil
	}
	var r freshet.Receipt
	for _, s := range e.Sub {
		if strings.Contains(s.Message, "may not") {
			r.Forbidden = append(r.Forbidden, s.ID)
		} else {
			r.NonExistent = append(r.NonExistent, s.ID)
		}
	}
	return &r
}

// cut says how to go on after not all of the media were submitted.
func cut(ctx context.Context, err error, rest []string, split bool) error {
	left := ""
	if split {
		left = fmt.Sprintf(" Not submitted are %d media, from %s on.", len(rest), rest[0])
	}
	if ctx.Err() != nil {
		return exitError{exitInterrupted, "interrupted while a job was submitted: freshet jobs shows whether it was accepted." + left}
	}
	if e, ok := errors.AsType[*freshet.Error](err); ok && split {
		told := *e
		told.Message += left
		return &told
	}
	return err
}

func (b batch) with(receipt freshet.Receipt) batch {
	b.nowhere = append(b.nowhere, receipt.NonExistent...)
	b.forbidden = append(b.forbidden, receipt.Forbidden...)
	return b
}

func (b batch) jobs() []string {
	var out []string
	for i := range b.receipts {
		out = append(out, b.receipts[i].JobID)
	}
	return out
}

// finish tells of the jobs of a command, or waits for them. err is what ended
// their submission.
func (b batch) finish(cmd *cobra.Command, r *remote, c *client.Client, o waitOptions, err error) error {
	if len(b.receipts) == 0 {
		return err
	}
	missing := firstError(err, noteMissing(r, b.nowhere, b.forbidden))
	if o.wait && err == nil {
		for _, id := range b.jobs() {
			r.note("job %s is accepted", id)
		}
		return firstError(waitJobs(cmd.Context(), r, c, b.jobs(), o), missing)
	}
	for _, receipt := range b.receipts {
		if r.json {
			if err := writeJSON(r.out, receipt, !b.split); err != nil {
				return err
			}
		} else if _, err := fmt.Fprintf(r.out, "job %s is accepted; follow it with: freshet job %s --wait\n", receipt.JobID, receipt.JobID); err != nil {
			return err
		}
	}
	return missing
}

// planMedia runs a plan of media in parts, as they would be submitted, and puts
// them together.
func planMedia(ctx context.Context, media []string, plan func(context.Context, []string) (freshet.DryRun, error)) (freshet.DryRun, error) {
	if len(media) <= freshet.MaxMediaPerJob {
		return plan(ctx, media)
	}
	var all freshet.DryRun
	var nothing error
	for part := range slices.Chunk(media, freshet.MaxMediaPerJob) {
		run, err := plan(ctx, part)
		if missing := missingOf(err); missing != nil {
			run.NonExistent, run.Forbidden, nothing, err = missing.NonExistent, missing.Forbidden, err, nil
		}
		if err != nil {
			return all, err
		}
		all.Rows = append(all.Rows, run.Rows...)
		all.NonExistent = append(all.NonExistent, run.NonExistent...)
		all.Forbidden = append(all.Forbidden, run.Forbidden...)
	}
	if len(all.Rows) == 0 {
		return all, nothing
	}
	return all, nil
}
