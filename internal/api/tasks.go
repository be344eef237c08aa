package api

import (
	"math"
	"net/http"
	"strconv"

	"github.com/freshet-vod/freshet"
)

// maxTasks bounds a page of tasks. A job of twenty long media has a hundred
// thousand of them, and every page walks the job's entries from the start, so
// pages are large.
const maxTasks = 10_000

// JobTask is a task of a job, without its status.
type JobTask struct {
	ID    uint64 `json:"id"`
	Media string `json:"media,omitempty"`
	URL   string `json:"url"`
}

// TaskPage is the answer of GET /v1/jobs/{id}/tasks, in the order of the plan.
type TaskPage struct {
	Tasks []JobTask `json:"tasks"`
	// Next is the value of offset that yields the next page, if there is one.
	Next int `json:"next,omitempty"`
}

func (s *server) jobTasks(c *call) error {
	limit, err := numberOf(c.query, "limit", maxTasks, 1, maxTasks)
	if err != nil {
		return err
	}
	offset, err := numberOf(c.query, "offset", 0, 0, math.MaxInt32)
	if err != nil {
		return err
	}
	report, err := s.Engine.JobReport(c.r.Context(), c.caller.Account, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	page, skip := TaskPage{Tasks: []JobTask{}}, offset
	for _, row := range report.Rows {
		if n := row.Tally.Total(); skip >= n {
			skip -= n // without reading the row's URLs
			continue
		}
		tasks, err := s.Engine.RowTasks(c.r.Context(), c.caller.Account, row.Row)
		if err != nil {
			return err
		}
		for _, t := range tasks[min(skip, len(tasks)):] {
			if len(page.Tasks) == limit {
				page.Next = offset + limit
				return c.reply(http.StatusOK, page)
			}
			page.Tasks = append(page.Tasks, JobTask{ID: t.ID, Media: row.Media, URL: t.URL})
		}
		skip = 0
	}
	return c.reply(http.StatusOK, page)
}

func (s *server) task(c *call) error {
	id, err := strconv.ParseUint(c.r.PathValue("id"), 10, 64)
	if err != nil {
		return freshet.Errorf(freshet.CodeNotFound, "There is no such task: a task ID is a number.")
	}
	report, err := s.Engine.TaskReport(c.r.Context(), c.caller.Account, id)
	if err != nil {
		return err
	}
	report.Deliveries = list(report.Deliveries)
	return c.reply(http.StatusOK, report)
}
