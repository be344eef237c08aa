package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// PutAccount implements [store.Accounts].
func (s *Store) PutAccount(ctx context.Context, a store.Account) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		err := t.exec(ctx, `INSERT INTO account (name, next_task, created, disabled) VALUES (?, 0, ?, ?)
			ON CONFLICT (name) DO UPDATE SET created = excluded.created, disabled = excluded.disabled`,
			a.Name, max(millis(a.Created), 1), a.Disabled)
		if err != nil {
			return fmt.Errorf("storing account: %w", err)
		}
		return nil
	})
}

// Account implements [store.Accounts].
func (s *Store) Account(ctx context.Context, name string) (store.Account, error) {
	list, err := s.accounts(ctx, `AND name = ?`, name)
	if err != nil {
		return store.Account{}, err
	}
	if len(list) == 0 {
		return store.Account{}, freshet.Errorf(freshet.CodeNotFound, "There is no such account.")
	}
	return list[0], nil
}

// Accounts implements [store.Accounts].
func (s *Store) Accounts(ctx context.Context) ([]store.Account, error) {
	return s.accounts(ctx, `ORDER BY name`)
}

func (s *Store) accounts(ctx context.Context, rest string, args ...any) ([]store.Account, error) {
	var list []store.Account
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var a store.Account
		var created int64
		err := rows.Scan(&a.Name, &a.Disabled, &created)
		a.Created = fromMillis(created)
		list = append(list, a)
		return err
	}, `SELECT name, disabled, created FROM account WHERE created > 0 `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("reading accounts: %w", err)
	}
	return list, nil
}

// UseKeys implements [store.Accounts].
func (s *Store) UseKeys(ctx context.Context, used map[string]time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		for id, at := range used {
			if err := t.exec(ctx, `UPDATE access_key SET used = max(used, ?) WHERE id = ?`, millis(at), id); err != nil {
				return fmt.Errorf("noting the use of keys: %w", err)
			}
		}
		return nil
	})
}

// DeleteKey implements [store.Accounts].
func (s *Store) DeleteKey(ctx context.Context, id string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		if err := t.exec(ctx, `DELETE FROM access_key WHERE id = ?`, id); err != nil {
			return fmt.Errorf("deleting key: %w", err)
		}
		return nil
	})
}
