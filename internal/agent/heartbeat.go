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
		Ready: l.ready.free, URL: l.o.URL, Release: l.o.Release,
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

// beatOften sends a heartbeat every HeartbeatEvery, and when asked: at once if
// a child may be waiting for it, else after HeartbeatMin, which makes one of
// many. An agent that nobody waits for would otherwise load the control plane
// with news that nobody is in a hurry to have, just when evidence arrives.
func (l *life) beatOften(ctx context.Context) {
	tick := time.NewTicker(l.o.HeartbeatEvery)
	defer tick.Stop()
	lost := false
	for {
		msg := wire.EncodeHeartbeat(l.Heartbeat())
		err := l.sendBeat(ctx, msg)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !lost:
			l.log.LogAttrs(ctx, slog.LevelWarn, "heartbeat could not be sent, trying on", slog.Any("error", err))
		case err == nil && lost:
			l.regain(ctx)
		}
		lost = err != nil
		if gap := spacing(msg); gap > 0 && !sleep(ctx, gap) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-l.beatNow:
			if !l.awaited.Load() && !sleep(ctx, l.o.HeartbeatMin) {
				return
			}
		case <-tick.C:
		}
	}
}

// spacing is the least time between a heartbeat and the next one. News comes
// once for each durable step, so that small ones need none; one that lists
// many exceptions, to each of many children, must not fill the line: 8 MB a
// second at most.
func spacing(msg []byte) time.Duration {
	return time.Duration(len(msg)>>13) * time.Millisecond
}

func (a *Agent) sendBeat(ctx context.Context, msg []byte) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.HeartbeatEvery)
	defer cancel()
	return a.o.Bus.Beat(ctx, msg)
}
