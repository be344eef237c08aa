package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// task makes the Task of one item of an entry.
func (e *Engine) task(entry *freshet.Entry, v view, item int) freshet.Task {
	s := v.task(item)
	t := freshet.Task{
		Account: entry.Account, ID: entry.TaskID(item), Job: entry.Job, At: entry.At, Item: item,
		URL: entry.URL(item), ObjectType: entry.ObjectType(), Status: s.status(len(v.Targets)),
		Final: s.final, Targets: len(v.Targets), Created: entry.Created,
	}
	if t.Status == freshet.TaskFailed {
		t.Description = v.describe(item)
	}
	return t
}

// FindTasks returns a page of the account's tasks, newest first (contract
// §4.5).
func (e *Engine) FindTasks(ctx context.Context, f freshet.TaskFilter) (freshet.TaskPage, error) {
	if kept := now().Add(-e.o.TasksKept); f.Since.Before(kept) {
		f.Since = kept
	}
	find := e.tasksByEntry
	switch {
	case len(f.IDs) > 0:
		find = e.tasksByID
	case f.URL != "":
		find = e.tasksByURL
	}
	p, err := find(ctx, f)
	if err != nil {
		return p, err
	}
	return p, e.explain(ctx, p.Tasks)
}

func (e *Engine) tasksByID(ctx context.Context, f freshet.TaskFilter) (freshet.TaskPage, error) {
	var found []freshet.Task
	url, ok := e.canonical(f)
	if !ok {
		return freshet.TaskPage{}, nil
	}
	for _, id := range f.IDs {
		entry, item, err := e.store.Tasks.TaskEntry(ctx, f.Account, id)
		switch {
		case freshet.ErrorCode(err) == freshet.CodeNotFound:
			if found, err = e.appendGroup(ctx, found, f, id, url); err != nil {
				return freshet.TaskPage{}, err
			}
			continue
		case err != nil:
			return freshet.TaskPage{}, err
		}
		if url != "" && entry.URL(item) != url {
			continue
		}
		if found, err = e.appendMatch(ctx, found, f, entry, item); err != nil {
			return freshet.TaskPage{}, err
		}
	}
	return page(found, f), nil
}

// appendGroup appends the tasks that are shown under one ID and pass the
// filter, of one URL unless that is "".
func (e *Engine) appendGroup(ctx context.Context, list []freshet.Task, f freshet.TaskFilter, id uint64, url string) ([]freshet.Task, error) {
	entries, err := e.store.Tasks.GroupEntries(ctx, f.Account, id)
	if err != nil {
		return list, err
	}
	for _, entry := range entries {
		if !accepts(f, entry) {
			continue
		}
		v, err := e.viewAt(ctx, entry)
		if err != nil {
			return list, err
		}
		for item := range entry.Len() {
			t := e.task(entry, v, item)
			if (url == "" || t.URL == url) && (f.Status == "" || f.Status == t.Status) {
				list = append(list, t)
			}
		}
	}
	return list, nil
}

// canonical returns the name under which the filter's URL is in the log. A URL
// that cannot be one of the account's matches nothing: false.
func (e *Engine) canonical(f freshet.TaskFilter) (string, bool) {
	if f.URL == "" {
		return "", true
	}
	url, _, err := freshet.Address(f.URL, e.members.accountDomains(f.Account))
	return url, err == nil
}

func (e *Engine) tasksByURL(ctx context.Context, f freshet.TaskFilter) (freshet.TaskPage, error) {
	url, ok := e.canonical(f)
	if !ok {
		return freshet.TaskPage{}, nil
	}
	refs, err := e.store.Tasks.FindURL(ctx, f.Account, url, f.Since)
	if err != nil {
		return freshet.TaskPage{}, err
	}
	var found []freshet.Task
	for _, ref := range refs {
		entry, err := e.store.Log.Entry(ctx, ref.At)
		if err != nil {
			return freshet.TaskPage{}, err
		}
		if found, err = e.appendMatch(ctx, found, f, entry, ref.Item); err != nil {
			return freshet.TaskPage{}, err
		}
	}
	return page(found, f), nil
}

// appendMatch appends a task if it passes the filter.
func (e *Engine) appendMatch(
	ctx context.Context, list []freshet.Task, f freshet.TaskFilter, entry *freshet.Entry, item int,
) ([]freshet.Task, error) {
	if !accepts(f, entry) {
		return list, nil
	}
	v, err := e.viewAt(ctx, entry)
	if err != nil {
		return list, err
	}
	t := e.task(entry, v, item)
	if f.Status != "" && f.Status != t.Status {
		return list, nil
	}
	return append(list, t), nil
}

