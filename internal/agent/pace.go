package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

const (
	// leastRound is how many answers at least are weighed together: of fewer, one
	// odd one would be half.
	leastRound = 4
	// lately is half of the time for which the best round of an origin counts as
	// what it can do. An origin that is slower for good is asked in full again
	// after that, and no sooner: what a minute of trouble says must not count.
	lately = 5 * time.Minute
	// clearRise is by how much first bytes must come later, besides twice as
	// late: a cache nearby answers in a millisecond or in three, which says
	// nothing.
	clearRise = 50 * time.Millisecond
	// patience is how long ago a domain may have given back its last worker to
	// get all of them: one whose objects take longer leaves one to others.
	patience = 10 * time.Second
	// maxLanes bounds the origins that are remembered while nothing is to be
	// fetched from them.
	maxLanes = 1024
)

// pace decides how many objects are prefetched at a time, and from where, so
// that warming is not what makes an origin slow. Nothing in it waits: the loop
// asks it before it starts a fetch, and looks again when it says so. Purges
// know nothing of it.
type pace struct {
	workers   int
	perOrigin int

	rate   float64   // bytes a second; 0: no bound
	credit float64   // bytes that may be fetched at once; below 0: that came too early
	at     time.Time // when credit was worked out
	size   float64   // of an object, going by the last ones
	sized  bool      // size means something

	lanes map[string]*lane
}

// lane is what is to be fetched from one origin, and what that origin bears.
type lane struct {
	queue   []*prefetch // in log order
	running int
	limit   int       // fetches at a time
	yielded time.Time // when the last one ended

	since  time.Time       // what began before it tells nothing of the present limit
	good   int             // answers of this round
	firsts []time.Duration // how long their first bytes took, where that is known
	best   [2]time.Duration
	turned time.Time // when best[0] was begun; best[1] is that of the time before
}

// echo is what a prefetch tells of the origin's state.
type echo struct {
	bytes     int64         // that came; -1: nobody knows
	firstByte time.Duration // 0: nobody knows
	answered  bool          // the origin was asked, and answered
	strained  bool          // it answered 5xx, or not in time
}

func newPace(o *Options) pace {
	p := pace{
		workers: o.PrefetchWorkers, perOrigin: o.PrefetchPerOrigin, rate: float64(o.PrefetchRate),
		at: time.Now(), lanes: map[string]*lane{},
	}
	p.credit = p.rate
	return p
}

// most is how many fetches one origin may get, whatever it bears.
func (p *pace) most() int {
	if p.perOrigin > 0 {
		return min(p.workers, p.perOrigin)
	}
	return p.workers
}

// lane returns that of an origin.
func (p *pace) lane(origin string) *lane {
	n := p.lanes[origin]
	if n == nil {
		if len(p.lanes) >= maxLanes {
			for name, old := range p.lanes {
				if old.running == 0 && len(old.queue) == 0 {
					delete(p.lanes, name)
				}
			}
		}
		n = &lane{limit: p.most()}
		p.lanes[origin] = n
	}
	return n
}

// affords reports whether one more object may be fetched now, and otherwise
// from when on. Of up to one second nothing is saved: a POP that was idle does
// not begin with a flood.
func (p *pace) affords(running int) (ok bool, when time.Time) {
	if p.rate <= 0 {
		return true, when
	}
	now := time.Now()
	p.credit = min(p.rate, p.credit+p.rate*now.Sub(p.at).Seconds())
	p.at = now
	switch {
	case !p.sized && running > 0:
		return false, when // the end of the first one tells how large they are
	case p.credit > 0:
		return true, when
	}
	return false, now.Add(time.Duration(-p.credit/p.rate*float64(time.Second)) + time.Millisecond)
}

// begin notes that a fetch begins, and returns what it was charged: what the
// last objects had. The rest is settled when its size is known, so that a large
// one makes the next wait.
func (p *pace) begin(n *lane) (charged float64) {
	n.running++
	if p.rate > 0 {
		p.credit -= p.size
	}
	return p.size
}

// end notes how a fetch ended.
func (p *pace) end(r *fetch, e echo) {
	r.lane.running--
	r.lane.hear(e, r.began, time.Now(), p.most())
	if e.bytes < 0 {
		p.sized = true // as far as anybody knows
		return         // what it was charged is as good a guess as any
	}
	if p.rate > 0 {
		p.credit += r.charged - float64(e.bytes)
	}
	switch {
	case !e.answered:
	case p.size == 0:
		p.size, p.sized = float64(e.bytes), true
	default:
		p.size += (float64(e.bytes) - p.size) / 4
	}
}

