package main

import (
	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/client"
)

// newAccount makes `freshet account`, which only the operator may use.
func newAccount(d deps) *cobra.Command {
	return group("account", "Create, list and disable accounts; only the operator may",
		newAccountCreate(d), newAccountList(d), newAccountSet(d, true), newAccountSet(d, false))
}

func newAccountCreate(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make an account", Args: cobra.ExactArgs(1),
		Long: "Make an account. It has no key yet: freshet key create --account NAME.",
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		a, err := c.CreateAccount(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return r.show(a, func() error { return showAccounts(r, a) })
	})
	return cmd
}

func newAccountList(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the accounts", Args: cobra.NoArgs}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		list, err := c.Accounts(cmd.Context())
		if err != nil {
			return err
		}
		return r.show(map[string]any{"accounts": list}, func() error { return showAccounts(r, list...) })
	})
	return cmd
}

// newAccountSet makes `freshet account disable` or `freshet account enable`.
func newAccountSet(d deps, disable bool) *cobra.Command {
	cmd := &cobra.Command{Use: "enable NAME", Short: "Let an account's keys in again", Args: cobra.ExactArgs(1)}
	if disable {
		cmd = &cobra.Command{
			Use: "disable NAME", Short: "Let none of an account's keys in", Args: cobra.ExactArgs(1),
			Long: "Let none of an account's keys in. Work that was accepted goes on, and its domains are\nserved.",
		}
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		a, err := c.SetAccount(cmd.Context(), args[0], disable)
		if err != nil {
			return err
		}
		return r.show(a, func() error { return showAccounts(r, a) })
	})
	return cmd
}

func showAccounts(r *remote, list ...client.Account) error {
	t := r.table("NAME", "STATE", "CREATED")
	for _, a := range list {
		state := "enabled"
		if a.Disabled {
			state = "disabled"
		}
		t.row(a.Name, state, when(a.Created))
	}
	return t.flush()
}
