package agent

import (
	"context"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/trace"
)

// prefetches is everything about warming. Prefetches never hold up the
// watermark: they are journalled when read, and done when they may.
type prefetches struct {
	list    []*prefetch // in log order
	bytes   int
	running map[*fetch]struct{}
	byURL   map[string][]wish // items without a final answer
	pace    pace
	moved   bool // the topology changed: origins may be others
}

// prefetch is one entry.
type prefetch struct {
	entry *freshet.Entry
	lane  *lane // of the origin that answers for it
	final []bool
	left  int
	next  int       // the first item that was never started
	retry []retried // items that failed for now
	tries map[int]int
	// faults counts failures that count against prefetchAttempts: not those in
	// which nobody was there to ask.
	faults map[int]int
	came   map[int]freshet.Copy // what attempts were told had come, and did not find
	span   *trace.Span          // of all that is done about the entry; nil: nobody records it
}

type retried struct {
	item  int
	after time.Time
}

// wish is one item of a prefetch.
type wish struct {
	p    *prefetch
	item int
}

// fetch is one object that is being prefetched.
type fetch struct {
	wish
	cancel     context.CancelFunc
	superseded bool
	parked     []*object // purges that wait for its end
	lane       *lane     // it runs in
	began      time.Time
	charged    float64 // bytes
}

func newPrefetches(o *Options) prefetches {
	return prefetches{running: map[*fetch]struct{}{}, byURL: map[string][]wish{}, pace: newPace(o)}
}

// readPrefetch takes in one entry of the prefetch subject. A POP that lost its
// journal reads the log from its beginning, and does not answer for what ended
// while it was unaware: an earlier life may have answered better.
func (l *life) readPrefetch(entry *freshet.Entry) {
	if entry.Kind != freshet.EntryPrefetch || entry.TargetIndex(l.o.POP) < 0 || entry.Len() == 0 {
		return
	}
	forgotten := l.reader.lostJournal || !l.reader.until.Before(entry.At)
	if forgotten && !entry.FinishBy.IsZero() && entry.FinishBy.Before(time.Now()) {
		return
	}
	if l.o.DiskLow() {
		for i := range entry.Len() {
			l.ledger.fact(entry.At, freshet.Fact{Item: i, Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonNoSpace}, false)
		}
		return
	}
	l.ledger.keep(entry)
	l.addPrefetch(entry)
}

func (l *life) addPrefetch(entry *freshet.Entry) {
	p := &prefetch{entry: entry, final: make([]bool, entry.Len()), left: entry.Len(), tries: map[int]int{}, faults: map[int]int{}, came: map[int]freshet.Copy{}, span: l.traceEntry(entry)}
	f := &l.fetches
	f.list = append(f.list, p)
	f.bytes += selectorSize(entry.Selector)
	p.lane = f.pace.lane(l.originOf(p))
	p.lane.queue = append(p.lane.queue, p)
	for i := range entry.Len() {
		u := entry.URL(i)
		if l.purgeAhead(u, entry.At) {
			l.ended(p, freshet.Fact{Item: i, Outcome: freshet.OutcomeCancelled, Reason: freshet.ReasonSuperseded})
			continue
		}
		f.byURL[u] = append(f.byURL[u], wish{p, i})
	}
}

// supersede ends prefetches, waiting or running, of what a later purge names.
func (l *life) supersede(w *work) {
	f := &l.fetches
	if len(f.byURL) == 0 {
		return
	}
	if w.entry.Selector.Kind == freshet.SelectExact {
		for _, u := range w.entry.Selector.URLs {
			l.supersedeURL(u, w.entry.At)
		}
		return
	}
	for u := range f.byURL {
		if w.match(u) {
			l.supersedeURL(u, w.entry.At)
		}
	}
}

func (l *life) supersedeURL(url string, at freshet.Position) {
	for _, s := range slices.Clone(l.fetches.byURL[url]) {
		if !s.p.entry.At.Before(at) {
			continue
		}
		if r := l.fetching(s); r != nil {
			r.superseded = true
			r.cancel()
			continue
		}
		l.ended(s.p, freshet.Fact{
			Item: s.item, Outcome: freshet.OutcomeCancelled, Reason: freshet.ReasonSuperseded, Attempts: s.p.tries[s.item],
		})
	}
}

