package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet/internal/store"
)

// sweep is the loop that records passed deadlines.
func (e *Engine) sweep(ctx context.Context) error {
	tick := time.NewTicker(e.o.SweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := e.recordDeadlines(ctx, now()); err != nil && ctx.Err() == nil {
			e.log.LogAttrs(ctx, slog.LevelError, "deadlines could not be recorded", slog.Any("error", err))
		}
	}
}

// recordDeadlines finds, for each POP, the entries that it owes and for which
// its time is over, and records one fact for each range of them. A purge's
// time counts from the POP's last progress, or from the entry if that is
// later; a prefetch's ends at its finish-by time, with a minute for its
// evidence to arrive. While the control plane was down nothing could arrive,
// so its start counts for both.
func (e *Engine) recordDeadlines(ctx context.Context, now time.Time) error {
	progress := map[string]time.Time{}
	owed := map[string][]owedEntry{}
	var jobs []string
	var ended []store.JobRef
	e.ledger.owing(func(m entryMeta, pops []string) {
		for _, pop := range pops {
			if e.members.excuse(pop, m) != excuseNone {
				continue
			}
			if _, ok := progress[pop]; !ok {
				progress[pop] = e.members.lastProgress(pop)
			}
			late := e.overdue(m, progress[pop], now)
			owed[pop] = append(owed[pop], owedEntry{m.At, late})
			if late {
				jobs = append(jobs, m.Job)
				ended = append(ended, store.JobRef{Account: m.Account, Job: m.Job})
			}
		}
	})
	for pop, list := range owed {
		for _, d := range lateRanges(pop, list, now) {
			if err := e.store.States.SaveDeadline(ctx, d); err != nil {
				return err
			}
			e.members.addDeadlines(d)
			e.log.LogAttrs(ctx, slog.LevelWarn, "a POP is overdue", slog.String("pop", pop),
				slog.String("from", d.Lo.String()), slog.String("to", d.Hi.String()))
		}
	}
	e.changes.touch(jobs...)
	e.ends.touch(ended...)
	return nil
}

func (e *Engine) overdue(m entryMeta, progress, now time.Time) bool {
	if !m.FinishBy.IsZero() {
		end := m.FinishBy
		if e.members.started.After(end) {
			end = e.members.started
		}
		return now.Sub(end) > time.Minute
	}
	since := m.Created
	if progress.After(since) {
		since = progress
	}
	return now.Sub(since) > e.o.Deadline
}
