package nginx_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/nginx"
)

const (
	rounds = 100
	lanes  = 10
)

// supplied is the configuration as it is supplied: two variants, of playlists.
func supplied() setup {
	return setup{driver: nginx.Options{Variants: []nginx.Variant{
		{}, {Label: "gzip", Header: http.Header{"Accept-Encoding": {"gzip"}}},
	}}}
}

func link(path string) string { return "http://" + cachetest.Host + path }

func exactly(paths ...string) freshet.Selector {
	s := freshet.Selector{Kind: freshet.SelectExact}
	for _, p := range paths {
		s.URLs = append(s.URLs, link(p))
	}
	return s
}

func at(pos uint64) freshet.Position { return freshet.Position{Epoch: 1, Pos: pos} }

// settle purges as production does.
func (h *harness) settle(t *testing.T, d cache.Driver, sel freshet.Selector) cache.Result {
	t.Helper()
	r := cache.Settle(t.Context(), d, cache.Order{At: at(1), Selector: sel}, freshet.VerifyInspect)[0]
	if r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
		t.Fatalf("purge = %v %v %s", r.Outcome, r.Reason, r.Detail)
	}
	return r
}

// body gets a path as a viewer.
func (h *harness) body(t *testing.T, path string, header ...string) string {
	t.Helper()
	return h.bodyOf(t, link(path), header...)
}

func (h *harness) bodyOf(t *testing.T, url string, header ...string) string {
	t.Helper()
	hd := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		hd.Set(header[i], header[i+1])
	}
	resp, err := h.Get(t.Context(), url, hd)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// slowRefresh is an origin whose objects have expired at once, and which sends
// the next answer when it is let go, as it was when it was asked for.
type slowRefresh struct {
	mu     sync.Mutex
	pages  map[string]string
	holds  map[string]chan struct{}
	asked  map[string]chan struct{}
	inBody bool
}

func (o *slowRefresh) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	body, hold, asked := o.pages[r.URL.Path], o.holds[r.URL.Path], o.asked[r.URL.Path]
	delete(o.holds, r.URL.Path)
	o.mu.Unlock()
	wait := func() {
		close(asked)
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}
	if hold == nil {
		w.Header().Set("X-Accel-Expires", "@1")
	} else {
		w.Header().Set("Cache-Control", "max-age=3600")
		if !o.inBody {
			wait()
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.WriteString(w, body[:len(body)/2])
	if hold != nil && o.inBody {
		_ = http.NewResponseController(w).Flush()
		wait()
	}
	_, _ = io.WriteString(w, body[len(body)/2:])
}

func (o *slowRefresh) set(path, version string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pages[path] = version + strings.Repeat("x", 10_000)
}

func TestP4_NoStaleAfterComplete_RefreshInFlight(t *testing.T) {
	t.Parallel()
	for _, inBody := range []bool{false, true} {
		t.Run(fmt.Sprintf("in_body=%v", inBody), func(t *testing.T) {
			t.Parallel()
			o := &slowRefresh{pages: map[string]string{}, holds: map[string]chan struct{}{}, asked: map[string]chan struct{}{}, inBody: inBody}
			h := open(t, o, supplied())
			for n := range rounds {
				path := fmt.Sprintf("/%d.ts", n)
				o.set(path, "old")
				h.body(t, path) // stored, and expired
			}
			// A key that was filled an hour ago, or before nginx was started, has no
			// lock that could be waited for when it is refreshed.
			h.Restart(t)
			var wg sync.WaitGroup
			for lane := range lanes {
				wg.Go(func() {
					for n := lane; n < rounds && !t.Failed(); n += lanes {
						h.refreshRound(t, o, fmt.Sprintf("/%d.ts", n))
					}
				})
			}
			wg.Wait()
		})
	}
}

func (h *harness) refreshRound(t *testing.T, o *slowRefresh, path string) {
	t.Helper()
	hold, asked := make(chan struct{}), make(chan struct{})
	o.mu.Lock()
	o.holds[path], o.asked[path] = hold, asked
	o.mu.Unlock()
	early := make(chan string, 1)
	go func() { early <- h.body(t, path) }()
	<-asked
	o.set(path, "new")
	d := &announcing{Driver: h.drv, purged: make(chan struct{}, cache.MaxRounds)}
	go func() {
		<-d.purged
		close(hold)
	}()
	r := h.settle(t, d, exactly(path))
	if got := h.body(t, path); !strings.HasPrefix(got, "new") {
		t.Errorf("%s: after the purge (%d rounds, %v) a viewer got %.3s", path, r.Rounds, r.Verified, got)
	}
	if got := <-early; !strings.HasPrefix(got, "old") {
		t.Errorf("%s: the earlier viewer got %.3s", path, got)
	}
	if got := h.body(t, path); !strings.HasPrefix(got, "new") {
		t.Errorf("%s: after the refresh a viewer got %.3s", path, got)
	}
}

// announcing tells when a purge was made.
type announcing struct {
	cache.Driver

	purged chan struct{}
}

func (d *announcing) Purge(ctx context.Context, o cache.Order) []cache.Result {
	rs := d.Driver.Purge(ctx, o)
	d.purged <- struct{}{}
	return rs
}

// Viewers ask all the time for an object that is always expired, so that a
// refresh begins as soon as another ends, and purges come in between.
func TestP4_NoStaleAfterComplete_AlwaysRefreshing(t *testing.T) {
	t.Parallel()
	var version atomic.Int64
	h := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := version.Load()
		select {
		case <-time.After(time.Duration(v%7) * time.Millisecond):
		case <-r.Context().Done():
		}
		w.Header().Set("X-Accel-Expires", "@1")
		_, _ = fmt.Fprintf(w, "%d", v)
	}), supplied())
	h.body(t, "/a.ts")
	h.Restart(t) // as above
	stop := make(chan struct{})
	var viewers sync.WaitGroup
	defer viewers.Wait()
	defer close(stop)
	for range 4 {
		viewers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					h.body(t, "/a.ts")
				}
			}
		})
	}
	for range rounds / 5 {
		v := version.Add(1)
		h.settle(t, h.drv, exactly("/a.ts"))
		if got, _ := strconv.ParseInt(h.body(t, "/a.ts"), 10, 64); got < v {
			t.Errorf("after the purge of version %d a viewer got %d", v-1, got)
		}
	}
}
