package agent

import (
	"slices"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/trace"
)

// work is one entry of the purge subject that is being dealt with: one that
// was read, or one that is redone.
type work struct {
	entry    *freshet.Entry
	left     int                   // items without a final answer; 0 also for entries that are not for this POP
	objects  []*object             // of the items, until they are handed over to execution
	size     int                   // bytes of memory that it takes, about
	bypassed []string              // excused parents that it did not wait for
	again    []string              // of a redo: the parents on whose account it is done again
	blocked  func(item int) bool   // what a parent could not carry out; nil: nothing
	executed bool                  // an item was carried out, so a bypassed parent must be made good
	flush    bool                  // the cache must revalidate everything instead; see startFlushWork
	match    func(url string) bool // of a pattern
	denial   *denial               // of an entry that changes the deny list, once its turn has come
	span     *trace.Span           // of all that is done about the entry; nil: nobody records it
}

func (w *work) isBlocked(item int) bool { return w.blocked != nil && w.blocked(item) }

// purges is everything about executing purges. The queue is in log order; its
// first `opened` works were handed over to execution.
type purges struct {
	queue  []*work
	opened int
	bytes  int

	patternsAhead []*work // those with a pattern that are not finished: a prefetch below them is pointless
	recent        recent

	objects  map[string]*object // by URL, those with a pending item
	todo     []*object          // runnable
	sorted   bool               // todo is in the order of their positions
	delayed  []delayed
	running  int // calls in flight
	probing  probing
	patterns []*work
	pattern  patternRun
}

func newPurges() purges {
	return purges{
		probing: probing{}, objects: map[string]*object{},
		recent: recent{urls: map[string]carried{}},
	}
}

// readPurge takes in one entry of the purge subject.
func (l *life) readPurge(entry *freshet.Entry) {
	w := &work{entry: entry, span: l.traceEntry(entry)}
	switch {
	case entry.Kind == freshet.EntryMembership:
		l.readMembership(w)
	case entry.Kind.Lists():
		l.readDenial(w)
	case entry.Kind == freshet.EntryPurge && entry.TargetIndex(l.o.POP) >= 0:
		w.left = entry.Len()
		w.match = matcher(entry.Selector)
		if entry.Selector.Kind == freshet.SelectExact {
			l.purges.expect(w)
		} else {
			l.purges.patternsAhead = append(l.purges.patternsAhead, w)
		}
		l.supersede(w)
	}
	if w.objects == nil {
		w.size = workSize + selectorSize(entry.Selector)
	}
	l.purges.queue = append(l.purges.queue, w)
	l.purges.bytes += w.size
}

// What a purge takes in memory, in bytes, about: an entry, an object beside its
// URL, and each item that names one. Repeats of a URL share its text.
const (
	workSize   = 600
	objectSize = 250
	itemSize   = 32
)

// expect finds or makes the object of each item.
func (q *purges) expect(w *work) {
	urls := w.entry.Selector.URLs
	w.objects = make([]*object, len(urls))
	w.size = workSize + itemSize*len(urls)
	var last *object
	for i, u := range urls {
		o := last.followedBy(u)
		if o == nil {
			o = q.objects[u]
		}
		if o == nil {
			o = &object{url: u}
			q.objects[u] = o
			w.size += objectSize + len(u)
		}
		if last != nil {
			last.next = o
		}
		last = o
		urls[i] = o.url
		o.ahead = w.entry.At
		o.expected++
		w.objects[i] = o
	}
}

// followedBy guesses the object of a URL by what came after this one the last
// time: a film that is purged again names its segments in the same order. Nil:
// it must be looked up.
func (o *object) followedBy(url string) *object {
	if o == nil || o.next == nil || o.next.over || o.next.url != url {
		return nil
	}
	return o.next
}

// advance moves the watermark over everything that is finished.
func (l *life) advance() {
	q := &l.purges
	n := 0
	for ; n < q.opened && q.queue[n].left == 0; n++ {
		w := q.queue[n]
		q.bytes -= w.size
		if w.entry.Kind == freshet.EntryMembership {
			l.passMembership(w.entry)
		}
		l.ledger.reached(w.entry.At)
	}
	if n > 0 {
		clear(q.queue[:n])
		q.queue = q.queue[n:] // moved down by the next append that needs room
		q.opened -= n
	}
}

// finished is called when the last item of a work has its answer.
func (l *life) finished(w *work) {
	w.span.End(nil)
	if w.again == nil && w.entry.Selector.Kind != freshet.SelectExact {
		l.purges.recent.notePattern(w)
		if i := slices.Index(l.purges.patternsAhead, w); i >= 0 {
			l.purges.patternsAhead = slices.Delete(l.purges.patternsAhead, i, i+1)
		}
	}
	l.redoFinished(w)
}

// purgeAhead reports whether a purge of the URL was read that comes after a
// position, whether it was carried out yet or not.
func (l *life) purgeAhead(url string, after freshet.Position) bool {
	if o := l.purges.objects[url]; o != nil && after.Before(o.ahead) || l.purges.recent.names(url, after) {
		return true
	}
	return slices.ContainsFunc(l.purges.patternsAhead, func(w *work) bool {
		return after.Before(w.entry.At) && w.match(url)
	})
}

// recent remembers purges that were carried out: until every prefetch before
// them is known to have been read, because the two subjects overtake each other
// and a prefetch must not bring back what a later purge removed; and the last
// of them for longer, so that a prefetch can be told from what a purge should
// have removed. It is forgotten at the end of a life; what a prefetch stores
// then is at least new.
type recent struct {
	urls     map[string]carried
	patterns []*work
}

const (
	// maxRecent bounds what is remembered; a backlog beyond it costs the order of
	// such pairs, not the freshness of anything.
	maxRecent = 200_000
	// remembered is how many stay when no prefetch needs them any more: those of
	// some big media, a few MB.
	remembered = 20_000
)

// note takes in that an object was purged, or could not be.
func (r *recent) note(url string, c carried) {
	if c.at.Before(r.urls[url].at) {
		return // done again
	}
	r.urls[url] = c
	r.bound()
}

// notePattern takes in the end of a purge by pattern.
func (r *recent) notePattern(w *work) {
	r.patterns = append(r.patterns, w)
	r.bound()
}

func (r *recent) bound() {
	if len(r.urls)+len(r.patterns) > maxRecent {
		clear(r.urls)
		r.patterns = nil
	}
}

func (r *recent) names(url string, after freshet.Position) bool {
	return after.Before(r.urls[url].at) || slices.ContainsFunc(r.patterns, func(w *work) bool {
		return after.Before(w.entry.At) && w.match(url)
	})
}

// forget drops purges up to a position.
func (r *recent) forget(upTo freshet.Position) {
	r.patterns = slices.DeleteFunc(r.patterns, func(w *work) bool { return !upTo.Before(w.entry.At) })
	if len(r.urls) <= remembered {
		return
	}
	for u, c := range r.urls {
		if !upTo.Before(c.at) {
			delete(r.urls, u)
		}
	}
}
