package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// CacheCounts is what a built-in cache has counted since it was opened.
type CacheCounts struct {
	// Requests by result and whether a prefetch had brought the object.
	Requests map[CacheResult]uint64
	Bytes    map[string]uint64 // by result
	// Fills are requests to origins and parents.
	ViewerFills, PrefetchFills uint64
	// Prefetched are the bytes that prefetches brought; Served those of them
	// that a viewer asked for afterwards.
	Prefetched, Served uint64
	Stored             int64 // bytes on disk
	Objects            int
}

// CacheResult is how a request was answered.
type CacheResult struct {
	Result     string
	Prefetched bool
}

// AddCache registers the metrics of a POP's built-in cache. counts is asked at
// each scrape.
func (r *Registry) AddCache(pop string, counts func() CacheCounts) {
	r.reg.MustRegister(&cacheCollector{pop: pop, counts: counts})
}

type cacheCollector struct {
	pop    string
	counts func() CacheCounts
}

// Describe implements [prometheus.Collector]: several caches share their names
// in one process.
func (*cacheCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c *cacheCollector) Collect(out chan<- prometheus.Metric) {
	n := c.counts()
	for r, v := range n.Requests {
		count(out, cacheRequests(), float64(v), c.pop, r.Result, yes(r.Prefetched))
	}
	for result, v := range n.Bytes {
		count(out, cacheBytes(), float64(v), c.pop, result)
	}
	count(out, cacheFills(), float64(n.ViewerFills), c.pop, "viewer")
	count(out, cacheFills(), float64(n.PrefetchFills), c.pop, "prefetch")
	count(out, cachePrefetched(), float64(n.Prefetched), c.pop)
	count(out, cacheServed(), float64(n.Served), c.pop)
	gauge(out, cacheStored(), float64(n.Stored), c.pop)
	gauge(out, cacheObjects(), float64(n.Objects), c.pop)
}
