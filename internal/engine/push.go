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
		spans := e.tracePush(entries)
		for _, msg := range encodeBatches(subject, sent[subject], entries) {
			if err := e.o.Bus.Push(ctx, channelOf(subject), msg); err != nil && ctx.Err() == nil {
				// The agents will see the gap; what matters is that heads go on.
				e.log.LogAttrs(ctx, slog.LevelWarn, "entries could not be pushed",
					slog.String("subject", subject), slog.Any("error", err))
			}
		}
		for _, s := range spans {
			s.End(nil)
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
	return encodeBatchesAs(wire.Newest, wire.EntryBatch{Subject: subject, Prev: prev, Entries: entries})
}

// encodeBatchesAs does the same for an agent that knows v at most.
func encodeBatchesAs(v wire.Version, batch wire.EntryBatch) [][]byte {
	encode := wire.EncodeEntries
	if v < wire.Version3 {
		encode = func(b wire.EntryBatch) []byte { return wire.EncodeEntriesAs(v, b) }
	}
	if batch.Fits() || len(batch.Entries) < 2 {
		if msg := encode(batch); len(msg) <= bus.MaxMessage || len(batch.Entries) < 2 {
			return [][]byte{msg}
		}
	}
	first, second := batch, batch
	half := len(batch.Entries) / 2
	first.Entries, second.Entries, second.Prev = batch.Entries[:half], batch.Entries[half:], batch.Entries[half-1].At
	return append(encodeBatchesAs(v, first), encodeBatchesAs(v, second)...)
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
	v := wire.VersionOf(req)
	entries, forgotten, err := e.readFor(ctx, pop, v, r)
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
	if v < wire.Version3 {
		if err := e.passOver(ctx, pop, entries); err != nil {
			return nil, err
		}
	}
	return encodeBatchesAs(v, wire.EntryBatch{Subject: r.Subject, Prev: r.After, Entries: entries, Forgotten: forgotten})[0], nil
}
