package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// hostOf is the host of a URL with its port, in one spelling.
func hostOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return freshet.Host(u.Scheme, u.Host)
}

// queueEvents queues those events that a rule asks for.
func (t *tx) queueEvents(ctx context.Context, account string, now time.Time, events []store.Event) error {
	for i := range events {
		e := &events[i]
		rule, ok, err := callbackRule(ctx, t, account, e.App)
		if err != nil {
			return err
		}
		if !ok || !rule.Wants(e.Type) {
			continue
		}
		way, target := rule.Type, rule.URL
		if e.URL != "" {
			target = e.URL
		}
		if e.Way != "" {
			way = e.Way
		}
		if way != store.ByHTTP || target == "" {
			continue
		}
		err = t.queueCallback(ctx, now, store.Callback{
			Account: account, Event: e.Type, App: e.App, URL: target, Media: e.Media, Job: e.Job, Row: e.Row, Body: e.Body,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// queueCallback adds a callback, which is due at once.
func (t *tx) queueCallback(ctx context.Context, now time.Time, c store.Callback) error {
	var waiting int64
	if _, err := t.get(ctx, []any{&waiting}, `SELECT waiting FROM callback_load WHERE account = ?`, c.Account); err != nil {
		return fmt.Errorf("counting callbacks: %w", err)
	}
	if waiting >= store.MaxCallbacksWaiting {
		c.State, c.Error = store.CallbackFailed, fmt.Sprintf("%d callbacks of the account waited already.", waiting)
	}
	var id [8]byte
	rand.Read(id[:])
	err := t.exec(ctx, `INSERT INTO callback (id, account, event, native, app, url, host, media, job, idx, body, created,
		state, due, worker, attempts, tried, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, ?)`,
		hex.EncodeToString(id[:]), c.Account, c.Event, c.Native, c.App, c.URL, hostOf(c.URL), c.Media, c.Job, c.Row, c.Body,
		millis(now), int(c.State), millis(now), c.Error)
	if err != nil {
		return fmt.Errorf("queueing callback: %w", err)
	}
	t.queued = true
	if c.State == store.CallbackFailed {
		return t.callbackLoad(ctx, c.Account, 0, 1)
	}
	return t.callbackLoad(ctx, c.Account, 1, 0)
}

// watch makes the end of a job something to be told, if the account has a
// webhook.
func (t *tx) watch(ctx context.Context, account, job string) error {
	var has bool
	ok, err := t.get(ctx, []any{&has}, `SELECT 1 FROM webhook WHERE account = ?`, account)
	if err == nil && ok {
		err = t.exec(ctx, `INSERT OR IGNORE INTO job_watch (account, job) VALUES (?, ?)`, account, job)
	}
	if err != nil {
		return fmt.Errorf("watching job: %w", err)
	}
	return nil
}

// Watched implements [store.Webhooks].
func (s *Store) Watched(ctx context.Context, after store.JobRef, limit int) ([]store.JobRef, error) {
	var list []store.JobRef
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		var j store.JobRef
		err := rows.Scan(&j.Account, &j.Job)
		list = append(list, j)
		return err
	}, `SELECT account, job FROM job_watch WHERE (account, job) > (?, ?) ORDER BY account, job LIMIT ?`, after.Account, after.Job, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("reading watched jobs: %w", err)
	}
	return list, nil
}

// Watching implements [store.Webhooks].
func (s *Store) Watching(ctx context.Context, job store.JobRef) (bool, error) {
	var one int
	ok, err := s.read.get(ctx, []any{&one}, `SELECT 1 FROM job_watch WHERE account = ? AND job = ?`, job.Account, job.Job)
	if err != nil {
		return false, fmt.Errorf("reading whether a job is watched: %w", err)
	}
	return ok, nil
}

// FinishJob implements [store.Webhooks].
func (s *Store) FinishJob(ctx context.Context, now time.Time, job store.JobRef, body []byte) (bool, error) {
	told := false
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		told = false
		res, err := t.run(ctx, `DELETE FROM job_watch WHERE account = ? AND job = ?`, job.Account, job.Job)
		if err != nil {
			return fmt.Errorf("ending watch: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		w, ok, err := webhook(ctx, t, job.Account)
		if err != nil || !ok {
			return err
		}
		told = true
		return t.queueCallback(ctx, now, store.Callback{
			Account: job.Account, Event: store.FinishEvent, Native: true, URL: w.URL, Job: job.Job, Body: body,
		})
	})
	return told && err == nil, err
}

// CallbacksQueued implements [store.Callbacks].
func (s *Store) CallbacksQueued() <-chan struct{} { return s.w.queued }

const callbackColumns = `id, account, event, native, app, url, host, media, job, idx, body, created, state, due, worker, attempts, tried, error`

func scanCallback(rows *sql.Rows) (store.Callback, error) {
	var c store.Callback
	var created, due, tried int64
	err := rows.Scan(&c.ID, &c.Account, &c.Event, &c.Native, &c.App, &c.URL, &c.Host, &c.Media, &c.Job, &c.Row, &c.Body,
		&created, &c.State, &due, &c.Worker, &c.Attempts, &tried, &c.Error)
	c.Created, c.Tried = fromMillis(created), fromMillis(tried)
	if c.State == store.CallbackWaiting {
		c.Due = fromMillis(due)
	}
	return c, err
}

// SettleCallback implements [store.Callbacks].
func (s *Store) SettleCallback(ctx context.Context, o store.CallbackOutcome) error {
	return s.writeBrief(ctx, func(ctx context.Context, t *tx) error {
		state, due := store.CallbackWaiting, o.Next
		switch {
		case o.Delivered:
			state, due = store.CallbackDelivered, o.Now
		case o.Next.IsZero():
			state, due = store.CallbackFailed, o.Now
		}
		var account string
		ok, err := t.get(ctx, []any{&account}, `SELECT account FROM callback WHERE id = ? AND worker = ? AND state = 0`, o.ID, o.Worker)
		if err != nil {
			return fmt.Errorf("settling callback: %w", err)
		}
		if !ok {
			return nil
		}
		if err := t.exec(ctx, `UPDATE callback SET state = ?, due = ?, worker = '', attempts = attempts + 1, tried = ?, error = ? WHERE id = ?`,
			int(state), millis(due), millis(o.Now), o.Error, o.ID); err != nil {
			return fmt.Errorf("settling callback: %w", err)
		}
		if state == store.CallbackWaiting {
			return nil
		}
		return t.callbackLoad(ctx, account, -1, 1)
	})
}

// CallbackBacklog implements [store.Callbacks].
func (s *Store) CallbackBacklog(ctx context.Context) (store.CallbackBacklog, error) {
	var b store.CallbackBacklog
	var oldest int64
	for dest, query := range map[any]string{
		&b.Waiting: `SELECT coalesce(sum(waiting), 0) FROM callback_load`,
		&b.Failing: `SELECT count(*) FROM callback WHERE state = 0 AND attempts > 0`,
		&oldest:    `SELECT coalesce(min(created), 0) FROM callback WHERE state = 0`,
	} {
		if _, err := s.read.get(ctx, []any{dest}, query); err != nil {
			return b, fmt.Errorf("counting callbacks: %w", err)
		}
	}
	b.Oldest = fromMillis(oldest)
	return b, nil
}

// ListCallbacks implements [store.Callbacks].
func (s *Store) ListCallbacks(ctx context.Context, q store.CallbackQuery) ([]store.Callback, error) {
	var where strings.Builder
	where.WriteString(`account = ?`)
	args := []any{q.Account}
	if q.Failed {
		where.WriteString(` AND state = 2`)
	}
	if q.Before != "" {
		where.WriteString(` AND seq < (SELECT seq FROM callback WHERE id = ? AND account = ?)`)
		args = append(args, q.Before, q.Account)
	}
	var list []store.Callback
	// Without the bodies, which may be long.
	err := s.read.each(ctx, func(rows *sql.Rows) error {
		c, err := scanCallback(rows)
		list = append(list, c)
		return err
	}, `SELECT `+strings.Replace(callbackColumns, " body,", " NULL,", 1)+` FROM callback WHERE `+where.String()+` ORDER BY seq DESC LIMIT ?`, append(args, max(q.Limit, 0))...)
	if err != nil {
		return nil, fmt.Errorf("reading callbacks: %w", err)
	}
	return list, nil
}

// RetryCallback implements [store.Callbacks].
func (s *Store) RetryCallback(ctx context.Context, now time.Time, account, id string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		var state store.CallbackState
		var worker string
		ok, err := t.get(ctx, []any{&state, &worker}, `SELECT state, worker FROM callback WHERE id = ? AND account = ?`, id, account)
		if err != nil {
			return fmt.Errorf("reading callback: %w", err)
		}
		switch {
		case !ok:
			return freshet.Errorf(freshet.CodeNotFound, "Callback %s does not exist.", id)
		case state == store.CallbackDelivered:
			return freshet.Errorf(freshet.CodeConflict, "Callback %s was delivered.", id)
		case worker != "": // it is being tried
			return nil
		}
		t.queued = true
		if err := t.exec(ctx, `UPDATE callback SET state = 0, due = ?, attempts = 0 WHERE id = ?`, millis(now), id); err != nil {
			return fmt.Errorf("retrying callback: %w", err)
		}
		if state == store.CallbackWaiting {
			return nil
		}
		return t.callbackLoad(ctx, account, 1, -1)
	})
}