// accepts reports whether an entry passes what the filter says of entries.
func accepts(f freshet.TaskFilter, entry *freshet.Entry) bool {
	return !entry.Created.Before(f.Since) && (f.Until.IsZero() || !entry.Created.After(f.Until)) &&
		(f.Domain == "" || f.Domain == entry.Domain) && (f.ObjectType == "" || f.ObjectType == entry.ObjectType())
}

// page cuts a page out of tasks and orders them newest first.
func page(found []freshet.Task, f freshet.TaskFilter) freshet.TaskPage {
	slices.SortFunc(found, func(a, b freshet.Task) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID), b.At.Compare(a.At), cmp.Compare(b.Item, a.Item))
	})
	p := freshet.TaskPage{Total: len(found)}
	lo := min(max(f.Offset, 0), len(found))
	p.Tasks = found[lo:min(lo+f.Limit, len(found))]
	return p
}

// TaskReport returns a task with what every POP said of it.
func (e *Engine) TaskReport(ctx context.Context, account string, id uint64) (*freshet.TaskReport, error) {
	entry, item, err := e.store.Tasks.TaskEntry(ctx, account, id)
	if err != nil {
		return nil, err
	}
	v, err := e.viewAt(ctx, entry)
	if err != nil {
		return nil, err
	}
	report := &freshet.TaskReport{Task: e.task(entry, v, item), Deliveries: make([]freshet.Delivery, len(entry.Targets))}
	for t, pop := range entry.Targets {
		d := freshet.Delivery{POP: pop}
		switch v.excuses[t] {
		case excuseDown:
			d.Outcome = freshet.OutcomeExcused
		case excuseRemoved:
			d.Outcome = freshet.OutcomeExcused
		case excuseOverdue:
			d.Overdue = true
		case excuseNone:
		}
		report.Deliveries[t] = d
	}
	if err := e.addEvidence(ctx, entry, item, report.Deliveries); err != nil {
		return nil, err
	}
	for _, d := range report.Deliveries {
		if report.Status == freshet.TaskFailed && d.Outcome == freshet.OutcomeFailed {
			report.Reason = graver(report.Reason, d.Reason)
		}
	}
	report.Media, err = e.mediaOf(ctx, entry)
	return report, err
}

// addEvidence fills in deliveries from the newest fact of each POP.
func (e *Engine) addEvidence(ctx context.Context, entry *freshet.Entry, item int, list []freshet.Delivery) error {
	newest := map[int]run{}
	place := newTargetSet(entry.Targets).place
	for msg, err := range e.store.Evidence.EvidenceOf(ctx, entry.At) {
		if err != nil {
			return err
		}
		t, target := place[msg.POP]
		if !target {
			continue
		}
		this := run{stream: msg.Stream, number: msg.Number}
		for _, facts := range msg.Entries {
			for _, fact := range facts.Facts {
				if facts.At == entry.At && fact.Item == item && this.newer(newest[t]) {
					newest[t] = this
					list[t] = delivery(msg.POP, fact, msg.Incarnation, msg.ReceivedAt)
				}
			}
		}
	}
	return nil
}

func delivery(pop string, f freshet.Fact, incarnation string, received time.Time) freshet.Delivery {
	d := freshet.Delivery{
		POP: pop, Outcome: f.Outcome, Reason: f.Reason, Verified: f.Verified, Attempts: f.Attempts,
		Rounds: f.Rounds, WindowMs: f.Window.Milliseconds(), ExecutedAt: f.ExecutedAt, ReceivedAt: received, Incarnation: incarnation,
	}
	if f.Before.Stored() {
		d.Before = &f.Before
	}
	if f.After.Stored() {
		d.After = &f.After
	}
	if f.Outcome == freshet.OutcomeCovered {
		d.CoveredBy = &f.CoveredBy
	}
	return d
}

func (e *Engine) mediaOf(ctx context.Context, entry *freshet.Entry) (string, error) {
	job, err := e.store.Jobs.Job(ctx, entry.Account, entry.Job)
	if err != nil || entry.Row >= len(job.Rows) {
		return "", err
	}
	return job.Rows[entry.Row].Media, nil
}
