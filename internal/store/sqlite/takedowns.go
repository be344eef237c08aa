package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

var _ store.Takedowns = (*Store)(nil)

// noteTakedown begins or ends the takedowns that a job is about, in the
// transaction that accepts it.
func (t *tx) noteTakedown(ctx context.Context, job *freshet.Job) error {
	if job.Type != freshet.Takedown && job.Type != freshet.Reinstate {
		return nil
	}
	var d freshet.Denial
	if job.Denial != nil {
		d = *job.Denial
	}
	for _, row := range job.Rows {
		var err error
		switch {
		case job.Type == freshet.Reinstate:
			err = t.exec(ctx, `UPDATE takedown SET ended = ?, ended_by = ?, ended_job = ?, stale = 0
				WHERE account = ? AND media = ? AND ended = 0`, millis(job.Created), d.By, jobKey(job.ID), job.Account, row.Media)
		case d.Renew:
			err = t.renewTakedown(ctx, job.Account, row.Media)
		default:
			err = t.exec(ctx, `INSERT INTO takedown
				(account, media, job, status, reason, by, since, ended, ended_by, ended_job, stale)
				VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', x'', 0)
				ON CONFLICT (account, media) WHERE ended = 0 DO UPDATE SET
				status = excluded.status, reason = CASE excluded.reason WHEN '' THEN reason ELSE excluded.reason END, stale = 0`,
				job.Account, row.Media, jobKey(job.ID), d.Status, d.Reason, d.By, millis(job.Created))
		}
		if err != nil {
			return fmt.Errorf("noting takedown of %s: %w", row.Media, err)
		}
	}
	return nil
}

// renewTakedown takes a takedown off the list of those that are to be planned
// again. The check and the job's insert are undone together.
func (t *tx) renewTakedown(ctx context.Context, account, media string) error {
	res, err := t.run(ctx, `UPDATE takedown SET stale = 0 WHERE account = ? AND media = ? AND ended = 0`, account, media)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = freshet.Errorf(freshet.CodeConflict, "Media %s is not taken down any more.", media)
	}
	return err
}

// keepDenied carries over into the list what entries of a media deny and
// allow. They have their positions by now.
func (t *tx) keepDenied(ctx context.Context, known *epochs, media string, entries []prepared) error {
	for _, e := range entries {
		if !e.Kind.Lists() {
			continue
		}
		seq, _ := known.exact(e.At)
		for _, u := range e.Selector.URLs {
			var err error
			if e.Kind == freshet.EntryDeny {
				err = t.exec(ctx, `INSERT INTO denied (url, account, media, seq, status) VALUES (?, ?, ?, ?, ?)
					ON CONFLICT (url, account, media) DO UPDATE SET seq = excluded.seq, status = excluded.status`,
					u, e.Account, media, seq, e.Status)
			} else {
				err = t.exec(ctx, `DELETE FROM denied WHERE url = ? AND account = ? AND media = ?`, u, e.Account, media)
			}
			if err != nil {
				return fmt.Errorf("keeping the deny list: %w", err)
			}
		}
	}
	return nil
}

// stillAllowed takes out of the entries that allow URLs those that another
// media denies, and lets go of them on behalf of this one. It happens in the
// transaction, because two media may be reinstated at the same time.
func (t *tx) stillAllowed(ctx context.Context, media string, entries []prepared) ([]prepared, error) {
	if !slices.ContainsFunc(entries, func(e prepared) bool { return e.Kind == freshet.EntryAllow }) {
		return entries, nil
	}
	out := make([]prepared, 0, len(entries))
	for _, e := range entries {
		if e.Kind != freshet.EntryAllow {
			out = append(out, e)
			continue
		}
		kept := make([]string, 0, len(e.Selector.URLs))
		for _, u := range e.Selector.URLs {
			var others int
			if _, err := t.get(ctx, []any{&others}, `SELECT count(*) FROM denied WHERE url = ? AND (account, media) <> (?, ?)`,
				u, e.Account, media); err != nil {
				return nil, fmt.Errorf("reading the deny list: %w", err)
			}
			if others == 0 {
				kept = append(kept, u)
			} else if err := t.exec(ctx, `DELETE FROM denied WHERE url = ? AND account = ? AND media = ?`, u, e.Account, media); err != nil {
				return nil, fmt.Errorf("keeping the deny list: %w", err)
			}
		}
		if len(kept) == 0 {
			continue
		}
		entry := *e.Entry
		entry.Selector.URLs = kept
		again, err := prepare([]*freshet.Entry{&entry}, e.Account)
		if err != nil {
			return nil, err
		}
		out = append(out, again...)
	}
	return out, nil
}

