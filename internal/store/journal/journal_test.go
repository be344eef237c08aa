package journal_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/journal"
	"github.com/freshet-vod/freshet/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func TestJournal(t *testing.T) {
	t.Parallel()
	storetest.RunJournal(t, func(t *testing.T) store.Journal {
		t.Helper()
		return open(t, filepath.Join(t.TempDir(), "pop", "journal.db"))
	})
}

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.RunJournal(t, func(*testing.T) store.Journal { return journal.NewMemory() })
}

func TestJournalIsDurable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "journal.db")
	storetest.RunDurableJournal(t, func(t *testing.T) store.Journal {
		t.Helper()
		j, err := journal.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := j.Close(); err != nil {
				t.Error(err)
			}
		})
		return j
	})
}

// TestMemoryWorksInBubbles: nothing outlives the calls.
func TestMemoryWorksInBubbles(t *testing.T) {
	t.Parallel()
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			j := journal.NewMemory()
			if err := j.Commit(t.Context(), store.Step{State: &store.AgentState{Known: freshet.Position{Epoch: 1}}}); err != nil {
				t.Fatal(err)
			}
			if _, found, err := j.LoadAgent(t.Context()); err != nil || !found {
				t.Fatal(found, err)
			}
		})
	}
}
