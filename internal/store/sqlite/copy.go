package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"modernc.org/sqlite"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
)

// mainFile is the name of the file that holds all but the evidence.
const mainFile = "freshet.db"

// evidenceDir is the name of the folder with a file of evidence a day.
const evidenceDir = "evidence"

// Copy copies the store in dir to the folder to, which must exist, while
// another process may be using it: writers are not held up, and what is copied
// is the state at one moment. Evidence is copied after the rest, so the copy
// may hold evidence that its log does not know, never the other way round: what
// was folded into states is there to be folded again.
//
// It returns the names of the files that it wrote, relative to to.
func Copy(ctx context.Context, dir, to string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(dir, mainFile)); err != nil {
		return nil, fmt.Errorf("there is no store in %s: %w", dir, err)
	}
	if err := copyDB(ctx, filepath.Join(dir, mainFile), filepath.Join(to, mainFile)); err != nil {
		return nil, err
	}
	names := []string{mainFile}
	days, err := filepath.Glob(filepath.Join(dir, evidenceDir, "*.db"))
	if err != nil {
		return nil, fmt.Errorf("listing evidence: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(to, evidenceDir), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of evidence: %w", err)
	}
	slices.Sort(days)
	for _, day := range days {
		name := filepath.Join(evidenceDir, filepath.Base(day))
		err := copyDB(ctx, day, filepath.Join(to, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // its time to be kept ended a moment ago
		}
		if err != nil {
			return nil, err
		}
		names = append(names, filepath.ToSlash(name))
	}
	return names, nil
}

// copyDB copies a database that may be in use: all its pages at one moment,
// those still in its write-ahead log too.
func copyDB(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("copying %s: %w", filepath.Base(from), err)
	}
	db, err := sqlfile.Open(ctx, from, sqlfile.Options{Conns: 1, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	// SQLite would make the file with the process's umask.
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the operator names the directory
	if err != nil {
		return fmt.Errorf("copying %s: %w", filepath.Base(from), err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("copying %s: %w", filepath.Base(from), err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("copying %s: %w", filepath.Base(from), err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Raw(func(c any) error { return step(c, to) }); err != nil {
		return fmt.Errorf("copying %s: %w", filepath.Base(from), err)
	}
	return nil
}

// backuper is the driver's connection.
type backuper interface {
	NewBackup(to string) (*sqlite.Backup, error)
}

// step copies all pages in one step: a copy in several would begin anew with
// every write of another process, and on a busy server never end.
func step(conn any, to string) error {
	source, ok := conn.(backuper)
	if !ok {
		return fmt.Errorf("the database driver %T cannot copy", conn)
	}
	b, err := source.NewBackup(to)
	if err != nil {
		return err
	}
	_, err = b.Step(-1)
	return errors.Join(err, b.Finish())
}

// Restored makes the store in dir, which was brought back from a copy, the
// successor of the one that it was copied from: an epoch is begun whose
// positions and task IDs come after all that was handed out since, so that no
// POP has seen one of them. The epoch and the task IDs go by now: a copy may be
// brought back more than once, and then each time must come after the last.
// The directory must not be in use.
func Restored(ctx context.Context, dir string, now time.Time) (at freshet.Position, err error) {
	s, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	last := s.epochs.Load().last()
	number := max(int64(last.number)+1, min(now.Unix(), math.MaxUint32-1))
	if number >= math.MaxUint32 {
		return at, freshet.Errorf(freshet.CodeInternal, "The epoch of the store is %d: there is none after it.", last.number)
	}
	var task int64
	if _, err := s.read.get(ctx, []any{&task}, `SELECT coalesce(max(next_task), 0) FROM account`); err != nil {
		return at, fmt.Errorf("reading task IDs: %w", err)
	}
	known := freshet.Position{Epoch: uint32(number - 1), Pos: math.MaxUint64}
	highest := max(uint64(task), last.floor, uint64(max(now.UnixMilli(), 0))) //nolint:gosec // never negative
	if err := s.RaiseEpoch(ctx, known, min(highest, maxKnownTask)); err != nil {
		return at, err
	}
	return freshet.Position{Epoch: s.epochs.Load().last().number}, nil
}
