package engine

import (
	"context"
	"iter"
	"slices"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// tasksByEntry lists tasks, newest first. How many there are the store knows of
// entries that are closed; those that are not are looked at one by one if a
// status is asked for. The page costs what is on it and before it.
func (e *Engine) tasksByEntry(ctx context.Context, f freshet.TaskFilter) (freshet.TaskPage, error) {
	var p freshet.TaskPage
	q := store.TaskQuery{
		Account: f.Account, Domain: f.Domain, ObjectType: f.ObjectType, Since: f.Since, Until: f.Until,
	}
	n, err := e.store.Tasks.CountTasks(ctx, q)
	if err != nil {
		return p, err
	}
	var open []store.EntryHead
	if f.Status != "" {
		if open, p.Total, err = e.unfinished(ctx, q, f.Status); err != nil {
			return p, err
		}
	}
	heads := e.store.Tasks.EntryHeads(ctx, q)
	switch f.Status {
	case "":
		p.Total = n.Tasks
	case freshet.TaskComplete:
		p.Total += n.Closed - n.Failed
	case freshet.TaskFailed:
		p.Total += n.Failed
		q.Only = store.FailedEntries
		heads = merged(open, e.store.Tasks.EntryHeads(ctx, q))
	case freshet.TaskPending, freshet.TaskRefreshing:
		heads = merged(open, nil)
	}
	return p, e.fillPage(ctx, f, &p, heads)
}

// unfinished returns those entries that are not closed and have tasks with a
// status, newest first, and how many tasks.
func (e *Engine) unfinished(ctx context.Context, q store.TaskQuery, want freshet.TaskStatus) (list []store.EntryHead, n int, err error) {
	q.Only = store.UnfinishedEntries
	for head, err := range e.store.Tasks.EntryHeads(ctx, q) {
		if err != nil {
			return nil, 0, err
		}
		_, items, err := e.matching(ctx, head, want)
		if err != nil {
			return nil, 0, err
		}
		if len(items) > 0 {
			list = append(list, head)
			n += len(items)
		}
	}
	return list, n, nil
}

// merged yields two lists of entries, each of which is newest first, as one.
func merged(list []store.EntryHead, more iter.Seq2[store.EntryHead, error]) iter.Seq2[store.EntryHead, error] {
	return func(yield func(store.EntryHead, error) bool) {
		rest := list
		if more != nil {
			for head, err := range more {
				for ; err == nil && len(rest) > 0 && newer(rest[0], head); rest = rest[1:] {
					if !yield(rest[0], nil) {
						return
					}
				}
				if !yield(head, err) {
					return
				}
			}
		}
		for _, head := range rest {
			if !yield(head, nil) {
				return
			}
		}
	}
}

func newer(a, b store.EntryHead) bool {
	if !a.Created.Equal(b.Created) {
		return a.Created.After(b.Created)
	}
	return b.At.Before(a.At)
}

// fillPage walks entries, newest first, until the page is full, and reads the
// URLs of those only that the page shows.
func (e *Engine) fillPage(ctx context.Context, f freshet.TaskFilter, p *freshet.TaskPage, heads iter.Seq2[store.EntryHead, error]) error {
	seen := 0 // tasks that match, up to here
	for head, err := range heads {
		if err != nil {
			return err
		}
		if len(p.Tasks) >= f.Limit || seen >= p.Total || f.Offset >= p.Total {
			return nil
		}
		if f.Status == "" && seen+head.Len <= f.Offset {
			seen += head.Len
			continue
		}
		v, items, err := e.matching(ctx, head, f.Status)
		if err != nil {
			return err
		}
		first := seen
		seen += len(items)
		if seen <= f.Offset || len(items) == 0 {
			continue
		}
		entry, full, err := e.fullView(ctx, head, v)
		if err != nil {
			return err
		}
		for _, item := range items[max(f.Offset-first, 0):] {
			if len(p.Tasks) >= f.Limit {
				break
			}
			p.Tasks = append(p.Tasks, e.task(entry, full, item))
		}
	}
	return nil
}

// fullView reads an entry, and how it stands unless v tells that already.
func (e *Engine) fullView(ctx context.Context, head store.EntryHead, v *view) (*freshet.Entry, view, error) {
	entry, err := e.store.Log.Entry(ctx, head.At)
	if err != nil {
		return nil, view{}, err
	}
	if v != nil {
		return entry, *v, nil
	}
	full, err := e.viewAt(ctx, entry)
	return entry, full, err
}

// matching returns which items of an entry have a status, last first. What
// closed without a failure needs no look at its fold.
func (e *Engine) matching(ctx context.Context, h store.EntryHead, want freshet.TaskStatus) (*view, []int, error) {
	if want == "" || h.Closed && h.Failed == 0 {
		if want != "" && want != freshet.TaskComplete {
			return nil, nil, nil
		}
		items := make([]int, h.Len)
		for i := range items {
			items[i] = h.Len - 1 - i
		}
		return nil, items, nil
	}
	v, ok := e.ledger.view(h.At)
	if !ok {
		entry, err := e.store.Log.Entry(ctx, h.At)
		if err != nil {
			return nil, nil, err
		}
		if v, err = e.viewAt(ctx, entry); err != nil {
			return nil, nil, err
		}
	}
	var items []int
	v.each(func(item int, s taskState) {
		if s.status(len(v.Targets)) == want {
			items = append(items, item)
		}
	})
	slices.Reverse(items)
	return &v, items, nil
}
