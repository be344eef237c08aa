package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

func newJob(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "job ID", Short: "Show a job: its media, and how far each POP is", Args: cobra.ExactArgs(1),
		Example: "  freshet job 41d465e31957abcd --wait --timeout 5m\n  freshet job 41d465e31957abcd --tasks",
	}
	var o waitOptions
	var tasks bool
	f := cmd.Flags()
	f.BoolVar(&o.wait, "wait", false, "wait until the job is done, and exit by its outcome")
	f.BoolVar(&o.each, "watch", false, "the same, and with --json print every report, one a line")
	f.DurationVar(&o.timeout, "timeout", 0, "with --wait or --watch: give up waiting after `TIME`, such as 90s; the job goes on")
	f.BoolVar(&tasks, "tasks", false, "list the job's tasks with their IDs and URLs instead")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, args []string) error {
		waiting := o.wait || o.each
		switch {
		case o.timeout != 0 && !waiting:
			return usageError{errors.New("--timeout belongs to --wait or --watch")}
		case tasks && waiting:
			return usageError{errors.New("--tasks excludes --wait and --watch")}
		case waiting:
			return waitJobs(cmd.Context(), r, c, args, o)
		case tasks:
			return listTasks(cmd, r, c, args[0])
		}
		report, err := c.Job(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return showJob(r, report, false)
	})
	return cmd
}

// showJob prints a report, with JSON on one line if it is one of several; the
// error it returns is the job's outcome so far.
func showJob(r *remote, j *freshet.JobReport, line bool) error {
	var err error
	if r.json {
		err = writeJSON(r.out, j, !line)
	} else {
		err = jobTables(r, j)
	}
	if err != nil {
		return err
	}
	if jobFailed(j) {
		return exitError{code: exitFailed}
	}
	return nil
}

func jobFailed(j *freshet.JobReport) bool {
	for _, row := range j.Rows {
		if row.State == freshet.RowFailed {
			return true
		}
	}
	return j.Tally.Failed > 0
}

func jobState(j *freshet.JobReport) string {
	switch {
	case !j.Done:
		return "running"
	case jobFailed(j):
		return "failed"
	}
	return "complete"
}

func jobTables(r *remote, j *freshet.JobReport) error {
	head := r.table()
	head.row("job", j.ID)
	head.row("type", string(j.Type))
	head.row("state", jobState(j))
	head.row("created", when(j.Created))
	if !j.FinishBy.IsZero() {
		head.row("finish by", when(j.FinishBy))
	}
	head.row("tasks", fmt.Sprintf("%d: %d complete, %d failed, %d in progress, %d pending",
		j.Tally.Total(), j.Tally.Complete, j.Tally.Failed, j.Tally.Refreshing, j.Tally.Pending))
	if err := head.flush(); err != nil {
		return err
	}
	fmt.Fprintln(r.out)
	rows := r.table("MEDIA", "STATE", "TASKS", "COMPLETE", "FAILED", "PROBLEMS", "TASK IDS", "MESSAGE")
	for _, row := range j.Rows {
		message := row.Message
		if row.Fault != "" {
			message = row.Fault + ": " + message
		}
		rows.row(row.Media, string(row.State), num(row.Tally.Total()), num(row.Tally.Complete), num(row.Tally.Failed), num(len(row.Problems)), spans(row.Tasks), message)
	}
	if err := rows.flush(); err != nil {
		return err
	}
	fmt.Fprintln(r.out)
	pops := r.table("POP", "FINAL", "OF", "FAILED", "EXCUSED", "OVERDUE")
	for _, p := range j.POPs {
		pops.row(p.POP, num(p.Final), num(p.Targets), num(p.Failed), num(p.Excused), num(p.Overdue))
	}
	if err := pops.flush(); err != nil {
		return err
	}
	for _, row := range j.Rows {
		for _, t := range row.Failed {
			r.note("task %d failed: %s %s", t.ID, t.URL, t.Description)
		}
		if more := row.Tally.Failed - len(row.Failed); more > 0 && len(row.Failed) > 0 {
			r.note("and %d more of media %s", more, row.Media)
		}
		for _, p := range row.Problems {
			r.note("media %s: %s: %s", row.Media, p.URL, p.Reason)
		}
	}
	return nil
}

