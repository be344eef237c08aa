package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
)

// nonceSweep is how many jobs are accepted between two deletions of expired
// nonces: rarely enough to cost nothing, often enough that the table stays as
// small as one window of replays.
const nonceSweep = 512

// Accept implements [store.Jobs].
func (s *Store) Accept(ctx context.Context, job *freshet.Job, nonce store.Nonce, charges ...store.Charge) error {
	body, err := encodeJob(job)
	if err != nil {
		return err
	}
	var want []freshet.TaskGroup
	if job.Direct != nil {
		want = job.Direct.Groups
	}
	if err := checkGroups(want); err != nil {
		return err
	}
	shared := &queuedJob{id: job.ID, account: job.Account}
	key, created := jobKey(job.ID), millis(job.Created)
	rows := queuedRows(shared, job.Rows)
	return s.w.submit(ctx, &op{
		job: job.ID,
		do: func(ctx context.Context, t *tx) error {
			if err := t.charge(ctx, charges); err != nil {
				return err
			}
			// The insert that can be refused comes first: refused, it leaves nothing.
			res, err := t.run(ctx, `INSERT INTO job (id, account, created, body) VALUES (?, ?, ?, ?)`,
				key, job.Account, created, body)
			if sqlfile.IsConstraint(err) {
				return freshet.Errorf(freshet.CodeConflict, "Job %s exists already.", job.ID)
			}
			if err != nil {
				return fmt.Errorf("storing job: %w", err)
			}
			if shared.seq, err = res.LastInsertId(); err != nil {
				return fmt.Errorf("storing job: %w", err)
			}
			if len(want) > 0 {
				if err := t.giveGroups(ctx, job, shared.seq, want, s.epochs.Load().last().floor); err != nil {
					return err
				}
			}
			if len(job.Rows) > 0 {
				if err := t.exec(ctx, `INSERT INTO job_open (seq, left) VALUES (?, ?)`, shared.seq, len(job.Rows)); err != nil {
					return fmt.Errorf("storing job: %w", err)
				}
			}
			if err := t.noteTakedown(ctx, job); err != nil {
				return err
			}
			return t.putNonce(ctx, nonce, shared.seq, created)
		},
		done: func(t *tx) {
			if t.rows != nil { // otherwise it will be read from the tables, with this job
				t.rows.add(rows)
			}
		},
	})
}

func (t *tx) putNonce(ctx context.Context, n store.Nonce, job, now int64) error {
	if n == (store.Nonce{}) {
		return nil
	}
	err := t.exec(ctx, `INSERT OR IGNORE INTO nonce (expires, fingerprint) VALUES (?, ?)`,
		millis(n.Expires), int64(n.Fingerprint)) //nolint:gosec // bits, not a number
	if err == nil && job%nonceSweep == 0 {
		err = t.exec(ctx, `DELETE FROM nonce WHERE expires <= ?`, now)
	}
	if err != nil {
		return fmt.Errorf("storing nonce: %w", err)
	}
	return nil
}

