package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

func (s *server) submit(c *call) error {
	sub, err := s.submission(c, actionOf)
	if err != nil {
		return err
	}
	receipt, err := s.Engine.Submit(c.r.Context(), sub)
	if err != nil {
		return err
	}
	if receipt.JobID == "" {
		return nothingToDo(receipt)
	}
	c.w.Header().Set("Location", "/v1/jobs/"+receipt.JobID)
	return c.reply(http.StatusAccepted, receipt)
}

// actionOf is the action of a job.
func actionOf(t freshet.TaskType) string {
	if t == freshet.Prefetch {
		return "freshet:Prefetch"
	}
	return "freshet:Purge"
}

// nothingToDo is the fault of a job none of whose media can be worked on.
func nothingToDo(receipt freshet.Receipt) error {
	e := &freshet.Error{Code: freshet.CodeNotFound, Field: "media", Message: "None of the media exists."}
	if len(receipt.NonExistent) == 0 {
		e.Code, e.Message = freshet.CodeForbidden, "None of the media may be touched."
	}
	for _, id := range receipt.NonExistent {
		e.Sub = append(e.Sub, freshet.Sub{ID: id, Message: "does not exist"})
	}
	for _, id := range receipt.Forbidden {
		e.Sub = append(e.Sub, freshet.Sub{ID: id, Message: "may not be touched"})
	}
	return e
}

func (s *server) plan(c *call) error {
	sub, err := s.submission(c, func(freshet.TaskType) string { return "freshet:Plan" })
	if err != nil {
		return err
	}
	run, err := s.Engine.DryRun(c.r.Context(), sub)
	if err != nil {
		return err
	}
	if len(run.Rows) == 0 {
		return nothingToDo(freshet.Receipt{NonExistent: run.NonExistent, Forbidden: run.Forbidden})
	}
	for i := range run.Rows {
		run.Rows[i].URLs = list(run.Rows[i].URLs)
	}
	return c.reply(http.StatusOK, run)
}

func (s *server) job(c *call) error {
	report, err := s.Engine.JobReport(c.r.Context(), c.caller.Account, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, whole(report))
}

// whole replaces missing lists by empty ones, so that programs need not tell
// null from nothing.
func whole(r *freshet.JobReport) *freshet.JobReport {
	r.POPs, r.Rows = list(r.POPs), list(r.Rows)
	for i := range r.Rows {
		r.Rows[i].Tasks = list(r.Rows[i].Tasks)
	}
	return r
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

// JobPage is the answer of GET /v1/jobs.
type JobPage struct {
	Jobs []*freshet.Job `json:"jobs"`
	// Next is the value of before that yields the next page, if there is one.
	Next time.Time `json:"next,omitzero"`
}

func (s *server) listJobs(c *call) error {
	limit, err := limitOf(c.query)
	if err != nil {
		return err
	}
	before, err := timeOf(c.query, "before")
	if err != nil {
		return err
	}
	failed, err := boolOf(c.query, "failed")
	if err != nil {
		return err
	}
	if failed {
		limit = min(limit, maxFailedScan)
	}
	page, err := s.pageOfJobs(c, before, limit)
	if err == nil && failed {
		page.Jobs, err = s.failedOnly(c, page.Jobs)
	}
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, page)
}

// maxFailedScan bounds how many jobs one call looks at for failures.
const maxFailedScan = 100

// failedOnly leaves those jobs of which a media could not be planned or a task
// has failed.
func (s *server) failedOnly(c *call, jobs []*freshet.Job) ([]*freshet.Job, error) {
	out := []*freshet.Job{}
	for _, j := range jobs {
		failed := slices.ContainsFunc(j.Rows, func(r freshet.Row) bool { return r.State == freshet.RowFailed })
		if !failed {
			report, err := s.Engine.JobReport(c.r.Context(), c.caller.Account, j.ID)
			if err != nil {
				return nil, err
			}
			failed = report.Tally.Failed > 0
		}
		if failed {
			out = append(out, j)
		}
	}
	return out, nil
}

// pageOfJobs reads a page. Pages are told apart by time, so one ends where the
// time changes, or the next would leave out jobs of the same millisecond; if
// that many jobs share one, the page is longer than asked for.
func (s *server) pageOfJobs(c *call, before time.Time, limit int) (JobPage, error) {
	for ask := limit + 1; ; ask *= 2 {
		jobs, err := s.Engine.ListJobs(c.r.Context(), c.caller.Account, before, ask)
		if err != nil || len(jobs) < ask {
			return JobPage{Jobs: list(jobs)}, err
		}
		oldest := jobs[len(jobs)-1].Created
		cut := slices.IndexFunc(jobs, func(j *freshet.Job) bool { return j.Created.Equal(oldest) })
		if cut > 0 {
			return JobPage{Jobs: jobs[:cut], Next: jobs[cut-1].Created}, nil
		}
	}
}
