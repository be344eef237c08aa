package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newPOPDrain(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "drain ID", Short: "Have load balancers send a POP no more viewers; it works on", Args: cobra.ExactArgs(1),
		Long: `Have load balancers send a POP no more viewers.

Its /readyz, and /.well-known/freshet-ready of a built-in cache, say no. It goes on
to purge and prefetch, so that nothing is owed afterwards, and serves those who come
all the same. ` + "`freshet pop up`" + ` ends it.`,
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		return r.changePOP(cmd, c, args[0], freshet.POPChange{Drained: new(true)})
	})
	return cmd
}

func newPOPUp(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "up ID", Short: "Take back a POP that is down or drained: it catches up on what it missed, then serves", Args: cobra.ExactArgs(1),
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		return r.changePOP(cmd, c, args[0], freshet.POPChange{Down: new(false)})
	})
	return cmd
}

func newPOPDown(d deps) *cobra.Command {
	var cut bool
	cmd := &cobra.Command{
		Use: "down ID", Short: "Excuse a POP: it takes no traffic, and nothing waits for it", Args: cobra.ExactArgs(1),
		Long: `Excuse a POP: tasks are complete without it, and its children do not wait for it.

That is safe only if it gets no traffic, for what is purged meanwhile it may still
have. A POP that gets some is refused: drain it first. Where nobody can see whether
it does (it is not heard, or its caches do not tell), the command asks you to confirm
that it is cut off; --cut-off confirms it beforehand.`,
	}
	r := addRemote(d, cmd)
	addCutOff(cmd, &cut)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		return r.confirmed(cmd, args[0], cut, func(cut bool) error {
			return r.changePOP(cmd, c, args[0], freshet.POPChange{Down: new(true), CutOff: cut})
		})
	})
	return cmd
}

func newPOPRemove(d deps) *cobra.Command {
	var cut bool
	cmd := &cobra.Command{
		Use: "remove ID", Short: "Revoke a POP and end its membership: nothing waits for it any more", Args: cobra.ExactArgs(1),
		Long: `Revoke a POP and end its membership: nothing is purged there any more, and nothing
waits for it. One that gets traffic is refused, as with ` + "`freshet pop down`" + `.`,
	}
	r := addRemote(d, cmd)
	addCutOff(cmd, &cut)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		err := r.confirmed(cmd, args[0], cut, func(cut bool) error { return c.RemovePOP(cmd.Context(), args[0], cut) })
		if err != nil {
			return err
		}
		return r.show(removed{args[0]}, func() error {
			r.note("POP %s is a member no more.", args[0])
			return nil
		})
	})
	return cmd
}

func addCutOff(cmd *cobra.Command, cut *bool) {
	cmd.Flags().BoolVar(cut, "cut-off", false, "confirm that neither viewers nor child POPs reach it")
}

func (r *remote) changePOP(cmd *cobra.Command, c *client.Client, id string, change freshet.POPChange) error {
	p, err := c.SetPOP(cmd.Context(), id, change)
	if err != nil {
		return err
	}
	return r.show(p, func() error { return showPOPs(r, p) })
}

// confirmed does something with a POP that may get traffic. Whoever sits at a
// terminal is asked whether it is cut off.
func (r *remote) confirmed(cmd *cobra.Command, id string, cut bool, do func(cut bool) error) error {
	err := do(cut)
	e, ok := errors.AsType[*freshet.Error](err)
	if !ok || e.Kind != freshet.KindTraffic || !r.asks {
		return err
	}
	r.note("%s", e.Message)
	fmt.Fprintf(r.err, "Is %s cut off from viewers and child POPs? [y/N] ", clean(id))
	line, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // no answer is a no
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return err
	}
	return do(true)
}
