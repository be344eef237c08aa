// Package sqlfile opens SQLite files the one way that this product opens
// them: private to their owner, write-ahead log, an fsync for every commit,
// foreign keys on, and a schema brought up to date by numbered migrations.
//
// It must not know any table. The stores that keep SQLite files call it. If a
// pragma here is lost, a power cut takes acknowledged work with it, and no
// ordinary test would notice; so its tests read the pragmas back on the
// connections in use.
package sqlfile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// busyTimeout is how long a connection waits for another one of this process
// to leave the file, in milliseconds. Only a checkpoint can be in the way, and
// those take a fraction of it.
const busyTimeout = 10_000

// checkpointPages is how long the write-ahead log grows before its pages are
// moved into the file, 16 MiB. Pages that are written again and again, such as
// the ends of indexes, are then moved once for many commits.
const checkpointPages = 4096

// Options says how to open a file.
type Options struct {
	Conns    int  // connections at most; they are kept open
	ReadOnly bool // statements that write are refused
	CacheKiB int  // page cache of each connection; 0 = SQLite's default
}

// Open opens the file at path, making it with mode 0600 if there is none, and
// checks that it is a database that answers.
func Open(ctx context.Context, path string, o Options) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	// SQLite would make the file with the process's umask, and gives -wal and
	// -shm the mode of the file.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(path, o))
	if err != nil {
		return nil, fmt.Errorf("opening database %s: %w", path, err)
	}
	db.SetMaxOpenConns(o.Conns)
	db.SetMaxIdleConns(o.Conns)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening database %s: %w", path, err), db.Close())
	}
	return db, nil
}

// dsn names the file and the pragmas, which SQLite forgets with each
// connection and which the driver therefore sets on every one it opens.
func dsn(path string, o Options) string {
	pragmas := []string{
		fmt.Sprintf("busy_timeout(%d)", busyTimeout), // first: switching to WAL may have to wait
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages),
	}
	if o.CacheKiB > 0 {
		pragmas = append(pragmas, fmt.Sprintf("cache_size(-%d)", o.CacheKiB))
	}
	if o.ReadOnly {
		pragmas = append(pragmas, "query_only(1)")
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// Migrate brings the schema of db up to the newest of the numbered files in
// migrations.
func Migrate(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("reading schema version: %w", err)
	}
	if have > want {
		return fmt.Errorf("database has schema %d, but this release knows only %d: it was written by a newer release", have, want)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrating database: %w", err)
	}
	return nil
}

// IsConstraint reports whether err is a clash with a unique index or another
// constraint. The statement that met it left nothing behind.
func IsConstraint(err error) bool { return primary(err) == sqlite3.SQLITE_CONSTRAINT }

// IsStorage reports whether err is the storage's fault, so that the same call
// may succeed once there is room or the disk is back.
func IsStorage(err error) bool {
	switch primary(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

func primary(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
