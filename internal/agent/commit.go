package agent

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// ledger gathers what the next durable step must hold. Only one step is being
// written at a time; what happens meanwhile goes into the next one, which
// makes a slow disk write fewer and larger steps.
type ledger struct {
	watermark freshet.Position // everything up to it is finished
	durable   freshet.Position // the same, as journalled: what may be said aloud
	written   freshet.Position // the cursor inside the cache

	stream      uint64
	number      uint64 // of the newest evidence
	incarnation string

	facts    map[freshet.Position]*itemFacts
	nfacts   int          // of them, counting those that a later one replaces
	spare    []*itemFacts // emptied ones: there are thousands in a backlog, and a fact is large
	spared   int          // facts that those have room for
	factsDue time.Time
	gather   time.Duration
	kept     map[freshet.Position]*freshet.Entry
	dropped  map[freshet.Position]struct{}

	urgent     bool // a step is wanted now
	lazy       bool // a step is wanted within a second
	last       time.Time
	committing bool
	cursorBad  int // writes of the cursor that failed in a row
	cursorNext time.Time
}

func newLedger(gather time.Duration) ledger {
	return ledger{
		gather:  gather,
		facts:   map[freshet.Position]*itemFacts{},
		kept:    map[freshet.Position]*freshet.Entry{},
		dropped: map[freshet.Position]struct{}{},
	}
}

func (g *ledger) keep(e *freshet.Entry) {
	delete(g.dropped, e.At)
	g.kept[e.At] = e
	g.lazy = true
}

func (g *ledger) drop(at freshet.Position) {
	delete(g.kept, at)
	g.dropped[at] = struct{}{}
	g.lazy = true
}

func (g *ledger) reached(at freshet.Position) { g.watermark = freshet.Later(g.watermark, at) }

// due reports whether a step is wanted now, and if not, when.
func (g *ledger) due(every time.Duration) (ok bool, at time.Time) {
	t := time.Now()
	if g.urgent || g.durable.Before(g.watermark) && !t.Before(g.cursorNext) {
		return true, t
	}
	earliest := func(when time.Time) {
		if at.IsZero() || when.Before(at) {
			at = when
		}
	}
	if g.durable.Before(g.watermark) {
		earliest(g.cursorNext)
	}
	if g.nfacts > 0 {
		earliest(g.factsDue)
	}
	if g.lazy {
		earliest(g.last.Add(every))
	}
	return !at.IsZero() && !t.Before(at), at
}

// step is what a worker writes: first the cursor inside the cache, then the
// journal. The worker also encodes the evidence in it.
type step struct {
	store.Step
	state  store.AgentState
	facts  map[freshet.Position]*itemFacts
	cursor bool             // the cursor must be written first
	retry  bool             // it may be tried now
	done   freshet.Position // the watermark without it
}

// commit starts a durable step if one is due.
func (l *life) commit(ctx context.Context) {
	g := &l.ledger
	if g.committing {
		return
	}
	ok, at := g.due(l.o.HeartbeatEvery)
	if !ok {
		if !at.IsZero() {
			l.wakeAt(at)
		}
		return
	}
	s := l.nextStep()
	g.committing = true
	l.work(ctx, func() func() {
		l.evidence(s)
		cursorErr, err := l.write(ctx, s)
		return func() { l.committed(ctx, s, cursorErr, err) }
	})
}

// nextStep takes everything gathered so far out of the ledger.
func (l *life) nextStep() *step {
	g := &l.ledger
	s := &step{
		cursor: l.powers.KeepsCursor && g.written.Before(g.watermark),
		retry:  !time.Now().Before(g.cursorNext),
		done:   g.durable,
	}
	s.facts = g.takeFacts()
	s.Keep = slices.SortedFunc(maps.Values(g.kept), func(a, b *freshet.Entry) int { return a.At.Compare(b.At) })
	s.Drop = slices.SortedFunc(maps.Keys(g.dropped), freshet.Position.Compare)
	s.state = store.AgentState{
		Watermark: g.watermark, Cursors: l.cursors(), Exceptions: l.exceptionList(),
		Known: l.reader.known, KnownTask: l.reader.task,
		Stream: g.stream, LastNumber: g.number, Incarnation: g.incarnation,
		Flushes: l.redos.kept(), Forgotten: l.reader.forgotten(),
	}
	s.State = &s.state
	clear(g.kept)
	clear(g.dropped)
	g.urgent, g.lazy, g.last = false, false, time.Now()
	return s
}

func (l *life) cursors() []freshet.Cursor {
	var list []freshet.Cursor
	for _, name := range freshet.Subjects() {
		list = append(list, freshet.Cursor{Subject: name, At: l.reader.subjects[name].cursor})
	}
	return list
}

// write makes a step durable: the cache's own cursor first, because a cursor
// that lags behind costs only repeats, and one that leads hides a loss only if
// the journal goes too. If the cache cannot take it, everything else is
// written and the watermark stays. It tries the journal until it succeeds or
// ctx ends.
func (l *life) write(ctx context.Context, s *step) (cursorErr, err error) {
	if s.cursor {
		s.cursor = s.retry
		if s.retry {
			cursorErr = l.o.Driver.WriteCursor(ctx, s.state.Watermark)
		}
		if !s.retry || cursorErr != nil {
			s.cursor, s.state.Watermark = false, s.done
		}
	}
	for n := 1; ; n++ {
		err = l.o.Journal.Commit(ctx, s.Step)
		if err == nil || ctx.Err() != nil {
			return cursorErr, err
		}
		if n == 1 {
			l.log.LogAttrs(ctx, slog.LevelError, "journal could not be written, trying on", slog.Any("error", err))
		}
		if !sleep(ctx, l.pause(n)) {
			return cursorErr, err
		}
	}
}

// committed takes in that a step is durable, or that the life is over.
func (l *life) committed(ctx context.Context, s *step, cursorErr, err error) {
	g := &l.ledger
	g.committing = false
	if err != nil {
		return
	}
	g.number = s.state.LastNumber
	g.recycle(s.facts)
	if freshet.ErrorCode(cursorErr) == freshet.CodeConflict {
		l.replaced(ctx)
	}
	if cursorErr != nil {
		g.cursorBad++
		g.cursorNext = time.Now().Add(l.pause(g.cursorBad))
		if g.cursorBad == 1 {
			l.log.LogAttrs(ctx, slog.LevelWarn, "cursor could not be written to the cache, trying on",
				slog.Any("error", cursorErr))
		}
	}
	if s.cursor {
		g.written, g.cursorBad, g.cursorNext = s.state.Watermark, 0, time.Time{}
		l.written.Store(&s.state.Watermark)
	}
	moved := g.durable.Before(s.state.Watermark)
	g.durable = freshet.Later(g.durable, s.state.Watermark)
	l.publish()
	if moved {
		kick(l.beatNow)
	}
	if len(s.Evidence) > 0 {
		l.outbox.put(s.Evidence)
	}
}
