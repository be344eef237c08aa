package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// viewAt returns an entry as it stands now: from memory while it is open,
// from its stored state once it is closed, else from its evidence.
func (e *Engine) viewAt(ctx context.Context, entry *freshet.Entry) (view, error) {
	if v, ok := e.ledger.view(entry.At); ok {
		return v, nil
	}
	meta := metaOf(entry)
	s, ok, err := e.store.States.State(ctx, entry.At)
	if err != nil {
		return view{}, err
	}
	if ok && s.Closed {
		if f, err := decodeFold(s.Fold, meta.Len, len(meta.Targets)); err == nil {
			return e.members.view(meta, f), nil
		}
	}
	f, err := e.refold(ctx, entry)
	if err != nil {
		return view{}, err
	}
	return e.members.view(meta, f), nil
}

// WaitPlanned returns a job once the row of a media (all rows with "") is
// final, or the time is over. It waits on the event, not by asking again
// (contract §4.1 U8).
func (e *Engine) WaitPlanned(ctx context.Context, account, id, media string, atMost time.Duration) (*freshet.Job, error) {
	limit := time.NewTimer(atMost)
	defer limit.Stop()
	for {
		_, changed := e.changes.version(id)
		job, err := e.store.Jobs.Job(ctx, account, id)
		if err != nil || planned(job, media) {
			return job, err
		}
		select {
		case <-changed:
		case <-limit.C:
			return job, nil
		case <-ctx.Done():
			return job, nil
		}
	}
}

func planned(job *freshet.Job, media string) bool {
	for _, r := range job.Rows {
		if (media == "" || r.Media == media) && !r.State.Final() {
			return false
		}
	}
	return true
}

// ListJobs returns jobs of the account, newest first.
func (e *Engine) ListJobs(ctx context.Context, account string, before time.Time, limit int) ([]*freshet.Job, error) {
	return e.store.Jobs.ListJobs(ctx, account, before, limit)
}

// RowTasks returns the tasks of a row in the order of its plan.
func (e *Engine) RowTasks(ctx context.Context, _ string, row freshet.Row) ([]freshet.RowTask, error) {
	var tasks []freshet.RowTask
	for _, at := range row.Entries {
		entry, err := e.store.Log.Entry(ctx, at)
		if err != nil {
			return nil, err
		}
		for i := range entry.Len() {
			tasks = append(tasks, freshet.RowTask{ID: entry.TaskID(i), URL: entry.URL(i)})
		}
	}
	return tasks, nil
}

// JobReport returns a job with its progress.
func (e *Engine) JobReport(ctx context.Context, account, id string) (*freshet.JobReport, error) {
	job, err := e.store.Jobs.Job(ctx, account, id)
	if err != nil {
		return nil, err
	}
	report := &freshet.JobReport{Job: *job, Rows: make([]freshet.RowReport, len(job.Rows)), Done: true}
	report.Job.Rows = nil
	pops := popTallies{index: map[string]int{}}
	for i, row := range job.Rows {
		report.Rows[i].Row = row
		report.Done = report.Done && row.State.Final()
		for _, at := range row.Entries {
			if err := e.reportEntry(ctx, &report.Rows[i], at, &pops); err != nil {
				return nil, err
			}
		}
		addTally(&report.Tally, report.Rows[i].Tally)
	}
	slices.SortFunc(pops.list, func(a, b freshet.POPTally) int { return strings.Compare(a.POP, b.POP) })
	report.POPs = pops.list
	report.Done = report.Done && report.Tally.Pending+report.Tally.Refreshing == 0
	return report, nil
}

// reportEntry adds one entry to the report of its row, and to the tallies of
// its POPs.
func (e *Engine) reportEntry(
	ctx context.Context, row *freshet.RowReport, at freshet.Position, pops *popTallies,
) error {
	// An open entry is in memory but for its URLs, which only failures name.
	v, open := e.ledger.view(at)
	var entry *freshet.Entry
	var tally freshet.Tally
	if open {
		tally = v.tally()
	}
	if !open || tally.Failed > 0 {
		var err error
		if entry, err = e.store.Log.Entry(ctx, at); err != nil {
			return err
		}
	}
	if !open {
		var err error
		if v, err = e.viewAt(ctx, entry); err != nil {
			return err
		}
		tally = v.tally()
	}
	addTally(&row.Tally, tally)
	row.Tasks = append(row.Tasks, freshet.TaskSpan{First: v.FirstTask, Count: v.Len})
	if tally.Failed > 0 {
		v.each(func(item int, s taskState) {
			if len(row.Failed) < freshet.MaxFailedShown && s.status(len(v.Targets)) == freshet.TaskFailed {
				row.Failed = append(row.Failed, e.task(entry, v, item))
			}
		})
	}
	for t, i := range pops.of(v.Targets) {
		addPOP(&pops.list[i], v.popTally(t))
	}
	return nil
}

// popTallies are the tallies of a job's POPs.
type popTallies struct {
	list   []freshet.POPTally
	index  map[string]int
	last   []string // the targets that were asked for last, and
	places []int    // where their tallies are: entries of one job have the same ones
}

// of returns where the tallies of some targets are.
func (p *popTallies) of(targets []string) []int {
	if len(targets) > 0 && len(targets) == len(p.last) && &targets[0] == &p.last[0] {
		return p.places
	}
	p.last, p.places = targets, make([]int, len(targets))
	p.list = slices.Grow(p.list, max(0, len(targets)-len(p.list)))
	for t, pop := range targets {
		i, known := p.index[pop]
		if !known {
			i = len(p.list)
			p.index[pop], p.list = i, append(p.list, freshet.POPTally{POP: pop})
		}
		p.places[t] = i
	}
	return p.places
}

func addTally(sum *freshet.Tally, t freshet.Tally) {
	sum.Pending += t.Pending
	sum.Refreshing += t.Refreshing
	sum.Complete += t.Complete
	sum.Failed += t.Failed
}

func addPOP(sum *freshet.POPTally, p freshet.POPTally) {
	sum.Targets += p.Targets
	sum.Final += p.Final
	sum.Failed += p.Failed
	sum.Excused += p.Excused
	sum.Overdue += p.Overdue
}

// WaitJob returns a report of the job once it is newer than version since, or
// when ctx ends; with since 0 at once. A job that is done is always returned
// at once.
func (e *Engine) WaitJob(ctx context.Context, account, id string, since uint64) (*freshet.JobReport, uint64, error) {
	for {
		version, changed := e.changes.version(id)
		if version > since || since == 0 {
			report, err := e.JobReport(ctx, account, id)
			if err == nil && report.Done {
				e.changes.forget(id)
			}
			return report, version, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, since, ctx.Err()
		}
	}
}
