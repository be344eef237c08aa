package engine

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet/internal/wire"
)

// turns let one POP at a time make its whole cache revalidate, of those that
// fill from the same place: after that every hit is a question to the parents, or
// to the origin, and many POPs that ask at once, such as after a failure of the
// network, would be more than those can answer. They are kept in memory: a
// control plane that starts anew may grant one more.
type turns struct {
	mu   sync.Mutex // guards tier
	tier map[string]*tier
}

// tier is the POPs that fill from the same place.
type tier struct {
	holder  string
	until   time.Time // when the holder's turn ends
	waiting []waiter  // first come, first served
}

type waiter struct {
	pop   string
	asked time.Time // last
}

// waitsOn is how long a POP that waits need not ask again to keep its place. It
// asks every second.
const waitsOn = 10 * time.Second

// ask grants a POP of a tier its turn, for a time, or has it wait.
func (t *turns) ask(name, pop string, at time.Time, length time.Duration) wire.Turn {
	if length <= 0 {
		return wire.Turn{Granted: true}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tier == nil {
		t.tier = map[string]*tier{}
	}
	g := t.tier[name]
	if g == nil {
		g = &tier{}
		t.tier[name] = g
	}
	left := g.until.Sub(at)
	if g.holder == pop && left > 0 {
		return wire.Turn{Granted: true, For: left} // the answer got lost
	}
	g.waiting = slices.DeleteFunc(g.waiting, func(w waiter) bool { return w.pop != pop && at.Sub(w.asked) > waitsOn })
	i := slices.IndexFunc(g.waiting, func(w waiter) bool { return w.pop == pop })
	if i < 0 {
		i = len(g.waiting)
		g.waiting = append(g.waiting, waiter{pop: pop})
	}
	g.waiting[i].asked = at
	if left > 0 || i > 0 {
		return wire.Turn{For: max(left, 0) + time.Duration(i)*length}
	}
	g.waiting = g.waiting[1:]
	g.holder, g.until = pop, at.Add(length)
	return wire.Turn{Granted: true, For: length}
}

// turn answers a POP that asks for its turn.
func (e *Engine) turn(pop string) []byte {
	return wire.EncodeTurn(e.turns.ask(e.members.fillsFrom(pop), pop, time.Now(), e.o.FlushTurn))
}

// fillsFrom names the place from which a POP fills: its parents, or the origin
// if it has none.
func (m *members) fillsFrom(pop string) string {
	p, _ := m.topology().POP(pop)
	return strings.Join(slices.Sorted(slices.Values(p.Parents)), "\x00")
}
