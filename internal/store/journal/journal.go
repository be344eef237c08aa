// Package journal keeps what an agent must not forget, on the disk of its POP:
// its progress, the entries that it has not finished, and the evidence that
// the control plane has not acknowledged.
//
// It must not know what an agent does with them. The agent calls it;
// storetest.RunJournal says what it promises. If Commit answers before the
// step is on disk, a crash makes an agent skip purges or lose evidence.
package journal

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
	"github.com/freshet-vod/freshet/internal/wire"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Journal is a journal in one SQLite file. Its methods may be called
// concurrently; they take turns on one connection.
type Journal struct{ db *sql.DB }

var _ store.Journal = (*Journal)(nil)

// Open opens the journal in the file at path, making it, and its directory
// with mode 0700, if there is none.
func Open(ctx context.Context, path string) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making journal directory: %w", err)
	}
	db, err := sqlfile.Open(ctx, path, sqlfile.Options{Conns: 1})
	if err != nil {
		return nil, err
	}
	numbered, err := fs.Sub(migrations, "migrations")
	if err == nil {
		err = sqlfile.Migrate(ctx, db, numbered)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening journal: %w", err), db.Close())
	}
	return &Journal{db: db}, nil
}

// Close closes the file.
func (j *Journal) Close() error {
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("closing journal: %w", err)
	}
	return nil
}

// LoadAgent implements [store.Journal].
func (j *Journal) LoadAgent(ctx context.Context) (store.AgentState, bool, error) {
	var st store.AgentState
	body, err := j.one(ctx, `SELECT body FROM state`)
	if err != nil || body == nil {
		return st, false, err
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return st, false, fmt.Errorf("unpacking state: %w", err)
	}
	return st, true, nil
}

// one reads a table of one row; nil if it is empty.
func (j *Journal) one(ctx context.Context, query string) ([]byte, error) {
	var body []byte
	err := j.db.QueryRowContext(ctx, query).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading journal: %w", err)
	}
	return body, nil
}

// Commit implements [store.Journal].
func (j *Journal) Commit(ctx context.Context, s store.Step) error {
	if err := check(s); err != nil {
		return err
	}
	t, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("writing journal: %w", err)
	}
	err = apply(ctx, t, s)
	if err == nil {
		err = t.Commit()
	}
	if err != nil {
		// After a failed commit there may be nothing left to roll back.
		_ = t.Rollback()
		return fmt.Errorf("writing journal: %w", err)
	}
	return nil
}

// check refuses what the columns cannot hold.
func check(s store.Step) error {
	for _, m := range s.Evidence {
		if m.Number > math.MaxInt64 {
			return freshet.Invalid("number", "Evidence number %d is above %d.", m.Number, int64(math.MaxInt64))
		}
	}
	for _, e := range s.Keep {
		if e.At.Pos > math.MaxInt64 {
			return freshet.Invalid("at", "Position %s cannot be kept.", e.At)
		}
	}
	return nil
}

func apply(ctx context.Context, t *sql.Tx, s store.Step) error {
	if s.State != nil {
		body, err := json.Marshal(s.State)
		if err != nil {
			return err
		}
		if _, err := t.ExecContext(ctx, `INSERT INTO state (one, body) VALUES (1, ?)
			ON CONFLICT (one) DO UPDATE SET body = excluded.body`, body); err != nil {
			return err
		}
	}
	for _, e := range s.Keep {
		if _, err := t.ExecContext(ctx, `INSERT INTO kept (epoch, pos, entry) VALUES (?, ?, ?)
			ON CONFLICT (epoch, pos) DO UPDATE SET entry = excluded.entry`,
			e.At.Epoch, int64(e.At.Pos), encodeEntry(e)); err != nil { //nolint:gosec // checked at the door
			return err
		}
	}
	for _, at := range s.Drop {
		if at.Pos > math.MaxInt64 {
			continue // cannot have been kept
		}
		if _, err := t.ExecContext(ctx, `DELETE FROM kept WHERE epoch = ? AND pos = ?`, at.Epoch, int64(at.Pos)); err != nil {
			return err
		}
	}
	for _, m := range s.Evidence {
		if _, err := t.ExecContext(ctx, `INSERT INTO spool (number, message) VALUES (?, ?)
			ON CONFLICT (number) DO UPDATE SET message = excluded.message`,
			int64(m.Number), bytes.Clone(m.Message)); err != nil { //nolint:gosec // checked at the door
			return err
		}
	}
	return nil
}

// encodeEntry encodes an entry by itself, so that it can be dropped by itself.
// Its trace is left out: an older release, to which the POP may go back, could
// not read the entry, and a trace that waits over a restart says little.
func encodeEntry(e *freshet.Entry) []byte {
	if !e.Trace.IsZero() {
		plain := *e
		plain.Trace = freshet.Trace{}
		e = &plain
	}
	return wire.EncodeEntries(wire.EntryBatch{Subject: e.Subject(), Entries: []*freshet.Entry{e}})
}

func decodeEntry(b []byte) (*freshet.Entry, error) {
	batch, err := wire.DecodeEntries(b)
	if err != nil {
		return nil, fmt.Errorf("unpacking kept entry: %w", err)
	}
	if len(batch.Entries) != 1 {
		return nil, fmt.Errorf("unpacking kept entry: %d entries where one was kept", len(batch.Entries))
	}
	return batch.Entries[0], nil
}

// Kept implements [store.Journal].
func (j *Journal) Kept(ctx context.Context) (list []*freshet.Entry, err error) {
	rows, err := j.db.QueryContext(ctx, `SELECT entry FROM kept ORDER BY epoch, pos`)
	if err != nil {
		return nil, fmt.Errorf("reading kept entries: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, fmt.Errorf("reading kept entries: %w", err)
		}
		e, err := decodeEntry(b)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading kept entries: %w", err)
	}
	return list, nil
}

// Spooled implements [store.Journal].
func (j *Journal) Spooled(ctx context.Context, above uint64, limit int) (list []store.SpooledMessage, err error) {
	if above > math.MaxInt64 {
		return nil, nil
	}
	rows, err := j.db.QueryContext(ctx, `SELECT number, message FROM spool WHERE number > ? ORDER BY number LIMIT ?`,
		int64(above), max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("reading spool: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var m store.SpooledMessage
		if err := rows.Scan(&m.Number, &m.Message); err != nil {
			return nil, fmt.Errorf("reading spool: %w", err)
		}
		list = append(list, m)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading spool: %w", err)
	}
	return list, nil
}

// Unspool implements [store.Journal].
func (j *Journal) Unspool(ctx context.Context, upTo uint64) error {
	upTo = min(upTo, math.MaxInt64)
	if _, err := j.db.ExecContext(ctx, `DELETE FROM spool WHERE number <= ?`, int64(upTo)); err != nil {
		return fmt.Errorf("clearing spool: %w", err)
	}
	return nil
}

// SaveTopology implements [store.Journal].
func (j *Journal) SaveTopology(ctx context.Context, topology []byte) error {
	if topology == nil {
		topology = []byte{}
	}
	if _, err := j.db.ExecContext(ctx, `INSERT INTO topology (one, body) VALUES (1, ?)
		ON CONFLICT (one) DO UPDATE SET body = excluded.body`, topology); err != nil {
		return fmt.Errorf("storing topology: %w", err)
	}
	return nil
}

// LoadTopology implements [store.Journal]. It is nil if none was saved.
func (j *Journal) LoadTopology(ctx context.Context) ([]byte, error) {
	return j.one(ctx, `SELECT body FROM topology`)
}
