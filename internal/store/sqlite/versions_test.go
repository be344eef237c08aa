package sqlite_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// firstRelease makes a store's folder that holds a day of evidence written by
// the first release, whose facts are packed in version 1 of the wire.
func firstRelease(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	packed, err := os.Open(filepath.Join("testdata", "evidence-v1.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packed.Close() }()
	z, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "evidence"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "evidence", "2026-03-14.db"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func since(t *testing.T, s *sqlite.Store, after store.EvidenceCursor) []*store.Received {
	t.Helper()
	var list []*store.Received
	for m, err := range s.EvidenceSince(t.Context(), after) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

// A day that the first release began is read, continued in the newest version,
// and holds together as one chain.
func TestVersions_ADayOfTheFirstReleaseIsReadAndContinued(t *testing.T) {
	t.Parallel()
	dir := firstRelease(t)
	s := open(t, dir)
	old := since(t, s, store.EvidenceCursor{})
	if len(old) != 3 || old[1].POP != "edge-2" || len(old[0].Entries) != 4 || len(old[0].Entries[0].Facts) != 40 {
		t.Fatalf("the old day reads %+v", old)
	}
	f := old[0].Entries[0].Facts[7]
	if f.Outcome != freshet.OutcomeDone || f.Attempts != 2 || f.Before.Validator != `"3f80f-1b6-3e1cb03b"` || f.Before.Size != 438 || f.Rounds != 0 || f.Window != 0 {
		t.Errorf("an old fact reads %+v", f)
	}
	if n, err := s.VerifyEvidence(t.Context()); n != 3 || err != nil {
		t.Fatalf("%d messages of the old day hold together: %v", n, err)
	}

	repeat := &store.Received{Evidence: old[0].Evidence, ReceivedAt: old[2].ReceivedAt}
	next := &store.Received{Evidence: old[0].Evidence, ReceivedAt: old[2].ReceivedAt.Add(time.Second)}
	next.Number = 14
	facts := append([]freshet.Fact(nil), old[0].Entries[0].Facts...)
	for i := range facts {
		facts[i].Rounds, facts[i].Window = 1+i%2, time.Duration(i)*time.Millisecond
	}
	facts[0].Before.Validator = `"new"` // joins what the old messages added to the dictionary
	at := old[0].Entries[0].At
	next.Entries = []freshet.EntryFacts{{At: at, Facts: facts}}
	if err := s.SaveEvidence(t.Context(), []*store.Received{repeat, next}); err != nil || !repeat.Duplicate || next.Duplicate {
		t.Fatalf("a repeat is new (%v), or what is new a repeat (%v): %v", !repeat.Duplicate, next.Duplicate, err)
	}
	for range 2 { // and after a restart
		if d := cmp.Diff(append(append([]*store.Received(nil), old...), next), since(t, s, store.EvidenceCursor{})); d != "" {
			t.Error(d)
		}
		var ofEntry []int
		for m, err := range s.EvidenceOf(t.Context(), at) {
			if err != nil {
				t.Fatal(err)
			}
			ofEntry = append(ofEntry, m.Entries[0].Facts[1].Rounds)
		}
		if d := cmp.Diff([]int{0, 0, 2}, ofEntry); d != "" {
			t.Error(d)
		}
		if n, err := s.VerifyEvidence(t.Context()); n != 4 || err != nil {
			t.Errorf("%d messages hold together: %v", n, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
	}
}

// A change of an old message is seen under the new ones, too.
func TestVersions_TheChainHoldsOverBoth(t *testing.T) {
	t.Parallel()
	dir := firstRelease(t)
	s := open(t, dir)
	saveOne(t, s, 1, time.Date(2026, 3, 14, 13, 0, 0, 0, time.UTC))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "evidence", "2026-03-14.db"), `UPDATE message SET facts = (SELECT facts FROM message WHERE id = 4) WHERE id = 2`)
	if n, err := open(t, dir).VerifyEvidence(t.Context()); err == nil {
		t.Errorf("%d messages hold together, of which one was replaced", n)
	}
}
