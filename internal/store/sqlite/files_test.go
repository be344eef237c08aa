package sqlite_test

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

func TestAnotherProcessesDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir)
	_, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if freshet.ErrorCode(err) != freshet.CodeConflict || !strings.Contains(err.Error(), dir) {
		t.Fatalf("error is %v, want one that names %s", err, dir)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	if err := s.Accept(t.Context(), &freshet.Job{Account: "a", ID: "j"}, store.Nonce{}); err != nil {
		t.Fatal(err)
	}
	saveOne(t, s, 1, time.Unix(1e9, 0))
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		seen++
		return nil
	})
	if err != nil || seen < 7 {
		t.Fatalf("saw %d files: %v", seen, err)
	}
}

// TestReleasedMigrationsNeverChange: a database that ran a migration will not
// run it again. A new file is added here with its sum; a changed sum is a
// fault of the change.
func TestReleasedMigrationsNeverChange(t *testing.T) {
	t.Parallel()
	sums, err := os.ReadFile(filepath.Join("testdata", "migrations.sum"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(sums)), "\n")
	files, err := filepath.Glob(filepath.Join("migrations", "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var got []string
	for i, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		if !strings.HasPrefix(name, fmt.Sprintf("%05d_", i+1)) {
			t.Errorf("migration %s is not number %d: numbers have no gaps", name, i+1)
		}
		got = append(got, fmt.Sprintf("%x  %s", sha256.Sum256(b), name))
	}
	if !slices.Equal(got, want) {
		t.Errorf("migrations are\n%s\nand were released as\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestADatabaseOfANewerReleaseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "freshet.db"), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	_, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "newer release") {
		t.Fatalf("error is %v", err)
	}
}

// edit changes a file behind the store's back.
func edit(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func saveOne(t *testing.T, s *sqlite.Store, number uint64, at time.Time) {
	t.Helper()
	m := &store.Received{
		Evidence: freshet.Evidence{POP: "p", Stream: 1, Number: number, Incarnation: "i", Entries: []freshet.EntryFacts{{
			At:    freshet.Position{Epoch: 1, Pos: 1},
			Facts: []freshet.Fact{{Outcome: freshet.OutcomeDone, Before: freshet.Copy{FetchedAt: at, Validator: fmt.Sprint(number), Size: 1}}},
		}}},
		ReceivedAt: at,
	}
	if err := s.SaveEvidence(t.Context(), []*store.Received{m}); err != nil {
		t.Fatal(err)
	}
}

func TestAChangedOrLostMessageBreaksTheChain(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for name, query := range map[string]string{
		"untouched":     `SELECT 1`,
		"changed time":  `UPDATE message SET received = received + 1 WHERE id = 3`,
		"changed facts": `UPDATE message SET facts = (SELECT facts FROM message WHERE id = 1) WHERE id = 3`,
		"changed word":  `UPDATE word SET text = 'other' WHERE text = 'i'`,
		"changed dict":  `UPDATE dict SET part = (SELECT part FROM dict WHERE message = 1) WHERE message = 2`,
		"lost first":    `DELETE FROM message WHERE id = 1`,
		"lost middle":   `DELETE FROM message WHERE id = 3`,
		"lost last":     `DELETE FROM message WHERE id = 5`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := open(t, dir)
			for n := range uint64(8) {
				saveOne(t, s, n+1, at.AddDate(0, 0, int(n)/5))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			edit(t, filepath.Join(dir, "evidence", "2026-03-14.db"), query)
			n, err := open(t, dir).VerifyEvidence(t.Context())
			if intact := name == "untouched"; (err == nil) != intact || intact && n != 8 {
				t.Fatalf("verified %d messages: %v", n, err)
			}
		})
	}
}

// TestADaysFileIsWholeInItself: what an auditor is handed is one file.
func TestADaysFileIsWholeInItself(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	s := open(t, t.TempDir())
	dir := t.TempDir()
	from := open(t, dir)
	for n := range uint64(3) {
		saveOne(t, from, n+1, at.AddDate(0, 0, int(n)))
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "evidence", "*-*-*.db-*"))
	if err != nil || len(left) != 0 {
		t.Fatalf("beside the files are left %v (%v)", left, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	alone := t.TempDir()
	if err := os.MkdirAll(filepath.Join(alone, "evidence"), 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "evidence", "2026-03-15.db"))
	if err == nil {
		err = os.WriteFile(filepath.Join(alone, "evidence", "2026-03-15.db"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, alone)
	if n, err := s.VerifyEvidence(t.Context()); err != nil || n != 1 {
		t.Fatalf("verified %d messages: %v", n, err)
	}
	for m, err := range s.EvidenceSince(t.Context(), store.EvidenceCursor{}) {
		if err != nil || m.Number != 2 || m.Entries[0].Facts[0].Before.Validator != "2" {
			t.Fatalf("read %+v: %v", m, err)
		}
	}
	repeat := &store.Received{Evidence: freshet.Evidence{POP: "p", Stream: 1, Number: 1}, ReceivedAt: at.AddDate(0, 0, 1)}
	if err := s.SaveEvidence(t.Context(), []*store.Received{repeat}); err != nil || !repeat.Duplicate {
		t.Fatalf("the day before is not known: %v", err)
	}
}