// Claim implements [store.Jobs].
func (s *Store) Claim(ctx context.Context, c store.Claim) ([]store.Claimed, error) {
	if c.Limit <= 0 || s.w.unplanned.Load() == 0 {
		return nil, nil // planners poll; an empty queue must not cost a commit
	}
	var out []store.Claimed
	// Leases end with the process: see open.
	err := s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		q, err := t.queue(ctx)
		if err != nil {
			return err
		}
		t.moved = true
		leased := q.lease(c.Worker, c.Now.UnixMilli(), c.Now.Add(c.Lease).UnixMilli(), c.Limit)
		out = make([]store.Claimed, 0, len(leased))
		var job *freshet.Job
		for _, r := range leased {
			err := t.exec(ctx, `INSERT INTO job_row (job, idx, worker, until) VALUES (?, ?, ?, ?)
				ON CONFLICT (job, idx) DO UPDATE SET worker = excluded.worker, until = excluded.until`,
				r.job.seq, r.idx, r.worker, r.until)
			if err != nil {
				return fmt.Errorf("leasing row: %w", err)
			}
			if job == nil || job.ID != r.job.id {
				if job, err = t.jobHead(ctx, r.job); err != nil {
					return err
				}
			}
			out = append(out, store.Claimed{Job: job, Worker: c.Worker, Row: freshet.Row{
				Job: job.ID, Index: r.idx, Media: r.media, State: freshet.RowPlanning, Modified: c.Now.UTC().Truncate(time.Millisecond),
			}})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// jobHead reads a job without its rows.
func (t *tx) jobHead(ctx context.Context, q *queuedJob) (*freshet.Job, error) {
	var created int64
	var body []byte
	ok, err := t.get(ctx, []any{&created, &body}, `SELECT created, body FROM job WHERE seq = ?`, q.seq)
	if err == nil && !ok {
		err = sql.ErrNoRows
	}
	if err != nil {
		return nil, fmt.Errorf("reading job: %w", err)
	}
	job, err := decodeJob(body)
	if err != nil {
		return nil, fmt.Errorf("reading job: %w", err)
	}
	job.Rows = nil
	fillJob(job, jobKey(q.id), q.account, created)
	return job, nil
}

// Release implements [store.Jobs]. A claim that was lost has nothing to give
// back, which is no error.
func (s *Store) Release(ctx context.Context, claim store.Claimed) error {
	return s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		q, err := t.queue(ctx)
		if err != nil {
			return err
		}
		r := q.holding(rowKey{job: claim.Row.Job, idx: claim.Row.Index}, claim.Worker)
		if r == nil {
			return nil
		}
		t.moved = true
		q.release(r)
		if err := t.exec(ctx, `DELETE FROM job_row WHERE job = ? AND idx = ?`, r.job.seq, r.idx); err != nil {
			return fmt.Errorf("releasing row: %w", err)
		}
		return nil
	})
}

// Job implements [store.Jobs].
func (s *Store) Job(ctx context.Context, account, id string) (*freshet.Job, error) {
	jobs, err := s.jobs(ctx, `SELECT seq, id, account, created, body FROM job WHERE id = ? AND account = ?`, jobKey(id), account)
	if err != nil {
		return nil, err
	}
	if len(jobs) == 0 {
		return nil, freshet.Errorf(freshet.CodeNotFound, "Job %s does not exist.", id)
	}
	return jobs[0], nil
}

// ListJobs implements [store.Jobs].
func (s *Store) ListJobs(ctx context.Context, account string, before time.Time, limit int) ([]*freshet.Job, error) {
	until := int64(math.MaxInt64)
	if !before.IsZero() {
		until = before.UnixMilli()
	}
	return s.jobs(ctx, `SELECT seq, id, account, created, body FROM job
		WHERE account = ? AND created < ? ORDER BY created DESC, seq DESC LIMIT ?`, account, until, max(limit, 0))
}

// jobs reads jobs, then what became of their rows.
func (s *Store) jobs(ctx context.Context, query string, args ...any) ([]*freshet.Job, error) {
	var jobs []*freshet.Job
	var seqs []int64
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var seq, created int64
		var id, body []byte
		var account string
		if err := rows.Scan(&seq, &id, &account, &created, &body); err != nil {
			return err
		}
		job, err := decodeJob(body)
		if err != nil {
			return err
		}
		fillJob(job, id, account, created)
		jobs, seqs = append(jobs, job), append(seqs, seq)
		return nil
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading jobs: %w", err)
	}
	for i, job := range jobs {
		err := s.read.each(ctx, func(rows *sql.Rows) error { return scanRow(rows, job) },
			`SELECT idx, outcome FROM job_row WHERE job = ?`, seqs[i])
		if err != nil {
			return nil, fmt.Errorf("reading rows of job %s: %w", job.ID, err)
		}
	}
	return jobs, nil
}

// scanRow puts what became of one row into its job.
func scanRow(rows *sql.Rows, job *freshet.Job) error {
	var idx int
	var outcome []byte
	if err := rows.Scan(&idx, &outcome); err != nil {
		return err
	}
	if idx < 0 || idx >= len(job.Rows) {
		return fmt.Errorf("row %d is not one of %d", idx, len(job.Rows))
	}
	row := &job.Rows[idx]
	if outcome == nil {
		row.State = freshet.RowPlanning
		return nil
	}
	media := row.Media
	*row = freshet.Row{}
	if err := json.Unmarshal(outcome, row); err != nil {
		return fmt.Errorf("unpacking row: %w", err)
	}
	row.Job, row.Index, row.Media = job.ID, idx, media
	return nil
}

// Unplanned implements [store.Jobs].
func (s *Store) Unplanned(context.Context) (int, error) { return int(s.w.unplanned.Load()), nil }
