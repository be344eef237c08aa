package edge

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
)

// Causes for which a flight ends early.
var (
	errClosed    = errors.New("the cache is closing")
	errStalled   = errors.New("the upstream sent nothing for too long")
	errAbandoned = errors.New("nobody waits for the fill any more")
	errTruncated = errors.New("the upstream ended the body before its end")
	errTooLarge  = errors.New("the body is over the limit of one object")
	errNoSpace   = errors.New("the cache has no space for the body")
	errNoOrigin  = errors.New("the domain has no usable origin")
)

// phase is how far a flight is known to those who wait for it.
type phase uint8

const (
	phaseAsking  phase = iota // no header yet
	phaseFilling              // v and body are there; readers follow the file
	phaseRenewed              // 304: v is on the shelf again, or nil if it was purged meanwhile
	phasePassing              // cannot be stored: resp is for the leader alone
	phaseFailed               // fault says why there is no header
)

// flight is one fetch of one object from upstream. It is keyed by object and
// generation: a purge detaches it, after which those who read go on reading,
// nobody joins, and nothing is stored.
type flight struct {
	rq     *request  // of the leader; its header selects the variant
	site   *site     // as it was when the flight began; the request's may be older
	base   *variant  // the stale copy that is being revalidated, if any
	parent *parent   // who answered; nil: the origin
	began  time.Time // when the request was about to be sent
	cancel context.CancelCauseFunc
	tags   []*pattern // purges by pattern executed before it began
	large  bool       // a body without announced length was too large before

	// Guarded by shelf.mu.
	generation freshet.Position  // see fence; never above stated
	start      freshet.Position  // generation by the fence alone, when it began
	own        freshet.Position  // highest purge of this very object executed before
	stated     *freshet.Position // the generation that a parent states
	phase      phase
	detached   bool
	alone      bool // nobody joins
	readers    int  // viewers and prefetches that hold it
	reserved   int64
	wrote      atomic.Int64 // bytes of the body on disk

	// Set before header is closed, constant afterwards.
	v      *variant
	resp   *http.Response // with phasePassing; the flight closes its body
	fault  *fault
	detail string        // why it passes; for Cache-Status
	status int           // of the upstream's answer; 0: there was none
	first  time.Duration // from the request to the header of its answer; 0: there was none
	header chan struct{}

	body       *growing // with phaseFilling
	refs       atomic.Int32
	cut        chan struct{} // closed when a purge detaches it
	left       chan struct{} // closed when the leader has left
	leftOnce   sync.Once
	done       chan struct{} // closed at the very end
	stored     *variant      // set before done: what the flight put on the shelf
	superseded bool          // set before done: it was detached
	end        error         // set before done: why the body is not whole
}

// fault is a failed fetch, in the words of viewers and of prefetches.
type fault struct {
	status int
	reason freshet.Reason
	detail string
	err    error
}

// join makes rq a reader of the flight. The caller holds shelf.mu and calls
// leave in the end.
func (f *flight) join() {
	f.readers++
	f.refs.Add(1)
}

// leave ends what join began. A fill goes on without readers, unless nobody
// can want it: a prefetch began it and gave up, or a purge detached it.
func (c *Cache) leave(f *flight, lead, gaveUp bool) {
	c.shelf.mu.Lock()
	f.readers--
	useless := f.readers == 0 && (f.detached || gaveUp && f.rq.prefetch)
	if useless {
		f.alone = true // nobody may join what is about to be cancelled
	}
	c.shelf.mu.Unlock()
	if useless {
		f.cancel(errAbandoned)
	}
	if lead {
		f.leftOnce.Do(func() { close(f.left) })
	}
	f.release()
}

// release gives a reference to the body back; the last one closes the file.
func (f *flight) release() {
	if f.refs.Add(-1) == 0 && f.body != nil {
		_ = f.body.file.Close() // everything that mattered was checked before
	}
}

