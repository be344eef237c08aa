package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"github.com/freshet-vod/freshet"
)

// epochs says how positions are kept: entry pos of an epoch has the sequence
// number base+pos. Sequence numbers run on over epochs, so one integer is key,
// order and reference. It never changes; a raised epoch makes a new one.
type epochs struct{ list []epoch } // ascending; never empty

type epoch struct {
	number uint32
	base   int64
	floor  uint64 // lowest task ID that an account gets
}

func (e *epochs) last() epoch { return e.list[len(e.list)-1] }

// position is the position of a sequence number; 0 is the zero position.
func (e *epochs) position(seq int64) freshet.Position {
	for i := len(e.list) - 1; i >= 0 && seq > 0; i-- {
		if seq > e.list[i].base {
			return freshet.Position{Epoch: e.list[i].number, Pos: uint64(seq - e.list[i].base)} //nolint:gosec // greater than 0
		}
	}
	return freshet.Position{}
}

// floor is the greatest sequence number whose position is at or before p,
// whether or not it is in use.
func (e *epochs) floor(p freshet.Position) int64 {
	end := int64(math.MaxInt64)
	for _, ep := range slices.Backward(e.list) {
		switch {
		case ep.number < p.Epoch:
			return end
		case ep.number == p.Epoch:
			if p.Pos > uint64(end-ep.base) { //nolint:gosec // bases ascend
				return end
			}
			return ep.base + int64(p.Pos) //nolint:gosec // bounded by the check above
		default:
			end = ep.base
		}
	}
	return 0
}

// exact is the sequence number of p; false if p cannot be in the log.
func (e *epochs) exact(p freshet.Position) (int64, bool) {
	seq := e.floor(p)
	return seq, seq > 0 && e.position(seq) == p
}

func loadEpochs(ctx context.Context, r *reader) (*epochs, error) {
	e := &epochs{}
	err := r.each(ctx, func(rows *sql.Rows) error {
		var ep epoch
		var floor int64
		if err := rows.Scan(&ep.number, &ep.base, &floor); err != nil {
			return err
		}
		ep.floor = uint64(floor) //nolint:gosec // stored so
		e.list = append(e.list, ep)
		return nil
	}, `SELECT epoch, base, task_floor FROM epoch ORDER BY epoch`)
	if err != nil {
		return nil, fmt.Errorf("reading epochs: %w", err)
	}
	return e, nil
}

// maxKnownTask bounds what an agent may claim to know. Task IDs are numbers of
// ten digits that count up by one; this leaves room for all that will ever be
// made and keeps a broken agent from exhausting them.
const maxKnownTask = 1 << 60

// RaiseEpoch implements [store.Log]. An agent is ahead if its position comes
// after the last one of the present epoch, or if it knows a task ID that no
// account has given out.
func (s *Store) RaiseEpoch(ctx context.Context, known freshet.Position, knownTask uint64) error {
	if known.Epoch == math.MaxUint32 || knownTask > maxKnownTask {
		return freshet.Invalid("known", "Position %s or task %d is beyond anything that can have been given out.", known, knownTask)
	}
	var next *epochs
	return s.w.submit(ctx, &op{
		alone: true, // later ops of a batch would take positions of the old epoch
		do: func(ctx context.Context, t *tx) error {
			now := s.epochs.Load()
			var head, task int64
			if _, err := t.get(ctx, []any{&head, &task},
				`SELECT seq, (SELECT coalesce(max(next_task), 0) FROM account) FROM log_head`); err != nil {
				return fmt.Errorf("reading log head: %w", err)
			}
			last := now.last()
			at := freshet.Position{Epoch: last.number, Pos: uint64(head - last.base)} //nolint:gosec // never negative
			if known.Compare(at) <= 0 && knownTask < max(uint64(task), last.floor) {  //nolint:gosec // never negative
				return nil
			}
			raised := epoch{number: max(known.Epoch, last.number) + 1, base: head, floor: max(last.floor, knownTask+1)}
			if err := t.exec(ctx, `INSERT INTO epoch (epoch, base, task_floor) VALUES (?, ?, ?)`,
				raised.number, raised.base, int64(raised.floor)); err != nil { //nolint:gosec // at most maxKnownTask+1
				return fmt.Errorf("raising epoch: %w", err)
			}
			if err := t.exec(ctx, `UPDATE account SET next_task = max(next_task, ?)`, int64(raised.floor)); err != nil { //nolint:gosec // as above
				return fmt.Errorf("raising task IDs: %w", err)
			}
			next = &epochs{list: append(append([]epoch(nil), now.list...), raised)}
			return nil
		},
		done: func(*tx) {
			if next != nil {
				s.epochs.Store(next)
			}
		},
	})
}

// NoteLost implements [store.Log].
func (s *Store) NoteLost(ctx context.Context, known freshet.Position) error {
	return s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		var head int64
		if _, err := t.get(ctx, []any{&head}, `SELECT seq FROM log_head`); err != nil {
			return fmt.Errorf("reading log head: %w", err)
		}
		if seq, ok := s.epochs.Load().exact(known); ok && seq <= head {
			return nil
		}
		err := t.exec(ctx, `UPDATE log_lost SET epoch = ?, pos = ? WHERE one = 1 AND (epoch, pos) < (?, ?)`,
			known.Epoch, int64(known.Pos), known.Epoch, int64(known.Pos)) //nolint:gosec // positions are far below 2^63
		if err != nil {
			return fmt.Errorf("noting what was lost: %w", err)
		}
		return nil
	})
}

// Lost implements [store.Log].
func (s *Store) Lost(ctx context.Context) (freshet.Position, error) {
	var epoch, pos int64
	if _, err := s.read.get(ctx, []any{&epoch, &pos}, `SELECT epoch, pos FROM log_lost WHERE one = 1`); err != nil {
		return freshet.Position{}, fmt.Errorf("reading what was lost: %w", err)
	}
	return freshet.Position{Epoch: uint32(epoch), Pos: uint64(pos)}, nil //nolint:gosec // stored so
}
