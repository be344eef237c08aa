package edge

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// maxCommit bounds the variants of one transaction: a purge waits for at most
// one such transaction before its own.
const maxCommit = 256

// change is a durable change that someone waits for. The rows to delete are
// not in it: they are those that the shelf has condemned when it is carried
// out.
type change struct {
	fences   []*fenceRow
	softened []*variant        // whose rows changed
	cursor   *freshet.Position // the fences at or below have done their work
	flushed  *time.Time
	done     chan error // buffered
}

// fenceRow is what one purge raised: the fences of some objects, or one of a
// pattern. A purge of a thousand objects is one row.
type fenceRow struct {
	at     freshet.Position
	kind   freshet.SelectorKind
	urls   []string // of an exact purge
	text   string   // of a pattern
	hosts  []string // of a pattern
	stored bool     // it is in the index; the writer's own
}

// pattern is the text of the row: the URLs of an exact purge, a line each.
func (f *fenceRow) pattern() string {
	if f.kind == freshet.SelectExact {
		return strings.Join(f.urls, "\n")
	}
	return f.text
}

// start begins to write, until close.
func (ix *index) start(ctx context.Context, s *shelf) {
	ix.done.Go(func() { ix.run(ctx, s) })
}

// close writes what is waiting and closes the database. Nobody may call
// commit or save any more.
func (ix *index) close() error {
	close(ix.stop)
	ix.done.Wait()
	return ix.db.Close()
}

