package edge_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
)

// The first byte is what tells an agent that an origin gets slower; the body
// says more of the object's size.
func TestPrefetch_TellsHowLongTheFirstByteTook(t *testing.T) {
	t.Parallel()
	const header, body = 60 * time.Millisecond, time.Second
	var status atomic.Int64
	status.Store(http.StatusOK)
	n := alone(t, edge.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(header)
		w.Header().Set("Cache-Control", "max-age=3600")
		w.WriteHeader(int(status.Load()))
		_ = http.NewResponseController(w).Flush()
		<-time.After(body)
		_, _ = w.Write([]byte("film"))
	})
	began := time.Now()
	r := n.Prefetch(t.Context(), "http://"+host+"/a")
	if took := time.Since(began); r.Outcome != freshet.OutcomeDone || r.FirstByte < header || took-r.FirstByte < body/2 {
		t.Fatalf("%s, first byte after %s of %s", r.Outcome, r.FirstByte, took)
	}
	if r := n.Prefetch(t.Context(), "http://"+host+"/a"); r.Outcome != freshet.OutcomeAlready || r.FirstByte != 0 {
		t.Fatalf("%s, first byte after %s, though nobody was asked", r.Outcome, r.FirstByte)
	}
	status.Store(http.StatusServiceUnavailable)
	if r := n.Prefetch(t.Context(), "http://"+host+"/b"); r.Outcome != freshet.OutcomeFailed || r.FirstByte < header {
		t.Fatalf("%s, first byte after %s", r.Outcome, r.FirstByte)
	}
}
