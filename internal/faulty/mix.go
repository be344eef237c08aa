package faulty

import (
	"math/rand/v2"
	"time"
)

// mixIdle is how long a message waits for another to change places with.
const mixIdle = 20 * time.Millisecond

// maxApart is how many frames come between a message and its repeat at most.
const maxApart = 4

// mixer repeats, swaps and drops messages of one direction of a connection.
// Its dice are thrown once a message for each fault, so what it does depends
// on the seed and the messages alone.
type mixer struct {
	dice   *rand.Rand
	held   []byte // a message that lets the next one go first
	echoes []echo
}

type echo struct {
	data  []byte
	after int // frames that go first
}

// mixed is what a mixer made of one chunk.
type mixed struct {
	out                        [][]byte
	repeated, swapped, dropped int
}

// add takes a chunk and returns what is to be sent now.
func (m *mixer) add(c chunk, f Flow) mixed {
	var r mixed
	if !c.message {
		// A PING or PONG is an answer about what went before it.
		r.out = append(m.rest(), c.data)
		return r
	}
	drop, repeat, swap := m.dice.Float64() < f.Drop, m.dice.Float64() < f.Repeat, m.dice.Float64() < f.Swap
	after := m.dice.IntN(maxApart)
	if drop {
		r.dropped++
		return r
	}
	switch {
	case m.held != nil:
		r.out = m.emit(r.out, c.data)
		r.out = m.emit(r.out, m.held)
		m.held = nil
		r.swapped++
	case swap:
		m.held = c.data
	default:
		r.out = m.emit(r.out, c.data)
	}
	if repeat {
		m.echoes = append(m.echoes, echo{c.data, after})
		r.repeated++
	}
	return r
}

// emit appends a message, and the repeats that are due after it.
func (m *mixer) emit(out [][]byte, data []byte) [][]byte {
	out = append(out, data)
	left := m.echoes[:0]
	for _, e := range m.echoes {
		if e.after--; e.after < 0 {
			out = append(out, e.data)
			continue
		}
		left = append(left, e)
	}
	m.echoes = left
	return out
}

// rest returns what is held back, when nothing came for a while or before a
// frame that nothing may overtake.
func (m *mixer) rest() [][]byte {
	var out [][]byte
	if m.held != nil {
		out = append(out, m.held)
		m.held = nil
	}
	for _, e := range m.echoes {
		out = append(out, e.data)
	}
	m.echoes = nil
	return out
}

func (m *mixer) waits() bool { return m.held != nil || len(m.echoes) > 0 }
