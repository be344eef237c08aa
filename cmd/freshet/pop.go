package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/health"
)

func newPOPs(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "pops", Short: "Show every POP: whether it is ready, and how far it has purged", Args: cobra.NoArgs}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		pops, err := c.POPs(cmd.Context())
		if err != nil {
			return err
		}
		return r.show(map[string]any{"pops": pops}, func() error { return showPOPs(r, pops...) })
	})
	return cmd
}

// newPOP makes the command that runs a POP's process, with the subcommands
// that let a POP join and leave, and mark it down and up.
func newPOP(d deps) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "pop --config FILE", Short: "Run one POP as its own process, or let POPs join and leave", Args: needsSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" || d.servers.runPOP == nil {
				return usageError{errors.New("freshet pop needs --config FILE, or a subcommand: add, drain, down, up, revoke, remove")}
			}
			return d.servers.runPOP(cmd, file)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE` of the POP")
	cmd.AddCommand(
		newPOPAdd(d), newPOPRevoke(d), newPOPRemove(d),
		newPOPDrain(d), newPOPDown(d), newPOPUp(d),
	)
	return cmd
}

func showPOPs(r *remote, pops ...freshet.POPStatus) error {
	t := r.table("POP", "STATE", "READY", "LAG", "BEHIND", "PURGES", "PREFETCHES", "EXCEPTIONS", "DENY LIST", "PARENTS",
		"LAST CONTACT", "URL", "ACCESS", "RELEASE", "TRAFFIC", "IN SILENCE", "WATERMARK", "INCARNATION")
	now := time.Now()
	for _, p := range pops {
		t.row(p.ID, p.State, ready(p), num(p.Lag), behind(p), num(p.OwedPurges), num(p.OwedPrefetches), num(p.Exceptions), string(p.DenyList),
			strings.Join(p.Parents, ","), ago(p.LastContact, now), p.URL, access(p, now), p.Release, p.Traffic, p.OnSilence, p.Watermark.String(), p.Incarnation)
	}
	return t.flush()
}

// ready tells whether a POP may get viewers, and if not, why. One that was told a
// moment ago that it is drained has not said so itself yet.
func ready(p freshet.POPStatus) string {
	why := p.Obstacles
	if !p.Drained.IsZero() && !slices.Contains(why, health.Drained) {
		why = append([]string{health.Drained}, why...)
	}
	switch {
	case len(why) > 0:
		return "no: " + strings.Join(why, ", ")
	case p.Ready:
		return "yes"
	}
	return "no"
}

// behind tells how long the oldest purge has waited that a POP owes.
func behind(p freshet.POPStatus) string {
	if p.LagSeconds == 0 {
		return ""
	}
	return span(time.Duration(p.LagSeconds * float64(time.Second)))
}

// span renders a length of time as precisely as it matters.
func span(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
