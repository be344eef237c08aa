package edgecache_test

import (
	"context"
	"hash/fnv"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/door"
)

// The conformance suite runs on groups of built-in caches, too: they are what is
// at hand that behaves well by itself, so that what fails is the group's doing.

func TestConformance_Layers(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T, origin http.Handler) cachetest.Harness {
		t.Helper()
		inner := open(t, origin).(*harness)
		outer := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// To the outer cache this is an origin; and both have one name.
			r.Host = cachetest.Host
			r.Header.Del("Via")
			relay(inner)(w, r)
		})).(*harness)
		return newPair(t, outer, cache.GroupOptions{}, [][]*harness{{inner}, {outer}})
	})
}

func TestConformance_Shards(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T, origin http.Handler) cachetest.Harness {
		t.Helper()
		a, b := open(t, origin).(*harness), open(t, origin).(*harness)
		// The balancer: every URL has its shard, whatever its signature.
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := fnv.New32a()
			_, _ = h.Write([]byte(r.URL.Path))
			relay([]*harness{a, b}[h.Sum32()%2])(w, r)
		}))
		t.Cleanup(front.Close)
		via, err := door.New(door.Options{URL: front.URL})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(via.Close)
		p := newPair(t, nil, cache.GroupOptions{Via: via}, [][]*harness{{a, b}})
		p.front = clientOf(front.Listener.Addr().String())
		t.Cleanup(p.front.CloseIdleConnections)
		return p
	})
}

// relay is the way from an outer cache, or a balancer, to a cache that may be
// restarted meanwhile.
func relay(h *harness) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h.cache.ServeHTTP(w, r) }
}

// pair is a group of caches under test.
type pair struct {
	outer  *harness // its front door is the POP's
	front  *http.Client
	all    []*harness
	layers [][]*harness
	o      cache.GroupOptions
	driver cache.Driver
}

func newPair(t *testing.T, outer *harness, o cache.GroupOptions, layers [][]*harness) *pair {
	t.Helper()
	p := &pair{outer: outer, o: o, layers: layers}
	for _, l := range layers {
		p.all = append(p.all, l...)
	}
	p.group(t)
	return p
}

// group makes the group's driver anew, as a restarted agent does.
func (p *pair) group(t *testing.T) {
	t.Helper()
	p.o.Layers = nil
	for _, l := range p.layers {
		var drivers []cache.Driver
		for _, h := range l {
			drivers = append(drivers, h.driver)
		}
		p.o.Layers = append(p.o.Layers, drivers)
	}
	g, err := cache.NewGroup(p.o)
	if err != nil {
		t.Fatal(err)
	}
	p.driver = placed{g}
}

// placed gives prefetches a place in the log, as an agent does; the suite does
// not.
type placed struct{ *cache.Group }

func (d placed) Prefetch(ctx context.Context, objs []cache.Object) []cache.Result {
	list := make([]cache.Object, len(objs))
	for i, obj := range objs {
		list[i] = obj
		list[i].Generation = freshet.Position{Epoch: 1, Pos: uint64(time.Now().UnixNano())}
	}
	return d.Group.Prefetch(ctx, list)
}

// Rounds implements cachetest.Fewer.
func (p *pair) Rounds() int { return 6 }

func (p *pair) Driver() cache.Driver { return p.driver }

func (p *pair) Get(ctx context.Context, url string, header http.Header) (*http.Response, error) {
	if p.outer != nil {
		return p.outer.Get(ctx, url, header)
	}
	return get(ctx, p.front, url, header)
}

func (p *pair) Restart(t *testing.T) {
	t.Helper()
	for _, h := range p.all {
		h.Restart(t)
	}
	p.group(t)
}

func (p *pair) Crash(t *testing.T) bool {
	t.Helper()
	for _, h := range p.all {
		h.Crash(t)
	}
	p.group(t)
	return true
}
