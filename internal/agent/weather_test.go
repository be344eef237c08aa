package agent_test

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
)

// faults says how bad the wire is. The zero value is a perfect wire.
type faults struct {
	Lose   float64       // chance that a push or a heartbeat is lost
	Repeat float64       // chance that a message, of whatever kind, comes once more, later
	Fail   float64       // chance that a call fails or is lost, on its way or on its way back
	Delay  time.Duration // each message takes up to this long, so they overtake each other
	Mute   bool          // the POPs hear nothing, of the control plane and of each other
	Cut    bool          // calls fail
}

// weather decides what becomes of each message on the wire.
type weather struct {
	mu   sync.Mutex // guards what follows
	seed uint64
	bad  faults
	// dice are one for each route, so that what becomes of a message does not
	// hang on which goroutine of the bubble happened to run first.
	dice map[route]*rand.Rand
}

// route is a way that messages take in their order.
type route struct {
	direction membus.Direction
	channel   bus.Channel
	call      bus.Call
	pop       string
}

func newWeather(seed uint64) *weather {
	return &weather{seed: seed, dice: map[route]*rand.Rand{}}
}

// turn changes how bad the wire is from now on.
func (w *weather) turn(bad faults) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bad = bad
}

// fate implements [membus.Faults].
func (w *weather) fate(m membus.Message) membus.Fate {
	w.mu.Lock()
	defer w.mu.Unlock()
	call := m.Direction == membus.Request || m.Direction == membus.Answer
	switch {
	case w.bad.Mute && (m.Direction == membus.ToAgent || m.Direction == membus.ToPeer):
		return membus.Fate{Drop: true}
	case w.bad.Cut && call:
		return membus.Fate{Fail: true}
	}
	d := w.die(m)
	chance := func(p float64) bool { return p > 0 && d.Float64() < p }
	var fate membus.Fate
	if w.bad.Delay > 0 {
		fate.Delay = time.Duration(d.Int64N(int64(w.bad.Delay)))
	}
	if chance(w.bad.Repeat) {
		fate.Copies, fate.Apart = 1, time.Duration(d.Int64N(int64(w.bad.Delay+time.Millisecond)))
	}
	if call {
		fate.Fail, fate.Drop = chance(w.bad.Fail/2), chance(w.bad.Fail/2)
	} else {
		fate.Drop = chance(w.bad.Lose)
	}
	return fate
}

func (w *weather) die(m membus.Message) *rand.Rand {
	r := route{m.Direction, m.Channel, m.Call, m.POP}
	if w.dice[r] == nil {
		way := uint64(m.Direction)
		for _, c := range []byte(string(m.Channel) + "\x00" + string(m.Call) + "\x00" + m.POP) {
			way = way*31 + uint64(c)
		}
		w.dice[r] = rand.New(rand.NewPCG(w.seed, way))
	}
	return w.dice[r]
}
