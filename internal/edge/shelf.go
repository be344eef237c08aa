package edge

import (
	"container/list"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

// passMemory is how long the cache remembers that an object could not be
// stored: requests for it are not made to wait for each other meanwhile.
const passMemory = 10 * time.Second

// largeMemory is the same for objects that turned out too large only while
// they came: each attempt to store one ends in a viewer's connection aborted.
const largeMemory = 10 * time.Minute

// maxPasses bounds that memory; when it is full it is forgotten, which costs
// one wait per object.
const maxPasses = 10_000

// shelf is what is stored and what is being fetched, in memory. One mutex
// guards all of it and is never held across I/O; whoever holds it sees a purge
// as having happened entirely or not at all.
type shelf struct {
	maxBytes int64

	mu        sync.Mutex
	hosts     map[string]map[string]*object // by domain, then canonical URL
	lru       list.List                     // of *variant; the front was used last
	used      int64                         // bytes of variants
	reserved  int64                         // bytes promised to flights
	room      int64                         // bytes that may still be promised before the disk is too full; see measure
	promised  int64                         // bytes promised since the disk was asked
	fence     fence
	flushed   time.Time              // what was fetched before it must revalidate
	vigilant  bool                   // everything must, each time
	condemned map[int64]int64        // off the shelf, but not yet out of the index: size by ID
	dying     int64                  // bytes of those
	owed      map[*fenceRow]struct{} // raised, but not yet known to be in the index
	softened  map[*variant]struct{}  // to be revalidated, which is not yet known to be in the index
	passes    map[string]passNote    // objects that could not be stored
	flights   map[*flight]struct{}   // all of them, detached ones included
	closed    error                  // set by close
}

// object is all that the shelf has of one URL.
type object struct {
	variants []*variant
	flights  []*flight // that are not detached
}

func newShelf(maxBytes int64) *shelf {
	return &shelf{
		maxBytes:  maxBytes,
		room:      roomUnknown,
		hosts:     make(map[string]map[string]*object),
		fence:     fence{exact: make(map[string]freshet.Position)},
		condemned: make(map[int64]int64),
		owed:      make(map[*fenceRow]struct{}),
		softened:  make(map[*variant]struct{}),
		passes:    make(map[string]passNote),
		flights:   make(map[*flight]struct{}),
	}
}

// object returns what is known of a URL; nil if nothing is and make is false.
func (s *shelf) object(host, url string, create bool) *object {
	objs := s.hosts[host]
	o := objs[url]
	if o == nil && create {
		if objs == nil {
			objs = make(map[string]*object)
			s.hosts[host] = objs
		}
		o = new(object)
		objs[url] = o
	}
	return o
}

// tidy forgets an object of which nothing is left.
func (s *shelf) tidy(host, url string, o *object) {
	if len(o.variants)+len(o.flights) == 0 {
		delete(s.hosts[host], url)
		if len(s.hosts[host]) == 0 {
			delete(s.hosts, host)
		}
	}
}

// pick returns the newest variant that may answer a request.
func (o *object) pick(rq *request) *variant {
	var best *variant
	for _, v := range o.variants {
		if v.answers(rq.header) && (best == nil || best.Fetched.Before(v.Fetched)) {
			best = v
		}
	}
	return best
}

// restore puts a variant on the shelf at start, behind those that are there.
func (s *shelf) restore(v *variant) {
	host, _ := freshet.SplitURL(v.URL)
	o := s.object(host, v.URL, true)
	o.variants = append(o.variants, v)
	v.elem = s.lru.PushBack(v)
	s.used += v.Size
}

// condemn marks a row and its body for removal.
func (s *shelf) condemn(id, size int64) {
	s.dying += size - s.condemned[id]
	s.condemned[id] = size
}

// remove takes a variant off the shelf. Its body stays on disk until its row
// is out of the index, so that a failed purge can be repeated.
func (s *shelf) remove(o *object, v *variant) {
	s.unlist(o, v)
	s.condemn(v.id, v.Size)
}

// soften puts a variant that is stale, and may be served in no case, over the body
// of one that is stored, in its place. What revalidates it computes its freshness
// anew.
func (s *shelf) soften(o *object, v *variant) {
	w := &variant{id: v.id, meta: v.meta, elem: v.elem}
	w.Lifetime, w.StaleIfError = 0, 0
	o.variants[slices.Index(o.variants, v)] = w
	w.elem.Value, v.elem = w, nil
	delete(s.softened, v)
	s.softened[w] = struct{}{}
}

// unlist takes a variant off the shelf without condemning its body.
func (s *shelf) unlist(o *object, v *variant) {
	if i := slices.Index(o.variants, v); i >= 0 {
		o.variants = slices.Delete(o.variants, i, i+1)
	}
	delete(s.softened, v)
	if v.elem != nil {
		s.lru.Remove(v.elem)
		v.elem = nil
		s.used -= v.Size
		s.room += v.Size
	}
}

// put places a finished variant, instead of those that answer the same
// requests, and returns it; or the one that is there, if that was fetched
// later by a fetch that overtook this one.
func (s *shelf) put(host string, v *variant) *variant {
	o := s.object(host, v.URL, true)
	for _, old := range slices.Clone(o.variants) {
		if slices.Equal(old.Vary, v.Vary) && old.Selecting == v.Selecting {
			if old.Fetched.After(v.Fetched) {
				return old
			}
			s.remove(o, old)
		}
	}
	for len(o.variants) >= maxVariants {
		s.remove(o, slices.MinFunc(o.variants, func(a, b *variant) int { return a.Fetched.Compare(b.Fetched) }))
	}
	o.variants = append(o.variants, v)
	v.elem = s.lru.PushFront(v)
	s.used += v.Size
	s.room -= v.Size
	delete(s.passes, v.URL)
	return v
}

// renew places a revalidated variant over the body of the old one; false if
// the old one is gone.
func (s *shelf) renew(host string, old, v *variant) bool {
	o := s.object(host, old.URL, false)
	if o == nil || !slices.Contains(o.variants, old) {
		return false
	}
	s.unlist(o, old)
	if s.put(host, v) != v {
		s.condemn(v.id, v.Size) // overtaken by a later fetch; the body is of no use
		return false
	}
	return true
}

// evict makes room for need bytes by removing what was used least recently;
// false if there is not so much to remove.
func (s *shelf) evict(need int64) bool {
	for s.used+s.reserved+need > s.maxBytes || s.room < need {
		if s.evictOne() == nil {
			return false
		}
	}
	return true
}

// evictOne removes what was used least recently, nil if nothing is stored.
func (s *shelf) evictOne() *variant {
	last := s.lru.Back()
	if last == nil {
		return nil
	}
	v := last.Value.(*variant) //nolint:forcetypeassert // the list holds nothing else
	host, _ := freshet.SplitURL(v.URL)
	o := s.object(host, v.URL, false)
	s.remove(o, v)
	s.tidy(host, v.URL, o)
	return v
}

// shrink removes at least n bytes, if so much is stored, and returns the IDs.
func (s *shelf) shrink(n int64) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []int64
	for n > 0 {
		v := s.evictOne()
		if v == nil {
			break
		}
		ids = append(ids, v.id)
		n -= v.Size
	}
	return ids
}

