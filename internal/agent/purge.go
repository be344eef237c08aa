package agent

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// object is one URL with pending purges. However many entries name it, it is
// purged once, at the highest of their positions.
type object struct {
	url      string
	refs     []ref
	top      freshet.Position // the highest of theirs
	ahead    freshet.Position // the highest that was read and is not carried out; zero: none
	expected int              // items that were read and whose gates are not open
	next     *object          // what followed it in the last entry that named it
	over     bool             // it has no pending item any more
	queued   bool             // in todo, delayed, parked behind a prefetch, or being purged
	attempts int              // calls made so far
	failed   int              // of them, that failed in a row
}

// ref is one item of a work.
type ref struct {
	w    *work
	item int
}

func (o *object) add(r ref) {
	o.refs = append(o.refs, r)
	o.top = freshet.Later(o.top, r.w.entry.At)
}

// again reports whether the purge at a position is a redo.
func (o *object) again(at freshet.Position) bool {
	return slices.ContainsFunc(o.refs, func(r ref) bool { return r.w.entry.At == at && r.w.again != nil })
}

// domainOf returns the domain of a URL, which says how what is done to it is to
// be checked; a domain without a name if it is not known.
func (l *life) domainOf(url string) freshet.Domain {
	host, _ := freshet.SplitURL(url)
	d, _ := l.topology.now.Domain(host)
	return d
}

// delayed is a batch of objects that wait after a transient failure.
type delayed struct {
	objects []*object
	after   time.Time
}

// patternRun is the execution of the first pattern. Patterns run one at a
// time, in order: unlike an object they cannot be told apart, so one cannot
// stand for another.
type patternRun struct {
	running  bool
	attempts int
	after    time.Time
}

// schedule hands the items of a work over to execution. It notes what the
// parents could not carry out as they say now, since that is what the gate
// was opened on; they may forget it once a later purge has made it good.
func (l *life) schedule(w *work) {
	w.blocked = l.blocked(w.entry)
	q := &l.purges
	if w.entry.Selector.Kind != freshet.SelectExact {
		q.patterns = append(q.patterns, w)
		return
	}
	if w.objects == nil { // one that is done again was not read ahead
		for i, u := range w.entry.Selector.URLs {
			o := q.objects[u]
			if o == nil {
				o = &object{url: u}
				q.objects[u] = o
			}
			o.add(ref{w, i})
			l.enqueue(o)
		}
		return
	}
	for i, o := range w.objects {
		o.expected--
		o.add(ref{w, i})
		l.enqueue(o)
	}
	w.objects = nil
}

func (l *life) enqueue(o *object) {
	if !o.queued {
		o.queued = true
		l.purges.push(o)
	}
}

// push makes objects runnable.
func (q *purges) push(objects ...*object) {
	q.todo = append(q.todo, objects...)
	q.sorted = false
}

// startPurges starts as many calls as are allowed. Objects in different calls
// are different objects, so their order does not matter.
func (l *life) startPurges(ctx context.Context) {
	q := &l.purges
	q.delayed = slices.DeleteFunc(q.delayed, func(d delayed) bool {
		if time.Now().Before(d.after) {
			l.wakeAt(d.after)
			return false
		}
		q.push(d.objects...)
		return true
	})
	if l.gathering() {
		return
	}
	l.startPattern(ctx)
	for q.running < l.o.PurgeWorkers {
		batch, at := l.nextBatch()
		if len(batch) == 0 {
			return
		}
		q.running++
		urls := make([]string, len(batch))
		for i, o := range batch {
			urls[i] = o.url
		}
		order := cache.Order{
			At: at, Again: batch[0].again(at), Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: urls},
		}
		c := &probedCall{at: at, batch: batch, domain: l.domainOf(urls[0])} // an entry is of one domain, and a batch of one entry
		span := batch[0].spanAt(at)
		l.work(ctx, func() func() {
			c.verdicts = l.carryOut(span.In(ctx), order, c.domain.Verify.OrDefault())
			return func() { l.settled(ctx, c) }
		})
	}
}

