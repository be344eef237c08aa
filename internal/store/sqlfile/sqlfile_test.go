package sqlfile_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string, o sqlfile.Options) *sql.DB {
	t.Helper()
	db, err := sqlfile.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestP1_EveryConnectionSyncs reads the pragmas back on all connections of a
// pool at once: SQLite sets them per connection, and forgets them with it.
func TestP1_EveryConnectionSyncs(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]sqlfile.Options{
		"writer": {Conns: 1, CacheKiB: 64}, "reader": {Conns: 4, ReadOnly: true, CacheKiB: 64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A path with characters that mean something in a URI.
			db := open(t, filepath.Join(t.TempDir(), "a?b=c#d %41.db"), o)
			for range o.Conns {
				conn, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := conn.Close(); err != nil {
						t.Error(err)
					}
				}()
				readOnly := "0"
				if o.ReadOnly {
					readOnly = "1"
				}
				for pragma, want := range map[string]string{
					"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000",
					"cache_size": "-64", "query_only": readOnly, "temp_store": "2",
				} {
					var got string
					if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
						t.Errorf("%s is %q (%v), want %q", pragma, got, err, want)
					}
				}
			}
		})
	}
}

func TestThePathNamesTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a?mode=memory#d %41.db")
	db := open(t, path, sqlfile.Options{Conns: 1})
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE x (y)`); err != nil {
		t.Fatal(err)
	}
	var file string
	if err := db.QueryRowContext(t.Context(), `SELECT file FROM pragma_database_list`).Scan(&file); err != nil || !strings.HasSuffix(file, "a?mode=memory#d %41.db") {
		t.Fatalf("database is in %q (%v)", file, err)
	}
}

func TestAReadOnlyPoolRefusesToWrite(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "x.db"), sqlfile.Options{Conns: 2, ReadOnly: true})
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE x (y)`); err == nil || !sqlfile.IsStorage(err) {
		t.Fatalf("error is %v", err)
	}
}

func TestAConstraintIsTold(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "x.db"), sqlfile.Options{Conns: 1})
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE x (y PRIMARY KEY); INSERT INTO x VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	_, err := db.ExecContext(t.Context(), `INSERT INTO x VALUES (1)`)
	if !sqlfile.IsConstraint(err) || sqlfile.IsStorage(err) {
		t.Fatalf("error is %v", err)
	}
	_, err = db.ExecContext(t.Context(), `nonsense`)
	if err == nil || sqlfile.IsConstraint(err) || sqlfile.IsStorage(err) || sqlfile.IsConstraint(context.Canceled) {
		t.Fatalf("error is %v", err)
	}
}

func TestMigrationsRunOnce(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "x.db"), sqlfile.Options{Conns: 1})
	files := fstest.MapFS{"00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (x);")}}
	for range 2 {
		if err := sqlfile.Migrate(t.Context(), db, files); err != nil {
			t.Fatal(err)
		}
	}
	files["00002_b.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE b (x);\nnonsense;")}
	if err := sqlfile.Migrate(t.Context(), db, files); err == nil {
		t.Fatal("nonsense was taken for a migration")
	}
	var n int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM sqlite_schema WHERE name = 'b'`).Scan(&n); err != nil || n != 0 {
		t.Fatalf("half a migration was kept (%d, %v)", n, err)
	}
	delete(files, "00002_b.sql")
	if _, err := db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (7, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := sqlfile.Migrate(t.Context(), db, files); err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Fatalf("error is %v", err)
	}
}

func TestALockedDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	l, err := sqlfile.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlfile.LockDir(dir)
	if freshet.ErrorCode(err) != freshet.CodeConflict || !strings.Contains(err.Error(), dir) {
		t.Fatalf("error is %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if l, err = sqlfile.LockDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}
