package engine_test

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/wire"
)

// asksTurn asks for the POP's turn.
func (p *popPlayed) asksTurn() wire.Turn {
	p.w.t.Helper()
	answer, err := p.agent.Do(p.w.t.Context(), bus.CallTurn, wire.EncodeTurn(wire.Turn{}))
	must(p.w.t, err)
	turn, err := wire.DecodeTurn(answer)
	must(p.w.t, err)
	return turn
}

// TestP5_OnePOPOfATierRevalidatesAtATime asks for turns in two tiers.
func TestP5_OnePOPOfATierRevalidatesAtATime(t *testing.T) {
	t.Parallel()
	const turn = 20 * time.Second
	w := newWorld(t, func(o *engine.Options) {
		o.FlushTurn = turn
		for _, id := range []string{"a", "b", "c"} {
			o.POPs = append(o.POPs, freshet.POP{ID: id, Parents: []string{"s"}})
		}
	}, "s")
	for _, id := range []string{"a", "b", "c"} {
		w.play(id)
	}
	eventually(t, "it answers", func() bool { return w.Ready() == nil })
	granted := func(id string) bool { t.Helper(); return w.pops[id].asksTurn().Granted }
	for _, id := range []string{"a", "a", "s"} { // an answer may get lost
		if !granted(id) {
			t.Fatalf("%s does not get the turn that nobody else has", id)
		}
	}
	b, c := w.pops["b"].asksTurn(), w.pops["c"].asksTurn()
	if b.Granted || c.Granted || b.For <= 0 || b.For > turn || c.For <= b.For {
		t.Fatalf("while a has its turn, b hears %+v and c hears %+v", b, c)
	}
}
