package sqlite_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet/internal/store/sqlite"
	"github.com/freshet-vod/freshet/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if id := os.Getenv(victimDir); id != "" {
		victim(id)
		return
	}
	goleak.VerifyTestMain(m)
}

func open(tb testing.TB, dir string) *sqlite.Store {
	tb.Helper()
	s, err := sqlite.Open(tb.Context(), sqlite.Options{Dir: dir, Box: boxOf(tb, 1)})
	if err != nil {
		tb.Fatalf("opening: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("closing: %v", err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	plans := &sqlite.PlanRecorder{}
	t.Cleanup(func() { plans.Check(t, !t.Failed() && !strings.Contains(flag.Lookup("test.run").Value.String(), "/")) })
	storetest.Run(t, func(t *testing.T) storetest.Everything {
		t.Helper()
		s := open(t, t.TempDir())
		t.Cleanup(func() { plans.Collect(context.WithoutCancel(t.Context()), s) }) // before it is closed
		return s
	})
}

func TestStoreIsDurable(t *testing.T) {
	t.Parallel()
	storetest.RunDurable(t, func(t *testing.T) storetest.Place { t.Helper(); return place(t.TempDir()) })
}

func place(dir string) storetest.Place {
	return storetest.Place{
		Open: func(t *testing.T) storetest.Everything { t.Helper(); return open(t, dir) },
		Crash: func(t *testing.T) storetest.Place {
			t.Helper()
			to := t.TempDir()
			copyDir(t, dir, to)
			return place(to)
		},
	}
}

// copyDir copies what a crash would leave: files as they are, with their logs,
// and no lock.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if filepath.Ext(path) == ".db-shm" || d.Name() == "lock" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatalf("copying: %v", err)
	}
}
