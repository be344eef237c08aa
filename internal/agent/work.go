package agent

import (
	"slices"

	"github.com/freshet-vod/freshet"
)

// work is one entry of the purge subject that is being dealt with: one that
// was read, or one that is redone.
type work struct {
	entry    *freshet.Entry
	left     int                   // items without a final answer; 0 also for entries that are not for this POP
	bypassed []string              // excused parents that it did not wait for
	again    []string              // of a redo: the parents on whose account it is done again
	blocked  func(item int) bool   // what a parent could not carry out; nil: nothing
	executed bool                  // an item was carried out, so a bypassed parent must be made good
	flush    bool                  // the cache must revalidate everything instead
	match    func(url string) bool // of a pattern
}

func (w *work) isBlocked(item int) bool { return w.blocked != nil && w.blocked(item) }

// purges is everything about executing purges. The queue is in log order; its
// first `opened` works were handed over to execution.
type purges struct {
	queue  []*work
	opened int
	bytes  int

	// ahead holds, for each URL of an unfinished purge in the queue, the
	// highest position: a prefetch below it is pointless.
	ahead         map[string]freshet.Position
	patternsAhead []*work // the same for patterns
	recent        recent

	objects  map[string]*object // by URL, those with a pending item
	todo     []*object          // runnable, in order
	delayed  []delayed
	running  int // calls in flight
	probing  probing
	patterns []*work
	pattern  patternRun
}

func newPurges() purges {
	return purges{
		ahead: map[string]freshet.Position{}, probing: probing{}, objects: map[string]*object{},
		recent: recent{urls: map[string]carried{}},
	}
}

// readPurge takes in one entry of the purge subject.
func (l *life) readPurge(entry *freshet.Entry) {
	w := &work{entry: entry}
	switch {
	case entry.Kind == freshet.EntryMembership:
		l.readMembership(w)
	case entry.Kind == freshet.EntryPurge && entry.TargetIndex(l.o.POP) >= 0:
		w.left = entry.Len()
		w.match = matcher(entry.Selector)
		if entry.Selector.Kind == freshet.SelectExact {
			for _, u := range entry.Selector.URLs {
				l.purges.ahead[u] = entry.At
			}
		} else {
			l.purges.patternsAhead = append(l.purges.patternsAhead, w)
		}
		l.supersede(w)
	}
	l.purges.queue = append(l.purges.queue, w)
	l.purges.bytes += selectorSize(entry.Selector)
}

// advance moves the watermark over everything that is finished.
func (l *life) advance() {
	q := &l.purges
	n := 0
	for ; n < q.opened && q.queue[n].left == 0; n++ {
		w := q.queue[n]
		q.bytes -= selectorSize(w.entry.Selector)
		if w.entry.Kind == freshet.EntryMembership {
			l.passMembership(w.entry)
		}
		l.ledger.reached(w.entry.At)
	}
	if n > 0 {
		q.queue = slices.Delete(q.queue, 0, n)
		q.opened -= n
	}
}

// finished is called when the last item of a work has its answer.
func (l *life) finished(w *work) {
	if w.again == nil {
		if w.entry.Selector.Kind != freshet.SelectExact {
			l.purges.recent.notePattern(w)
		}
		for _, u := range w.entry.Selector.URLs {
			if l.purges.ahead[u] == w.entry.At {
				delete(l.purges.ahead, u)
			}
		}
		if i := slices.Index(l.purges.patternsAhead, w); i >= 0 {
			l.purges.patternsAhead = slices.Delete(l.purges.patternsAhead, i, i+1)
		}
	}
	l.redoFinished(w)
}

// purgeAhead reports whether a purge of the URL was read that comes after a
// position, whether it was carried out yet or not.
func (l *life) purgeAhead(url string, after freshet.Position) bool {
	if at, ok := l.purges.ahead[url]; ok && after.Before(at) || l.purges.recent.names(url, after) {
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
