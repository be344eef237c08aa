package edge

import (
	"net/http"
	"sync/atomic"
)

// Answer is how a request was answered, for those who count.
type Answer uint8

// The answers.
const (
	AnswerHit     Answer = iota // out of the store
	AnswerMiss                  // by a fill that it began
	AnswerJoined                // by a fill that another had begun
	AnswerRenewed               // out of the store, after the upstream confirmed it or failed
	AnswerPassed                // with a response that is not stored
	AnswerRefused               // by the cache itself: an unknown host, a method, not ready
	AnswerFailed                // the upstream did not answer as it should
	answers
)

// String returns the answer's name.
func (a Answer) String() string {
	names := [...]string{"hit", "miss", "joined", "renewed", "passed", "refused", "failed"}
	if int(a) < len(names) {
		return names[a]
	}
	return "unknown"
}

// Answers lists them.
func Answers() []Answer {
	all := make([]Answer, answers)
	for i := range all {
		all[i] = Answer(i)
	}
	return all
}

// Counts is what a cache has counted since it was opened, and what it stores.
type Counts struct {
	// Requests by answer; the second index is 1 for objects that a prefetch had
	// brought.
	Requests [answers][2]uint64
	Bytes    [answers]uint64 // of bodies sent
	// ViewerFills and PrefetchFills are requests to the upstream, by who caused
	// them.
	ViewerFills, PrefetchFills uint64
	// Prefetched are the bytes that prefetches brought; Served the sizes of the
	// objects among them that a viewer asked for afterwards, each once in the
	// life of the process.
	Prefetched, Served uint64
	Stored             int64 // bytes on disk
	Objects            int
}

// counts are the counters behind Counts.
type counts struct {
	requests                   [answers][2]atomic.Uint64
	bytes                      [answers]atomic.Uint64
	viewerFills, prefetchFills atomic.Uint64
	prefetched, served         atomic.Uint64
}

// Counts returns what was counted so far.
func (c *Cache) Counts() Counts {
	var out Counts
	for a := range answers {
		for i := range out.Requests[a] {
			out.Requests[a][i] = c.counts.requests[a][i].Load()
		}
		out.Bytes[a] = c.counts.bytes[a].Load()
	}
	out.ViewerFills, out.PrefetchFills = c.counts.viewerFills.Load(), c.counts.prefetchFills.Load()
	out.Prefetched, out.Served = c.counts.prefetched.Load(), c.counts.served.Load()
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	out.Stored, out.Objects = c.shelf.used, c.shelf.lru.Len()
	return out
}

// answered counts a request. v is what it is answered with, if that is stored
// or about to be.
func (c *counts) answered(a Answer, v *variant) {
	brought := 0
	if v != nil && v.Prefetched {
		brought = 1
		if a == AnswerHit && v.seen.CompareAndSwap(false, true) && v.Size > 0 {
			c.served.Add(uint64(v.Size))
		}
	}
	c.requests[a][brought].Add(1)
}

// sent counts bytes of a body.
func (c *counts) sent(a Answer, n int64) {
	if n > 0 {
		c.bytes[a].Add(uint64(n))
	}
}

// fill counts a request to the upstream.
func (c *counts) fill(prefetch bool) {
	if prefetch {
		c.prefetchFills.Add(1)
		return
	}
	c.viewerFills.Add(1)
}

// answer reads off a Cache-Status how a request was answered with a body that
// is stored or about to be.
func (cs cacheStatus) answer() Answer {
	switch {
	case cs.hit:
		return AnswerHit
	case !cs.stored:
		return AnswerRenewed
	case cs.collapsed:
		return AnswerJoined
	}
	return AnswerMiss
}

// refusal tells a fault of the upstream from a refusal of ours.
func refusal(status int, cs cacheStatus) Answer {
	if status >= http.StatusInternalServerError && cs.fwd != "" {
		return AnswerFailed
	}
	return AnswerRefused
}