func (l *life) fetching(s wish) *fetch {
	for r := range l.fetches.running {
		if r.wish == s {
			return r
		}
	}
	return nil
}

// ended gives an item its final answer.
func (l *life) ended(p *prefetch, f freshet.Fact) {
	p.final[f.Item] = true
	p.left--
	u := p.entry.URL(f.Item)
	rest := slices.DeleteFunc(l.fetches.byURL[u], func(s wish) bool { return s == wish{p, f.Item} })
	if len(rest) == 0 {
		delete(l.fetches.byURL, u)
	} else {
		l.fetches.byURL[u] = rest
	}
	l.ledger.fact(p.entry.At, f, false)
	traceFact(p.span, &f)
	if p.left == 0 {
		p.span.End(nil)
	}
}

// mayStart reports whether every purge before the prefetch is behind the POP
// and its parents, so that what it stores now is new.
func (l *life) mayStart(p *prefetch) bool {
	last := p.entry.LastPurge
	parents, known := l.parents()
	if !known || l.ledger.durable.Before(last) {
		return false
	}
	for _, parent := range parents {
		if down, removed := l.standing(parent); !down && !removed && !l.covers(parent, last) {
			return false
		}
	}
	return true
}

// startPrefetches starts what may start, and ends what is out of time. Origins
// take turns; what one has to give is fetched oldest entries first.
func (l *life) startPrefetches(ctx context.Context) {
	f := &l.fetches
	for _, p := range f.list {
		l.expire(p)
	}
	l.clearPrefetches()
	if f.moved {
		f.moved = false
		l.assign()
	}
	for len(f.list) > 0 && len(f.running) < l.o.PrefetchWorkers {
		ok, when := f.pace.affords(len(f.running))
		if !ok {
			if !when.IsZero() {
				l.wakeAt(when)
			}
			break
		}
		s, ok := l.nextWish(l.o.PrefetchWorkers - len(f.running))
		if !ok {
			break
		}
		l.startFetch(ctx, s)
	}
	l.clearPrefetches()
}

// clearPrefetches takes entries off the list of which every item has its
// answer.
func (l *life) clearPrefetches() {
	f := &l.fetches
	done := func(p *prefetch) bool { return p.left == 0 }
	if !slices.ContainsFunc(f.list, done) {
		return
	}
	lanes := map[*lane]struct{}{}
	f.list = slices.DeleteFunc(f.list, func(p *prefetch) bool {
		if !done(p) {
			return false
		}
		f.bytes -= selectorSize(p.entry.Selector)
		l.ledger.drop(p.entry.At)
		lanes[p.lane] = struct{}{}
		return true
	})
	for n := range lanes {
		n.queue = slices.DeleteFunc(n.queue, done)
	}
	if len(f.list) == 0 {
		l.ledger.urgent = true // no more facts will come: gathering them would only hold up the job
	}
}

// nextWish returns what to fetch with the next of so many free workers.
func (l *life) nextWish(free int) (wish, bool) {
	for _, n := range l.fetches.pace.inTurn(free) {
		for _, p := range n.queue {
			if !l.mayStart(p) {
				break // and no later one: it has the same purges before it, and more
			}
			if item, ok := l.nextItem(p); ok {
				return wish{p, item}, true
			}
		}
	}
	return wish{}, false
}

// expire ends the items of a prefetch whose time has passed. Those in flight
// end by their own deadline.
func (l *life) expire(p *prefetch) {
	by := p.entry.FinishBy
	if by.IsZero() || p.left == 0 {
		return
	}
	if time.Now().Before(by) {
		l.wakeAt(by)
		return
	}
	for i, final := range p.final {
		if !final && l.fetching(wish{p, i}) == nil {
			l.ended(p, freshet.Fact{
				Item: i, Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonTimeout, Attempts: p.tries[i],
			})
		}
	}
}

