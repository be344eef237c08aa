package agent

import (
	"context"
	"errors"
	"log/slog"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/store"
)

// sendAtOnce bounds how many spooled messages are read into memory, and taken
// off the spool in one step.
const sendAtOnce = 16

// sendEvidence sends what is spooled, in order, one message at a time, until
// ctx ends. A message stays spooled until the control plane says that it is
// stored; after a failure, sending starts again with the oldest.
func (a *Agent) sendEvidence(ctx context.Context, more <-chan struct{}) {
	failed := 0
	var acked uint64
	for {
		msgs, err := a.o.Journal.Spooled(ctx, acked, sendAtOnce)
		if err == nil {
			acked, err = a.sendSpooled(ctx, acked, msgs)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if failed++; failed == 1 {
				a.log.LogAttrs(ctx, slog.LevelWarn, "evidence could not be sent, trying on", slog.Any("error", err))
			}
			if !sleep(ctx, a.pause(failed)) {
				return
			}
			continue
		}
		failed = 0
		if len(msgs) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-more:
		}
	}
}

// sendSpooled returns the number of the last message that was acknowledged.
func (a *Agent) sendSpooled(ctx context.Context, acked uint64, msgs []store.SpooledMessage) (uint64, error) {
	var err error
	sent := acked
	for _, m := range msgs {
		if err = a.sendOne(ctx, m.Message); err != nil {
			break
		}
		sent = m.Number
	}
	if sent == acked {
		return acked, err
	}
	// Left behind, they would be sent once more in the next life, which the
	// control plane recognises. One step for all of them: each waits for the disk.
	return sent, errors.Join(err, a.o.Journal.Unspool(ctx, sent))
}

func (a *Agent) sendOne(ctx context.Context, msg []byte) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.CallTimeout)
	defer cancel()
	_, err := a.o.Bus.Do(ctx, bus.CallEvidence, a.dialect.translate(msg))
	return err
}
