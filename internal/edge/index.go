package edge

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/freshet-vod/freshet"
)

const indexVersion = 2

// fenceSchema: a row is what one purge raised. They are few, go to the end, and
// are deleted from the beginning.
const fenceSchema = `
CREATE TABLE fence (
	id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, pos INTEGER NOT NULL,
	kind INTEGER NOT NULL, pattern TEXT NOT NULL, hosts TEXT NOT NULL
) STRICT;
CREATE INDEX fence_at ON fence (epoch, pos);
`

const indexSchema = fenceSchema + `
CREATE TABLE variant (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, meta BLOB NOT NULL) STRICT;
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`

// Names in table state.
const (
	stateIncarnation = "incarnation"
	stateCursor      = "cursor"
	stateFlushed     = "flushed"
)

// index keeps on disk what must survive a crash: which bodies are whole, and
// which purges were executed. One goroutine writes; see writer.go.
type index struct {
	db   *sql.DB
	dir  string
	log  *slog.Logger
	work chan change   // purges and other changes that someone waits for
	rows chan *variant // new variants, whose rows nobody waits for
	poke chan struct{} // there is something to delete
	stop chan struct{}
	done sync.WaitGroup

	// The writer's own.
	passed  freshet.Position // up to it fences have done their work and may still be on disk; zero: none are known of
	dropped time.Time        // when such fences were deleted last
}

// savedState is what the index knew at start.
type savedState struct {
	incarnation string
	fence       fence
	flushed     time.Time
	variants    []*variant // the one used last comes first
}

// openIndex opens the index of a directory, or creates it with a new
// incarnation. SQLite locks it exclusively, so that two caches never share a
// directory.
func openIndex(ctx context.Context, dir string, log *slog.Logger) (*index, *savedState, error) {
	name := filepath.Join(dir, "index.db")
	dsn := "file:" + (&url.URL{Path: name}).EscapedPath() + "?_txlock=immediate" +
		"&_pragma=locking_mode(EXCLUSIVE)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=wal_autocheckpoint(250)" // pages: a journal of 1 MB leaves a small disk to the bodies
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("open cache index: %w", err)
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	saved, err := readIndex(ctx, db)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read cache index %s: %w", name, err), db.Close())
	}
	ix := &index{
		db: db, dir: dir, log: log,
		work: make(chan change),
		rows: make(chan *variant, 256),
		poke: make(chan struct{}, 1),
		stop: make(chan struct{}),
	}
	return ix, saved, nil
}

func readIndex(ctx context.Context, db *sql.DB) (*savedState, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin (is another process using it?): %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it has nothing to do
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return nil, err
	}
	switch version {
	case 0:
		if err := createIndex(ctx, tx); err != nil {
			return nil, fmt.Errorf("create: %w", err)
		}
	case 1:
		if err := fromVersion1(ctx, tx); err != nil {
			return nil, fmt.Errorf("bring up to date: %w", err)
		}
	case indexVersion:
	default:
		return nil, fmt.Errorf("version %d was written by a newer release", version)
	}
	saved := &savedState{fence: fence{exact: make(map[string]freshet.Position)}}
	for _, read := range []func(context.Context, *sql.Tx) error{saved.readState, saved.readFence, saved.readVariants} {
		if err := read(ctx, tx); err != nil {
			return nil, err
		}
	}
	return saved, tx.Commit()
}

func createIndex(ctx context.Context, tx *sql.Tx) error {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, indexSchema+"PRAGMA user_version = "+strconv.Itoa(indexVersion)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO state (name, value) VALUES (?, ?)", stateIncarnation, hex.EncodeToString(id[:]))
	return err
}

// fromVersion1 changes an index that has a row for each fence.
func fromVersion1(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "ALTER TABLE fence RENAME TO fence1;"+fenceSchema+`
INSERT INTO fence (epoch, pos, kind, pattern, hosts) SELECT epoch, pos, kind, pattern, hosts FROM fence1;
DROP TABLE fence1;
PRAGMA user_version = `+strconv.Itoa(indexVersion))
	return err
}

func (s *savedState) readState(ctx context.Context, tx *sql.Tx) error {
	return scan(ctx, tx, "SELECT name, value FROM state", func(row *sql.Rows) error {
		var name, value string
		if err := row.Scan(&name, &value); err != nil {
			return err
		}
		var err error
		switch name {
		case stateIncarnation:
			s.incarnation = value
		case stateCursor:
			s.fence.cursor, err = freshet.ParsePosition(value)
		case stateFlushed:
			s.flushed, err = time.Parse(time.RFC3339Nano, value)
		}
		return err
	})
}

func (s *savedState) readFence(ctx context.Context, tx *sql.Tx) error {
	// Those up to the cursor have done their work and were not deleted yet.
	const q = "SELECT kind, pattern, hosts, epoch, pos FROM fence WHERE (epoch, pos) > (?, ?) ORDER BY epoch, pos"
	return scan(ctx, tx, q, func(row *sql.Rows) error {
		var sel freshet.Selector
		var hosts string
		var at freshet.Position
		if err := row.Scan(&sel.Kind, &sel.Pattern, &hosts, &at.Epoch, &at.Pos); err != nil {
			return err
		}
		if sel.Kind == freshet.SelectExact {
			for url := range strings.SplitSeq(sel.Pattern, "\n") {
				s.fence.raise(url, at)
			}
			return nil
		}
		sel.Hosts = strings.Split(hosts, ",")
		p, err := newPattern(at, sel)
		if err == nil {
			s.fence.raisePattern(p)
		}
		return err
	}, s.fence.cursor.Epoch, signed(s.fence.cursor.Pos))
}

func (s *savedState) readVariants(ctx context.Context, tx *sql.Tx) error {
	return scan(ctx, tx, "SELECT id, meta FROM variant ORDER BY id DESC", func(row *sql.Rows) error {
		v := new(variant)
		var text []byte
		if err := row.Scan(&v.id, &text); err != nil {
			return err
		}
		if err := json.Unmarshal(text, &v.meta); err != nil {
			return fmt.Errorf("row %d: %w", v.id, err)
		}
		s.variants = append(s.variants, v)
		return nil
	})
}

func scan(ctx context.Context, tx *sql.Tx, query string, each func(*sql.Rows) error, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
