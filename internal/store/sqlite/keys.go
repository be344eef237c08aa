package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

const keyColumns = `SELECT id, secret, account, disabled, created, policy, used FROM access_key`

// PutKey implements [store.Keys].
func (s *Store) PutKey(ctx context.Context, k store.Key) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		err := t.exec(ctx, `INSERT INTO access_key (id, secret, account, disabled, created, policy, used)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, account = excluded.account,
			disabled = excluded.disabled, created = excluded.created, policy = excluded.policy, used = max(used, excluded.used)`,
			k.ID, s.hide(accessKeySecret(), k.ID, k.Secret), k.Account, k.Disabled, millis(k.Created), k.Policy, millis(k.Used))
		if err != nil {
			return fmt.Errorf("storing key: %w", err)
		}
		return nil
	})
}

// Key implements [store.Keys].
func (s *Store) Key(ctx context.Context, id string) (store.Key, error) {
	keys, err := s.keys(ctx, keyColumns+` WHERE id = ?`, id)
	return onlyKey(keys, id, err)
}

// KeyOf implements [store.Keys].
func (s *Store) KeyOf(ctx context.Context, account, id string) (store.Key, error) {
	keys, err := s.keys(ctx, keyColumns+` WHERE id = ? AND account = ?`, id, account)
	return onlyKey(keys, id, err)
}

func onlyKey(keys []store.Key, id string, err error) (store.Key, error) {
	if err != nil {
		return store.Key{}, err
	}
	if len(keys) == 0 {
		return store.Key{}, freshet.Errorf(freshet.CodeNotFound, "There is no key %s.", id)
	}
	return keys[0], nil
}

// ListKeys implements [store.Keys].
func (s *Store) ListKeys(ctx context.Context, account string) ([]store.Key, error) {
	return s.keys(ctx, keyColumns+` WHERE account = ? ORDER BY created, rowid`, account)
}

func (s *Store) keys(ctx context.Context, query string, args ...any) ([]store.Key, error) {
	var keys []store.Key
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var k store.Key
		var created, used int64
		err := rows.Scan(&k.ID, &k.Secret, &k.Account, &k.Disabled, &created, &k.Policy, &used)
		if err != nil {
			return err
		}
		k.Created, k.Used = fromMillis(created), fromMillis(used)
		k.Secret, err = s.reveal(accessKeySecret(), k.ID, k.Secret)
		keys = append(keys, k)
		return err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading keys: %w", err)
	}
	return keys, nil
}

// PutNonce implements [store.Keys].
func (s *Store) PutNonce(ctx context.Context, now time.Time, n store.Nonce) error {
	return s.w.submit(ctx, &op{prelude: true, do: func(ctx context.Context, t *tx) error { return t.putNonce(ctx, n, 0, millis(now)) }})
}

// Nonces implements [store.Keys].
func (s *Store) Nonces(ctx context.Context, now time.Time) ([]store.Nonce, error) {
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `DELETE FROM nonce WHERE expires <= ?`, millis(now))
	})
	if err != nil {
		return nil, fmt.Errorf("deleting expired nonces: %w", err)
	}
	var list []store.Nonce
	err = s.read.each(ctx, func(rows *sql.Rows) error {
		var expires, fingerprint int64
		err := rows.Scan(&expires, &fingerprint)
		list = append(list, store.Nonce{Fingerprint: uint64(fingerprint), Expires: fromMillis(expires)}) //nolint:gosec // bits, not a number
		return err
	}, `SELECT expires, fingerprint FROM nonce WHERE expires > ? ORDER BY expires, fingerprint`, millis(now))
	if err != nil {
		return nil, fmt.Errorf("reading nonces: %w", err)
	}
	return list, nil
}
