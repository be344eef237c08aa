package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/store"
)

// act is one thing that happens in a random history.
type act struct {
	Kind string // purge, prefix, prefetch, down, up, kill, start, wait
	URLs []string
	POP  string
	Op   string // with start: when the next life ends
	N    int
	Wait time.Duration
}

// history is a random world: drawn in full before the bubble, because the
// generator must not be asked from within.
type history struct {
	Seed     uint64
	POPs     []freshet.POP
	Bad      faults
	Lost     float64
	LateFill float64
	Defeats  bool
	Keeps    bool
	Refuse   string // the URL that the first POP refuses to purge
	Acts     []act
}

func genHistory(t *rapid.T) history {
	h := history{
		Seed: rapid.Uint64().Draw(t, "seed"),
		POPs: genGraph(t),
		Bad: faults{
			Lose:      rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "lose"),
			Repeat:    rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "repeat"),
			FailCalls: rapid.SampledFrom([]float64{0, 0.2}).Draw(t, "fail"),
			Delay:     rapid.SampledFrom([]time.Duration{0, 50 * time.Millisecond, 2 * time.Second}).Draw(t, "delay"),
		},
		Lost:     rapid.SampledFrom([]float64{0, 0.2}).Draw(t, "transient"),
		LateFill: rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "late"),
		Defeats:  rapid.Bool().Draw(t, "defeats"),
		Keeps:    rapid.Bool().Draw(t, "keeps"),
		Refuse:   rapid.SampledFrom([]string{"", "", u2}).Draw(t, "refuse"),
	}
	h.Acts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act { return genAct(t, h.POPs) }), 1, 25).Draw(t, "acts")
	return h
}

func genGraph(t *rapid.T) []freshet.POP {
	var all []freshet.POP
	var above []string
	for tier := range rapid.IntRange(1, 3).Draw(t, "tiers") {
		var here []string
		for i := range rapid.IntRange(1, 2).Draw(t, "width") {
			p := freshet.POP{ID: fmt.Sprintf("p%d%d", tier, i)}
			for _, a := range above {
				if rapid.Bool().Draw(t, "parent") {
					p.Parents = append(p.Parents, a)
				}
			}
			all = append(all, p)
			here = append(here, p.ID)
		}
		above = append(above, here...)
	}
	return all
}

func genAct(t *rapid.T, list []freshet.POP) act {
	a := act{
		Kind: rapid.SampledFrom([]string{
			"purge", "purge", "purge", "prefix", "prefetch", "prefetch", "down", "up", "kill", "start", "wait",
		}).Draw(t, "kind"),
		POP:  rapid.SampledFrom(list).Draw(t, "pop").ID,
		Wait: rapid.SampledFrom([]time.Duration{0, time.Millisecond, 30 * time.Millisecond, 3 * time.Second}).Draw(t, "wait"),
	}
	switch a.Kind {
	case "purge", "prefetch":
		a.URLs = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{u1, u2, u3}), 1, 3, rapid.ID[string]).Draw(t, "urls")
	case "prefix":
		a.URLs = []string{rapid.SampledFrom([]string{"http://vod.example.com/a/", "http://vod.example.com/"}).Draw(t, "prefix")}
	case "start":
		op := rapid.SampledFrom([]string{"", "purge", "cursor", "commit"}).Draw(t, "op")
		if op != "" {
			a.Op = rapid.SampledFrom([]string{"before ", "after "}).Draw(t, "when") + op
		}
		a.N = rapid.IntRange(1, 4).Draw(t, "n")
	}
	return a
}

func TestP3_OrderHoldsInEveryHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := genHistory(rt)
		var faulty string
		synctest.Test(t, func(t *testing.T) { faulty = h.play(t) })
		if faulty != "" {
			rt.Fatal(faulty)
		}
	})
}

// watcher notes when each POP's journalled watermark reached a position.
type watcher struct {
	w       *world
	reached map[string][]mark
	fault   string
}

type mark struct {
	at   freshet.Position
	when time.Time
}

// play lives through a history and returns the first broken promise.
func (h *history) play(t *testing.T) string {
	t.Helper()
	w := newWorld(t, h.Seed, h.POPs...)
	defer w.end()
	w.with(func() { w.bad = h.Bad })
	v := &watcher{w: w, reached: map[string][]mark{}}
	for i, p := range h.POPs {
		s := w.sites[p.ID]
		s.cache.powers.DefeatsFills, s.cache.powers.KeepsCursor = h.Defeats, h.Keeps
		s.cache.transient, s.cache.lateFill = h.Lost, h.LateFill
		for _, u := range []string{u1, u2, u3} {
			s.cache.put(u)
		}
		if i == 0 && h.Refuse != "" {
			s.cache.verdict = func(op, url string, _ freshet.Position) freshet.Reason {
				if op == "purge" && url == h.Refuse {
					return freshet.ReasonRefused
				}
				return freshet.ReasonNone
			}
		}
		s.disk.check = func(st store.AgentState) { v.committing(s, st) }
		s.start("", 0)
	}
	down := map[string]bool{}
	for _, a := range h.Acts {
		h.do(w, a, down)
		pass(a.Wait)
	}
	// Everything heals.
	w.with(func() { w.bad = faults{} })
	for _, p := range h.POPs {
		s := w.sites[p.ID]
		s.cache.with(func() { s.cache.transient, s.cache.lateFill = 0, 0 })
		s.kill()
		s.start("", 0)
		if down[p.ID] {
			w.append(member(freshet.MemberUp, p.ID))
		}
	}
	pass(5 * time.Minute)
	return v.judge(h)
}

