package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Bounds of one reading and one deletion of audit records.
const (
	auditScan  = 20_000
	auditPrune = 5_000
)

// auditSlack is how far the order of records may be from that of their times:
// a record has the time at which its call began.
const auditSlack = 10 * time.Minute

// ride makes an op carry the audit record of its caller's context: both are
// committed or neither is. What refuses the op refuses the record too, which is
// then written apart.
func ride(r *store.Ride, o *op) {
	rec := r.Record
	outcome := freshet.AuditOK
	if o.prelude {
		outcome = freshet.AuditBegun
	}
	if rec.ID != 0 && (o.prelude || rec.Outcome == freshet.AuditOK) {
		return // it is there, and this write tells nothing new
	}
	var now freshet.AuditRecord
	do, done := o.do, o.done
	o.brief = false
	o.do = func(ctx context.Context, t *tx) error {
		if err := do(ctx, t); err != nil {
			return err
		}
		now = *rec
		now.Outcome, now.Job = outcome, cmp.Or(o.job, rec.Job)
		if now.ID != 0 {
			return t.amendAudit(ctx, &now)
		}
		var err error
		now.ID, err = t.putAudit(ctx, &now)
		return err
	}
	o.done = func(t *tx) {
		rec.ID, rec.Outcome, rec.Job = now.ID, now.Outcome, now.Job
		if done != nil {
			done(t)
		}
	}
}

func (t *tx) putAudit(ctx context.Context, r *freshet.AuditRecord) (uint64, error) {
	res, err := t.run(ctx, `INSERT INTO audit (at, account, key, address, agent, action, object, job, outcome, request)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		millis(r.Time), r.Account, r.KeyID, r.Address, r.UserAgent, r.Action, r.Object, r.Job, r.Outcome, r.RequestID)
	if err != nil {
		return 0, fmt.Errorf("storing audit record: %w", err)
	}
	id, err := res.LastInsertId()
	if err != nil {
		return 0, fmt.Errorf("storing audit record: %w", err)
	}
	return uint64(id), nil //nolint:gosec // counts up from one
}

func (t *tx) amendAudit(ctx context.Context, r *freshet.AuditRecord) error {
	err := t.exec(ctx, `UPDATE audit SET object = ?, job = ?, outcome = ? WHERE seq = ?`,
		r.Object, r.Job, r.Outcome, seqOf(r.ID))
	if err != nil {
		return fmt.Errorf("amending audit record: %w", err)
	}
	return nil
}

// PutAudit implements [store.Audit].
func (s *Store) PutAudit(ctx context.Context, r *freshet.AuditRecord) error {
	var id uint64
	err := s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		var err error
		id, err = t.putAudit(ctx, r)
		return err
	})
	if err == nil {
		r.ID = id
	}
	return err
}

// AmendAudit implements [store.Audit].
func (s *Store) AmendAudit(ctx context.Context, r *freshet.AuditRecord) error {
	return s.writeBrief(ctx, func(ctx context.Context, t *tx) error { return t.amendAudit(ctx, r) })
}

// AuditPage implements [store.Audit]. Only what an index finds is left to SQL:
// a filter that matches nothing would otherwise read every record there is.
func (s *Store) AuditPage(ctx context.Context, q freshet.AuditQuery) (freshet.AuditPage, error) {
	page := freshet.AuditPage{Records: []freshet.AuditRecord{}}
	if q.Limit <= 0 {
		return page, nil
	}
	lo, hi := seqOf(q.After), int64(math.MaxInt64)
	oldest := q.Oldest || q.After != 0
	if q.Before != 0 && !oldest {
		hi = seqOf(q.Before)
	}
	if !q.Since.IsZero() {
		first, err := s.auditSince(ctx, q.Since)
		if err != nil {
			return page, err
		}
		lo = max(lo, first-1)
	}
	query, args := auditQuery(q.Account, oldest, lo, hi)
	read := 0
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		r, err := scanAudit(rows)
		if err != nil {
			return err
		}
		if len(page.Records) == q.Limit {
			return errEnough
		}
		read++
		page.Next = r.ID
		if q.Action != "" && r.Action != q.Action || q.Failed && r.Outcome == freshet.AuditOK || r.Time.Before(q.Since) {
			return nil
		}
		page.Records = append(page.Records, r)
		return nil
	}, query, args...)
	switch {
	case errors.Is(err, errEnough):
	case err != nil:
		return page, fmt.Errorf("reading audit records: %w", err)
	case read < auditScan:
		page.Next = 0
	}
	return page, nil
}

// auditSince returns the number of the first record that may be of a time or
// later.
func (s *Store) auditSince(ctx context.Context, since time.Time) (int64, error) {
	first := int64(math.MaxInt64)
	_, err := s.read.get(ctx, []any{&first}, `SELECT seq FROM audit WHERE at >= ? ORDER BY at, seq LIMIT 1`,
		millis(since.Add(-auditSlack)))
	if err != nil {
		return 0, fmt.Errorf("reading audit records: %w", err)
	}
	return first, nil
}

// auditQuery is one of four statements, each of which one index serves in
// order.
func auditQuery(account string, oldest bool, lo, hi int64) (query string, args []any) {
	const from = `SELECT seq, at, account, key, address, agent, action, object, job, outcome, request FROM audit `
	args = []any{lo, hi, auditScan}
	switch {
	case account != "" && oldest:
		return from + `WHERE account = ? AND seq > ? AND seq < ? ORDER BY seq LIMIT ?`, append([]any{account}, args...)
	case account != "":
		return from + `WHERE account = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`, append([]any{account}, args...)
	case oldest:
		return from + `WHERE seq > ? AND seq < ? ORDER BY seq LIMIT ?`, args
	}
	return from + `WHERE seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?`, args
}

func scanAudit(rows *sql.Rows) (freshet.AuditRecord, error) {
	var r freshet.AuditRecord
	var seq, at int64
	err := rows.Scan(&seq, &at, &r.Account, &r.KeyID, &r.Address, &r.UserAgent, &r.Action, &r.Object, &r.Job, &r.Outcome, &r.RequestID)
	r.ID, r.Time = uint64(seq), fromMillis(at) //nolint:gosec // counts up from one
	return r, err
}

// PruneAudit implements [store.Audit].
func (s *Store) PruneAudit(ctx context.Context, before time.Time) (int, error) {
	var n int64
	err := s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		res, err := t.run(ctx, `DELETE FROM audit WHERE seq IN
			(SELECT seq FROM audit WHERE at < ? AND seq < (SELECT MAX(seq) FROM audit) ORDER BY at LIMIT ?)`,
			millis(before), auditPrune)
		if err != nil {
			return fmt.Errorf("deleting audit records: %w", err)
		}
		n, err = res.RowsAffected()
		return err
	})
	return int(n), err
}

// seqOf is a record's ID as SQLite keeps it.
func seqOf(id uint64) int64 { return int64(min(id, math.MaxInt64)) }
