// Package sqlite keeps the control plane's state in SQLite files of one
// directory: freshet.db, and one file of evidence a day below evidence/. It
// implements every interface of package store but Journal.
//
// It must not know what callers do with what it keeps, nor ask a clock. The
// wiring opens it and hands it to the engine; package storetest says what it
// promises. If it answers before a commit is on disk, or hands out a position
// twice, promises P1 and P3 are broken and nothing above can mend it.
//
// All writing to freshet.db is done by one goroutine, which takes whatever is
// queued into one transaction: with an fsync per commit that is worth fifteen
// times the throughput of commits of one's own. Reading is done beside it by a
// pool of connections, which the write-ahead log keeps out of each other's way.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/freshet-vod/freshet/internal/seal"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
)

// readers is how many reads run at once. Reads are short; more connections
// than this cost memory and gain nothing on machines that run one process.
const readers = 6

// Page caches, in KiB: the writer touches the ends of every index, the readers
// mostly what was written a moment ago.
const (
	writerCache = 32 << 10
	readerCache = 8 << 10
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options says where a Store lives.
type Options struct {
	Dir string       // made with mode 0700 if there is none; used by one process at a time
	Log *slog.Logger // for faults that no caller hears of; nil = none
	// Box seals secrets; what an older key sealed, or nothing did, is sealed
	// anew by Open. nil = secrets are stored as they are, and sealed ones cannot
	// be read.
	Box *seal.Box
}

// Store is the control plane's store. Its methods may be called concurrently.
type Store struct {
	lock     *sqlfile.Lock
	db       *sql.DB // the writer's connection
	read     *reader
	w        *writer
	epochs   atomic.Pointer[epochs]
	sets     targetSets
	known    knownMedia
	scopes   scopes
	manyRows int // see the constant
	// oldest is a number at or before that of the oldest purge or prefetch that
	// is left in the log.
	oldest   atomic.Int64
	evidence *evidence
	box      *seal.Box // nil: none
}

// The interfaces that a Store implements.
var (
	_ store.Jobs     = (*Store)(nil)
	_ store.Log      = (*Store)(nil)
	_ store.Tasks    = (*Store)(nil)
	_ store.States   = (*Store)(nil)
	_ store.Evidence = (*Store)(nil)
	_ store.Catalog  = (*Store)(nil)
	_ store.MediaOps = (*Store)(nil)
	_ store.Keys     = (*Store)(nil)
	_ store.Accounts = (*Store)(nil)
	_ store.POPs     = (*Store)(nil)
	_ store.Quotas   = (*Store)(nil)
	_ store.Audit    = (*Store)(nil)

	_ store.CallbackRules = (*Store)(nil)
	_ store.MediaSearch   = (*Store)(nil)
	_ store.Webhooks      = (*Store)(nil)
	_ store.Callbacks     = (*Store)(nil)
)

// Open opens the store in o.Dir, making it if there is none, and brings its
// schema up to date. A directory that another process uses is a
// CodeUnavailable error.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	lock, err := sqlfile.LockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{manyRows: manyRows, lock: lock, box: o.Box}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	path := filepath.Join(o.Dir, mainFile)
	var err error
	if s.db, err = sqlfile.Open(ctx, path, sqlfile.Options{Conns: 1, CacheKiB: writerCache}); err != nil {
		return err
	}
	numbered, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	if err := sqlfile.Migrate(ctx, s.db, numbered); err != nil {
		return err
	}
	if err := s.sealAll(ctx); err != nil {
		return err
	}
	// Whoever held a lease is dead: the directory has one process at a time.
	// Rows that were being planned are free at once, not when the lease ends.
	if _, err := s.db.ExecContext(ctx, `DELETE FROM job_row WHERE outcome IS NULL
		AND job IN (SELECT seq FROM job_open)`); err != nil { // open jobs are few, and all outcomes many
		return fmt.Errorf("ending leases: %w", err)
	}
	if _, err := s.db.ExecContext(ctx, `UPDATE callback SET worker = '', due = created WHERE state = 0 AND worker <> ''`); err != nil {
		return fmt.Errorf("ending leases of callbacks: %w", err)
	}
	db, err := sqlfile.Open(ctx, path, sqlfile.Options{Conns: readers, CacheKiB: readerCache, ReadOnly: true})
	if err != nil {
		return err
	}
	s.read = newReader(db)
	known, err := loadEpochs(ctx, s.read)
	if err != nil {
		return err
	}
	s.epochs.Store(known)
	dir := filepath.Join(o.Dir, evidenceDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making evidence directory: %w", err)
	}
	if s.evidence, err = openEvidence(ctx, dir); err != nil {
		return err
	}
	if s.w, err = startWriter(ctx, s.db, s.read, o.Log); err != nil {
		return err
	}
	return s.placeOld(ctx, o.Log)
}

// Close finishes what is queued and closes every file. Calls that come later
// fail. It is not an error to call it twice.
func (s *Store) Close() error {
	var errs []error
	if s.w != nil {
		errs = append(errs, s.w.stop())
	}
	if s.evidence != nil {
		errs = append(errs, s.evidence.close())
	}
	if s.read != nil {
		errs = append(errs, s.read.close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Release())
		s.lock = nil
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing store: %w", err)
	}
	return nil
}
