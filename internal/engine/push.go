package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// Bounds of one pushed or pulled batch. URLs are counted as packed.
const (
	batchEntries = 256
	batchBytes   = 256 << 10
)

func channelOf(subject string) bus.Channel {
	if subject == freshet.SubjectPurge {
		return bus.ChannelPurge
	}
	return bus.ChannelPrefetch
}

// push sends what the log gained to the agents, each subject in order, and
// the heads every second. A message that gets lost costs nothing: the next one
// shows the gap and the agent pulls.
func (e *Engine) push(ctx context.Context, sent map[string]freshet.Position) error {
	heads := time.NewTicker(e.o.HeadEvery)
	defer heads.Stop()
	e.pushHeads(ctx, sent)
	for {
		for _, subject := range freshet.Subjects() {
			if err := e.pushSubject(ctx, subject, sent); err != nil && ctx.Err() == nil {
				e.log.LogAttrs(ctx, slog.LevelError, "log could not be pushed",
					slog.String("subject", subject), slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.pushNow:
		case <-heads.C:
			e.pushHeads(ctx, sent)
		}
	}
}

func (e *Engine) pushSubject(ctx context.Context, subject string, sent map[string]freshet.Position) error {
	for {
		entries, err := e.store.Log.Read(ctx, subject, sent[subject], batchEntries, batchBytes)
		if err != nil || len(entries) == 0 {
			return err
		}
		// Open first: no agent may see an entry whose evidence would come too
		// early for the ledger.
		e.ledger.open(entries...)
		for _, entry := range entries { // the ledger counts them from now on
			e.reserved.settle(entry.Job, entry.Len())
		}
		last := entries[len(entries)-1].At
		e.members.headIs(subject, last)
		for _, msg := range encodeBatches(subject, sent[subject], entries) {
			if err := e.o.Bus.Push(ctx, channelOf(subject), msg); err != nil && ctx.Err() == nil {
				// The agents will see the gap; what matters is that heads go on.
				e.log.LogAttrs(ctx, slog.LevelWarn, "entries could not be pushed",
					slog.String("subject", subject), slog.Any("error", err))
			}
		}
		sent[subject] = last
	}
}

func (e *Engine) pushHeads(ctx context.Context, sent map[string]freshet.Position) {
	heads := make([]freshet.Cursor, 0, len(sent))
	for _, subject := range freshet.Subjects() {
		heads = append(heads, freshet.Cursor{Subject: subject, At: sent[subject]})
		e.members.headIs(subject, sent[subject])
	}
	if err := e.o.Bus.Push(ctx, bus.ChannelHead, wire.EncodeHeads(heads)); err != nil {
		e.log.LogAttrs(ctx, slog.LevelWarn, "heads could not be pushed", slog.Any("error", err))
	}
}

// encodeBatches encodes entries into messages that fit the bus.
func encodeBatches(subject string, prev freshet.Position, entries []*freshet.Entry) [][]byte {
	return encodeBatchesAs(wire.Newest, subject, prev, entries)
}

// encodeBatchesAs does the same for an agent that knows v at most.
func encodeBatchesAs(v wire.Version, subject string, prev freshet.Position, entries []*freshet.Entry) [][]byte {
	encode := wire.EncodeEntries
	if v < wire.Version3 {
		encode = func(b wire.EntryBatch) []byte { return wire.EncodeEntriesAs(v, b) }
	}
	batch := wire.EntryBatch{Subject: subject, Prev: prev, Entries: entries}
	if batch.Fits() || len(entries) < 2 {
		if msg := encode(batch); len(msg) <= bus.MaxMessage || len(entries) < 2 {
			return [][]byte{msg}
		}
	}
	half := len(entries) / 2
	return append(encodeBatchesAs(v, subject, prev, entries[:half]),
		encodeBatchesAs(v, subject, entries[half-1].At, entries[half:])...)
}

// pull answers an agent that saw a gap.
func (e *Engine) pull(ctx context.Context, pop string, req []byte) ([]byte, error) {
	r, err := wire.DecodePull(req)
	if err != nil {
		return nil, err
	}
	if r.Limit <= 0 || r.Limit > batchEntries {
		r.Limit = batchEntries
	}
	entries, err := e.store.Log.Read(ctx, r.Subject, r.After, r.Limit, batchBytes)
	if err != nil {
		return nil, err
	}
	// What is not pushed yet is not open in the ledger yet.
	head := e.members.head(r.Subject)
	for i, entry := range entries {
		if head.Before(entry.At) {
			entries = entries[:i]
			break
		}
	}
	v := wire.VersionOf(req)
	if v < wire.Version3 {
		if err := e.passOver(ctx, pop, entries); err != nil {
			return nil, err
		}
	}
	return encodeBatchesAs(v, r.Subject, r.After, entries)[0], nil
}
