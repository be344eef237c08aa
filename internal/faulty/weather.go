package faulty

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is a kind of weather.
type Kind string

// The kinds.
const (
	Calm     Kind = "calm"      // no fault
	Slow     Kind = "slow"      // latency with jitter, one way or both
	Narrow   Kind = "narrow"    // few bytes a second
	Resets   Kind = "resets"    // every connection is reset: now, or a few bytes later
	Broken   Kind = "broken"    // streams end in the middle
	HalfOpen Kind = "half_open" // one direction is cut, held back or swallowed
	Hole     Kind = "hole"      // everything is swallowed
	Closed   Kind = "closed"    // the port is closed, connections are reset
	Mixed    Kind = "mixed"     // messages are repeated and swapped
	Lossy    Kind = "lossy"     // messages are dropped: nobody hears that an answer will not come
)

// Kinds returns every kind of weather. Mixed and Lossy do nothing without
// Options.NATS.
func Kinds() []Kind {
	return []Kind{Calm, Slow, Narrow, Resets, Broken, HalfOpen, Hole, Closed, Mixed, Lossy}
}

// Climate says what weather a place has. The zero value has all kinds, in
// spells of 5 ms to 1 s.
type Climate struct {
	Shortest, Longest time.Duration // of one spell
	Kinds             []Kind        // one that is named twice is twice as frequent
}

func (c Climate) withDefaults() Climate {
	if c.Shortest <= 0 {
		c.Shortest = 5 * time.Millisecond
	}
	if c.Longest < c.Shortest {
		c.Longest = max(c.Shortest, time.Second)
	}
	if len(c.Kinds) == 0 {
		c.Kinds = Kinds()
	}
	return c
}

// Spell is a time of one kind of weather.
type Spell struct {
	For   time.Duration
	Kind  Kind
	Fault Fault
	Reset bool // it begins with a reset of every connection
}

// Forecast returns the weather that a seed brings, without end: the same for
// the same seed and climate.
func Forecast(seed uint64, c Climate) iter.Seq[Spell] {
	c = c.withDefaults()
	return func(yield func(Spell) bool) {
		d := dice{rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // faults, not secrets
		for yield(d.spell(c)) {
		}
	}
}

// Weather lets the weather of the proxy's seed take its course until ctx ends,
// and then heals. It returns the spells that there were, whose times the last
// may not have had in full.
func (p *Proxy) Weather(ctx context.Context, c Climate) []Spell {
	defer p.Heal()
	var had []Spell
	for s := range Forecast(p.o.Seed, c) {
		had = append(had, s)
		p.Apply(s.Fault)
		if s.Reset {
			p.Reset()
		}
		over := time.NewTimer(s.For)
		select {
		case <-ctx.Done():
		case <-over.C:
		}
		over.Stop()
		if ctx.Err() != nil {
			break
		}
	}
	return had
}

type dice struct{ *rand.Rand }

func (d dice) spell(c Climate) Spell {
	// Short ones are as frequent as long ones: 5 to 50 ms as 50 to 500.
	span := math.Log(float64(c.Longest) / float64(c.Shortest))
	s := Spell{
		For:  time.Duration(float64(c.Shortest) * math.Exp(d.Float64()*span)),
		Kind: c.Kinds[d.IntN(len(c.Kinds))],
	}
	switch s.Kind {
	case Calm:
	case Slow:
		s.Fault = d.either(Flow{Latency: d.upTo(100 * time.Millisecond), Jitter: d.upTo(100 * time.Millisecond)}, true)
	case Narrow:
		s.Fault = d.either(Flow{Rate: 1<<10 + d.IntN(64<<10)}, true)
	case Resets:
		if s.Reset = d.IntN(2) == 0; !s.Reset {
			s.Fault = d.either(Flow{ResetAfter: 1 + d.Int64N(4<<10)}, false)
		}
	case Broken:
		s.Fault = d.either(Flow{EndAfter: 1 + d.Int64N(4<<10)}, false)
	case HalfOpen:
		s.Fault = d.either([]Flow{{Stall: true}, {Swallow: true}, {Cut: true}}[d.IntN(3)], false)
	case Hole:
		s.Fault = Fault{Up: Flow{Swallow: true}, Down: Flow{Swallow: true}, Door: Hang}
	case Closed:
		s.Fault, s.Reset = Fault{Door: Refuse}, true
	case Mixed:
		s.Fault = d.either(Flow{Repeat: d.Float64(), Swap: d.Float64()}, true)
	case Lossy:
		s.Fault = d.either(Flow{Drop: d.Float64()}, true)
	}
	return s
}

// either puts a flow into one direction, or into both where that makes sense.
func (d dice) either(f Flow, both bool) Fault {
	ways := []Fault{{Up: f}, {Down: f}, {Up: f, Down: f}}
	if !both {
		ways = slices.Delete(ways, 2, 3)
	}
	return ways[d.IntN(len(ways))]
}

func (d dice) upTo(most time.Duration) time.Duration { return time.Duration(d.Int64N(int64(most))) }
