package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// arrival is evidence on its way to the store. done gets the outcome once it
// is committed and folded.
type arrival struct {
	msg  *store.Received
	done chan error
}

var errStopping = errors.New("engine: stopping")

// call answers the agents.
func (e *Engine) call(ctx context.Context, pop string, call bus.Call, req []byte) ([]byte, error) {
	switch call {
	case bus.CallPull:
		return e.pull(ctx, pop, req)
	case bus.CallDenied:
		return e.denied(ctx, pop, req)
	case bus.CallTurn:
		return e.turn(pop), nil
	case bus.CallTopology:
		if len(req) > 0 {
			// What the agent has. One that it cannot name it does not have.
			if have, err := wire.DecodeTopology(req); err == nil {
				e.members.outdo(have.Version)
			}
		}
		e.members.speaks(pop, wire.VersionOf(req))
		// It is answered in the version in which it asks: that it can read.
		return wire.EncodeTopologyAs(wire.VersionOf(req), e.members.topology()), nil
	case bus.CallReport:
		return e.takeReport(ctx, pop, req)
	case bus.CallEvidence:
		err := e.receive(ctx, pop, req)
		if err != nil && ctx.Err() == nil && !errors.Is(err, errStopping) {
			e.log.LogAttrs(ctx, slog.LevelWarn, "evidence was not taken", slog.String("pop", pop), slog.Any("error", err))
		}
		return nil, err
	}
	return nil, fmt.Errorf("unknown call %q", call)
}

// unpackedEvidence bounds the evidence that is unpacked at a time, by its packed
// bytes: a message of 4,000 facts has 15 kB and takes a megabyte unpacked, and a
// thousand POPs that answer at once would take a gigabyte. What waits, waits
// packed. messageWeight is what each one counts beside its bytes.
const (
	unpackedEvidence = 2 << 20
	messageWeight    = 512
)

// receive takes one message of evidence and returns when it is on disk and
// folded: the agent forgets it then.
func (e *Engine) receive(ctx context.Context, pop string, req []byte) error {
	weight := min(messageWeight+int64(len(req)), unpackedEvidence)
	if err := e.unpacked.Acquire(ctx, weight); err != nil {
		return err
	}
	defer e.unpacked.Release(weight)
	ev, err := wire.DecodeEvidence(req)
	if err != nil {
		return err
	}
	if ev.POP != pop {
		return fmt.Errorf("evidence speaks for POP %q", ev.POP)
	}
	return e.take(ctx, ev)
}

// take has evidence stored and folded.
func (e *Engine) take(ctx context.Context, ev freshet.Evidence) error {
	a := &arrival{msg: &store.Received{Evidence: ev, ReceivedAt: now()}, done: make(chan error, 1)}
	select {
	case e.intake <- a:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// collect is the loop that stores and folds evidence, many messages in one
// commit: POPs that work on the same entry answer at about the same time, and
// what they have in common is stored once.
func (e *Engine) collect(ctx context.Context) error {
	defer e.turnAway()
	// Once begun, a commit is finished: a cancelled one would leave the caller
	// unsure of what is stored.
	whole := context.WithoutCancel(ctx)
	var retry <-chan time.Time
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case a := <-e.intake:
			err = e.settleBatch(whole, e.gather(ctx, a))
		case <-retry:
		}
		if err == nil {
			err = e.saveClosed(whole)
		}
		retry = nil
		if err != nil && ctx.Err() == nil {
			e.log.LogAttrs(ctx, slog.LevelError, "evidence could not be stored", slog.Any("error", err))
			pause(ctx, time.Second)
			retry = time.After(0)
		}
	}
}

// settleBatch commits a batch and answers those who wait for it. If it cannot
// be stored, and not for want of a working disk, each message is tried by
// itself: one that no store takes must not hold up those of other POPs.
func (e *Engine) settleBatch(ctx context.Context, batch []*arrival) error {
	err := e.commit(ctx, batch)
	if err == nil || len(batch) == 1 || freshet.Retryable(err) {
		for _, a := range batch {
			a.done <- err
		}
		return err
	}
	for _, a := range batch {
		a.done <- e.commit(ctx, []*arrival{a})
	}
	return nil // whoever failed hears of it, and its call is logged
}

// turnAway answers what is still queued when the loop ends.
func (e *Engine) turnAway() {
	for {
		select {
		case a := <-e.intake:
			a.done <- errStopping
		default:
			return
		}
	}
}