// nextItem returns an item to start: a new one, else one whose pause is over.
func (l *life) nextItem(p *prefetch) (int, bool) {
	for p.next < len(p.final) {
		p.next++
		if !p.final[p.next-1] {
			return p.next - 1, true
		}
	}
	p.retry = slices.DeleteFunc(p.retry, func(r retried) bool { return p.final[r.item] })
	for i, r := range p.retry {
		if !time.Now().Before(r.after) {
			p.retry = slices.Delete(p.retry, i, i+1)
			return r.item, true
		}
		l.wakeAt(r.after)
	}
	return 0, false
}

func (l *life) startFetch(ctx context.Context, s wish) {
	u := s.p.entry.URL(s.item)
	if l.isDenied(u) {
		l.ended(s.p, freshet.Fact{
			Item: s.item, Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonDenied, Attempts: s.p.tries[s.item],
		})
		return
	}
	if l.purgeFailed(u, s.p.entry.At) {
		l.ended(s.p, freshet.Fact{
			Item: s.item, Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonPurgeFailed, Attempts: s.p.tries[s.item],
		})
		return
	}
	s.p.tries[s.item]++
	r := &fetch{wish: s, lane: s.p.lane, began: time.Now()}
	r.charged = l.fetches.pace.begin(r.lane)
	var fetchCtx context.Context
	if by := s.p.entry.FinishBy; by.IsZero() {
		fetchCtx, r.cancel = context.WithCancel(ctx)
	} else {
		fetchCtx, r.cancel = context.WithDeadline(ctx, by)
	}
	l.fetches.running[r] = struct{}{}
	w := l.warming(s)
	// The result must reach the loop even if the fetch was cancelled, so it is
	// posted under the context of the life.
	l.work(ctx, func() func() {
		v, e := l.warm(s.traced(fetchCtx), w)
		return func() { l.fetched(r, v, e) }
	})
}

// fetched takes in how the prefetch of one object ended.
func (l *life) fetched(r *fetch, v verdict, e echo) {
	r.cancel()
	delete(l.fetches.running, r)
	l.fetches.pace.end(r, e)
	l.purges.push(r.parked...)
	v.attempts = r.p.tries[r.item]
	f := v.fact(r.item)
	by := r.p.entry.FinishBy
	switch {
	case v.outcome != freshet.OutcomeFailed:
	case r.superseded:
		f.Outcome, f.Reason = freshet.OutcomeCancelled, freshet.ReasonSuperseded
	case !by.IsZero() && !time.Now().Before(by):
		f.Reason = freshet.ReasonTimeout
	case l.prefetchAgain(r, v):
		if v.came.Size > 0 {
			r.p.came[r.item] = v.came
		}
		r.p.retry = append(r.p.retry, retried{r.item, time.Now().Add(l.pause(v.attempts))})
		return
	}
	l.ended(r.p, f)
}

// prefetchAgain reports whether a failed prefetch is tried again. A cache or a
// parent that is away will be back: only the finish-by time ends the wait for
// it. What did answer, and badly, gets few attempts, since the fault is likely
// to be the object's own.
func (l *life) prefetchAgain(r *fetch, v verdict) bool {
	if !v.transient() {
		return false
	}
	if v.reason != freshet.ReasonUnreachable {
		r.p.faults[r.item]++
	}
	return r.p.faults[r.item] < prefetchAttempts
}

// parkBehindPrefetch makes a purge wait for the end of a prefetch of the same
// object that comes before it in the log: that one was told to stop, but a
// cache may store what it has at the last moment.
func (l *life) parkBehindPrefetch(o *object, at freshet.Position) bool {
	for r := range l.fetches.running {
		if r.p.entry.At.Before(at) && r.p.entry.URL(r.item) == o.url {
			r.superseded = true
			r.cancel()
			r.parked = append(r.parked, o)
			return true
		}
	}
	return false
}

// parkPattern does the same for a pattern; it is asked again in the next turn.
func (l *life) parkPattern(w *work) bool {
	wait := false
	match := matcher(w.entry.Selector)
	for r := range l.fetches.running {
		if r.p.entry.At.Before(w.entry.At) && match(r.p.entry.URL(r.item)) {
			r.superseded = true
			r.cancel()
			wait = true
		}
	}
	return wait
}
