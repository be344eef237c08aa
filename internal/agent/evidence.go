package agent

import (
	"maps"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

const (
	// factsPerMessage bounds a message of evidence, so that the control plane can
	// fold it in a moment. Each message costs it a commit.
	factsPerMessage = 4000
	// manyFacts is how many are not gathered any longer.
	manyFacts = 1000
)

// fact adds a fact to the evidence. Of two facts about one item the later one
// holds. Facts that somebody waits for are urgent; others are gathered.
func (g *ledger) fact(at freshet.Position, f freshet.Fact, urgent bool) {
	m := g.facts[at]
	if m == nil {
		if n := len(g.spare); n > 0 {
			m, g.spare = g.spare[n-1], g.spare[:n-1]
			g.spared -= cap(m.list)
		} else {
			m = &itemFacts{}
		}
		g.facts[at] = m
	}
	m.add(&f)
	g.nfacts++
	g.urgent = g.urgent || urgent || g.nfacts >= manyFacts
	if g.factsDue.IsZero() {
		g.factsDue = time.Now().Add(g.gather)
	}
}

// itemFacts are facts about one entry, in the order in which they came.
type itemFacts struct {
	list   []freshet.Fact
	untidy bool // items are out of order, or come twice
}

func (m *itemFacts) add(f *freshet.Fact) {
	if n := len(m.list); n > 0 && f.Item <= m.list[n-1].Item {
		m.untidy = true
	}
	m.list = append(m.list, *f)
}

// tidy returns the facts in the order of their items, the last one of each.
func (m *itemFacts) tidy() []freshet.Fact {
	if !m.untidy {
		return m.list
	}
	slices.SortStableFunc(m.list, func(a, b freshet.Fact) int { return a.Item - b.Item })
	n := 0
	for i, f := range m.list {
		if i+1 < len(m.list) && m.list[i+1].Item == f.Item {
			continue
		}
		m.list[n] = f
		n++
	}
	return m.list[:n]
}

// takeFacts hands over the facts gathered so far.
func (g *ledger) takeFacts() map[freshet.Position]*itemFacts {
	facts := g.facts
	g.facts, g.nfacts, g.factsDue = map[freshet.Position]*itemFacts{}, 0, time.Time{}
	return facts
}

// recycle takes back facts that are in the journal, for the room they have.
func (g *ledger) recycle(facts map[freshet.Position]*itemFacts) {
	for _, m := range facts {
		if g.spared+cap(m.list) <= maxFacts {
			clear(m.list) // it holds validators
			m.list, m.untidy = m.list[:0], false
			g.spare = append(g.spare, m)
			g.spared += cap(m.list)
		}
	}
}

// evidence encodes the facts of a step into numbered messages. It is called by
// a worker: a backlog has facts by the hundred thousand, and the loop has
// better things to do meanwhile. There is one step at a time, so the numbers
// follow on.
func (l *life) evidence(s *step) {
	var part []freshet.EntryFacts
	n := 0
	flush := func() {
		if len(part) > 0 {
			l.encode(s, part)
		}
		part, n = nil, 0
	}
	for _, at := range slices.SortedFunc(maps.Keys(s.facts), freshet.Position.Compare) {
		e := freshet.EntryFacts{At: at, Facts: s.facts[at].tidy()}
		for len(e.Facts) > 0 {
			k := min(len(e.Facts), factsPerMessage-n)
			part = append(part, freshet.EntryFacts{At: at, Facts: e.Facts[:k]})
			e.Facts = e.Facts[k:]
			if n += k; n == factsPerMessage {
				flush()
			}
		}
	}
	flush()
}

// encode adds one message of facts to a step, or several if it would be too
// long.
func (l *life) encode(s *step, part []freshet.EntryFacts) {
	msg := wire.EncodeEvidenceAs(l.dialect.now(), freshet.Evidence{
		POP: l.o.POP, Stream: s.state.Stream, Number: s.state.LastNumber + 1, Incarnation: s.state.Incarnation, Entries: part,
	})
	if len(msg) > bus.MaxMessage {
		if a, b, ok := halves(part); ok {
			l.encode(s, a)
			l.encode(s, b)
			return
		}
	}
	s.state.LastNumber++
	s.Evidence = append(s.Evidence, store.SpooledMessage{Number: s.state.LastNumber, Message: msg})
}

// halves splits facts in two; false if there is only one.
func halves(part []freshet.EntryFacts) (a, b []freshet.EntryFacts, ok bool) {
	if n := len(part); n > 1 {
		return part[:n/2], part[n/2:], true
	}
	at, facts := part[0].At, part[0].Facts
	n := len(facts)
	if n < 2 {
		return nil, nil, false
	}
	return []freshet.EntryFacts{{At: at, Facts: facts[:n/2]}}, []freshet.EntryFacts{{At: at, Facts: facts[n/2:]}}, true
}
