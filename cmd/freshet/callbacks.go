package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/client"
)

// callbackPage is how many callbacks are asked for at a time.
const callbackPage = 500

func newCallbacks(d deps) *cobra.Command {
	return group("callbacks", "Show what was told to receivers, and send it again", newCallbacksList(d), newCallbacksRetry(d))
}

// callbackFlags select callbacks.
type callbackFlags struct {
	failed bool
	limit  int
}

func (f *callbackFlags) list(cmd *cobra.Command, c *client.Client) ([]client.Callback, error) {
	if f.limit < 1 {
		return nil, usageError{errors.New("--limit must be 1 or more")}
	}
	out := []client.Callback{}
	before := ""
	for len(out) < f.limit {
		page, err := c.Callbacks(cmd.Context(), f.failed, before, min(f.limit-len(out), callbackPage))
		if err != nil {
			return nil, err
		}
		out = append(out, page.Callbacks...)
		if before = page.Next; before == "" {
			break
		}
	}
	return out, nil
}

func newCallbacksList(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List callbacks, newest first, with the last error of each", Args: cobra.NoArgs,
		Example: "  freshet callbacks list --failed",
	}
	var f callbackFlags
	cmd.Flags().BoolVar(&f.failed, "failed", false, "only those that were given up")
	cmd.Flags().IntVar(&f.limit, "limit", 50, "how many, at most")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		list, err := f.list(cmd, c)
		if err != nil {
			return err
		}
		return r.show(map[string]any{"callbacks": list}, func() error { return showCallbacks(r, list) })
	})
	return cmd
}

func showCallbacks(r *remote, list []client.Callback) error {
	t := r.table("ID", "EVENT", "ABOUT", "STATE", "ATTEMPTS", "NEXT", "ERROR")
	for i := range list {
		c := &list[i]
		about := c.Media
		if about == "" {
			about = c.Job
		}
		state := c.State
		if c.Calling {
			state = "calling"
		}
		t.row(c.ID, c.Event, about, state, strconv.Itoa(c.Attempts), when(c.Next), c.Error)
	}
	return t.flush()
}

func newCallbacksRetry(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "retry ID... | --failed", Short: "Send callbacks again that were given up, and waiting ones at once",
		Example: "  freshet callbacks retry 41d465e31957abcd\n  freshet callbacks retry --failed",
	}
	f := callbackFlags{limit: 10_000}
	cmd.Flags().BoolVar(&f.failed, "failed", false, "all that were given up, the newest 10,000 at most")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, ids []string) error {
		if f.failed == (len(ids) > 0) {
			return usageError{errors.New("callbacks retry takes either IDs or --failed")}
		}
		if f.failed {
			list, err := f.list(cmd, c)
			if err != nil {
				return err
			}
			for i := range list {
				ids = append(ids, list[i].ID)
			}
		}
		for _, id := range ids {
			if err := c.RetryCallback(cmd.Context(), id); err != nil {
				return err
			}
		}
		return r.show(map[string]any{"retried": append([]string{}, ids...)}, func() error {
			_, err := fmt.Fprintf(r.out, "%d to be sent again\n", len(ids))
			return err
		})
	})
	return cmd
}

func newWebhook(d deps) *cobra.Command {
	return group("webhook", "Show, set and delete the account's webhook, which is told when jobs have ended",
		newWebhookShow(d), newWebhookSet(d), newWebhookRotate(d), newWebhookDelete(d))
}

// webhookCommand is a command that shows the webhook afterwards.
func webhookCommand(d deps, cmd *cobra.Command, do func(*cobra.Command, *client.Client, []string) (client.Webhook, error)) *cobra.Command {
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		w, err := do(cmd, c, args)
		if err != nil {
			return err
		}
		return r.show(w, func() error { return showWebhook(r, w) })
	})
	return cmd
}

func showWebhook(r *remote, w client.Webhook) error {
	_, err := fmt.Fprintf(r.out, "url: %s\nmodified: %s\n", clean(w.URL), w.Modified.UTC().Format(time.RFC3339))
	if err == nil && !w.PreviousEnds.IsZero() {
		_, err = fmt.Fprintf(r.out, "previous secret signs too until: %s\n", w.PreviousEnds.UTC().Format(time.RFC3339))
	}
	if err == nil && w.Secret != "" {
		_, err = fmt.Fprintf(r.out, "secret: %s\n", clean(w.Secret))
		r.note("The secret is not shown again.")
	}
	return err
}

func newWebhookShow(d deps) *cobra.Command {
	return webhookCommand(d, &cobra.Command{Use: "show", Short: "Show the webhook, without its secret", Args: cobra.NoArgs},
		func(cmd *cobra.Command, c *client.Client, _ []string) (client.Webhook, error) {
			return c.Webhook(cmd.Context())
		})
}

func newWebhookSet(d deps) *cobra.Command {
	return webhookCommand(d, &cobra.Command{
		Use: "set URL", Short: "Have a URL told when jobs have ended; a new webhook's secret is shown once", Args: cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, c *client.Client, args []string) (client.Webhook, error) {
		return c.SetWebhook(cmd.Context(), args[0])
	})
}

func newWebhookRotate(d deps) *cobra.Command {
	return webhookCommand(d, &cobra.Command{
		Use: "rotate", Short: "Replace the secret, which is shown once; the old one signs too for a day", Args: cobra.NoArgs,
	}, func(cmd *cobra.Command, c *client.Client, _ []string) (client.Webhook, error) {
		return c.RotateWebhook(cmd.Context())
	})
}

func newWebhookDelete(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "delete", Short: "Delete the webhook, and give up what waits for it", Args: cobra.NoArgs}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		if err := c.DeleteWebhook(cmd.Context()); err != nil {
			return err
		}
		return r.show(struct{}{}, func() error {
			_, err := fmt.Fprintln(r.out, "deleted")
			return err
		})
	})
	return cmd
}
