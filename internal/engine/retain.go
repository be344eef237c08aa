package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// How retention works: in small steps with pauses, so that neither the disk nor
// the writer notices.
const (
	retainBatch = 100
	retainPause = 50 * time.Millisecond
)

// retain is the loop that forgets what has been kept for long enough.
func (e *Engine) retain(ctx context.Context) error {
	if e.store.Retention == nil || e.o.Keep <= 0 && e.o.Replay <= 0 {
		return nil
	}
	tick := time.NewTicker(e.o.RetainEvery)
	defer tick.Stop()
	for {
		// While the control plane was away POPs could not answer: they get time.
		if e.o.Replay > 0 && time.Since(e.members.started) > e.o.Deadline {
			if err := e.GiveUp(ctx, now().Add(-e.o.Replay)); err != nil && ctx.Err() == nil {
				e.log.LogAttrs(ctx, slog.LevelError, "what absent POPs owe could not be given up", slog.Any("error", err))
			}
		}
		if e.o.Keep > 0 {
			if err := e.Forget(ctx, now().Add(-e.o.Keep)); err != nil && ctx.Err() == nil {
				e.log.LogAttrs(ctx, slog.LevelError, "old entries, jobs and evidence could not be forgotten", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Forget deletes what is older than a time: entries of the log that are closed
// and that every POP has passed, or is told no more (see GiveUp), then jobs, then
// evidence that speaks of nothing that is left.
func (e *Engine) Forget(ctx context.Context, before time.Time) error {
	below, ok := e.members.passedByAll()
	if !ok {
		below = freshet.Position{} // a POP has not been heard yet: nobody knows what it lacks
	}
	if below = freshet.Later(below, e.horizon.end()); below.IsZero() {
		return nil
	}
	entries, jobs := 0, 0
	for {
		n, held, err := e.store.Retention.ForgetLog(ctx, before, below, retainBatch)
		if err != nil {
			return err
		}
		entries += n
		if n > 0 {
			if err := e.lookBack(ctx); err != nil {
				return err
			}
		}
		if held != nil {
			e.log.LogAttrs(ctx, slog.LevelWarn,
				"an entry of the log is kept beyond its time, and all that follow with it: a POP owes it; remove that POP if it is gone",
				slog.String("account", held.Account), slog.String("job", held.Job), slog.String("position", held.At.String()), slog.Any("pops", e.ledger.debtors(held.At)))
		}
		if n < retainBatch {
			break
		}
		pause(ctx, retainPause)
	}
	for {
		n, err := e.store.Retention.ForgetJobs(ctx, before, retainBatch)
		if err != nil {
			return err
		}
		if jobs += n; n < retainBatch {
			break
		}
		pause(ctx, retainPause)
	}
	days, err := e.store.Retention.ForgetEvidence(ctx, before)
	if entries+jobs+days > 0 {
		e.log.LogAttrs(ctx, slog.LevelInfo, "forgot what was kept for long enough", slog.Time("before", before),
			slog.Int("entries", entries), slog.Int("jobs", jobs), slog.Int("days_of_evidence", days))
	}
	return err
}

// passedByAll is a position that every POP has passed: what stands there or
// before will be asked for by none. False while one of them, marked down or
// not, has not been heard since the start. If all are up to the heads of the
// log, it is the end of all positions.
func (m *members) passedByAll() (freshet.Position, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	passed := store.ForgottenAll()
	behind := func(subject string, at freshet.Position) {
		if at.Before(m.heads[subject]) {
			passed = freshet.Earlier(passed, at)
		}
	}
	for pop, s := range m.standing {
		if !s.enrolled {
			continue
		}
		c := m.live[pop]
		if c == nil || c.at.IsZero() {
			return freshet.Position{}, false
		}
		behind(freshet.SubjectPurge, c.beat.Watermark)
		for _, cursor := range c.beat.Cursors {
			behind(cursor.Subject, cursor.At)
		}
	}
	return passed, true
}
