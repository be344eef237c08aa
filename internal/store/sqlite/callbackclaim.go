package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/freshet-vod/freshet/internal/store"
)

// maxLanes is how many hosts of an account one claim looks at: hosts are named
// by callers, so there may be any number.
const maxLanes = 64

// claiming is one claim in progress.
type claiming struct {
	store.CallbackClaim
	t     *tx
	now   int64
	until int64
	out   []store.Callback
}

// ClaimCallbacks implements [store.Callbacks].
func (s *Store) ClaimCallbacks(ctx context.Context, c store.CallbackClaim) ([]store.Callback, time.Time, error) {
	due, err := s.nextCallback(ctx)
	if err != nil || due.IsZero() || due.After(c.Now) || c.Limit <= 0 {
		return nil, due, err // what is not due must not cost a commit
	}
	var out []store.Callback
	// Leases end with the process: see open.
	err = s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		cl := claiming{CallbackClaim: c, t: t, now: c.Now.UnixMilli(), until: c.Now.Add(c.Lease).UnixMilli()}
		cl.Accounts, cl.Hosts = clone(c.Accounts), clone(c.Hosts)
		err := cl.accounts(ctx)
		out = cl.out
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	due, err = s.nextCallback(ctx)
	return out, due, err
}

func clone(m map[string]int) map[string]int {
	if m == nil {
		return map[string]int{}
	}
	return maps.Clone(m)
}

func (s *Store) nextCallback(ctx context.Context) (time.Time, error) {
	var due sql.NullInt64
	if _, err := s.read.get(ctx, []any{&due}, `SELECT min(due) FROM callback WHERE state = 0`); err != nil {
		return time.Time{}, fmt.Errorf("reading when callbacks are due: %w", err)
	}
	if !due.Valid {
		return time.Time{}, nil
	}
	return time.UnixMilli(due.Int64).UTC(), nil
}

// accounts goes round the accounts until enough is claimed or a round finds
// nothing. Whoever was served longest ago comes first.
func (c *claiming) accounts(ctx context.Context) error {
	var names []string
	err := c.t.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, `SELECT account FROM callback_load WHERE waiting > 0 ORDER BY served, account`)
	if err != nil {
		return fmt.Errorf("reading whose callbacks wait: %w", err)
	}
	share := max(1, c.Limit/max(1, len(names)))
	for len(names) > 0 && len(c.out) < c.Limit {
		left := names[:0]
		for _, name := range names {
			n, err := c.account(ctx, name, share)
			if err != nil {
				return fmt.Errorf("claiming callbacks: %w", err)
			}
			if n == share {
				left = append(left, name) // it may have more
			}
		}
		names = left
	}
	return nil
}

// account claims up to n of one account, going round its hosts.
func (c *claiming) account(ctx context.Context, name string, n int) (int, error) {
	n = min(n, c.Limit-len(c.out), c.PerAccount-c.Accounts[name])
	if n <= 0 {
		return 0, nil
	}
	before := len(c.out)
	hosts, err := c.hosts(ctx, name)
	if err != nil {
		return 0, err
	}
	for taken := true; taken && n > 0; {
		taken = false
		for _, host := range hosts {
			if n == 0 {
				break
			}
			got, err := c.one(ctx, name, host)
			if err != nil {
				return 0, err
			}
			if got {
				taken = true
				n--
			}
		}
	}
	got := len(c.out) - before
	if got > 0 {
		if c.t.lanes == nil {
			c.t.lanes = map[string]string{}
		}
		c.t.lanes[name] = c.out[len(c.out)-1].Host
		if err := c.t.exec(ctx, `UPDATE callback_load SET served = (SELECT max(served) + 1 FROM callback_load) WHERE account = ?`, name); err != nil {
			return 0, err
		}
	}
	return got, nil
}

// hosts lists hosts of an account for which something waits, beginning behind
// the one that was served last.
func (c *claiming) hosts(ctx context.Context, name string) ([]string, error) {
	var hosts []string
	start := c.t.lanes[name]
	at, wrapped := start, false
	for len(hosts) < maxLanes {
		var host string
		ok, err := c.t.get(ctx, []any{&host}, `SELECT host FROM callback WHERE account = ? AND state = 0 AND host > ? ORDER BY host LIMIT 1`, name, at)
		if err != nil {
			return nil, err
		}
		if !ok && !wrapped && start != "" {
			at, wrapped = "", true
			continue
		}
		if !ok || wrapped && host > start {
			break
		}
		hosts, at = append(hosts, host), host
	}
	return hosts, nil
}

// one claims the callback for a host that is due longest, unless the host has
// enough to do.
func (c *claiming) one(ctx context.Context, name, host string) (bool, error) {
	if c.Hosts[host] >= c.PerHost {
		return false, nil
	}
	var got *store.Callback
	err := c.t.each(ctx, func(rows *sql.Rows) error {
		cb, err := scanCallback(rows)
		got = &cb
		return err
	}, `SELECT `+callbackColumns+` FROM callback WHERE account = ? AND state = 0 AND host = ? AND due <= ?
		ORDER BY due LIMIT 1`, name, host, c.now)
	if err != nil || got == nil {
		return false, err
	}
	if err := c.t.exec(ctx, `UPDATE callback SET worker = ?, due = ? WHERE id = ?`, c.Worker, c.until, got.ID); err != nil {
		return false, err
	}
	got.Worker, got.Due = c.Worker, time.UnixMilli(c.until).UTC()
	c.out = append(c.out, *got)
	c.Hosts[host]++
	c.Accounts[name]++
	return true, nil
}

// trimBatch bounds the rows that one transaction deletes: others wait for it.
const trimBatch = 2000

// TrimCallbacks implements [store.Callbacks].
func (s *Store) TrimCallbacks(ctx context.Context, before time.Time, keep int) (int, error) {
	total := 0
	for {
		n, err := s.trimOnce(ctx, `SELECT seq, account FROM callback WHERE state > 0 AND due < ? LIMIT ?`, millis(before), trimBatch)
		if total += n; err != nil {
			return total, err
		}
		if n == 0 {
			break
		}
	}
	var full []string
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		full = append(full, name)
		return err
	}, `SELECT account FROM callback_load WHERE ended > ?`, keep)
	for _, name := range full {
		for err == nil {
			var n int
			n, err = s.trimOnce(ctx, `SELECT seq, account FROM callback WHERE account = ? AND state > 0 ORDER BY seq
				LIMIT min(?, max(0, (SELECT ended FROM callback_load WHERE account = ?) - ?))`, name, trimBatch, name, keep)
			if total += n; n == 0 {
				break
			}
		}
	}
	if err != nil {
		return total, fmt.Errorf("deleting callbacks: %w", err)
	}
	return total, nil
}

// trimOnce deletes the rows that a query names, in one transaction.
func (s *Store) trimOnce(ctx context.Context, query string, args ...any) (int, error) {
	n := 0
	err := s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		ended := map[string]int64{}
		var seqs []int64
		err := t.each(ctx, func(rows *sql.Rows) error {
			var seq int64
			var account string
			err := rows.Scan(&seq, &account)
			seqs = append(seqs, seq)
			ended[account]++
			return err
		}, query, args...)
		for i := 0; i < len(seqs) && err == nil; i++ {
			err = t.exec(ctx, `DELETE FROM callback WHERE seq = ?`, seqs[i])
		}
		for account, k := range ended {
			err = errors.Join(err, t.callbackLoad(ctx, account, 0, -k))
		}
		n = len(seqs)
		return err
	})
	return n, err
}
