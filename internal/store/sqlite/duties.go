package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/freshet-vod/freshet/internal/store"
)

var _ store.Duties = (*Store)(nil)

// ListDuties implements store.Duties.
func (s *Store) ListDuties(ctx context.Context) ([]store.Duty, error) {
	var list []store.Duty
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var d store.Duty
		var drained int64
		if err := rows.Scan(&d.POP, &drained, &d.Permit); err != nil {
			return err
		}
		d.Drained = fromMillis(drained)
		list = append(list, d)
		return nil
	}, `SELECT id, drained, permit FROM pop_duty ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("reading the duties of POPs: %w", err)
	}
	return list, nil
}

// SaveDuty implements store.Duties.
func (s *Store) SaveDuty(ctx context.Context, d store.Duty) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		err := t.exec(ctx, `INSERT OR REPLACE INTO pop_duty (id, drained, permit) VALUES (?, ?, ?)`, d.POP, millis(d.Drained), d.Permit)
		if d.None() {
			err = t.exec(ctx, `DELETE FROM pop_duty WHERE id = ?`, d.POP)
		}
		if err != nil {
			return fmt.Errorf("storing the duty of POP %s: %w", d.POP, err)
		}
		return nil
	})
}
