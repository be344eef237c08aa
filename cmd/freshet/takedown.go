package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// takedownFlags are the flags of `freshet takedown`.
type takedownFlags struct {
	reason          string
	status          int
	undo, list, all bool
	waitOptions
}

func newTakedown(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "takedown [ID...|-]",
		Short: "Make media unreachable on every POP, now; or undo that, or list it",
		Long: `Deny media on every POP, then purge them: nobody gets a byte of them any more,
and nobody's request fetches them again. Their status becomes Blocked. The job
tells for each POP when that was done. It does not reach what viewers or other
networks have stored already.

` + manyMedia,
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
	f.add(cmd)
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		media, err := mediaIDs(d, args)
		if err != nil {
			return err
		}
		if err := f.flagFault(cmd, media); err != nil {
			return usageError{err}
		}
		if f.list {
			return f.show(cmd, r, c)
		}
		return f.submit(cmd, r, c, media)
	})
	return cmd
}

// flagFault says what is wrong with the command line.
func (f *takedownFlags) flagFault(cmd *cobra.Command, media []string) error {
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
	}
	return f.check()
}

func (f *takedownFlags) submit(cmd *cobra.Command, r *remote, c *client.Client, media []string) error {
	b, err := submitMedia(cmd.Context(), r.deps, media, func(ctx context.Context, part []string) (freshet.Receipt, error) {
		if f.undo {
			return c.Reinstate(ctx, part...)
		}
		return c.Takedown(ctx, client.TakedownRequest{Media: part, Status: f.status, Reason: f.reason})
	})
	return b.finish(cmd, r, c, f.waitOptions, err)
}

func (f *takedownFlags) show(cmd *cobra.Command, r *remote, c *client.Client) error {
	records, err := c.Takedowns(cmd.Context(), f.all)
	if err != nil {
		return err
	}
	return r.show(map[string]any{"takedowns": records}, func() error {
		t := r.table("MEDIA", "SINCE", "UNTIL", "STATUS", "URLS", "JOB", "BY", "REASON")
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
