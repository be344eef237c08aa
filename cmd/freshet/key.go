package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/client"
)

func newKey(d deps) *cobra.Command {
	create := &cobra.Command{Use: "create", Short: "Make an access key; its secret is shown once", Args: cobra.NoArgs}
	r := addRemote(d, create)
	create.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		k, err := c.CreateKey(cmd.Context())
		if err != nil {
			return err
		}
		return r.show(k, func() error {
			_, err := fmt.Fprintf(r.out, "access_key_id: %s\naccess_key_secret: %s\n", clean(k.ID), clean(k.Secret))
			r.note("The secret is not shown again.")
			return err
		})
	})
	return group("key", "Create, list and disable access keys", create, newKeyList(d), newKeyDisable(d))
}

func newKeyList(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the account's access keys", Args: cobra.NoArgs}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		keys, err := c.Keys(cmd.Context())
		if err != nil {
			return err
		}
		return r.show(map[string]any{"keys": keys}, func() error { return showKeys(r, keys...) })
	})
	return cmd
}

func newKeyDisable(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "disable ID", Short: "Disable an access key for good", Args: cobra.ExactArgs(1),
		Long: "Disable an access key for good. The key that makes the call may disable itself:\ncreate another one first.",
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		k, err := c.DisableKey(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return r.show(k, func() error { return showKeys(r, k) })
	})
	return cmd
}

func showKeys(r *remote, keys ...client.Key) error {
	t := newTable(r.out, "ID", "STATE", "CREATED")
	for _, k := range keys {
		state := "enabled"
		if k.Disabled {
			state = "disabled"
		}
		t.row(k.ID, state, when(k.Created))
	}
	return t.flush()
}
