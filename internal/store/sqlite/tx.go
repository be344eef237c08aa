package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/freshet-vod/freshet/internal/store"
)

// tx is the writer's transaction, and what the writer keeps between
// transactions. Only the writer's goroutine uses it. Its statements run under
// the writer's context, which never ends, and not under a caller's: a batch
// belongs to many callers, and the driver would start a goroutine for each
// statement to watch it.
type tx struct {
	conn   *sql.Conn
	read   *reader
	stmts  map[string]*sql.Stmt
	wrote  bool              // by the present op
	rows   *rowQueue         // nil: to be read again, because a rollback left it wrong
	moved  bool              // the present transaction changed rows
	texts  []textChange      // to be indexed with the commit
	queued bool              // the present transaction queued callbacks
	lanes  map[string]string // by account: the host of the callback that was claimed last
	lax    bool              // commits may not be synced as the connection is set
	told   store.Witness     // of the caller of the present op; nil: nobody is told
}

// sync sets whether commits are synced. If that cannot be made sure of, there
// must be no commit. A commit that is not synced is written all the same, in
// order, and is on disk with the next one that is.
func (t *tx) sync(ctx context.Context, full bool) error {
	if t.lax != full {
		return nil
	}
	t.lax = true
	level, want := "NORMAL", 1
	if full {
		level, want = "FULL", 2
	}
	if _, err := t.conn.ExecContext(ctx, "PRAGMA synchronous = "+level); err != nil {
		return fmt.Errorf("setting when commits are synced: %w", err)
	}
	var got int
	if err := t.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&got); err != nil {
		return fmt.Errorf("reading when commits are synced: %w", err)
	}
	if got != want {
		return fmt.Errorf("setting when commits are synced: it is %d, not %d", got, want)
	}
	t.lax = !full
	return nil
}

func (t *tx) begin(ctx context.Context) error {
	t.moved, t.queued, t.texts = false, false, nil
	return t.exec(ctx, "BEGIN IMMEDIATE")
}

func (t *tx) commit(ctx context.Context) error { return t.exec(ctx, "COMMIT") }

// rollback undoes the transaction. SQLite may have done that already, if the
// disk failed; then ROLLBACK has nothing to do and its complaint says nothing.
func (t *tx) rollback(ctx context.Context) {
	if t.moved {
		t.rows = nil
	}
	_, _ = t.conn.ExecContext(ctx, "ROLLBACK")
}

// queue returns the rows that wait. It is read again after a rollback that it
// did not survive, which only a failing disk brings about.
func (t *tx) queue(ctx context.Context) (*rowQueue, error) {
	if t.rows == nil {
		q, err := loadQueue(ctx, t.read)
		if err != nil {
			return nil, err
		}
		t.rows = q
	}
	return t.rows, nil
}

func (t *tx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := t.stmts[query]; ok {
		return st, nil
	}
	st, err := t.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing statement: %w", err)
	}
	t.stmts[query] = st
	return st, nil
}

func (t *tx) close() error {
	var errs []error
	for _, st := range t.stmts {
		errs = append(errs, st.Close())
	}
	clear(t.stmts)
	return errors.Join(errs...)
}

// run runs a statement that writes.
func (t *tx) run(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := t.stmt(ctx, query) //nolint:sqlclosecheck // statements are kept until close
	if err != nil {
		return nil, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	t.wrote = true
	if t.told != nil {
		n, err := res.RowsAffected()
		if err != nil {
			return nil, err
		}
		t.told(query, int(n))
	}
	return res, nil
}

// exec is run for statements of whose result nothing is needed.
func (t *tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.run(ctx, query, args...)
	return err
}

// get reads one row; false if there is none.
func (t *tx) get(ctx context.Context, dest []any, query string, args ...any) (bool, error) {
	st, err := t.stmt(ctx, query) //nolint:sqlclosecheck // statements are kept until close
	if err != nil {
		return false, err
	}
	ok, err := found(st.QueryRowContext(ctx, args...).Scan(dest...))
	tell(t.told, query, oneIf(ok))
	return ok, err
}

// each calls row for every row of a query.
func (t *tx) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	st, err := t.stmt(ctx, query)
	if err != nil {
		return err
	}
	n, err := eachRow(ctx, st, row, args)
	tell(t.told, query, n)
	return err
}

// tell tells a witness, if there is one, of a statement.
func tell(w store.Witness, query string, rows int) {
	if w != nil {
		w(query, rows)
	}
}

func found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func eachRow(ctx context.Context, st *sql.Stmt, row func(*sql.Rows) error, args []any) (n int, err error) {
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		n++
		if err := row(rows); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// reader is a pool of connections that only read, with their statements.
type reader struct {
	db    *sql.DB
	mu    sync.RWMutex // guards stmts
	stmts map[string]*sql.Stmt
}

func newReader(db *sql.DB) *reader { return &reader{db: db, stmts: map[string]*sql.Stmt{}} }

func (r *reader) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.RLock()
	st, ok := r.stmts[query]
	r.mu.RUnlock()
	if ok {
		return st, nil
	}
	st, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing statement: %w", err)
	}
	r.mu.Lock()
	first, ok := r.stmts[query]
	if !ok {
		r.stmts[query] = st
	}
	r.mu.Unlock()
	if ok {
		return first, st.Close() //nolint:sqlclosecheck // the one that stays is another's
	}
	return st, nil
}

// get reads one row; false if there is none.
func (r *reader) get(ctx context.Context, dest []any, query string, args ...any) (bool, error) {
	st, err := r.stmt(ctx, query) //nolint:sqlclosecheck // statements are kept until close
	if err != nil {
		return false, err
	}
	ok, err := found(st.QueryRowContext(ctx, args...).Scan(dest...))
	tell(store.WitnessOf(ctx), query, oneIf(ok))
	return ok, err
}

// each calls row for every row of a query, which holds a connection until it
// returns: row must not read from the pool itself.
func (r *reader) each(ctx context.Context, row func(*sql.Rows) error, query string, args ...any) error {
	st, err := r.stmt(ctx, query)
	if err != nil {
		return err
	}
	n, err := eachRow(ctx, st, row, args)
	tell(store.WitnessOf(ctx), query, n)
	return err
}

func (r *reader) close() error {
	r.mu.Lock()
	stmts := r.stmts
	r.stmts = map[string]*sql.Stmt{}
	r.mu.Unlock()
	var errs []error
	for _, st := range stmts {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, r.db.Close())...)
}
