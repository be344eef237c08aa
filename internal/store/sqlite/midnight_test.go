package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// TestADayWhoseFileWasNeverMadeContinuesTheDayBefore: a process may be killed
// after midnight between the making of the new day's file and the commit of
// its tables.
func TestADayWhoseFileWasNeverMadeContinuesTheDayBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Date(2026, 3, 14, 23, 59, 0, 0, time.UTC)
	s := open(t, dir)
	saveOne(t, s, 1, at)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, day := range []string{"2026-03-15", "2026-03-16"} {
		if err := os.WriteFile(filepath.Join(dir, "evidence", day+".db"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir)
	again := &store.Received{
		Evidence:   freshet.Evidence{POP: "p", Stream: 1, Number: 1, Incarnation: "i"},
		ReceivedAt: at.Add(2 * time.Minute),
	}
	if err := s.SaveEvidence(t.Context(), []*store.Received{again}); err != nil {
		t.Fatal(err)
	}
	if !again.Duplicate {
		t.Error("a repeat after midnight was not recognised")
	}
	saveOne(t, s, 2, at.Add(3*time.Minute))
	saveOne(t, s, 3, at.Add(24*time.Hour+3*time.Minute))
	if n, err := s.VerifyEvidence(t.Context()); n != 3 || err != nil {
		t.Errorf("the chain holds %d messages: %v", n, err)
	}
}

// TestP1_PlannersLookWhileTheQueueIsUnread: after a rollback the queue is read
// by whoever claims next; a job that is accepted in between is not in it.
func TestP1_PlannersLookWhileTheQueueIsUnread(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	s.ForgetQueue(t.Context())
	job := &freshet.Job{Account: "a", ID: "j", Created: time.Now(), Rows: []freshet.Row{{Media: "m"}}}
	if err := s.Accept(t.Context(), job, store.Nonce{}); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Claim(t.Context(), store.Claim{Worker: "w", Now: time.Now(), Lease: time.Minute, Limit: 1})
	if err != nil || len(rows) != 1 {
		t.Fatalf("claimed %d rows: %v", len(rows), err)
	}
}
