package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/edge"
)

// editions is an origin whose content changes though it said that it would not.
type editions struct {
	n, asked, confirmed atomic.Int64
	down                atomic.Bool
}

func (e *editions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.asked.Add(1)
	if e.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body := fmt.Sprintf("edition %d", e.n.Load())
	w.Header().Set("Cache-Control", "max-age=3600, stale-if-error=3600")
	w.Header().Set("ETag", `"`+body+`"`)
	if strings.Contains(r.Header.Get("If-None-Match"), body) {
		e.confirmed.Add(1)
	}
	http.ServeContent(w, r, "film.mp4", time.Time{}, strings.NewReader(body))
}

// TestP5_AVigilantCacheServesNothingUnasked: each viewer gets what the origin
// has now, what has not changed is confirmed and not sent again, and what
// nobody confirms is not served.
func TestP5_AVigilantCacheServesNothingUnasked(t *testing.T) {
	t.Parallel()
	var origin editions
	n := alone(t, edge.Options{}, origin.ServeHTTP)
	n.wantBody(t, "/a", "edition 0")
	n.wantBody(t, "/a", "edition 0")
	if got := origin.asked.Load(); got != 1 {
		t.Fatalf("the origin was asked %d times before", got)
	}
	n.SetVigilant(true)
	for i := range int64(5) {
		origin.n.Store(i)
		n.wantBody(t, "/a", fmt.Sprintf("edition %d", i))
		n.wantBody(t, "/a", fmt.Sprintf("edition %d", i))
		if r := n.get(t, "/a", "Range", "bytes=8-"); r.status != http.StatusPartialContent || r.body != fmt.Sprint(i) {
			t.Errorf("a part is %d %q", r.status, r.body)
		}
	}
	if asked, confirmed := origin.asked.Load(), origin.confirmed.Load(); asked != 16 || confirmed != 11 {
		t.Errorf("the origin was asked %d times and confirmed %d; want 16 and 11", asked, confirmed)
	}
	if r := n.get(t, "/a", "Cache-Control", "only-if-cached"); r.status != http.StatusGatewayTimeout {
		t.Errorf("only-if-cached is answered with %d", r.status)
	}
	origin.down.Store(true)
	if r := n.get(t, "/a"); r.status < http.StatusInternalServerError || strings.Contains(r.body, "edition") {
		t.Errorf("what nobody confirmed is served: %d %q", r.status, r.body)
	}
	n.SetVigilant(false)
	n.wantBody(t, "/a", "edition 4")
}

// TestP5_AVigilantCacheServesACrowd: viewers of one object at the same time
// share the questions, and none of them waits for ever.
func TestP5_AVigilantCacheServesACrowd(t *testing.T) {
	t.Parallel()
	var origin editions
	n := alone(t, edge.Options{}, origin.ServeHTTP)
	n.wantBody(t, "/a", "edition 0")
	n.SetVigilant(true)
	origin.n.Store(1)
	var crowd sync.WaitGroup
	for range 40 {
		crowd.Go(func() {
			for range 10 {
				if r := n.get(t, "/a"); r.status != http.StatusOK || r.body != "edition 1" {
					t.Errorf("%d %q %v", r.status, r.body, r.err)
				}
			}
		})
	}
	crowd.Wait()
	if asked := origin.asked.Load(); asked > 402 {
		t.Errorf("400 viewers asked the origin %d times", asked)
	}
}

// TestP5_AVigilantChildAsksItsParent: the parent hears the control plane, so its
// word is good.
func TestP5_AVigilantChildAsksItsParent(t *testing.T) {
	t.Parallel()
	var origin editions
	shield, child := tiers(t, []byte("key"), origin.ServeHTTP)
	child.wantBody(t, "/a", "edition 0")
	child.SetVigilant(true)
	origin.n.Store(1)
	shield.purgeA(t, 1)
	child.wantBody(t, "/a", "edition 1")
	origin.n.Store(2)
	child.wantBody(t, "/a", "edition 1") // out of the parent, which vouches for it
	shield.SetVigilant(true)
	child.wantBody(t, "/a", "edition 2") // both are cut off
	shield.SetReady(false)
	if r := child.get(t, "/a"); r.status != http.StatusServiceUnavailable {
		t.Errorf("without a parent that vouches: %d %q", r.status, r.body)
	}
}

// TestReadyPath_TellsBalancersAndNobodyElse: those who come all the same are
// served, unless the cache may not serve at all.
func TestReadyPath_TellsBalancersAndNobodyElse(t *testing.T) {
	t.Parallel()
	n := alone(t, edge.Options{}, newContent("film").ServeHTTP)
	want := func(status int, text string, object int) {
		t.Helper()
		for _, name := range []string{host, "10.0.0.8:8081"} {
			r := n.do(t, http.MethodGet, "http://"+name+edge.ReadyPath)
			if r.status != status || !strings.Contains(r.body, text) || r.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s%s is %d %q %v", name, edge.ReadyPath, r.status, r.body, r.header)
			}
			if r := n.do(t, http.MethodHead, "http://"+name+edge.ReadyPath); r.status != status || r.body != "" {
				t.Errorf("HEAD: %d %q", r.status, r.body)
			}
		}
		if r := n.get(t, "/a"); r.status != object {
			t.Errorf("a viewer gets %d", r.status)
		}
	}
	want(http.StatusOK, "ok", http.StatusOK)
	n.SetObstacle("an operator drains the POP")
	want(http.StatusServiceUnavailable, "not ready: an operator drains the POP", http.StatusOK)
	n.SetObstacle("")
	want(http.StatusOK, "ok", http.StatusOK)
	n.SetReady(false)
	want(http.StatusServiceUnavailable, "catching up", http.StatusServiceUnavailable)
}

// TestQuiet_ViewersBreakItAndNobodyElse: neither balancers, nor child POPs, nor
// whoever asks for a stranger's name is a viewer.
func TestQuiet_ViewersBreakItAndNobodyElse(t *testing.T) {
	t.Parallel()
	shield, child := tiers(t, []byte("key"), newContent("film").ServeHTTP)
	start := time.Now()
	child.wantBody(t, "/a", "film")
	shield.do(t, http.MethodGet, "http://"+host+edge.ReadyPath)
	shield.do(t, http.MethodGet, "http://stranger.example.com/a")
	shield.Prefetch(t.Context(), "http://"+host+"/b")
	if so := time.Since(start); shield.Quiet() < so {
		t.Error("no viewer asked the shield")
	}
	if q := child.Quiet(); q > time.Since(start) {
		t.Errorf("a viewer asked the child, which says that it was quiet for %v", q)
	}
	shield.SetReady(false)
	start = time.Now()
	shield.get(t, "/a") // in vain
	if q := shield.Quiet(); q > time.Since(start) {
		t.Errorf("a viewer who was refused does not count: quiet for %v", q)
	}
}
