package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// publish makes what is durable the content of the next heartbeat.
func (l *life) publish() {
	h := &freshet.Heartbeat{
		POP: l.o.POP, Watermark: l.ledger.durable, Incarnation: l.ledger.incarnation, Cursors: l.cursors(),
		Known: l.reader.known, KnownTask: l.reader.task, Owed: l.owed(),
		Ready: l.ready.told, URL: l.o.URL, Release: l.o.Release,
	}
	h.Exceptions, h.Watermark = l.sayable(l.exceptionList(), h.Watermark)
	l.beat.Store(h)
}

// owed counts entries that were read and are not finished.
func (l *life) owed() int {
	n := len(l.fetches.list) + len(l.redos.at) + len(l.redos.marks)
	for _, w := range l.purges.queue {
		if w.left > 0 {
			n++
		}
	}
	return n
}

// sayable returns the exceptions that a heartbeat has room for, and the
// watermark that may be claimed with them. If there are too many, those that
// every child has passed go first; then the watermark ends before the first
// that does not fit, so that children wait instead of missing one.
func (l *life) sayable(list []freshet.Exception, w freshet.Position) ([]freshet.Exception, freshet.Position) {
	total := 0
	for _, x := range list {
		total += exceptionSize(x)
	}
	room := l.o.ExceptionBytes
	l.excepts.cut = total > room
	if !l.excepts.cut {
		return list, w
	}
	passed := l.passedByChildren()
	var out []freshet.Exception
	for _, x := range list {
		size := exceptionSize(x)
		switch {
		case total > l.o.ExceptionBytes && !passed.Before(x.At):
			total -= size
		case size > room:
			before := freshet.Position{Epoch: x.At.Epoch, Pos: x.At.Pos - 1}
			return out, freshet.Earlier(w, before)
		default:
			room -= size
			out = append(out, x)
		}
	}
	return out, w
}

func exceptionSize(x freshet.Exception) int { return 12 + 3*len(x.Items) }

// passedByChildren returns the lowest watermark of the POPs that fill from
// this one; its own, if there are none.
func (l *life) passedByChildren() freshet.Position {
	low := l.ledger.durable
	for _, p := range l.topology.now.POPs {
		for _, parent := range p.Parents {
			if parent == l.o.POP {
				low = freshet.Earlier(low, l.gate.beats[p.ID].Watermark)
			}
		}
	}
	return low
}

// beatOften sends a heartbeat every HeartbeatEvery, and at once when asked,
// but never two within HeartbeatMin. It calls regained after the first one that
// could be sent again.
func (a *Agent) beatOften(ctx context.Context, ask <-chan struct{}, regained func()) {
	tick := time.NewTicker(a.o.HeartbeatEvery)
	defer tick.Stop()
	lost := false
	for {
		h := a.Heartbeat()
		err := a.sendBeat(ctx, h)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !lost:
			a.log.LogAttrs(ctx, slog.LevelWarn, "heartbeat could not be sent, trying on", slog.Any("error", err))
		case err == nil && lost:
			regained()
		}
		lost = err != nil
		if !sleep(ctx, a.o.HeartbeatMin) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ask:
		case <-tick.C:
		}
	}
}

func (a *Agent) sendBeat(ctx context.Context, h freshet.Heartbeat) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.HeartbeatEvery)
	defer cancel()
	return a.o.Bus.Beat(ctx, wire.EncodeHeartbeat(h))
}