func (h *history) do(w *world, a act, down map[string]bool) {
	s := w.sites[a.POP]
	switch a.Kind {
	case "purge":
		w.append(purge(a.URLs...))
	case "prefix":
		w.append(purgePrefix(a.URLs[0]))
	case "prefetch":
		w.append(prefetch(a.URLs...))
	case "down":
		w.append(member(freshet.MemberDown, a.POP))
		down[a.POP] = true
	case "up":
		w.append(member(freshet.MemberUp, a.POP))
		down[a.POP] = false
	case "kill":
		s.kill()
	case "start":
		s.kill()
		s.start(a.Op, a.N)
	}
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
	v.reached[s.id] = append(v.reached[s.id], mark{st.Watermark, time.Now()})
}

func (v *watcher) say(format string, args ...any) {
	if v.fault == "" {
		v.fault = fmt.Sprintf(format, args...)
	}
}

// coveredAt returns when a POP's watermark first reached a position.
func (v *watcher) coveredAt(id string, at freshet.Position) time.Time {
	for _, m := range v.reached[id] {
		if !m.at.Before(at) {
			return m.when
		}
	}
	return time.Time{}
}

func (v *watcher) judge(h *history) string {
	v.w.mu.Lock()
	defer v.w.mu.Unlock()
	for _, p := range h.POPs {
		s := v.w.sites[p.ID]
		s.cache.mu.Lock()
		v.judgeOrder(s)
		v.judgeParents(s, p)
		v.judgeAnswers(s)
		v.judgeContent(s)
		s.cache.mu.Unlock()
	}
	for id, seen := range v.w.numbers {
		for n := range uint64(len(seen)) {
			if !seen[n+1] {
				v.say("%s: evidence %d is missing of %d", id.pop, n+1, len(seen))
			}
		}
	}
	return v.fault
}

// judgeOrder: in one life, an object is never purged at a position for the
// first time after it was purged at a later one. A repeat may come late.
func (v *watcher) judgeOrder(s *site) {
	for i, f := range s.cache.effects {
		first := !slices.ContainsFunc(s.cache.effects[:i], func(g effect) bool { return g.url == f.url && g.at == f.at })
		if first && slices.ContainsFunc(s.cache.effects[:i], func(g effect) bool {
			return g.url == f.url && f.at.Before(g.at) && g.life == f.life
		}) && !v.redone(s, f) {
			v.say("%s: %s was purged at %s after a later position", s.id, f.url, f.at)
		}
	}
}

// redone allows for the repeat of a whole entry of which this object had been
// covered by a later one.
func (v *watcher) redone(s *site, f effect) bool {
	a, ok := v.w.answers[delivery{s.id, f.at, v.item(f)}]
	return ok && a.repeats > 0
}

func (v *watcher) entry(at freshet.Position) *freshet.Entry {
	for _, e := range v.w.log {
		if e.At == at {
			return e
		}
	}
	return nil
}

func (v *watcher) item(f effect) int {
	return max(0, slices.Index(v.entry(f.at).Selector.URLs, f.url))
}

// judgeParents: a purge never runs before the parents' watermarks cover it,
// unless the log excuses a parent by then; and if one was excused, the purge,
// or a later one of the object, runs again after it caught up.
func (v *watcher) judgeParents(s *site, p freshet.POP) {
	for _, parent := range p.Parents {
		for _, f := range s.cache.effects {
			covered := v.coveredAt(parent, f.at)
			if covered.IsZero() {
				v.say("%s: watermark never reached %s", parent, f.at)
				continue
			}
			if !f.when.Before(covered) {
				continue
			}
			if !slices.ContainsFunc(v.w.log, func(e *freshet.Entry) bool {
				return e.Membership == freshet.Membership{Change: freshet.MemberDown, POP: parent} && !e.Created.After(f.when)
			}) {
				v.say("%s: %s ran before parent %s, which is not excused", s.id, f.at, parent)
			}
			exact := v.entry(f.at).Selector.Kind == freshet.SelectExact
			if !slices.ContainsFunc(s.cache.effects, func(g effect) bool {
				return g.url == f.url && (g.at == f.at || exact && f.at.Before(g.at)) && !g.when.Before(covered)
			}) {
				v.say("%s: %s of %s was not redone after parent %s returned", s.id, f.at, f.url, parent)
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
			if msg := wrong(e, a.fact); msg != "" {
				v.say("%s: %s %s item %d: %s: %+v", s.id, e.Kind, e.At, i, msg, a.fact)
			}
		}
	}
	if h := v.w.beats[s.id]; h.Watermark != head || h.Owed != 0 || !h.Ready {
		v.say("%s: ends with %+v, the head is %s", s.id, h, head)
	}
	if n := len(s.disk.spool); n != 0 {
		v.say("%s: %d messages are still spooled", s.id, n)
	}
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

var _ cache.Driver = (*handle)(nil)
