package purgeport_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/purgeport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// port is a purge port that answers by path and notes what it was asked.
type port struct {
	mu    sync.Mutex
	asked []string
}

func (p *port) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host+r.RequestURI)
	p.mu.Unlock()
	if r.Method == http.MethodGet && r.URL.Path == "/absent" {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write([]byte("film"))
		return
	}
	for path, status := range map[string]int{
		"/done": 200, "/empty": 204, "/later": 202, "/absent": 404, "/absent2": 412,
		"/denied": 403, "/unknown": 405, "/never": 501, "/broken": 500, "/odd": 302, "/busy": 429,
	} {
		if r.URL.Path == path {
			w.WriteHeader(status)
			return
		}
	}
	panic(http.ErrAbortHandler) // an empty reply, as of a worker that crashed
}

func open(t *testing.T) (*purgeport.Driver, *port) {
	t.Helper()
	p := &port{}
	s := httptest.NewServer(p)
	d, err := purgeport.New(purgeport.Options{Driver: "varnish", URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(); s.Close() })
	return d, p
}

func order(paths ...string) cache.Order {
	o := cache.Order{At: freshet.Position{Epoch: 1, Pos: 1}, Selector: freshet.Selector{Kind: freshet.SelectExact}}
	for _, p := range paths {
		o.Selector.URLs = append(o.Selector.URLs, "http://vod.example.com"+p)
	}
	return o
}

func TestPurge_AnOddAnswerIsNeverASuccess(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	want := map[string]freshet.Reason{
		"/denied": freshet.ReasonRefused, "/unknown": freshet.ReasonRefused, "/never": freshet.ReasonRefused, "/odd": freshet.ReasonRefused,
		"/broken": freshet.ReasonUnreachable, "/busy": freshet.ReasonUnreachable, "/hangs-up": freshet.ReasonUnreachable,
	}
	for path, reason := range want {
		if r := d.Purge(t.Context(), order(path))[0]; r.Outcome != freshet.OutcomeFailed || r.Reason != reason {
			t.Errorf("%s: %+v, want %v", path, r, reason)
		}
	}
	rs := cache.Settle(t.Context(), d, order("/done", "/empty", "/later", "/absent", "/absent2"), freshet.VerifyInspect)
	for i, want := range []freshet.Outcome{
		freshet.OutcomeDone, freshet.OutcomeDone, freshet.OutcomeDone, freshet.OutcomeAlready, freshet.OutcomeAlready,
	} {
		if rs[i].Outcome != want || rs[i].Verified != freshet.VerifiedAnswer {
			t.Errorf("%d: %+v, want %v, acknowledged", i, rs[i], want)
		}
	}
}

func TestPurge_EveryNameOfTheDomain(t *testing.T) {
	t.Parallel()
	d, p := open(t)
	d.SetTopology(freshet.Topology{Domains: []freshet.Domain{{Name: "vod.example.com", Aliases: []string{"www.example.com"}}}})
	if r := d.Purge(t.Context(), order("/done?a=1"))[0]; r.Outcome != freshet.OutcomeDone {
		t.Fatalf("%+v", r)
	}
	slices.Sort(p.asked)
	if !slices.Equal(p.asked, []string{"PURGE vod.example.com/done?a=1", "PURGE www.example.com/done?a=1"}) {
		t.Errorf("asked %v", p.asked)
	}
}

func TestPatternsAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	d, p := open(t)
	r := d.Purge(t.Context(), cache.Order{Selector: freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "http://vod.example.com/"}})
	if len(r) != 1 || r[0].Reason != freshet.ReasonUnsupported || r[0].Detail == "" || len(p.asked) != 0 {
		t.Errorf("%+v, asked %v", r, p.asked)
	}
}

func TestPrefetch_TakesAWholeAnswerForDone(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	r := d.Prefetch(t.Context(), []cache.Object{{URL: "http://vod.example.com/film"}})[0]
	if r.Outcome != freshet.OutcomeDone || r.After.Size != 4 {
		t.Errorf("%+v", r)
	}
}

// TestPrefetch_ARefusalIsNotLeftBehind holds that what may have been stored as
// a refusal is purged, so that the object is asked for again.
func TestPrefetch_ARefusalIsNotLeftBehind(t *testing.T) {
	t.Parallel()
	d, p := open(t)
	r := d.Prefetch(t.Context(), []cache.Object{{URL: "http://vod.example.com/absent"}})[0]
	if r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonOrigin4xx {
		t.Errorf("%+v", r)
	}
	if want := []string{"GET vod.example.com/absent", "PURGE vod.example.com/absent"}; !slices.Equal(p.asked, want) {
		t.Errorf("asked %v, want %v", p.asked, want)
	}
}

func TestCancelledCallsSaySo(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range append(d.Purge(ctx, order("/done", "/absent")), d.Prefetch(ctx, []cache.Object{{URL: "http://vod.example.com/film"}})...) {
		if r.Outcome != freshet.OutcomeCancelled {
			t.Errorf("%+v", r)
		}
	}
}
