package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// charge takes the charges of an op, all or none. It comes first in its op:
// refusing, it leaves nothing.
func (t *tx) charge(ctx context.Context, charges []store.Charge) error {
	after := make([]store.Charge, len(charges)) // as they will stand
	for i, c := range charges {
		var day, used int64
		if _, err := t.get(ctx, []any{&day, &used}, `SELECT day, used FROM quota WHERE account = ? AND kind = ?`,
			c.Account, c.Kind); err != nil {
			return fmt.Errorf("reading quota: %w", err)
		}
		if day < c.Day { // if it is greater, the clock went back over midnight: what was counted stays counted
			day, used = c.Day, 0
		}
		if used+int64(c.N) > int64(c.Limit) {
			return &freshet.Error{
				Code: freshet.CodeLimited, Kind: freshet.KindQuota, Field: string(c.Kind), Err: freshet.ErrQuotaExceeded,
				Message: fmt.Sprintf("The daily quota of %s does not cover it: %d of %d are used, and this takes %d.", unit(c.Kind), used, c.Limit, c.N),
			}
		}
		after[i] = c
		after[i].Day, after[i].N = day, int(used)+c.N
	}
	for _, c := range after {
		if err := t.exec(ctx, `INSERT INTO quota (account, kind, day, used) VALUES (?, ?, ?, ?)
			ON CONFLICT (account, kind) DO UPDATE SET day = excluded.day, used = excluded.used`,
			c.Account, c.Kind, c.Day, c.N); err != nil {
			return fmt.Errorf("charging quota: %w", err)
		}
	}
	return nil
}

// unit names what is counted.
func unit(k freshet.QuotaKind) string {
	switch k {
	case freshet.QuotaURLs:
		return "purged URLs"
	case freshet.QuotaDirectories:
		return "purged directories"
	case freshet.QuotaPreloads:
		return "prefetched URLs"
	}
	return string(k)
}

// QuotaUsed implements [store.Quotas].
func (s *Store) QuotaUsed(ctx context.Context, account string, day int64) (map[freshet.QuotaKind]int, error) {
	used := map[freshet.QuotaKind]int{}
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var kind freshet.QuotaKind
		var n int
		err := rows.Scan(&kind, &n)
		used[kind] = n
		return err
	}, `SELECT kind, used FROM quota WHERE account = ? AND day >= ?`, account, day)
	if err != nil {
		return nil, fmt.Errorf("reading quota: %w", err)
	}
	return used, nil
}