// nextBatch takes objects of one position: the position is a generation, and
// a higher one than the object's own would remove bodies that are fresh. They
// are taken in the order of their positions, so that few calls serve a backlog
// of which later entries name what earlier ones did.
func (l *life) nextBatch() ([]*object, freshet.Position) {
	q := &l.purges
	if !q.sorted {
		slices.SortStableFunc(q.todo, func(a, b *object) int { return a.top.Compare(b.top) })
		q.sorted = true
	}
	var batch []*object
	var at freshet.Position
	taken := 0
	for _, o := range q.todo {
		p := o.top
		if len(batch) > 0 && p != at || len(batch) == l.o.PurgeBatch {
			break
		}
		taken++
		if l.parkBehindPrefetch(o, p) {
			continue
		}
		batch, at = append(batch, o), p
	}
	clear(q.todo[:taken])
	q.todo = q.todo[taken:]
	return batch, at
}

// purged takes in how a call ended.
func (l *life) purged(ctx context.Context, at freshet.Position, batch []*object, verdicts []verdict) {
	q := &l.purges
	var again []*object
	var bad, worse *verdict // examples for the log, which gets one line per call and not one per object
	var badAt, worseAt []slog.Attr
	worst, lost := 0, 0
	for i, o := range batch {
		v := &verdicts[i]
		o.attempts += v.attempts
		v.attempts = o.attempts
		if v.transient() {
			o.failed++
			worst = max(worst, o.failed)
			again = append(again, o)
			if bad == nil {
				badAt = o.about(at)
			}
			bad = v
			continue
		}
		if v.outcome == freshet.OutcomeFailed {
			if lost++; lost == 1 {
				worseAt = o.about(at)
			}
			worse = v
		}
		l.settle(o, at, *v)
	}
	if worst == 1 {
		l.log.LogAttrs(ctx, slog.LevelWarn, "purge failed for now, trying on", bad.attrs(badAt, len(again))...)
	}
	if lost > 0 {
		l.log.LogAttrs(ctx, slog.LevelError, "purge failed for good", worse.attrs(worseAt, lost)...)
	}
	if len(again) > 0 {
		q.delayed = append(q.delayed, delayed{again, time.Now().Add(l.pause(worst))})
	}
	l.advance()
}

// attrs describes a failure of some objects by the example of one.
func (v *verdict) attrs(about []slog.Attr, n int) []slog.Attr {
	return append(about, slog.Int("objects", n), slog.String("reason", v.reason.String()), slog.String("detail", v.detail))
}

// about says in the log which task a purge of the object at a position is.
func (o *object) about(at freshet.Position) []slog.Attr {
	for _, r := range o.refs {
		if r.w.entry.At == at {
			return aboutItem(r.w.entry, r.item)
		}
	}
	return []slog.Attr{slog.String("position", at.String()), slog.String("url", o.url)}
}

// aboutItem says in the log which task something is about.
func aboutItem(e *freshet.Entry, item int) []slog.Attr {
	return append(aboutEntry(e), slog.Uint64("task", e.TaskID(item)), slog.String("url", e.URL(item)))
}

// aboutEntry says in the log which entry something is about.
func aboutEntry(e *freshet.Entry) []slog.Attr {
	return []slog.Attr{slog.String("account", e.Account), slog.String("job", e.Job), slog.String("position", e.At.String())}
}

