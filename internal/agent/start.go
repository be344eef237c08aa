package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/health"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// start makes a new life out of what the journal and the cache remember.
func (a *Agent) start(ctx context.Context) (*life, error) {
	l := &life{
		Agent:   a,
		events:  make(chan func(), 64),
		jobs:    make(chan func() func()),
		beatNow: make(chan struct{}, 1),

		reportNow: make(chan struct{}, 1),

		outbox:  newOutbox(),
		gate:    newGate(),
		reader:  newReader(),
		purges:  newPurges(),
		excepts: newExceptions(),
		fetches: newPrefetches(&a.o),
		ledger:  newLedger(a.o.GatherFor),
	}
	if err := l.recallTopology(ctx); err != nil {
		return nil, err
	}
	st, saved, err := a.o.Journal.LoadAgent(ctx)
	if err != nil {
		return nil, fmt.Errorf("agent of %s: reading the journal: %w", a.o.POP, err)
	}
	kept, err := a.o.Journal.Kept(ctx)
	if err != nil {
		return nil, fmt.Errorf("agent of %s: reading what the journal kept: %w", a.o.POP, err)
	}
	if err := l.reconcile(ctx, st, saved); err != nil {
		return nil, err
	}
	if err := l.recallDenied(ctx); err != nil {
		return nil, err
	}
	for _, c := range st.Cursors {
		if s, ok := l.reader.subjects[c.Subject]; ok && c.Subject != freshet.SubjectPurge {
			s.cursor = c.At
		}
	}
	// What was read ahead of the watermark and not finished is read again.
	l.reader.subjects[freshet.SubjectPurge].cursor = l.ledger.durable
	l.reader.lostJournal, l.reader.until = !saved || st.Forgotten == store.ForgottenAll(), st.Forgotten
	l.reader.known, l.reader.task = freshet.Later(st.Known, l.ledger.written), st.KnownTask
	// Each life has a stream of its own: a journal that was restored from an
	// older copy would hand out numbers again, and the control plane would take
	// new evidence for repeats. Numbers go on, because the spool may still hold
	// some of earlier lives.
	l.ledger.stream = max(uint64(time.Now().UnixNano()), st.Stream+1)
	l.ledger.number = st.LastNumber
	l.redos = newRedos(st.Flushes)
	if !saved {
		l.redos.doubt = l.ledger.durable
	}
	l.recall(kept, st.Exceptions)
	l.ledger.urgent = true // the incarnation, the stream and a first sign of life
	l.publish()
	return l, nil
}

func (l *life) recallTopology(ctx context.Context) error {
	msg, err := l.o.Journal.LoadTopology(ctx)
	if err != nil {
		return fmt.Errorf("agent of %s: reading the topology: %w", l.o.POP, err)
	}
	if len(msg) == 0 {
		return nil
	}
	t, err := wire.DecodeTopology(msg)
	if err != nil {
		// A newer release wrote it; the control plane has another.
		l.log.LogAttrs(ctx, slog.LevelWarn, "saved topology cannot be read", slog.Any("error", err))
		return nil
	}
	v := wire.VersionOf(msg)
	l.dialect.recall(v)
	l.setTopology(t, v)
	return nil
}

// reconcile compares what the journal says with what the cache says, and
// takes the lower of the two: repeating is harmless, missing is not (P5).
func (l *life) reconcile(ctx context.Context, st store.AgentState, saved bool) error {
	var incarnation string
	var cursor freshet.Position
	err := l.insist(ctx, "cache could not be asked who it is, trying on", func() (err error) {
		if incarnation, err = l.o.Driver.Incarnation(ctx); err != nil || !l.powers.KeepsCursor {
			return err
		}
		cursor, err = l.o.Driver.ReadCursor(ctx)
		return err
	})
	if err != nil {
		return err
	}
	same := saved && incarnation == st.Incarnation
	from := st.Watermark
	flush := !same
	if l.powers.KeepsCursor && (same || !cursor.IsZero()) {
		// Content with a cursor of its own, or the content that we knew.
		flush = false
		from = cursor
		if saved {
			from = freshet.Earlier(cursor, st.Watermark)
		}
	}
	if flush {
		if err := l.flush(ctx); err != nil {
			return err
		}
		l.flushed()
	}
	l.log.LogAttrs(ctx, slog.LevelInfo, "agent begins", slog.String("watermark", from.String()),
		slog.String("journal", st.Watermark.String()), slog.String("cache", cursor.String()),
		slog.Bool("flushed", flush), slog.Bool("journal_found", saved), slog.Bool("content_known", same))
	l.ledger.incarnation, l.ledger.written = incarnation, cursor
	l.written.Store(&cursor)
	l.ledger.watermark, l.ledger.durable = from, from
	return nil
}

// insist calls fn until it succeeds or ctx ends.
func (l *life) insist(ctx context.Context, trouble string, fn func() error) error {
	for n := 1; ; n++ {
		err := fn()
		if err == nil {
			return nil
		}
		if n == 1 && ctx.Err() == nil {
			l.hindered([]Obstacle{{health.Cache, trouble}})
			l.log.LogAttrs(ctx, slog.LevelWarn, trouble, slog.Any("error", err)) //nolint:sloglint // the text is the caller's constant
		}
		if !sleep(ctx, l.pause(n)) {
			return ctx.Err()
		}
	}
}

// recall restores what the journal kept: prefetches that are not finished, who
// is down, purges with exceptions, and purges to redo.
func (l *life) recall(kept []*freshet.Entry, list []freshet.Exception) {
	items := map[freshet.Position]freshet.Exception{}
	for _, x := range list {
		items[x.At] = x
	}
	for _, e := range kept {
		switch e.Kind { //nolint:exhaustive // denials are kept as a list of their own
		case freshet.EntryPrefetch:
			l.addPrefetch(e)
		case freshet.EntryMembership:
			l.gate.words[e.Membership.POP] = e
			l.gate.kept[e.Membership.POP] = e.At
		case freshet.EntryPurge:
			if len(e.Targets) > 0 {
				l.redos.add(e.At, e, e.Targets)
			}
			x, ok := items[e.At]
			if !ok {
				continue
			}
			if len(x.Items) == 0 {
				for i := range e.Len() {
					x.Items = append(x.Items, i)
				}
			}
			for _, item := range x.Items {
				if item < e.Len() {
					l.except(e, item)
				}
			}
		}
	}
}