// joinable reports whether a new request may wait for this flight. The caller
// holds shelf.mu. As long as the header is unknown, names are the fields that
// earlier answers of this object varied by.
func (f *flight) joinable(rq *request, names []string, now, flushed time.Time) bool {
	if f.detached || f.alone || rq.skips(f) || f.began.Before(flushed) {
		return false
	}
	switch f.phase {
	case phaseAsking:
		return selecting(names, f.rq.header) == selecting(names, rq.header)
	case phaseFilling:
		return f.v.answers(rq.header) && f.v.fresh(now)
	case phaseRenewed, phasePassing, phaseFailed:
	}
	return false
}

// found is what a request gets to work with: a stored variant, or a flight.
type found struct {
	hit    *variant
	flight *flight
	lead   bool   // the flight was begun for this request
	why    string // why there was no hit: uri-miss, vary-miss, stale
}

// find looks a request up and, if nothing stored will do, joins a flight or
// begins one. All of it is one critical section: a purge comes either before,
// and then the old copy is gone and the generation high, or after, and then it
// sees the flight.
func (c *Cache) find(ctx context.Context, rq *request) (found, error) {
	now := time.Now()
	s := c.shelf
	s.mu.Lock()
	if s.closed != nil {
		defer s.mu.Unlock()
		return found{}, s.closed
	}
	o := s.object(rq.site.name, rq.url, true)
	stale := o.pick(rq)
	if rq.mayHit(stale) && stale.fresh(now) && !stale.Fetched.Before(s.flushed) && !s.vigilant {
		s.lru.MoveToFront(stale.elem)
		s.mu.Unlock()
		return found{hit: stale}, nil
	}
	why := missReason(o, stale)
	if rq.onlyStored {
		s.tidy(rq.site.name, rq.url, o)
		s.mu.Unlock()
		return found{why: why}, nil
	}
	note, passed := s.passing(rq.url, now)
	alone := rq.alone || passed
	if !alone {
		names := o.varies()
		for _, f := range o.flights {
			if f.joinable(rq, names, now, s.flushed) {
				f.join()
				s.mu.Unlock()
				return found{flight: f, why: why}, nil
			}
		}
	}
	if !rq.mayHit(stale) {
		stale = nil
	}
	fctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	f := &flight{
		rq: rq, site: c.present(rq.site), base: stale, began: now, cancel: cancel, alone: alone, large: note.large,
		tags:   s.fence.patterns,
		header: make(chan struct{}), cut: make(chan struct{}), left: make(chan struct{}), done: make(chan struct{}),
	}
	c.counts.fill(rq.prefetch)
	f.start, f.own = s.fence.generation(rq.site.name, rq.url)
	f.generation = f.start
	f.refs.Store(1) // the fill's own
	f.join()
	o.flights = append(o.flights, f)
	s.flights[f] = struct{}{}
	flushed := stale != nil && stale.fresh(now) && stale.Fetched.Before(s.flushed)
	c.fills.Add(1) // under the lock: close waits for what it can see
	s.mu.Unlock()
	go c.fill(fctx, f, flushed)
	return found{flight: f, lead: true, why: why}, nil
}

// present returns what is known of a site now. A request that has waited for
// long may know a parent that was marked down since; purges went on without
// that parent, so its word counts no more.
func (c *Cache) present(st *site) *site {
	if now := c.routes.Load().sites[st.name]; now != nil {
		return now
	}
	return st
}

func missReason(o *object, stale *variant) string {
	switch {
	case stale != nil:
		return "stale"
	case len(o.variants) > 0:
		return "vary-miss"
	}
	return "uri-miss"
}

// varies returns the fields that the stored variants and known flights of an
// object vary by.
func (o *object) varies() []string {
	var names []string
	for _, v := range o.variants {
		names = append(names, v.Vary...)
	}
	for _, f := range o.flights {
		if f.phase == phaseFilling {
			names = append(names, f.v.Vary...)
		}
	}
	return names
}
