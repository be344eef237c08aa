package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newTask(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "task ID", Short: "Show the evidence of one task: what every POP did, and when", Args: cobra.ExactArgs(1),
	}
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		id, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return usageError{fmt.Errorf("%q is not a task ID, which is a number; a job is shown by freshet job", args[0])}
		}
		task, err := c.Task(cmd.Context(), id)
		if err != nil {
			return err
		}
		if err := r.show(task, func() error { return taskTables(r, task) }); err != nil {
			return err
		}
		if task.Status == freshet.TaskFailed {
			return exitError{code: exitFailed}
		}
		return nil
	})
	return cmd
}

func taskTables(r *remote, task *freshet.TaskReport) error {
	head := r.table()
	head.row("task", strconv.FormatUint(task.ID, 10))
	head.row("url", task.URL)
	head.row("kind", task.ObjectType)
	head.row("status", fmt.Sprintf("%s, final at %d of %d POPs", task.Status, task.Final, task.Targets))
	if task.Description != "" {
		head.row("description", task.Description)
	}
	head.row("job", task.Job)
	head.row("media", task.Media)
	head.row("position", task.At.String())
	head.row("created", when(task.Created))
	if err := head.flush(); err != nil {
		return err
	}
	fmt.Fprintln(r.out)
	t := r.table("POP", "OUTCOME", "REASON", "ATTEMPTS", "EXECUTED", "BEFORE", "→", "AFTER", "VERIFIED", "ROUNDS", "WINDOW")
	for _, d := range task.Deliveries {
		outcome := d.Outcome.String()
		if d.CoveredBy != nil {
			outcome += " by " + d.CoveredBy.String()
		}
		if d.Overdue {
			outcome += ", overdue"
		}
		before, after := copyOf(d.Before), copyOf(d.After)
		if d.Outcome == freshet.OutcomeNone || d.Outcome == freshet.OutcomeExcused {
			before, after = "", "" // nothing is known, which is not nothing stored
		}
		t.row(d.POP, outcome, d.Reason.String(), num(d.Attempts), when(d.ExecutedAt), before, "→", after, d.Verified.String(), rounds(d.Rounds), window(d))
	}
	return t.flush()
}

// rounds is blank where nothing was purged, or the POP did not tell.
func rounds(n int) string {
	if n == 0 {
		return ""
	}
	return num(n)
}

// window is how long it took until nothing older was found.
func window(d freshet.Delivery) string {
	if d.Rounds == 0 {
		return ""
	}
	return (time.Duration(d.WindowMs) * time.Millisecond).String()
}
