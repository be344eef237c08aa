package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// TestP7_DictionariesThatAreDroppedAreReadAgain: a commit about more entries
// than dictionaries are kept for. A body that comes twice is stored once, and
// both facts name it.
func TestP7_DictionariesThatAreDroppedAreReadAgain(t *testing.T) {
	t.Parallel()
	const entries = 5000
	s := open(t, t.TempDir())
	now := time.Now().UTC().Truncate(time.Millisecond)
	var msgs []*store.Received
	for number := range uint64(2) {
		for pos := range uint64(entries) {
			msgs = append(msgs, &store.Received{ReceivedAt: now, Evidence: freshet.Evidence{
				POP: "p", Stream: 1, Number: number*entries + pos + 1, Incarnation: "i",
				Entries: []freshet.EntryFacts{{At: freshet.Position{Epoch: 1, Pos: pos + 1}, Facts: []freshet.Fact{{
					Outcome: freshet.OutcomeDone, ExecutedAt: now, Before: freshet.Copy{
						FetchedAt: now, Validator: fmt.Sprintf(`"%d"`, pos), Size: int64(number + 1),
					},
				}}}},
			}})
		}
	}
	if err := s.SaveEvidence(t.Context(), msgs); err != nil {
		t.Fatal(err)
	}
	for _, pos := range []uint64{1, entries / 2, entries} {
		n := int64(0)
		for msg, err := range s.EvidenceOf(t.Context(), freshet.Position{Epoch: 1, Pos: pos}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if b := msg.Entries[0].Facts[0].Before; b.Validator != fmt.Sprintf(`"%d"`, pos-1) || b.Size != n {
				t.Errorf("message %d about entry %d says %+v", n, pos, b)
			}
		}
		if n != 2 {
			t.Errorf("entry %d has %d messages", pos, n)
		}
	}
}

// BenchmarkEvidence is one commit of the answers of a hundred POPs to one
// purge of one URL.
func BenchmarkEvidence(b *testing.B) {
	ctx := b.Context()
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	now := time.Now()
	n := uint64(0)
	for b.Loop() {
		n++
		msgs := make([]*store.Received, 100)
		for i := range msgs {
			msgs[i] = &store.Received{ReceivedAt: now, Evidence: freshet.Evidence{
				POP: fmt.Sprintf("pop-%03d", i), Stream: 7, Number: n, Incarnation: "0123456789abcdef",
				Entries: []freshet.EntryFacts{{At: freshet.Position{Epoch: 1, Pos: n}, Facts: []freshet.Fact{{
					Outcome: freshet.OutcomeAlready, Verified: freshet.VerifiedInspect, Attempts: 1, ExecutedAt: now, Rounds: 1,
				}}}},
			}}
		}
		if err := db.SaveEvidence(ctx, msgs); err != nil {
			b.Fatal(err)
		}
	}
}