const takedownColumns = `t.account, t.media, t.job, t.status, t.reason, t.by, t.since, t.ended, t.ended_by, t.ended_job,
	(SELECT count(*) FROM denied d WHERE d.account = t.account AND d.media = t.media AND t.ended = 0)
	FROM takedown t `

func (s *Store) takedowns(ctx context.Context, query string, args ...any) ([]freshet.TakedownRecord, error) {
	var list []freshet.TakedownRecord
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var r freshet.TakedownRecord
		var job, endedJob []byte
		var since, ended int64
		err := rows.Scan(&r.Account, &r.Media, &job, &r.Denial.Status, &r.Denial.Reason, &r.Denial.By, &since, &ended,
			&r.EndedBy, &endedJob, &r.URLs)
		r.Job, r.Since = jobID(job), fromMillis(since)
		if ended != 0 {
			r.Ended, r.Reinstate = fromMillis(ended), jobID(endedJob)
		}
		list = append(list, r)
		return err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading takedowns: %w", err)
	}
	return list, nil
}

// ListTakedowns implements [store.Takedowns].
func (s *Store) ListTakedowns(ctx context.Context, q store.TakedownQuery) ([]freshet.TakedownRecord, error) {
	ids, err := idList(q.Media)
	if err != nil {
		return nil, err
	}
	return s.takedowns(ctx, `SELECT `+takedownColumns+`WHERE t.account = ? AND (? = 0 OR t.ended = 0)
		AND (? = 0 OR t.media IN (SELECT value FROM json_each(?))) ORDER BY t.since DESC, t.id DESC LIMIT ?`,
		q.Account, q.Active, len(q.Media), ids, max(q.Limit, 0))
}

// StaleTakedowns implements [store.Takedowns].
func (s *Store) StaleTakedowns(ctx context.Context, limit int) ([]freshet.TakedownRecord, error) {
	return s.takedowns(ctx, `SELECT `+takedownColumns+`WHERE t.stale = 1 ORDER BY t.id LIMIT ?`, max(limit, 0))
}

// DeniedOf implements [store.Takedowns].
func (s *Store) DeniedOf(ctx context.Context, account, media string) ([]string, error) {
	var urls []string
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var u string
		err := rows.Scan(&u)
		urls = append(urls, u)
		return err
	}, `SELECT url FROM denied WHERE account = ? AND media = ? ORDER BY url`, account, media)
	if err != nil {
		return nil, fmt.Errorf("reading the deny list: %w", err)
	}
	return urls, nil
}

// Denied implements [store.Takedowns]. Where several media deny a URL, the
// later entry counts.
func (s *Store) Denied(ctx context.Context, after string, limit int) ([]freshet.DeniedURL, error) {
	var list []freshet.DeniedURL
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var d freshet.DeniedURL
		var seq int64
		err := rows.Scan(&d.URL, &seq, &d.Status)
		d.At = s.epochs.Load().position(seq)
		list = append(list, d)
		return err
	}, `SELECT url, max(seq), status FROM denied WHERE url > ? GROUP BY url ORDER BY url LIMIT ?`, after, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("reading the deny list: %w", err)
	}
	return list, nil
}

// LastDenial implements [store.Takedowns].
func (s *Store) LastDenial(ctx context.Context) (freshet.Position, error) {
	var seq int64
	if _, err := s.read.get(ctx, []any{&seq}, `SELECT seq FROM log WHERE kind > 3 ORDER BY seq DESC LIMIT 1`); err != nil {
		return freshet.Position{}, fmt.Errorf("reading the deny list: %w", err)
	}
	return s.epochs.Load().position(seq), nil
}

// withOwnStatus returns a media with a status that is not of its takedown, if
// it has one.
func (t *tx) withOwnStatus(ctx context.Context, m *freshet.Media, own string) (*freshet.Media, error) {
	var down int
	if _, err := t.get(ctx, []any{&down}, `SELECT count(*) FROM takedown WHERE account = ? AND media = ? AND ended = 0`,
		m.Account, m.ID); err != nil {
		return nil, fmt.Errorf("looking for a takedown: %w", err)
	}
	if down == 0 {
		return m, nil
	}
	c := *m
	c.Status = own
	return &c, nil
}
