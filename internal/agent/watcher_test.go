package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// watcher notes when each POP's watermark reached a position.
type watcher struct {
	w       *world
	reached map[string][]mark
	fault   string
}

type mark struct {
	at   freshet.Position
	tick uint64
}

// committing is told of each state before it becomes durable: the watermark
// must not pass a purge that was not carried out.
func (v *watcher) committing(s *site, st store.AgentState) {
	v.w.mu.Lock()
	defer v.w.mu.Unlock()
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	for _, e := range v.w.log {
		if e.Kind != freshet.EntryPurge || st.Watermark.Before(e.At) {
			continue
		}
		for i := range e.Len() {
			excepted := slices.ContainsFunc(st.Exceptions, func(x freshet.Exception) bool {
				return x.At == e.At && (len(x.Items) == 0 || slices.Contains(x.Items, i))
			})
			if !excepted && !slices.ContainsFunc(s.cache.effects, func(f effect) bool {
				exact := e.Selector.Kind == freshet.SelectExact
				return f.url == e.URL(i) && (f.at == e.At || exact && e.At.Before(f.at)) ||
					exact && f.prefix && e.At.Before(f.at) && strings.HasPrefix(e.URL(i), f.url)
			}) {
				v.say("%s: watermark %s passes %s item %d, which was not carried out", s.id, st.Watermark, e.At, i)
			}
		}
	}
	v.reached[s.id] = append(v.reached[s.id], mark{st.Watermark, v.w.ticks.Add(1)})
}

func (v *watcher) say(format string, args ...any) {
	if v.fault == "" {
		v.fault = fmt.Sprintf(format, args...)
	}
}

// coveredAt returns the tick at which a POP's watermark first reached a
// position; 0 if it never did.
func (v *watcher) coveredAt(id string, at freshet.Position) uint64 {
	for _, m := range v.reached[id] {
		if !m.at.Before(at) {
			return m.tick
		}
	}
	return 0
}

// settle waits until all is as it should be, for five minutes at most, and
// then a while in which it must stay so: as long as topology and content take
// to be looked at again.
func (v *watcher) settle(h *history) string {
	for range 60 {
		pass(5 * time.Second)
		if v.judge(h) == "" {
			break
		}
	}
	pass(35 * time.Second)
	return v.judge(h)
}

// judge returns what is wrong now.
func (v *watcher) judge(h *history) string {
	v.w.mu.Lock()
	defer v.w.mu.Unlock()
	found := *v // what may still come right is not held against it
	return found.weigh(h)
}

func (v *watcher) weigh(h *history) string {
	for _, p := range h.POPs {
		s := v.w.sites[p.ID]
		s.cache.mu.Lock()
		v.judgeOrder(s)
		v.judgeParents(s, p)
		v.judgePrefetches(s, p)
		v.judgeAnswers(s)
		v.judgeContent(s)
		s.cache.mu.Unlock()
	}
	for id, seen := range v.w.numbers {
		for n := range uint64(len(seen)) {
			if !seen[n+1] {
				v.say("%s: evidence %d is missing of %d", id, n+1, len(seen))
			}
		}
	}
	return v.fault
}

// judgeOrder: in one life, an object is never purged at a position for the
// first time after it was purged at a later one. A repeat may come late, and so
// may a redo for a parent that is back: it is of a whole entry, of which this
// object may have been covered by a later one.
func (v *watcher) judgeOrder(s *site) {
	for i, f := range s.cache.effects {
		first := !slices.ContainsFunc(s.cache.effects[:i], func(g effect) bool { return g.url == f.url && g.at == f.at })
		if first && slices.ContainsFunc(s.cache.effects[:i], func(g effect) bool {
			return g.url == f.url && f.at.Before(g.at) && g.life == f.life
		}) && !f.again {
			v.say("%s: %s was purged at %s after a later position", s.id, f.url, f.at)
		}
	}
}

func (v *watcher) entry(at freshet.Position) *freshet.Entry {
	for _, e := range v.w.log {
		if e.At == at {
			return e
		}
	}
	return nil
}

// judgeParents: a purge never runs before the parents' watermarks cover it,
// unless the log excuses a parent by then; and if one was excused, the purge,
// or a later one of the object, runs again after it caught up.
func (v *watcher) judgeParents(s *site, p freshet.POP) {
	for _, parent := range p.Parents {
		for _, f := range s.cache.effects {
			covered := v.coveredAt(parent, f.at)
			if covered == 0 {
				v.say("%s: watermark never reached %s", parent, f.at)
				continue
			}
			if f.began > covered {
				continue
			}
			if !v.excused(parent, f.began) {
				v.say("%s: %s ran before parent %s, which is not excused", s.id, f.at, parent)
			}
			exact := v.entry(f.at).Selector.Kind == freshet.SelectExact
			if !slices.ContainsFunc(s.cache.effects, func(g effect) bool {
				return g.url == f.url && (g.at == f.at || exact && f.at.Before(g.at)) && g.began > covered
			}) {
				v.say("%s: %s of %s was not redone after parent %s returned", s.id, f.at, f.url, parent)
			}
		}
	}
}