// reserve promises n more bytes to a flight; due tells that it is time to ask
// the disk again.
func (s *shelf) reserve(f *flight, n int64) (ok, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// What cannot fit even into an empty cache must not empty it.
	if n > s.room+s.used || n > s.maxBytes-s.reserved || !s.evict(n) {
		return false, false
	}
	s.reserved += n
	s.room -= n
	s.promised += n
	f.reserved += n
	return true, s.promised > roomStep
}

// release takes back what was promised to a flight. The caller holds mu.
func (s *shelf) release(f *flight) {
	s.reserved -= f.reserved
	s.room += f.reserved
	f.reserved = 0
}

// drop takes a variant off the shelf whose body turned out to be unusable.
func (s *shelf) drop(v *variant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host, _ := freshet.SplitURL(v.URL)
	if o := s.object(host, v.URL, false); o != nil && slices.Contains(o.variants, v) {
		s.remove(o, v)
		s.tidy(host, v.URL, o)
	}
}

// passNote remembers that an object could not be stored.
type passNote struct {
	until time.Time
	large bool // its length was not announced and it was over the limit
}

func (s *shelf) notePass(url string, now time.Time, large bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.passes) >= maxPasses {
		clear(s.passes)
	}
	if n := s.passes[url]; n.large && now.Before(n.until) {
		return
	}
	memory := passMemory
	if large {
		memory = largeMemory
	}
	s.passes[url] = passNote{until: now.Add(memory), large: large}
}

// passing reports what kept an object from being stored lately. The caller
// holds mu.
func (s *shelf) passing(url string, now time.Time) (n passNote, ok bool) {
	n, ok = s.passes[url]
	if ok && now.After(n.until) {
		delete(s.passes, url)
		return passNote{}, false
	}
	return n, ok
}

// close ends every flight and lets no new one begin.
func (s *shelf) close(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = cause
	for f := range s.flights {
		f.cancel(cause)
	}
}

// live reports whether a variant is still what the shelf holds. The index asks
// before it writes a row, so that a purged variant never gets one.
func (s *shelf) live(v *variant) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return v.elem != nil
}

// doomed returns the rows to delete now.
func (s *shelf) doomed() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.condemned))
}

// buried forgets rows that were deleted.
func (s *shelf) buried(ids []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.dying -= s.condemned[id]
		delete(s.condemned, id)
	}
}
