package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/client"
)

func newKey(d deps) *cobra.Command {
	return group("key", "Create, list, disable and delete access keys",
		newKeyCreate(d), newKeyList(d), newKeySet(d, true), newKeySet(d, false), newKeyDelete(d), newKeyToken(d))
}

func newKeyCreate(d deps) *cobra.Command {
	var account, file string
	cmd := &cobra.Command{Use: "create", Short: "Make an access key; its secret is shown once", Args: cobra.NoArgs}
	r := addRemote(d, cmd)
	cmd.Flags().StringVar(&account, "account", "", "`ACCOUNT` of the key (default the caller's; only the operator may name another)")
	cmd.Flags().StringVar(&file, "policy", "", "`FILE` with its policy, - for standard input (default: everything in its account)")
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		k := client.NewKey{Account: account}
		if file != "" {
			var err error
			if k.Policy, err = readPolicy(d, file); err != nil {
				return err
			}
		}
		made, err := c.CreateKey(cmd.Context(), k)
		if err != nil {
			return err
		}
		return r.show(made, func() error {
			_, err := fmt.Fprintf(r.out, "access_key_id: %s\naccess_key_secret: %s\n", clean(made.ID), clean(made.Secret))
			r.note("The secret is not shown again.")
			return err
		})
	})
	return cmd
}

func newKeyList(d deps) *cobra.Command {
	var account string
	cmd := &cobra.Command{Use: "list", Short: "List an account's access keys", Args: cobra.NoArgs}
	r := addRemote(d, cmd)
	cmd.Flags().StringVar(&account, "account", "", "`ACCOUNT` of the keys (default the caller's; only the operator may name another)")
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		keys, err := c.Keys(cmd.Context(), account)
		if err != nil {
			return err
		}
		return r.show(map[string]any{"keys": keys}, func() error { return showKeys(r, keys...) })
	})
	return cmd
}

// newKeySet makes `freshet key disable` or `freshet key enable`.
func newKeySet(d deps, disable bool) *cobra.Command {
	cmd := &cobra.Command{Use: "enable ID", Short: "Enable an access key that was disabled", Args: cobra.ExactArgs(1)}
	if disable {
		cmd = &cobra.Command{
			Use: "disable ID", Short: "Disable an access key, and the tokens made with it", Args: cobra.ExactArgs(1),
			Long: "Disable an access key, and the tokens made with it. The key that makes the call may\ndisable itself: create another one first.",
		}
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		k, err := c.SetKey(cmd.Context(), args[0], disable)
		if err != nil {
			return err
		}
		return r.show(k, func() error { return showKeys(r, k) })
	})
	return cmd
}

func newKeyDelete(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete ID", Short: "Delete an access key, and end the tokens made with it", Args: cobra.ExactArgs(1),
		Long: "Delete an access key, and end the tokens made with it. The key that makes the call\nmay delete itself: create another one first.",
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		if err := c.DeleteKey(cmd.Context(), args[0]); err != nil {
			return err
		}
		return r.show(deleted{args[0], true}, func() error {
			_, err := fmt.Fprintf(r.out, "%s is deleted\n", clean(args[0]))
			return err
		})
	})
	return cmd
}

func showKeys(r *remote, keys ...client.Key) error {
	t := r.table("ID", "STATE", "POLICY", "CREATED", "LAST USED")
	for _, k := range keys {
		state, policy, used := "enabled", "-", "never"
		if k.Disabled {
			state = "disabled"
		}
		if k.Policy {
			policy = "yes"
		}
		if !k.LastUsed.IsZero() {
			used = when(k.LastUsed)
		}
		t.row(k.ID, state, policy, when(k.Created), used)
	}
	return t.flush()
}

func newKeyToken(d deps) *cobra.Command {
	var lasts time.Duration
	var file string
	cmd := &cobra.Command{
		Use: "token ID", Short: "Make a temporary credential of an access key; it is shown once", Args: cobra.ExactArgs(1),
		Long: "Make a temporary credential of an access key. It may do what the key may, and of that\n" +
			"only what --policy allows too, and ends with its time or when the key is disabled.",
	}
	r := addRemote(d, cmd)
	cmd.Flags().DurationVar(&lasts, "duration", time.Hour, "how long it lasts, 1m to 36h")
	cmd.Flags().StringVar(&file, "policy", "", "`FILE` with a policy that narrows what the key may, - for standard input")
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		t := client.NewToken{Lasts: lasts}
		if file != "" {
			var err error
			if t.Policy, err = readPolicy(d, file); err != nil {
				return err
			}
		}
		made, err := c.IssueToken(cmd.Context(), args[0], t)
		if err != nil {
			return err
		}
		return r.show(made, func() error {
			_, err := fmt.Fprintf(r.out, "access_key_id: %s\naccess_key_secret: %s\nsecurity_token: %s\nexpires: %s\n",
				clean(made.AccessKeyID), clean(made.AccessKeySecret), clean(made.SecurityToken), when(made.Expires))
			return err
		})
	})
	return cmd
}