// settle answers every item that a purge of an object at a position stands
// for: its own, and those below, which it covers.
func (l *life) settle(o *object, at freshet.Position, v verdict) {
	blocked := slices.ContainsFunc(o.refs, func(r ref) bool {
		return r.w.entry.At == at && r.w.isBlocked(r.item)
	})
	if v.outcome != freshet.OutcomeFailed && !blocked {
		l.redeem(o.url, at)
	}
	l.purges.recent.note(o.url, carriedOut(at, &v))
	refs := o.refs
	o.refs, o.top, o.queued, o.attempts, o.failed = o.refs[:0], freshet.Position{}, false, 0, 0
	for _, r := range refs {
		mine := r.w.entry.At
		switch {
		case at.Before(mine):
			o.add(r)
			continue
		case v.outcome != freshet.OutcomeFailed && mine.Before(at) && (!blocked || !r.w.isBlocked(r.item)):
			l.answer(r.w, freshet.Fact{Item: r.item, Outcome: freshet.OutcomeCovered, CoveredBy: at})
			continue
		}
		f := v.fact(r.item)
		if v.outcome != freshet.OutcomeFailed && r.w.isBlocked(r.item) {
			f.Outcome, f.Reason = freshet.OutcomeFailed, freshet.ReasonBlockedByParent
		}
		r.w.executed = true
		l.answer(r.w, f)
	}
	if !at.Before(o.ahead) {
		o.ahead = freshet.Position{}
	}
	switch {
	case len(o.refs) > 0:
		l.enqueue(o)
	case o.expected == 0:
		delete(l.purges.objects, o.url)
		o.next, o.over = nil, true
	}
}

// fact is what is reported of an item that was carried out itself.
func (v *verdict) fact(item int) freshet.Fact {
	return freshet.Fact{
		Item: item, Outcome: v.outcome, Reason: v.reason, Verified: v.verified, Attempts: v.attempts,
		ExecutedAt: v.executed, Before: v.before, After: v.after, Rounds: v.rounds, Window: v.window.Truncate(time.Millisecond),
	}
}

// answer gives one item of a work its final answer.
func (l *life) answer(w *work, f freshet.Fact) {
	if f.Outcome == freshet.OutcomeFailed {
		l.except(w.entry, f.Item)
	} else {
		l.unexcept(w.entry.At, f.Item)
	}
	l.ledger.fact(w.entry.At, f, true)
	traceFact(w.span, &f)
	w.left--
	if w.left == 0 {
		l.finished(w)
	}
}

// startPattern starts the first pattern, if it may run.
func (l *life) startPattern(ctx context.Context) {
	q := &l.purges
	if q.pattern.running || len(q.patterns) == 0 || l.parkPattern(q.patterns[0]) {
		return
	}
	if time.Now().Before(q.pattern.after) {
		l.wakeAt(q.pattern.after)
		return
	}
	q.pattern.running = true
	w := q.patterns[0]
	order := cache.Order{At: w.entry.At, Again: w.again != nil, Selector: w.entry.Selector, Soft: w.entry.Soft}
	l.work(ctx, func() func() {
		v := l.carryOut(w.span.In(ctx), order, freshet.VerifyAck)[0]
		return func() { l.patternPurged(ctx, w, v) }
	})
}

func (l *life) patternPurged(ctx context.Context, w *work, v verdict) {
	run := &l.purges.pattern
	run.running = false
	run.attempts++
	v.attempts = run.attempts
	attrs := v.attrs(aboutItem(w.entry, 0), 1)
	switch {
	case v.transient():
		if run.attempts == 1 {
			l.log.LogAttrs(ctx, slog.LevelWarn, "pattern could not be purged for now, trying on", attrs...)
		}
		run.after = time.Now().Add(l.pause(run.attempts))
		return
	case v.outcome == freshet.OutcomeFailed:
		l.log.LogAttrs(ctx, slog.LevelError, "pattern could not be purged", attrs...)
	case !w.isBlocked(0):
		l.redeemPattern(w.entry)
	}
	l.purges.patterns = slices.Delete(l.purges.patterns, 0, 1)
	*run = patternRun{}
	f := v.fact(0)
	if v.outcome != freshet.OutcomeFailed && w.isBlocked(0) {
		f.Outcome, f.Reason = freshet.OutcomeFailed, freshet.ReasonBlockedByParent
	}
	w.executed = true
	l.answer(w, f)
	l.advance()
}
