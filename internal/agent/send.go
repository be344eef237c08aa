package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/store"
)

const (
	sendAtOnce = 8  // spooled messages that are read into memory at a time
	outboxSize = 64 // messages handed over in memory; more are read from the spool

	// What was acknowledged stays spooled until so many messages were, or for so
	// long: clearing it costs a sync, as much as all the rest of sending it.
	tidyEvery = 64
	tidyAfter = time.Second
)

// outbox hands evidence that is in the journal to its sender, so that it need
// not be read back. What does not fit is in the spool.
type outbox struct {
	more    chan struct{} // something came
	contact chan struct{} // the control plane can be reached again

	mu     sync.Mutex // guards what follows
	msgs   []store.SpooledMessage
	missed bool // something did not fit
}

func newOutbox() outbox { return outbox{more: make(chan struct{}, 1), contact: make(chan struct{}, 1)} }

func (o *outbox) put(msgs []store.SpooledMessage) {
	o.mu.Lock()
	if o.missed = o.missed || len(o.msgs)+len(msgs) > outboxSize; !o.missed {
		o.msgs = append(o.msgs, msgs...)
	}
	o.mu.Unlock()
	kick(o.more)
}

// take returns what is there and comes after a message. complete is false if
// there is more in the spool.
func (o *outbox) take(after uint64) (msgs []store.SpooledMessage, complete bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	msgs, complete = o.msgs, !o.missed
	o.msgs, o.missed = nil, false
	for len(msgs) > 0 && msgs[0].Number <= after {
		msgs = msgs[1:] // read from the spool meanwhile
	}
	return msgs, complete
}

// sender is what sendEvidence keeps.
type sender struct {
	*Agent
	box     *outbox
	acked   uint64 // the last message that is stored at the control plane
	cleared uint64 // of them, up to which the spool was cleared
	behind  bool   // the spool holds messages that are not in the outbox
}

// sendEvidence sends what is spooled, in order, one message at a time, until
// ctx ends. A message stays spooled until the control plane says that it is
// stored; after a failure, sending starts again with the oldest: after a pause,
// or when there is contact again.
func (a *Agent) sendEvidence(ctx context.Context, box *outbox) {
	s := sender{Agent: a, box: box, behind: true}
	defer s.tidy(context.WithoutCancel(ctx))
	failed := 0
	for {
		sent, err := s.some(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.behind = true
			if failed++; failed == 1 {
				a.log.LogAttrs(ctx, slog.LevelWarn, "evidence could not be sent, trying on", slog.Any("error", err))
			}
			if sleepUnless(ctx, a.pause(failed), box.contact) {
				failed = 0
			}
			continue
		}
		failed = 0
		if s.acked >= s.cleared+tidyEvery {
			s.tidy(ctx)
		}
		if !sent && !s.wait(ctx) {
			return
		}
	}
}

// some sends a few messages, and reports whether there were any.
func (s *sender) some(ctx context.Context) (bool, error) {
	if !s.behind {
		msgs, complete := s.box.take(s.acked)
		if complete {
			return len(msgs) > 0, s.send(ctx, msgs)
		}
		s.behind = true
	}
	msgs, err := s.o.Journal.Spooled(ctx, s.acked, sendAtOnce)
	if err != nil {
		return false, err
	}
	if len(msgs) == 0 {
		s.behind = false
		return true, nil // and now the outbox
	}
	return true, s.send(ctx, msgs)
}

func (s *sender) send(ctx context.Context, msgs []store.SpooledMessage) error {
	for _, m := range msgs {
		if err := s.sendOne(ctx, m.Message); err != nil {
			return err
		}
		s.acked = m.Number
	}
	return nil
}

func (a *Agent) sendOne(ctx context.Context, msg []byte) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	_, err := a.o.Bus.Do(ctx, bus.CallEvidence, a.dialect.translate(msg))
	return err
}

// wait waits for messages, and clears the spool if none come for a while. It
// is false if ctx ended.
func (s *sender) wait(ctx context.Context) bool {
	var idle <-chan time.Time
	if s.acked > s.cleared {
		t := time.NewTimer(tidyAfter)
		defer t.Stop()
		idle = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.box.more:
			return true
		case <-idle:
			s.tidy(ctx)
			idle = nil
		}
	}
}

// tidy clears the spool of what was acknowledged. What stays behind would be
// sent once more in the next life, which the control plane recognises.
func (s *sender) tidy(ctx context.Context) {
	if s.acked == s.cleared {
		return
	}
	if err := s.o.Journal.Unspool(ctx, s.acked); err != nil {
		if ctx.Err() == nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "acknowledged evidence could not be cleared from the journal", slog.Any("error", err))
		}
		return
	}
	s.cleared = s.acked
}
