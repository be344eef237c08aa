package proof_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/faulty"
)

// TestP4_BadWiresBetweenAgentAndCache puts faults between the agents and their
// Varnish and nginx: delays, resets, half-open connections, black holes. Purges
// end Complete all the same, none earlier than it is true.
func TestP4_BadWiresBetweenAgentAndCache(t *testing.T) {
	t.Parallel()
	w := &badCaches{seed: uint64(time.Now().UnixNano())}
	t.Logf("seed %d", w.seed)
	c := start(t, cluster.Options{POPs: []cluster.POP{
		{ID: "v", Foreign: w.between(t, varnishCache)}, {ID: "n", Foreign: w.between(t, nginxCache)},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	climate := faulty.Climate{Kinds: []faulty.Kind{faulty.Calm}}
	for _, k := range faulty.Kinds() {
		if k != faulty.Mixed && k != faulty.Lossy { // those are of messages on the bus
			climate.Kinds = append(climate.Kinds, k)
		}
	}
	for n := range soak(3, 20) {
		for _, pop := range c.IDs() {
			r, err := c.Get(ctx, pop, restoredPath)
			must(t, err)
			if r.Version != c.Origin.Version() {
				t.Fatalf("round %d: %s serves version %d, want %d", n, pop, r.Version, c.Origin.Version())
			}
		}
		fresh := c.Origin.Change()
		storm, calm := context.WithTimeout(ctx, 2*time.Second)
		var weather sync.WaitGroup
		weather.Go(func() { w.all(func(p *faulty.Proxy) { p.Weather(storm, climate) }) })
		report, err := c.Do(ctx, freshet.Purge, freshet.Filter{}, film)
		calm()
		weather.Wait()
		must(t, err)
		if report.Tally.Complete != report.Tally.Total() {
			explain(ctx, t, c, report)
			t.Fatalf("round %d ended %+v", n, report.Tally)
		}
		fill(ctx, t, c, fresh)
	}
}

// badCaches are proxies between agents and the control listeners of caches.
type badCaches struct {
	seed uint64

	mu      sync.Mutex // guards proxies
	proxies []*faulty.Proxy
}

func (w *badCaches) all(do func(*faulty.Proxy)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var wg sync.WaitGroup
	for _, p := range w.proxies {
		wg.Go(func() { do(p) })
	}
}

// between starts a cache whose agent reaches its control listener through a
// proxy only.
func (w *badCaches) between(t *testing.T, open cluster.Foreign) cluster.Foreign {
	t.Helper()
	return func(ctx context.Context, site cluster.Site) (cluster.ForeignCache, error) {
		k, err := open(ctx, site)
		if err != nil {
			return nil, err
		}
		control := controlOf(k)
		p, err := faulty.New(context.WithoutCancel(ctx), faulty.Options{Target: strings.TrimPrefix(control, "http://"), Seed: w.seed})
		if err != nil {
			k.Stop()
			return nil, err
		}
		t.Cleanup(p.Close)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.proxies = append(w.proxies, p)
		return badCache{k, strings.Replace(k.Config(), fmt.Sprintf("%q", control), fmt.Sprintf("%q", "http://"+p.Addr()), 1)}, nil
	}
}

func controlOf(k cluster.ForeignCache) string {
	switch k := k.(type) {
	case varnish:
		return k.Control
	case *nginx:
		return k.Control
	}
	return ""
}

// badCache is a cache with another control listener in its configuration.
type badCache struct {
	cluster.ForeignCache

	config string
}

// Config implements cluster.ForeignCache.
func (b badCache) Config() string { return b.config }
