package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newPlan(d deps) *cobra.Command {
	return group("plan", "Show what a purge or prefetch would do, and do nothing",
		newPlanOf(d, purgeWords()), newPlanOf(d, prefetchWords()))
}

func newPlanOf(d deps, w submitWords) *cobra.Command {
	cmd := &cobra.Command{
		Use: string(w.kind) + " [ID...|-]", Short: "Show what freshet " + string(w.kind) + " would do",
		Example: "  freshet plan " + string(w.kind) + " 93ab850b4f6f46e9 --formats m3u8 --slices 5",
	}
	s := addSubmission(cmd, w)
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		media, err := mediaIDs(d, args)
		if err != nil {
			return err
		}
		req, err := s.request(cmd, media)
		if err != nil {
			return err
		}
		bar := newMeter(cmd.Context(), d, "plan", "media", int64(len(media)))
		run, err := planMedia(cmd.Context(), media, func(ctx context.Context, part []string) (freshet.DryRun, error) {
			defer bar.add(int64(len(part)))
			req.Media = part
			return c.Plan(ctx, req)
		})
		bar.end()
		if err != nil {
			return err
		}
		if err := r.show(run, func() error { return showPlan(r, run) }); err != nil {
			return err
		}
		failed := false
		for _, row := range run.Rows {
			failed = failed || row.Fault != ""
		}
		missing := noteMissing(r, run.NonExistent, run.Forbidden)
		if failed {
			return exitError{code: exitFailed}
		}
		return missing
	})
	return cmd
}

func showPlan(r *remote, run freshet.DryRun) error {
	t := r.table("MEDIA", "KIND", "STREAM", "URL")
	urls := 0
	for _, row := range run.Rows {
		for _, u := range row.URLs {
			t.row(row.Media, u.Kind, u.Stream, u.URL)
		}
		urls += len(row.URLs)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, row := range run.Rows {
		if row.Fault != "" {
			r.note("media %s would fail: %s %s", row.Media, row.Fault, row.Message)
		}
		for _, p := range row.Problems {
			r.note("media %s: %s: %s", row.Media, p.URL, p.Reason)
		}
	}
	r.note("%d URLs; nothing was done", urls)
	return nil
}