// commit makes a change durable, together with the deletion of all that was
// condemned before the call.
func (ix *index) commit(ctx context.Context, ch change) error {
	ch.done = make(chan error, 1)
	select {
	case ix.work <- ch:
	case <-ix.stop:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-ch.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// save has the row of a variant written soon. The body must be on disk.
func (ix *index) save(v *variant) {
	select {
	case ix.rows <- v:
	case <-ix.stop:
	}
}

// sweep has what was condemned deleted soon.
func (ix *index) sweep() {
	select {
	case ix.poke <- struct{}{}:
	default:
	}
}

// run is the one writer. Changes that someone waits for and rows that nobody
// waits for share transactions: one fsync for all that is there.
func (ix *index) run(ctx context.Context, s *shelf) {
	for {
		var changes []change
		var rows []*variant
		stopping := false
		select {
		case ch := <-ix.work:
			changes = append(changes, ch)
		case v := <-ix.rows:
			rows = append(rows, v)
		case <-ix.poke:
		case <-ix.stop:
			stopping = true
		}
		changes, rows = ix.more(changes, rows)
		// The condemned are read after the changes were taken: whoever sent
		// one had condemned before.
		ids := s.doomed()
		err := ix.write(ctx, s, changes, rows, ids)
		if err != nil && isFull(err) {
			ids, err = ix.writeFull(ctx, s, changes, rows)
		}
		if err == nil {
			s.buried(ids)
		} else {
			ix.log.LogAttrs(ctx, slog.LevelError, "cache index not written",
				slog.String("error", err.Error()), slog.Int("rows", len(rows)), slog.Int("changes", len(changes)))
		}
		for _, ch := range changes {
			ch.done <- err
		}
		if err == nil {
			ix.unlink(ctx, ids)
		}
		if stopping && len(rows) == 0 {
			return
		}
	}
}

// more takes what else is waiting.
func (ix *index) more(changes []change, rows []*variant) ([]change, []*variant) {
	for len(rows) < maxCommit && len(changes) < maxCommit {
		select {
		case ch := <-ix.work:
			changes = append(changes, ch)
		case v := <-ix.rows:
			rows = append(rows, v)
		default:
			return changes, rows
		}
	}
	return changes, rows
}

// writeFull writes to a disk that is full. What is condemned goes from it
// first, and then what was used least recently, until the index has room: a
// purge is worth more than anything that is stored. A row whose body is gone
// is dropped at the next start, should the write fail after all.
func (ix *index) writeFull(ctx context.Context, s *shelf, changes []change, rows []*variant) (ids []int64, err error) {
	for {
		ids = s.doomed()
		ix.unlink(ctx, ids)
		// What the journal holds may fit into the index, which gives its space
		// back. If not, the write tells.
		_, _ = ix.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		err = ix.write(ctx, s, changes, rows, ids)
		if err == nil || !isFull(err) || len(s.shrink(makeStep)) == 0 {
			return ids, err
		}
	}
}

func (ix *index) write(ctx context.Context, s *shelf, changes []change, rows []*variant, ids []int64) error {
	if len(changes)+len(rows)+len(ids) == 0 {
		return nil
	}
	tx, err := ix.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to do
	if err := writeRows(ctx, tx, s, rows); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	for _, ch := range changes {
		if err := writeRows(ctx, tx, s, ch.softened); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
	}
	if err := deleteRows(ctx, tx, ids); err != nil {
		return fmt.Errorf("delete rows: %w", err)
	}
	fences, err := writeFences(ctx, tx, changes)
	if err != nil {
		return fmt.Errorf("write fences: %w", err)
	}
	for _, ch := range changes {
		if err := ch.write(ctx, tx); err != nil {
			return fmt.Errorf("write change: %w", err)
		}
	}
	dropped, err := ix.dropFences(ctx, tx, changes)
	if err != nil {
		return fmt.Errorf("drop fences: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, f := range fences {
		f.stored = true
	}
	if dropped {
		ix.passed, ix.dropped = freshet.Position{}, time.Now()
	}
	return nil
}

// dropFencesEvery bounds how often fences that have done their work are deleted:
// while a backlog is worked off the cursor moves many times a second.
const dropFencesEvery = time.Second

// dropFences deletes the fences at or below the newest cursor, unless some were
// deleted a moment ago. Those that stay are passed over at the next start.
func (ix *index) dropFences(ctx context.Context, tx *sql.Tx, changes []change) (bool, error) {
	for _, ch := range changes {
		if ch.cursor != nil {
			ix.passed = *ch.cursor
		}
	}
	if ix.passed.IsZero() || time.Since(ix.dropped) < dropFencesEvery {
		return false, nil
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM fence WHERE (epoch, pos) <= (?, ?)", ix.passed.Epoch, signed(ix.passed.Pos))
	return err == nil, err
}

func writeRows(ctx context.Context, tx *sql.Tx, s *shelf, rows []*variant) error {
	if len(rows) == 0 {
		return nil
	}
	stmt, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO variant (id, size, meta) VALUES (?, ?, ?)")
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, v := range rows {
		// A purge that takes v off the shelf after this look condemns it, and
		// its own transaction, which comes later, deletes the row.
		if !s.live(v) {
			continue
		}
		text, err := json.Marshal(&v.meta)
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(ctx, v.id, v.Size, text); err != nil {
			return err
		}
	}
	return nil
}

func deleteRows(ctx context.Context, tx *sql.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	stmt, err := tx.PrepareContext(ctx, "DELETE FROM variant WHERE id = ?")
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, id := range ids {
		if _, err := stmt.ExecContext(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// writeFences writes what no transaction before holds. Changes that wait at
// the same time name each other's fences; each is written once.
func writeFences(ctx context.Context, tx *sql.Tx, changes []change) (written []*fenceRow, err error) {
	var stmt *sql.Stmt
	seen := map[*fenceRow]bool{}
	for _, ch := range changes {
		for _, f := range ch.fences {
			if f.stored || seen[f] {
				continue
			}
			seen[f] = true
			if stmt == nil {
				stmt, err = tx.PrepareContext(ctx, "INSERT INTO fence (epoch, pos, kind, pattern, hosts) VALUES (?, ?, ?, ?, ?)")
				if err != nil {
					return nil, err
				}
				defer stmt.Close()
			}
			if _, err := stmt.ExecContext(ctx, f.at.Epoch, signed(f.at.Pos), f.kind, f.pattern(), strings.Join(f.hosts, ",")); err != nil {
				return nil, err
			}
			written = append(written, f)
		}
	}
	return written, nil
}

func (ch *change) write(ctx context.Context, tx *sql.Tx) error {
	if ch.cursor != nil {
		if err := setState(ctx, tx, stateCursor, ch.cursor.String()); err != nil {
			return err
		}
	}
	if ch.flushed != nil {
		return setState(ctx, tx, stateFlushed, ch.flushed.UTC().Format(time.RFC3339Nano))
	}
	return nil
}

// signed fits a place of the log into SQLite's integers. No log gets so long
// that it matters.
func signed(pos uint64) int64 { return int64(min(pos, 1<<63-1)) }

func setState(ctx context.Context, tx *sql.Tx, name, value string) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", name, value)
	return err
}

// unlink removes the bodies of deleted rows. What it cannot remove has no row
// and goes at the next start.
func (ix *index) unlink(ctx context.Context, ids []int64) {
	for _, id := range ids {
		if err := os.Remove(bodyPath(ix.dir, id)); err != nil && !os.IsNotExist(err) {
			ix.log.LogAttrs(ctx, slog.LevelWarn, "cached body not removed", slog.String("error", err.Error()))
		}
	}
}
