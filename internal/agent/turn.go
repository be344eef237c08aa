package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/wire"
)

// rush is about what comes after a flush: every hit is then a question to the
// parents, or to the origin. Many POPs that were cut off together would ask
// all at once, so that a POP takes traffic again when it is its turn: one of a
// tier at a time. The flush itself does not wait, and neither do purges.
type rush struct {
	wanted bool // the cache was flushed, and the POP had no turn since
	asking bool
}

// flush makes everything that the cache holds revalidate. A cache that cannot do
// that is left alone, loudly: nothing else is known to help.
func (l *life) flush(ctx context.Context) error {
	if !l.powers.Soft {
		l.log.LogAttrs(ctx, slog.LevelWarn, "cache holds content of unknown age and cannot be made to revalidate it")
		return nil
	}
	return l.insist(ctx, "cache could not be made to revalidate, trying on", func() error {
		return l.o.Driver.Flush(ctx, time.Now())
	})
}

// flushed notes that a POP which takes no traffic yet was flushed. An empty cache
// has nothing to ask about.
func (l *life) flushed() {
	e, ok := l.o.Driver.(cache.Emptier)
	l.rush.wanted = l.powers.Soft && (!ok || !e.Empty())
}

// takeTurn asks for the POP's turn, once nothing else keeps it from traffic: a
// turn does not last for long.
func (l *life) takeTurn(ctx context.Context) {
	if !l.rush.wanted || l.rush.asking {
		return
	}
	l.rush.asking = true
	l.work(ctx, func() func() {
		l.awaitTurn(ctx)
		return func() { l.rush = rush{} }
	})
}

// awaitTurn returns when the control plane grants the POP its turn, or does not
// answer for TurnWait: then the POP goes on by itself.
func (a *Agent) awaitTurn(ctx context.Context) {
	var silent time.Time
	told := false
	for ctx.Err() == nil {
		t, err := a.askTurn(ctx)
		switch {
		case err == nil && t.Granted:
			return
		case err == nil:
			silent = time.Time{}
			if !told {
				a.log.LogAttrs(ctx, slog.LevelInfo, "the cache has to ask about all that it holds, and another POP of the tier is doing so: waiting for the turn",
					slog.Duration("about", t.For))
				told = true
			}
		case silent.IsZero():
			silent = time.Now()
			a.log.LogAttrs(ctx, slog.LevelWarn, "the control plane does not say whether it is this POP's turn, going on without it after a while",
				slog.Duration("after", a.o.TurnWait), slog.Any("error", err))
		case time.Since(silent) >= a.o.TurnWait:
			return
		}
		sleep(ctx, a.o.HeartbeatEvery)
	}
}

// askTurn asks once. A control plane of an older release knows no turns.
func (a *Agent) askTurn(ctx context.Context) (wire.Turn, error) {
	if a.dialect.now() < wire.Version3 {
		return wire.Turn{Granted: true}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	msg, err := a.o.Bus.Do(ctx, bus.CallTurn, wire.EncodeTurn(wire.Turn{}))
	if err != nil {
		return wire.Turn{}, err
	}
	return wire.DecodeTurn(msg)
}
