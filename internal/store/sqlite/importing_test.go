package sqlite_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// TestP10_TheCatalogAnswersWhileMediaAreTakenIn: a batch of an import holds a
// reader up not at all, and a writer no longer than the batch takes.
func TestP10_TheCatalogAnswersWhileMediaAreTakenIn(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	batch := func(from int) (list []*freshet.Media) {
		for i := range 200 {
			list = append(list, &freshet.Media{Account: "a", ID: fmt.Sprintf("m%d", from+i), Title: fmt.Sprintf("a film about %d", from+i), Streams: []freshet.Stream{}})
		}
		return list
	}
	if err := s.PutMedia(t.Context(), time.Now(), batch(0)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var batches []time.Duration
	imported := make(chan error, 1)
	go func() {
		for n := 1; ctx.Err() == nil; n++ {
			began := time.Now()
			if err := s.PutMedia(context.WithoutCancel(ctx), time.Now(), batch(n*200)); err != nil {
				imported <- err
				return
			}
			batches = append(batches, time.Since(began))
		}
		imported <- nil
	}()
	var reads, writes []time.Duration
	for i := range 30 {
		began := time.Now()
		m, err := s.Media(t.Context(), "a", []string{fmt.Sprintf("m%d", i*7)})
		if err != nil || len(m) != 1 {
			t.Fatal(m, err)
		}
		reads = append(reads, time.Since(began))
		began = time.Now()
		job := &freshet.Job{Account: "a", ID: fmt.Sprintf("%016x", i), Type: freshet.Purge, Created: began, Rows: []freshet.Row{{Media: "m1", State: freshet.RowAccepted}}}
		if err := s.Accept(t.Context(), job, store.Nonce{}); err != nil {
			t.Fatal(err)
		}
		writes = append(writes, time.Since(began))
	}
	stop()
	if err := <-imported; err != nil {
		t.Fatal(err)
	}
	middle := func(list []time.Duration) time.Duration { slices.Sort(list); return list[len(list)/2] }
	batchTime, readTime, writeTime := middle(batches), middle(reads), middle(writes)
	t.Logf("%d batches, %v each; a media is read in %v (%v at most), a job accepted in %v (%v at most)",
		len(batches), batchTime, readTime, reads[len(reads)-1], writeTime, writes[len(writes)-1])
	// Medians: a machine that does other work holds up one or the other. A writer
	// waits for the batch before it, and may share the next.
	if readTime > batchTime || writeTime > 4*batchTime {
		t.Errorf("with batches of %v, reads take %v and writes %v", batchTime, readTime, writeTime)
	}
}