// hear takes in what an origin's answer says. The limit is halved when first
// bytes come clearly later than they lately did, or none come, and grows by one
// with each round of good answers: an origin in trouble gets less within one
// round, and what it bears is found again step by step.
func (n *lane) hear(e echo, began, now time.Time, most int) {
	n.yielded = now
	switch {
	case began.Before(n.since):
		return
	case e.strained:
		n.slow(now)
		return
	case !e.answered:
		return
	}
	n.good++
	if e.firstByte > 0 {
		n.firsts = append(n.firsts, e.firstByte)
	}
	if n.good < max(n.limit, leastRound) {
		return
	}
	round := n.median()
	best := n.lately(now)
	n.good, n.firsts = 0, n.firsts[:0]
	if round > 0 && (n.best[0] == 0 || round < n.best[0]) {
		n.best[0] = round
	}
	if best > 0 && round > 2*best && round-best > clearRise {
		n.slow(now)
		return
	}
	n.limit = min(n.limit+1, most)
}

func (n *lane) slow(now time.Time) {
	n.limit = max(1, n.limit/2)
	n.since, n.good, n.firsts = now, 0, n.firsts[:0]
}

// median of the round; 0 if nothing is known. The best of a round would hide
// behind what a parent had already, the worst would be one slow object's.
func (n *lane) median() time.Duration {
	if len(n.firsts) == 0 {
		return 0
	}
	slices.Sort(n.firsts)
	return n.firsts[len(n.firsts)/2]
}

// lately returns the best round of the last while; 0 if there was none.
func (n *lane) lately(now time.Time) time.Duration {
	if passed := now.Sub(n.turned); passed > lately {
		n.best[1] = n.best[0]
		if passed > 2*lately {
			n.best[1] = 0
		}
		n.best[0], n.turned = 0, now
	}
	if n.best[0] == 0 || n.best[1] != 0 && n.best[1] < n.best[0] {
		return n.best[1]
	}
	return n.best[0]
}

// bears reports whether a lane may get one more of the workers, of which so
// many are free. The last one goes to an origin that has others only if it gives
// them back soon: one that hangs must not hold up all the rest.
func (p *pace) bears(n *lane, free int) bool {
	if len(n.queue) == 0 || n.running >= min(n.limit, p.most()) {
		return false
	}
	return free > 1 || n.running == 0 || time.Since(n.yielded) < patience
}

// inTurn returns the lanes that may get a worker: those that have the fewest
// first, and of those the one whose prefetch is the oldest.
func (p *pace) inTurn(free int) []*lane {
	var list []*lane
	for _, n := range p.lanes {
		if p.bears(n, free) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(a.running, b.running), a.queue[0].entry.At.Compare(b.queue[0].entry.At))
	})
	return list
}

// assign puts the waiting prefetches into the lanes of their origins, as the
// topology says now.
func (l *life) assign() {
	f := &l.fetches
	for _, n := range f.pace.lanes {
		n.queue = n.queue[:0]
	}
	for _, p := range f.list {
		p.lane = f.pace.lane(l.originOf(p))
		p.lane.queue = append(p.lane.queue, p)
	}
}

// originOf names what answers for a prefetch in the end: domains of one origin
// are one to it. An entry is of one domain.
func (l *life) originOf(p *prefetch) string {
	if d := l.domainOf(p.entry.URL(0)); d.Origin != "" {
		return d.Origin
	}
	host, _ := freshet.SplitURL(p.entry.URL(0))
	return host
}

// echoOf reads what a prefetch of one object tells.
func echoOf(results []cache.Result) echo {
	if len(results) == 0 {
		return echo{bytes: -1}
	}
	r := results[0]
	e := echo{firstByte: r.FirstByte, bytes: -1}
	switch r.Outcome {
	case freshet.OutcomeDone:
		e.answered = true
		if r.After.Size > 0 {
			e.bytes = r.After.Size
		}
	case freshet.OutcomeAlready:
		e.bytes = 0 // nobody was asked
	case freshet.OutcomeFailed:
		switch r.Reason {
		case freshet.ReasonOrigin5xx:
			e.bytes, e.strained = 0, true
		case freshet.ReasonTimeout:
			e.strained = true
		case freshet.ReasonOrigin4xx, freshet.ReasonUnreachable, freshet.ReasonRefused, freshet.ReasonUnsupported:
			e.bytes = 0
		case freshet.ReasonNone, freshet.ReasonTooLarge, freshet.ReasonNoSpace, freshet.ReasonMismatch,
			freshet.ReasonPurgeFailed, freshet.ReasonBlockedByParent, freshet.ReasonSuperseded,
			freshet.ReasonDenied, freshet.ReasonAbsent:
		}
	case freshet.OutcomeNone, freshet.OutcomeCovered, freshet.OutcomeCancelled, freshet.OutcomeExcused:
	}
	return e
}
