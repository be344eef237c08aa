package engine

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// A POP that was away is told what it missed. Beyond a time that is worth less
// than what it costs: the POP would read for hours what one revalidation of its
// whole cache makes good, and until it is back nothing behind the oldest entry
// that it owes could be forgotten. So the log has a horizon. What a POP owes
// beyond it is recorded as failed, for the reason "absent", and a POP that asks
// for what lies there is told where the log begins instead.

// horizon is, by subject, the last entry that is told no more. It only grows in
// the life of a process, and is never below what was deleted.
type horizon struct {
	mu   sync.RWMutex // guards what follows
	at   map[string]freshet.Position
	lost freshet.Position // what is not in the log up to here was lost with a newer store
}

func (h *horizon) lose(upTo freshet.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost = freshet.Later(h.lost, upTo)
}

func (h *horizon) lostUpTo() freshet.Position {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.lost
}

func (h *horizon) raise(to map[string]freshet.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.at == nil {
		h.at = map[string]freshet.Position{}
	}
	for subject, at := range to {
		h.at[subject] = freshet.Later(h.at[subject], at)
	}
}

func (h *horizon) of(subject string) freshet.Position {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.at[subject]
}

// end is the last of all.
func (h *horizon) end() freshet.Position {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var end freshet.Position
	for _, at := range h.at {
		end = freshet.Later(end, at)
	}
	return end
}

// lookBack raises the horizon to what was deleted, and learns what was lost.
func (e *Engine) lookBack(ctx context.Context) error {
	lost, err := e.store.Log.Lost(ctx)
	if err != nil {
		return err
	}
	e.horizon.lose(lost)
	if e.store.Retention == nil {
		return nil
	}
	forgotten, err := e.store.Retention.Forgotten(ctx)
	if err != nil {
		return err
	}
	e.horizon.raise(forgotten)
	return nil
}

// errTooOld is what an agent gets that cannot be told that the log begins later.
var errTooOld = errors.New("the log begins after what the POP asks for, which its release cannot be told")

// readFor reads what a POP asks for. Of what lies before its enrolment, or
// beyond the horizon, only what lasts is read; forgotten says up to where the POP
// missed something by that.
func (e *Engine) readFor(
	ctx context.Context, pop string, v wire.Version, r wire.PullRequest,
) (entries []*freshet.Entry, forgotten freshet.Position, err error) {
	begins := e.horizon.of(r.Subject)
	since := e.members.since(pop)
	if r.After.Before(begins) && since.Before(begins) {
		forgotten = begins
	}
	if !forgotten.IsZero() && v < wire.Version3 && !r.After.IsZero() {
		if e.strangers.first("too old " + pop) {
			e.log.LogAttrs(ctx, slog.LevelError,
				"a POP was away for longer than the log is replayed, and its release cannot be told so: upgrade it, or empty its cache and its data folder",
				slog.String("pop", pop))
		}
		return nil, forgotten, errTooOld
	}
	// What other POPs did before this store was brought back from an older copy
	// it does not know, and a POP that was behind them missed it.
	if lost := e.horizon.lostUpTo(); v >= wire.Version3 && r.After.Before(lost) && since.Before(lost) {
		forgotten = freshet.Later(forgotten, lost)
	}
	after := r.After
	if skip := freshet.Later(begins, since); e.store.Retention != nil && after.Before(skip) {
		entries, err = e.store.Retention.ReadLasting(ctx, r.Subject, after, skip, r.Limit, batchBytes)
		if err != nil || len(entries) > 0 {
			return entries, forgotten, err
		}
		after = skip
	}
	entries, err = e.store.Log.Read(ctx, r.Subject, after, r.Limit, batchBytes)
	return entries, forgotten, err
}

// purgesRead is up to where a POP has read the purges: what it knows beside them
// is no purge that another POP could have missed.
func purgesRead(h freshet.Heartbeat) freshet.Position {
	at := h.Watermark
	for _, c := range h.Cursors {
		if c.Subject == freshet.SubjectPurge {
			at = freshet.Later(at, c.At)
		}
	}
	return at
}

// since returns where a POP was enrolled.
func (m *members) since(pop string) freshet.Position {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.standing[pop].since
}

// absentStream is added to the epoch in the names of what is recorded for absent
// POPs: other names than those of passOver, and far below those of agents, so
// that whatever the POP says itself holds.
const absentStream = uint64(1) << 33

// ours reports whether a stream is one in which the control plane speaks for a
// POP, which says nothing about whether that is there.
func ours(stream uint64) bool { return stream >= passOverStream && stream < 2*absentStream }

// Bounds of what is recorded in one message.
const (
	absentEntries = 256
	absentItems   = 20_000
)

// GiveUp ends what POPs owe of purges and prefetches that were created before a
// time: it is recorded as failed, and those POPs will be told that the log begins
// later. Denials are never given up: they are told whenever the POP comes back.
func (e *Engine) GiveUp(ctx context.Context, before time.Time) error {
	ends, err := e.store.Retention.LastBefore(ctx, before)
	if err != nil {
		return err
	}
	owed := map[string][]entryMeta{}
	e.ledger.unanswered(func(m entryMeta, pops []string) {
		if subject := m.Kind.Subject(); m.Kind.Lists() || ends[subject].Before(m.At) {
			return
		}
		for _, pop := range pops {
			if x := e.members.excuse(pop, m); x == excuseNone || x == excuseOverdue {
				owed[pop] = append(owed[pop], m)
			}
		}
	})
	for pop, list := range owed {
		slices.SortFunc(list, func(a, b entryMeta) int { return a.At.Compare(b.At) })
		e.log.LogAttrs(ctx, slog.LevelWarn,
			"a POP has owed entries for longer than the log is replayed: they are recorded as failed, and its whole cache will be revalidated when it is back",
			slog.String("pop", pop), slog.Int("entries", len(list)),
			slog.String("from", list[0].At.String()), slog.String("to", list[len(list)-1].At.String()))
		for len(list) > 0 {
			n := together(list)
			if err := e.take(ctx, absence(pop, list[:n])); err != nil {
				return err
			}
			list = list[n:]
		}
	}
	e.horizon.raise(ends)
	return nil
}

// together returns how many entries, of one epoch, go into one message.
func together(list []entryMeta) int {
	items := 0
	for n, m := range list {
		if items += m.Len; n > 0 && (n == absentEntries || items > absentItems || m.At.Epoch != list[0].At.Epoch) {
			return n
		}
	}
	return len(list)
}

// absence is the evidence that a POP was not there. It has the name of its last
// entry, which is given up but once.
func absence(pop string, list []entryMeta) freshet.Evidence {
	last := list[len(list)-1].At
	ev := freshet.Evidence{POP: pop, Stream: absentStream + uint64(last.Epoch), Number: last.Pos}
	for _, m := range list {
		facts := make([]freshet.Fact, m.Len)
		for i := range facts {
			facts[i] = freshet.Fact{Item: i, Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonAbsent}
		}
		ev.Entries = append(ev.Entries, freshet.EntryFacts{At: m.At, Facts: facts})
	}
	return ev
}