// commit stores a batch and folds it, which is what its senders and those who
// wait for a job are told; saveClosed follows in its own time. A crash between
// the two loses nothing: at start, the evidence after the saved cursor is
// folded again.
func (e *Engine) commit(ctx context.Context, batch []*arrival) error {
	msgs := make([]*store.Received, len(batch))
	for i, a := range batch {
		msgs[i] = a.msg
	}
	if err := e.store.Evidence.SaveEvidence(ctx, msgs); err != nil {
		return err
	}
	stored := time.Now()
	refolded := map[freshet.Position]bool{}
	jobs := map[string]bool{}
	for _, msg := range msgs {
		e.observe(msg)
		if !ours(msg.Stream) {
			e.members.progressed(msg.POP)
		}
		for _, facts := range msg.Entries {
			e.folded.touched[facts.At] = true
			if refolded[facts.At] {
				continue // from all that is stored, and that is the whole batch
			}
			meta, known := e.ledger.apply(msg, facts)
			if !known {
				var err error
				if meta, err = e.refoldAt(ctx, facts.At); err != nil {
					return err
				}
				refolded[facts.At] = true
			}
			if meta.Job != "" {
				jobs[meta.Job] = true
			}
			e.traceEvidence(&meta, msg, facts, stored)
		}
	}
	e.folded.upTo = msgs[len(msgs)-1].Cursor
	e.folded.unsaved += len(msgs)
	e.changes.touch(slices.Collect(maps.Keys(jobs))...)
	return nil
}

// folding is what was folded since closed entries were saved last. It belongs
// to the collect loop.
type folding struct {
	touched map[freshet.Position]bool
	upTo    store.EvidenceCursor
	unsaved int // messages
}

// cursorEvery bounds the evidence that is folded again at a start when no
// entry closes for long.
const cursorEvery = 1024

// saveClosed saves which entries closed since the last time, and how far the
// evidence is folded. If it fails they stay open, and the next call tries
// again.
func (e *Engine) saveClosed(ctx context.Context) error {
	f := &e.folded
	if f.unsaved == 0 {
		return nil
	}
	at := slices.SortedFunc(maps.Keys(f.touched), freshet.Position.Compare)
	var states []store.State
	if len(at) > 0 { // with no position at all, close looks at every entry
		states = e.ledger.close(at...)
	}
	if len(states) == 0 && f.unsaved < cursorEvery {
		clear(f.touched)
		return nil
	}
	jobs := e.ledger.jobsOf(states)
	err := e.store.States.SaveStates(ctx, states, f.upTo)
	e.ledger.saved(states, err)
	e.ends.touch(jobs...)
	if err != nil {
		return err
	}
	clear(f.touched)
	f.unsaved = 0
	return nil
}

// heartbeat takes in what a POP says of itself.
func (e *Engine) heartbeat(pop string, msg []byte) {
	ctx := context.Background()
	h, err := wire.DecodeHeartbeat(msg)
	if err == nil && h.POP == pop && !e.members.known(pop) {
		e.strangers.unknown(ctx, e.log, pop)
		return
	}
	if err != nil || h.POP != pop {
		e.log.LogAttrs(ctx, slog.LevelWarn, "heartbeat was not taken", slog.String("pop", pop), slog.Any("error", err))
		return
	}
	e.strangers.twins(ctx, e.log, h)
	if e.members.heard(pop, h) {
		wake(e.moved)
	}
	if e.checkEpoch(ctx, h) {
		e.members.greeted(pop)
	}
}

// checkEpoch raises the epoch if a POP knows more than the log holds: the
// store was restored from an older copy, and what was handed out since must
// never be handed out again. It reports whether the log is beyond what the POP
// knows now.
func (e *Engine) checkEpoch(ctx context.Context, h freshet.Heartbeat) bool {
	newest := e.members.raisedFor()
	for _, s := range freshet.Subjects() {
		newest = freshet.Later(newest, e.members.head(s))
	}
	if !newest.Before(h.Known) {
		return true
	}
	heads, err := e.store.Log.Heads(ctx)
	for _, at := range heads {
		newest = freshet.Later(newest, at)
	}
	if err == nil && newest.Before(h.Known) {
		err = e.store.Log.RaiseEpoch(ctx, h.Known, h.KnownTask)
		e.log.LogAttrs(ctx, slog.LevelWarn, "a POP knows positions beyond the log: the epoch is raised",
			slog.String("pop", h.POP), slog.String("known", h.Known.String()), slog.String("head", newest.String()), slog.Any("error", err))
	}
	if err == nil {
		err = e.store.Log.NoteLost(ctx, purgesRead(h))
	}
	if err == nil {
		err = e.lookBack(ctx)
	}
	if err == nil {
		e.members.raised(h.Known)
	} else {
		e.log.LogAttrs(ctx, slog.LevelError, "epoch could not be checked", slog.Any("error", err))
	}
	return err == nil
}