// excused reports whether the log excuses a POP before a tick.
func (v *watcher) excused(id string, tick uint64) bool {
	return slices.ContainsFunc(v.w.log, func(e *freshet.Entry) bool {
		return e.Membership == freshet.Membership{Change: freshet.MemberDown, POP: id} && v.w.appended[e.At] < tick
	})
}

// judgePrefetches: a prefetch never begins before the last purge that comes
// before it is behind the POP and behind its parents, unless the log excuses
// a parent by then.
func (v *watcher) judgePrefetches(s *site, p freshet.POP) {
	for _, f := range s.cache.warmings {
		last := v.entry(f.at).LastPurge
		if last.IsZero() {
			continue
		}
		for _, id := range append([]string{p.ID}, p.Parents...) {
			covered := v.coveredAt(id, last)
			if (covered == 0 || f.began < covered) && (id == p.ID || !v.excused(id, f.began)) {
				v.say("%s: %s was prefetched for %s before %s was past %s", s.id, f.url, f.at, id, last)
			}
		}
	}
}

// judgeAnswers: every delivery has exactly one final answer that makes sense,
// and the watermark is at the head.
func (v *watcher) judgeAnswers(s *site) {
	head := freshet.Position{}
	for _, e := range v.w.log {
		if e.Subject() == freshet.SubjectPurge {
			head = e.At
		}
		for i := range e.Len() {
			a, ok := v.w.answers[delivery{s.id, e.At, i}]
			if !ok {
				v.say("%s: nothing is known of %s %s item %d", s.id, e.Kind, e.At, i)
				continue
			}
			if at, failed := v.failedBefore(s.id, e, i); failed && e.Kind == freshet.EntryPrefetch && a.fact.After.Stored() {
				v.say("%s: prefetch %s item %d succeeded after the purge at %s failed", s.id, e.At, i, at)
			}
			if msg := wrong(e, a.fact); msg != "" {
				v.say("%s: %s %s item %d: %s: %+v", s.id, e.Kind, e.At, i, msg, a.fact)
			}
		}
	}
	if h := v.w.beats[s.id]; h.Watermark != head || h.Owed != 0 || !h.Ready {
		v.say("%s: ends with %+v, the head is %s", s.id, h, head)
	}
	if n := s.disk.spooled(); n != 0 {
		v.say("%s: %d messages are still spooled", s.id, n)
	}
}

// failedBefore reports whether the last purge of an object before an entry
// failed for good, by the one answer that was ever given for it: one that was
// done again may have failed only then.
func (v *watcher) failedBefore(id string, e *freshet.Entry, item int) (freshet.Position, bool) {
	var last freshet.Position
	var a answer
	for _, old := range v.w.log {
		if i := slices.Index(old.Selector.URLs, e.URL(item)); i >= 0 && old.Kind == freshet.EntryPurge && old.At.Before(e.At) {
			last, a = old.At, v.w.answers[delivery{id, old.At, i}]
		}
	}
	return last, a.fact.Outcome == freshet.OutcomeFailed && a.repeats == 0
}

func wrong(e *freshet.Entry, f freshet.Fact) string {
	switch f.Outcome {
	case freshet.OutcomeDone, freshet.OutcomeAlready:
		if f.Attempts < 1 || f.Verified == freshet.VerifiedNone || f.ExecutedAt.IsZero() {
			return "claims work without proof"
		}
	case freshet.OutcomeCovered:
		if e.Kind != freshet.EntryPurge || !e.At.Before(f.CoveredBy) {
			return "is covered by nothing later"
		}
	case freshet.OutcomeCancelled:
		if e.Kind != freshet.EntryPrefetch || f.Reason != freshet.ReasonSuperseded {
			return "was cancelled by nothing"
		}
	case freshet.OutcomeFailed:
		want := []freshet.Reason{freshet.ReasonRefused, freshet.ReasonBlockedByParent}
		if e.Kind == freshet.EntryPrefetch {
			want = []freshet.Reason{freshet.ReasonPurgeFailed}
		}
		if !slices.Contains(want, f.Reason) {
			return "failed for no known reason"
		}
	case freshet.OutcomeNone, freshet.OutcomeExcused:
		return "is no final answer"
	}
	return ""
}

// judgeContent: nothing is stored from before the last purge of it that was
// carried out.
func (v *watcher) judgeContent(s *site) {
	for u, c := range s.cache.stored {
		for _, f := range s.cache.effects {
			if f.url == u && c.Generation.Before(f.at) {
				v.say("%s: %s of generation %s is stored below a purge at %s", s.id, u, c.Generation, f.at)
			}
		}
	}
}
