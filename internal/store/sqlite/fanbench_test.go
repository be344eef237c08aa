package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

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
