package edge_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
)

// The first byte is what tells an agent that an origin gets slower; the body
// says more of the object's size.
func TestPrefetch_TellsHowLongTheFirstByteTook(t *testing.T) {
	t.Parallel()
	const header, body = 60 * time.Millisecond, 300 * time.Millisecond
	status := http.StatusOK
	n := alone(t, edge.Options{}, func(w http.ResponseWriter, r *http.Request) {
		<-time.After(header)
		w.Header().Set("Cache-Control", "max-age=3600")
		w.WriteHeader(status)
		_ = http.NewResponseController(w).Flush()
		<-time.After(body)
		_, _ = w.Write([]byte("film"))
	})
	r := n.Prefetch(t.Context(), "http://"+host+"/a")
	if r.Outcome != freshet.OutcomeDone || r.FirstByte < header || r.FirstByte >= header+body {
		t.Fatalf("%s, first byte after %s", r.Outcome, r.FirstByte)
	}
	if r := n.Prefetch(t.Context(), "http://"+host+"/a"); r.Outcome != freshet.OutcomeAlready || r.FirstByte != 0 {
		t.Fatalf("%s, first byte after %s, though nobody was asked", r.Outcome, r.FirstByte)
	}
	status = http.StatusServiceUnavailable
	if r := n.Prefetch(t.Context(), "http://"+host+"/b"); r.Outcome != freshet.OutcomeFailed || r.FirstByte < header {
		t.Fatalf("%s, first byte after %s", r.Outcome, r.FirstByte)
	}
}
