package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// SaveStates implements [store.States]. It shares the commit of whatever else
// is being written, and needs no sync of its own: what is lost is folded again
// from the evidence, which was synced before.
func (s *Store) SaveStates(ctx context.Context, states []store.State, folded store.EvidenceCursor) error {
	return s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		known := s.epochs.Load()
		var head int64
		if _, err := t.get(ctx, []any{&head}, `SELECT seq FROM log_head`); err != nil {
			return fmt.Errorf("reading log head: %w", err)
		}
		for i := range states {
			if seq, ok := known.exact(states[i].At); !ok || seq > head {
				return noEntry(states[i].At)
			}
		}
		for i := range states {
			st := &states[i]
			seq, _ := known.exact(st.At)
			fold := st.Fold
			if fold == nil {
				fold = []byte{}
			}
			if err := t.exec(ctx, `INSERT INTO log_state (seq, fold) VALUES (?, ?)
				ON CONFLICT (seq) DO UPDATE SET fold = excluded.fold`, seq, fold); err != nil {
				return fmt.Errorf("storing state: %w", err)
			}
			if err := t.exec(ctx, `UPDATE log SET closed = ?, failed = ? WHERE seq = ? AND (closed, failed) <> (?, ?)`,
				st.Closed, st.Failed, seq, st.Closed, st.Failed); err != nil {
				return fmt.Errorf("storing state: %w", err)
			}
		}
		if err := t.exec(ctx, `UPDATE folded SET day = ?, row = ?`, folded.Day, folded.Row); err != nil {
			return fmt.Errorf("storing evidence cursor: %w", err)
		}
		return nil
	})
}

// State implements [store.States].
func (s *Store) State(ctx context.Context, at freshet.Position) (store.State, bool, error) {
	seq, ok := s.epochs.Load().exact(at)
	if !ok {
		return store.State{}, false, nil
	}
	st := store.State{At: at}
	ok, err := s.read.get(ctx, []any{&st.Closed, &st.Failed, &st.Fold},
		`SELECT l.closed, l.failed, s.fold FROM log_state s JOIN log l ON l.seq = s.seq WHERE s.seq = ?`, seq)
	if err != nil {
		return store.State{}, false, fmt.Errorf("reading state of %s: %w", at, err)
	}
	if !ok {
		return store.State{}, false, nil
	}
	return st, true, nil
}

// Open implements [store.States].
func (s *Store) Open(ctx context.Context, after freshet.Position, limit int) ([]*freshet.Entry, error) {
	return s.entries(ctx, 0, `SELECT `+entryColumns+`WHERE l.closed = 0 AND l.kind <> 3 AND l.seq > ? ORDER BY l.seq LIMIT ?`,
		s.epochs.Load().floor(after), max(limit, 0))
}

// Folded implements [store.States].
func (s *Store) Folded(ctx context.Context) (store.EvidenceCursor, error) {
	var c store.EvidenceCursor
	if _, err := s.read.get(ctx, []any{&c.Day, &c.Row}, `SELECT day, row FROM folded`); err != nil {
		return c, fmt.Errorf("reading evidence cursor: %w", err)
	}
	return c, nil
}

// ForgetStates implements [store.States].
func (s *Store) ForgetStates(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		for _, q := range []string{
			`DELETE FROM log_state`,
			`UPDATE log SET closed = 0, failed = 0 WHERE closed <> 0 OR failed <> 0`,
			`UPDATE folded SET day = '', row = 0`,
		} {
			if err := t.exec(ctx, q); err != nil {
				return fmt.Errorf("forgetting states: %w", err)
			}
		}
		return nil
	})
}

// SaveDeadline implements [store.States].
func (s *Store) SaveDeadline(ctx context.Context, d store.Deadline) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.exec(ctx, `INSERT OR IGNORE INTO deadline (pop, lo, hi, at) VALUES (?, ?, ?, ?)`,
			d.POP, d.Lo.String(), d.Hi.String(), millis(d.At)); err != nil {
			return fmt.Errorf("storing deadline: %w", err)
		}
		return nil
	})
}

// Deadlines implements [store.States].
func (s *Store) Deadlines(ctx context.Context) ([]store.Deadline, error) {
	var list []store.Deadline
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var d store.Deadline
		var lo, hi string
		var at int64
		err := rows.Scan(&d.POP, &lo, &hi, &at)
		if err != nil {
			return err
		}
		if d.Lo, err = freshet.ParsePosition(lo); err != nil {
			return err
		}
		if d.Hi, err = freshet.ParsePosition(hi); err != nil {
			return err
		}
		d.At = fromMillis(at)
		list = append(list, d)
		return nil
	}, `SELECT pop, lo, hi, at FROM deadline ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("reading deadlines: %w", err)
	}
	return list, nil
}
