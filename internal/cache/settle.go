package cache

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
)

// MaxRounds bounds how often Settle purges an object that is stored again each
// time it looks. Four: the first removes, the second catches the fill that was
// in flight, the third a fill that joined that one, and one is for a cache
// whose clock is coarse. What is older even then gets a pause, not a tight loop.
const MaxRounds = 4

// Settler is a Driver that closes the fill race by itself, such as a group of
// caches, where one must be settled before the next is purged.
type Settler interface {
	Settle(ctx context.Context, o Order, mode freshet.Verify) []Result
}

// Settle carries out a purge to its end. A cache that is asked to purge an
// object while it fetches it stores the old body all the same; so, for exact
// URLs: purge, look (which waits for fills in flight), and purge again what is
// older than the first purge. No timer and no guess ends it, but a look that
// finds nothing older. Where variants hide each other from such a look, one
// more purge follows a look that waited for every fill: it removes them unseen. With VerifyAck, or a cache that cannot be looked into, the
// cache's own word is all there is, and Verified says so.
//
// Results with a failed outcome and ReasonMismatch are objects that were
// stored again after every round.
func Settle(ctx context.Context, d Driver, o Order, mode freshet.Verify) []Result {
	if s, ok := d.(Settler); ok {
		return exactly(o.Len(), s.Settle(ctx, o, mode))
	}
	if o.Selector.Kind != freshet.SelectExact {
		results := exactly(1, d.Purge(ctx, o))
		acknowledge(&results[0], time.Now())
		return results
	}
	s := settlement{d: d, o: o, mode: mode, began: time.Now(), all: make([]Result, o.Len()), swept: make([]bool, o.Len())}
	left := make([]int, o.Len())
	for i := range left {
		left[i] = i
	}
	for range MaxRounds {
		if left = s.round(ctx, left); len(left) == 0 {
			return s.all
		}
	}
	for _, i := range left {
		s.fail(i, freshet.ReasonMismatch, "an older body is stored again after every purge")
	}
	return s.all
}

// settlement is one Settle.
type settlement struct {
	d     Driver
	o     Order
	mode  freshet.Verify
	began time.Time
	all   []Result
	swept []bool // a purge followed a look: what is hidden then began after it
}

func (s *settlement) fail(i int, reason freshet.Reason, detail string) {
	r := &s.all[i]
	r.Outcome, r.Reason, r.Detail, r.Verified = freshet.OutcomeFailed, reason, detail, freshet.VerifiedNone
}

// round purges the objects named by left, looks, and returns those that are
// still stored as they were before.
func (s *settlement) round(ctx context.Context, left []int) []int {
	urls := s.o.Selector.URLs
	order := s.o
	order.Selector.URLs = choose(urls, left)
	order.Since = s.since(left)
	asked := time.Now()
	results := exactly(len(left), s.d.Purge(ctx, order))
	var look []int
	for n, i := range left {
		if results[n].Executed.IsZero() {
			results[n].Executed = asked
		}
		if s.take(i, results[n]) {
			look = append(look, i)
		}
	}
	powers := s.d.Powers()
	if s.mode == freshet.VerifyAck || !powers.Inspect {
		for _, i := range look {
			acknowledge(&s.all[i], s.began)
		}
		return nil
	}
	if len(look) == 0 {
		return nil
	}
	mode := InspectJoin
	if powers.DefeatsFills {
		mode = InspectNow
	}
	objs := make([]Object, len(look))
	for n, i := range look {
		objs[n] = Object{URL: urls[i], Generation: s.o.At}
	}
	var older []int
	for n, st := range exactStates(len(look), s.d.Inspect(ctx, objs, mode)) {
		i := look[n]
		r := &s.all[i]
		r.Window = time.Since(s.began)
		switch {
		case st.Fault == freshet.ReasonUnsupported:
			acknowledge(r, s.began)
		case st.Fault != freshet.ReasonNone:
			s.fail(i, st.Fault, "the cache could not be inspected after the purge")
		case s.isOlder(st.Copy, *r), st.Hidden && !s.swept[i]:
			s.swept[i] = true
			older = append(older, i)
		default:
			r.After, r.Verified = st.Copy, freshet.VerifiedInspect
			if st.Joined {
				r.Verified = freshet.VerifiedInspectJoined
			}
		}
	}
	return older
}

// since returns what the next round may keep: after the first, what was fetched
// since it.
func (s *settlement) since(left []int) time.Time {
	since := s.o.Since
	if !since.IsZero() || !s.d.Powers().Stamps {
		return since
	}
	for _, i := range left {
		if e := s.all[i].Executed; e.After(since) {
			since = e
		}
	}
	return since
}

// take adds the answer of a round to what is known of an object, and reports
// whether it was good.
func (s *settlement) take(i int, r Result) bool {
	all := &s.all[i]
	r.Rounds = all.Rounds + 1
	if r.Rounds > 1 && !all.Executed.IsZero() {
		r.Executed = all.Executed // copies are compared with the first purge
	}
	if all.Before.Stored() {
		r.Before = all.Before
	}
	// After a round that removed something, "already" means done.
	if all.Outcome == freshet.OutcomeDone && r.Outcome == freshet.OutcomeAlready {
		r.Outcome = freshet.OutcomeDone
	}
	*all = r
	return r.Outcome == freshet.OutcomeDone || r.Outcome == freshet.OutcomeAlready
}

// isOlder reports whether a copy may stem from before the purge. The
// generation decides where the cache keeps one; otherwise its own clock does,
// and the same millisecond counts as before.
func (s *settlement) isOlder(c freshet.Copy, r Result) bool {
	switch {
	case !c.Stored():
		return false
	case !c.Generation.IsZero():
		return c.Generation.Before(s.o.At)
	case !s.o.Since.IsZero():
		return !c.FetchedAt.After(s.o.Since)
	}
	return !c.FetchedAt.After(r.Executed.Truncate(time.Millisecond))
}

func acknowledge(r *Result, began time.Time) {
	r.Rounds = max(r.Rounds, 1)
	if r.Outcome == freshet.OutcomeDone || r.Outcome == freshet.OutcomeAlready {
		r.Verified, r.Window = freshet.VerifiedAnswer, time.Since(began)
	}
}
