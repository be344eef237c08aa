package edge_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/edge"
)

// TestP5_AFlushAsksTheOriginAtABoundedRate: after a flush every hit is a question
// to the origin. They come no faster than is set, viewers wait for them, and none
// gets what may be old.
func TestP5_AFlushAsksTheOriginAtABoundedRate(t *testing.T) {
	t.Parallel()
	const (
		rate    = 50
		burst   = 2 * rate
		objects = burst + rate
	)
	var mu sync.Mutex // guards what follows
	var asked []time.Time
	version := 1
	n := alone(t, edge.Options{FlushRate: rate}, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, time.Now())
		tag := fmt.Sprintf(`"%d"`, version)
		w.Header().Set("ETag", tag)
		w.Header().Set("Cache-Control", "max-age=3600")
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = fmt.Fprintf(w, "version %d", version)
	})
	view := func(want string) {
		var viewers sync.WaitGroup
		for i := range objects {
			viewers.Go(func() {
				if r := n.get(t, fmt.Sprintf("/%d", i)); r.err != nil || r.body != want {
					t.Errorf("object %d = %d %q (%v), want %q", i, r.status, r.body, r.err, want)
				}
			})
		}
		viewers.Wait()
	}
	view("version 1")
	mu.Lock()
	asked, version = nil, 2
	mu.Unlock()
	if err := n.Flush(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	view("version 2")
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != objects {
		t.Fatalf("the origin was asked %d times about %d objects", len(asked), objects)
	}
	for i, at := range asked {
		if least := time.Duration(i+1-burst) * time.Second / rate; at.Sub(began) < least-10*time.Millisecond {
			t.Fatalf("question %d came after %v, want %v at least", i+1, at.Sub(began), least)
		}
	}
}