// spans shows runs of task IDs in one cell; a plan of many entries has many,
// and `--tasks` lists them all.
func spans(list []freshet.TaskSpan) string {
	const most = 3
	var parts []string
	for i, s := range list {
		switch {
		case i == most:
			return strings.Join(append(parts, "…"), " ")
		case s.Count == 1:
			parts = append(parts, strconv.FormatUint(s.First, 10))
		case s.Count > 1:
			parts = append(parts, fmt.Sprintf("%d-%d", s.First, s.First+uint64(s.Count)-1))
		}
	}
	return strings.Join(parts, " ")
}

func listTasks(cmd *cobra.Command, r *remote, c *client.Client, id string) error {
	bar := r.listMeter(cmd, "list", "tasks")
	defer bar.end()
	t := r.table("TASK", "MEDIA", "URL")
	for offset := 0; ; {
		page, err := c.JobTasks(cmd.Context(), id, offset)
		if err != nil {
			return err
		}
		for _, task := range page.Tasks {
			if !r.json {
				t.row(strconv.FormatUint(task.ID, 10), task.Media, task.URL)
			} else if err := writeJSON(r.out, task, false); err != nil {
				return err
			}
		}
		if bar.add(int64(len(page.Tasks))); !r.json {
			err = t.flush()
		}
		if err != nil || page.Next == 0 {
			return err
		}
		offset = page.Next
	}
}

// failedJobs returns the newest jobs of which something failed. The server
// looks at a bounded number for each page.
func failedJobs(ctx context.Context, c *client.Client, limit int) (client.JobPage, error) {
	all := client.JobPage{Jobs: []*freshet.Job{}}
	for {
		page, err := c.FailedJobs(ctx, all.Next, 0)
		if err != nil {
			return all, err
		}
		all.Jobs, all.Next = append(all.Jobs, page.Jobs...), page.Next
		if len(all.Jobs) >= limit {
			all.Jobs = all.Jobs[:limit]
			all.Next = all.Jobs[limit-1].Created
			return all, nil
		}
		if all.Next.IsZero() {
			return all, nil
		}
	}
}

func newJobs(d deps) *cobra.Command {
	cmd := &cobra.Command{Use: "jobs", Short: "List the newest jobs", Args: cobra.NoArgs}
	var limit int
	var failed bool
	cmd.Flags().IntVar(&limit, "limit", 20, "how many, at most 500")
	cmd.Flags().BoolVar(&failed, "failed", false, "only those of which something failed; \"freshet job ID\" says what")
	r := addRemote(d, cmd)
	cmd.RunE = r.run(func(cmd *cobra.Command, c *client.Client, _ []string) error {
		if limit < 1 || limit > 500 {
			return usageError{errors.New("--limit must be 1 to 500")}
		}
		list := c.Jobs
		if failed {
			list = func(ctx context.Context, _ time.Time, limit int) (client.JobPage, error) {
				return failedJobs(ctx, c, limit)
			}
		}
		page, err := list(cmd.Context(), time.Time{}, limit)
		if err != nil {
			return err
		}
		return r.show(page, func() error {
			t := r.table("JOB", "TYPE", "CREATED", "MEDIA", "PLANNED", "FAILED")
			for _, j := range page.Jobs {
				planned, failed := 0, 0
				for _, row := range j.Rows {
					switch row.State {
					case freshet.RowPlanned:
						planned++
					case freshet.RowFailed:
						failed++
					case freshet.RowAccepted, freshet.RowPlanning:
					}
				}
				t.row(j.ID, string(j.Type), when(j.Created), num(len(j.Rows)), num(planned), num(failed))
			}
			return t.flush()
		})
	})
	return cmd
}
