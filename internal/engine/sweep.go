package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
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
// its time is over, and records one fact for the range. A purge's time counts
// from the POP's last progress, or from the entry if that is later; a
// prefetch's ends at its finish-by time, with a minute for its evidence to
// arrive.
func (e *Engine) recordDeadlines(ctx context.Context, now time.Time) error {
	progress := map[string]time.Time{}
	found := map[string]store.Deadline{}
	var jobs []string
	e.ledger.owing(func(m entryMeta, pops []string) {
		for _, pop := range pops {
			if _, ok := progress[pop]; !ok {
				progress[pop] = e.members.lastProgress(pop)
			}
			if !e.overdue(m, progress[pop], now) || e.members.excuse(pop, m) != excuseNone {
				continue
			}
			d, ok := found[pop]
			if !ok {
				d = store.Deadline{POP: pop, Lo: m.At, Hi: m.At, At: now}
			}
			d.Lo, d.Hi = freshet.Earlier(d.Lo, m.At), freshet.Later(d.Hi, m.At)
			found[pop] = d
			jobs = append(jobs, m.Job)
		}
	})
	for pop, d := range found {
		if err := e.store.States.SaveDeadline(ctx, d); err != nil {
			return err
		}
		e.members.addDeadlines(d)
		e.log.LogAttrs(ctx, slog.LevelWarn, "a POP is overdue", slog.String("pop", pop),
			slog.String("from", d.Lo.String()), slog.String("to", d.Hi.String()))
	}
	e.changes.touch(jobs...)
	return nil
}

func (e *Engine) overdue(m entryMeta, progress, now time.Time) bool {
	if !m.FinishBy.IsZero() {
		return now.After(m.FinishBy.Add(time.Minute))
	}
	since := m.Created
	if progress.After(since) {
		since = progress
	}
	return now.Sub(since) > e.o.Deadline
}
