package varnish

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// maxBans bounds the bans of ours that Varnish has still to work through. Each
// is tried on every lookup of an older object: with thousands of them hits crawl.
const maxBans = 50

// ledger knows which bans are still active, without Varnish's administrative
// port: each ban has one of maxBans slots, and with it a mark, an object of ours
// that the ban names as well. The lurker removes the mark when it comes to it;
// nothing else looks it up (a lookup would remove it, too; opCount does not).
// The marks are in Varnish, so that the ledger outlives the agent.
//
// There is a mark for each ban, and it is stored just before the ban. So it
// hangs on the newest ban but this one, which the lurker reaches last.
type ledger struct {
	d *Driver

	mu    sync.Mutex // held for a whole ban: they are few
	known bool       // the marks of an earlier life were looked for
	slots [maxBans]slot
}

// slot is the place of one ban.
type slot struct {
	taken    bool // it may be active
	pattern  pattern
	executed time.Time // on Varnish's clock; zero: it is not known to have been accepted
	fenced   bool      // it caught fills in flight
}

func markPath(i int) string { return "/ban/" + strconv.Itoa(i) }

// add carries out a pattern's purge. A repeat that an earlier ban covers is not
// carried out: what the order would remove was fetched before that ban.
func (l *ledger) add(ctx context.Context, p pattern) cache.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.covering(p); s != nil {
		return cache.Result{Outcome: freshet.OutcomeAlready, Executed: s.executed, Detail: "covered by an earlier ban"}
	}
	i, err := l.place(ctx, p)
	if err != nil {
		return failed(ctx, err)
	}
	if i < 0 {
		return cache.Failed(freshet.ReasonNoSpace, fmt.Sprintf(
			"%d bans wait for Varnish's ban lurker; more would slow every hit (see the parameters ban_lurker_age and ban_lurker_sleep)", maxBans))
	}
	text := p.expression(markPath(i))
	if len(text) > maxExpression {
		return cache.Failed(freshet.ReasonRefused, fmt.Sprintf("the ban would be longer than %d bytes", maxExpression))
	}
	l.slots[i] = slot{taken: true, pattern: p}
	mark := request{op: opPut, host: notesHost, path: markPath(i), text: "ban"}
	for _, r := range [...]request{mark, {op: opBan, host: notesHost, path: "/", text: text, since: p.since}} {
		got := l.d.one(ctx, r)
		switch {
		case got.err != nil:
			return failed(ctx, got.err)
		case got.verdict != saysOK:
			l.release(ctx, i)
			return cache.Failed(freshet.ReasonRefused, fmt.Sprintf("Varnish answered a ban with %q", got.verdict))
		}
		l.slots[i].executed, l.slots[i].fenced = got.now, got.can(canFence)
	}
	res := cache.Result{Outcome: freshet.OutcomeDone, Executed: l.slots[i].executed}
	if !l.slots[i].fenced {
		res.Detail = uncovered
	}
	return res
}

// covering returns a ban after which nothing that p names can be left.
func (l *ledger) covering(p pattern) *slot {
	if p.since.IsZero() {
		return nil
	}
	for i := range l.slots {
		s := &l.slots[i]
		if s.fenced && s.pattern.since.IsZero() && !s.executed.Before(p.since) && s.pattern.covers(p) {
			return s
		}
	}
	return nil
}

// place finds a slot: that of an equal ban, which Varnish then drops for the
// new one, or a free one; -1 if there is none.
func (l *ledger) place(ctx context.Context, p pattern) (int, error) {
	for i, s := range l.slots {
		if s.taken && s.pattern.same(p) && s.pattern.since.Equal(p.since) {
			return i, nil
		}
	}
	if !l.known {
		for i := range l.slots {
			l.slots[i].taken = true
		}
		if err := l.recount(ctx); err != nil {
			return -1, err
		}
		l.known = true
	}
	if i := l.free(); i >= 0 {
		return i, nil
	}
	if err := l.recount(ctx); err != nil {
		return -1, err
	}
	return l.free(), nil
}

// free returns the free slot whose ban says least about repeats, or -1.
func (l *ledger) free() int {
	best := -1
	for i := range l.slots {
		if !l.slots[i].taken && (best < 0 || l.slots[i].executed.Before(l.slots[best].executed)) {
			best = i
		}
	}
	return best
}

// recount frees the slots whose marks are gone.
func (l *ledger) recount(ctx context.Context) error {
	var reqs []request
	var at []int
	for i := range l.slots {
		if l.slots[i].taken {
			reqs = append(reqs, request{op: opCount, host: notesHost, path: markPath(i)})
			at = append(at, i)
		}
	}
	for n, r := range l.d.quick.do(ctx, reqs) {
		switch {
		case r.err != nil:
			return r.err
		case r.verdict != saysMiss:
			return fmt.Errorf("%w: %s", errOdd, r.verdict)
		case r.count == 0:
			l.slots[at[n]].taken = false
		}
	}
	return nil
}

// release frees a slot whose ban Varnish did not take: nothing would remove its
// mark.
func (l *ledger) release(ctx context.Context, i int) {
	if r := l.d.one(ctx, request{op: opPurge, host: notesHost, path: markPath(i)}); r.err == nil {
		l.slots[i] = slot{}
	}
}
