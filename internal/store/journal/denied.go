package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// LoadDenied implements [store.DenyList].
func (j *Journal) LoadDenied(ctx context.Context) (list []freshet.DeniedURL, upTo freshet.Position, ok bool, err error) {
	fail := func(err error) ([]freshet.DeniedURL, freshet.Position, bool, error) {
		return nil, freshet.Position{}, false, fmt.Errorf("reading deny list: %w", err)
	}
	var pos int64
	switch err := j.db.QueryRowContext(ctx, `SELECT epoch, pos FROM denied_up_to`).Scan(&upTo.Epoch, &pos); {
	case err == nil:
		upTo.Pos, ok = uint64(pos), true //nolint:gosec // stored so
	case !errors.Is(err, sql.ErrNoRows):
		return fail(err)
	}
	rows, err := j.db.QueryContext(ctx, `SELECT url, epoch, pos, status FROM denied ORDER BY url`)
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d freshet.DeniedURL
		if err := rows.Scan(&d.URL, &d.At.Epoch, &pos, &d.Status); err != nil {
			return fail(err)
		}
		d.At.Pos = uint64(pos) //nolint:gosec // stored so
		list = append(list, d)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return list, upTo, ok, nil
}

// SaveDenied implements [store.DenyList].
func (j *Journal) SaveDenied(ctx context.Context, c store.DenyChange) error {
	if err := checkDenied(c); err != nil {
		return err
	}
	t, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("storing deny list: %w", err)
	}
	err = changeDenied(ctx, t, c)
	if err == nil {
		err = t.Commit()
	}
	if err != nil {
		// After a failed commit there may be nothing left to roll back.
		_ = t.Rollback()
		return fmt.Errorf("storing deny list: %w", err)
	}
	return nil
}

// checkDenied refuses what the columns cannot hold.
func checkDenied(c store.DenyChange) error {
	for _, d := range c.Deny {
		if d.At.Pos > math.MaxInt64 {
			return freshet.Invalid("at", "Position %s cannot be kept.", d.At)
		}
	}
	if c.UpTo.Pos > math.MaxInt64 {
		return freshet.Invalid("up_to", "Position %s cannot be kept.", c.UpTo)
	}
	return nil
}

func changeDenied(ctx context.Context, t *sql.Tx, c store.DenyChange) error {
	if c.Replace {
		if _, err := t.ExecContext(ctx, `DELETE FROM denied`); err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `INSERT INTO denied_up_to (one, epoch, pos) VALUES (1, ?, ?)
			ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, pos = excluded.pos`,
			c.UpTo.Epoch, int64(c.UpTo.Pos)); err != nil { //nolint:gosec // checked at the door
			return err
		}
	}
	put, err := t.PrepareContext(ctx, `INSERT INTO denied (url, epoch, pos, status) VALUES (?, ?, ?, ?)
		ON CONFLICT (url) DO UPDATE SET epoch = excluded.epoch, pos = excluded.pos, status = excluded.status`)
	if err != nil {
		return err
	}
	defer put.Close()
	for _, d := range c.Deny {
		if _, err := put.ExecContext(ctx, d.URL, d.At.Epoch, int64(d.At.Pos), d.Status); err != nil { //nolint:gosec // checked at the door
			return err
		}
	}
	for _, u := range c.Allow {
		if _, err := t.ExecContext(ctx, `DELETE FROM denied WHERE url = ?`, u); err != nil {
			return err
		}
	}
	return nil
}

// LoadDenied implements [store.DenyList].
func (m *Memory) LoadDenied(ctx context.Context) ([]freshet.DeniedURL, freshet.Position, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, freshet.Position{}, false, err
	}
	list := make([]freshet.DeniedURL, 0, len(m.denied))
	for _, u := range slices.Sorted(maps.Keys(m.denied)) {
		list = append(list, m.denied[u])
	}
	if m.deniedUpTo == nil {
		return list, freshet.Position{}, false, nil
	}
	return list, *m.deniedUpTo, true, nil
}

// SaveDenied implements [store.DenyList].
func (m *Memory) SaveDenied(ctx context.Context, c store.DenyChange) error {
	if err := checkDenied(c); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.Replace {
		clear(m.denied)
		m.deniedUpTo = &c.UpTo
	}
	for _, d := range c.Deny {
		m.denied[d.URL] = d
	}
	for _, u := range c.Allow {
		delete(m.denied, u)
	}
	return nil
}
