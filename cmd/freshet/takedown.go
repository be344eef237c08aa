package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// takedownFlags are the flags of `freshet takedown`.
type takedownFlags struct {
	reason          string
	status          int
	undo, list, all bool
	wait            bool
	timeout         time.Duration
}

func newTakedown(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "takedown [ID...]",
		Short: "Make media unreachable on every POP, now; or undo that, or list it",
		Long: `Deny media on every POP, then purge them: nobody gets a byte of them any more,
and nobody's request fetches them again. Their status becomes Blocked. The job
tells for each POP when that was done. It does not reach what viewers or other
networks have stored already.`,
		Example: `  freshet takedown 93ab850b4f6f46e9 --reason "court order 7 U 12/26" --wait
  freshet takedown --undo 93ab850b4f6f46e9
  freshet takedown --list`,
	}
	var f takedownFlags
	flags := cmd.Flags()
	flags.StringVar(&f.reason, "reason", "", "`TEXT` for the record; viewers are not told")
	flags.IntVar(&f.status, "status", freshet.StatusLegal, "what viewers get: 451 or 404, `CODE`")
	flags.BoolVar(&f.undo, "undo", false, "end the takedown of these media")
	flags.BoolVar(&f.list, "list", false, "list the takedowns that hold")
	flags.BoolVar(&f.all, "all", false, "with --list: those that ended, too")
	flags.BoolVar(&f.wait, "wait", false, "wait until the job is done, and exit by its outcome")
	flags.DurationVar(&f.timeout, "timeout", 0, "with --wait: give up waiting after `TIME`, such as 90s; the job goes on")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, media []string) error {
		if err := f.check(cmd, media); err != nil {
			return usageError{err}
		}
		if f.list {
			return f.show(cmd, r, c)
		}
		return f.submit(cmd, r, c, media)
	})
	return cmd
}

// check says what is wrong with the command line.
func (f *takedownFlags) check(cmd *cobra.Command, media []string) error {
	changed := cmd.Flags().Changed
	switch {
	case f.list && (f.undo || f.wait || len(media) > 0 || changed("reason") || changed("status")):
		return errors.New("--list stands alone")
	case f.all && !f.list:
		return errors.New("--all belongs to --list")
	case !f.list && len(media) == 0:
		return fmt.Errorf("%s needs media IDs or --list", cmd.CommandPath())
	case f.undo && (changed("reason") || changed("status")):
		return errors.New("--undo takes no --reason and no --status")
	case f.status != freshet.StatusLegal && f.status != freshet.StatusNotFound:
		return fmt.Errorf("--status must be %d or %d", freshet.StatusLegal, freshet.StatusNotFound)
	case f.timeout != 0 && !f.wait:
		return errors.New("--timeout belongs to --wait")
	}
	return nil
}

func (f *takedownFlags) submit(cmd *cobra.Command, r *remote, c *client.Client, media []string) error {
	var receipt freshet.Receipt
	var err error
	if f.undo {
		receipt, err = c.Reinstate(cmd.Context(), media...)
	} else {
		receipt, err = c.Takedown(cmd.Context(), client.TakedownRequest{Media: media, Status: f.status, Reason: f.reason})
	}
	if err != nil {
		return err
	}
	missing := noteMissing(r, receipt.NonExistent, receipt.Forbidden)
	if f.wait {
		r.note("job %s is accepted", receipt.JobID)
		return firstError(waitJob(cmd.Context(), r, c, receipt.JobID, waitOptions{timeout: f.timeout}), missing)
	}
	return firstError(r.show(receipt, func() error {
		_, err := fmt.Fprintf(r.out, "job %s is accepted; follow it with: freshet job %s --wait\n", receipt.JobID, receipt.JobID)
		return err
	}), missing)
}

func (f *takedownFlags) show(cmd *cobra.Command, r *remote, c *client.Client) error {
	records, err := c.Takedowns(cmd.Context(), f.all)
	if err != nil {
		return err
	}
	return r.show(map[string]any{"takedowns": records}, func() error {
		t := newTable(r.out, "MEDIA", "SINCE", "UNTIL", "STATUS", "URLS", "JOB", "BY", "REASON")
		for _, k := range records {
			until := "holds"
			if !k.Active() {
				until = when(k.Ended)
			}
			t.row(k.Media, when(k.Since), until, num(k.Denial.Status), num(k.URLs), k.Job, k.Denial.By, k.Denial.Reason)
		}
		return t.flush()
	})
}
