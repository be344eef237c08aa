package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errStopped says that nothing more can be stored; storing.end says why.
var errStopped = errors.New("storing has stopped")

// storing stores batches in order while the next one is read: checking a line
// costs about as much as storing it, and each sync to disk is a wait.
type storing struct {
	batches chan *batch
	stopped chan struct{} // closed when no more is taken
	done    int           // lines that were stored; read it after stopped
	err     error         // likewise
}

func startStoring(ctx context.Context, s Store) *storing {
	st := &storing{batches: make(chan *batch), stopped: make(chan struct{})}
	go func() {
		defer close(st.stopped)
		for b := range st.batches {
			if st.err = b.store(ctx, s); st.err != nil {
				return
			}
			st.done += b.lines
		}
	}()
	return st
}

// put hands a batch over; it waits while the one before the last is stored.
func (st *storing) put(b *batch) error {
	if b.lines == 0 {
		return nil
	}
	select {
	case st.batches <- b:
		return nil
	case <-st.stopped:
		return errStopped
	}
}

// end waits until everything is stored, and tells how many lines were.
func (st *storing) end() (int, error) {
	close(st.batches)
	<-st.stopped
	return st.done, st.err
}

func (b *batch) store(ctx context.Context, s Store) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, m := range b.media {
		m.Updated = now
	}
	if err := s.PutMedia(ctx, now, b.media); err != nil {
		return fmt.Errorf("storing media: %w", err)
	}
	return nil
}
