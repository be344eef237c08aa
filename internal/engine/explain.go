package engine

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// explain fills in why the failed tasks of a page failed. Status lives in
// memory, reasons only in the evidence: it is read once for each entry of which
// the page shows a failed task, and for no other.
func (e *Engine) explain(ctx context.Context, tasks []freshet.Task) error {
	failed := map[freshet.Position][]*freshet.Task{}
	for i := range tasks {
		if t := &tasks[i]; t.Status == freshet.TaskFailed {
			failed[t.At] = append(failed[t.At], t)
		}
	}
	for at, list := range failed {
		entry, err := e.store.Log.Entry(ctx, at)
		if err != nil {
			return err
		}
		reasons, err := e.reasons(ctx, entry)
		if err != nil {
			return err
		}
		for _, t := range list {
			for _, r := range reasons[t.Item] {
				t.Reason = graver(t.Reason, r)
			}
		}
	}
	return nil
}

// reasons returns, by item and target, why deliveries of an entry failed.
func (e *Engine) reasons(ctx context.Context, entry *freshet.Entry) (map[int]map[int]freshet.Reason, error) {
	type delivery struct{ item, target int }
	newest := map[delivery]run{}
	out := map[int]map[int]freshet.Reason{}
	place := newTargetSet(entry.Targets).place
	for msg, err := range e.store.Evidence.EvidenceOf(ctx, entry.At) {
		if err != nil {
			return nil, err
		}
		t, target := place[msg.POP]
		if !target {
			continue
		}
		this := run{stream: msg.Stream, number: msg.Number}
		for _, facts := range msg.Entries {
			for _, fact := range facts.Facts {
				key := delivery{fact.Item, t}
				if facts.At != entry.At || !this.newer(newest[key]) {
					continue
				}
				newest[key] = this
				if fact.Outcome != freshet.OutcomeFailed {
					delete(out[fact.Item], t)
					continue
				}
				if out[fact.Item] == nil {
					out[fact.Item] = map[int]freshet.Reason{}
				}
				out[fact.Item][t] = fact.Reason
			}
		}
	}
	return out, nil
}

// graver returns which of two reasons explains a failure better: what the
// origin did comes before what followed from it at other POPs.
func graver(a, b freshet.Reason) freshet.Reason {
	for _, r := range [...]freshet.Reason{freshet.ReasonOrigin5xx, freshet.ReasonOrigin4xx, freshet.ReasonTimeout} {
		if a == r || b == r {
			return r
		}
	}
	switch {
	case a == freshet.ReasonNone, a == freshet.ReasonBlockedByParent && b != freshet.ReasonNone:
		return b
	case b == freshet.ReasonNone, b == freshet.ReasonBlockedByParent:
		return a
	}
	return min(a, b) // any, but always the same
}
