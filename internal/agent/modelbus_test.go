package agent_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// faults says how bad the wire is. The zero value is a perfect wire.
type faults struct {
	Lose, Repeat, FailCalls float64
	Delay                   time.Duration // each message takes up to this long, so they overtake each other
}

// control is a model control plane with its wire: a log in memory, and what
// the POPs said of it.
type control struct {
	mu       sync.Mutex
	rng      *rand.Rand
	bad      faults
	log      []*freshet.Entry
	next     freshet.Position
	topology freshet.Topology
	asked    uint64 // version of the topology that was last named in asking for one
	ends     map[string]*busEnd
	answers  map[delivery]answer
	numbers  map[spool]map[uint64]bool
	calls    int
	pulls    int
	beats    map[string]freshet.Heartbeat
	mute     bool // nothing is pushed at all
	cut      bool // calls fail
	refuse   int  // so many evidence messages are stored, but not acknowledged
}

type delivery struct {
	pop  string
	at   freshet.Position
	item int
}

type spool struct {
	pop    string
	stream uint64
}

type answer struct {
	fact           freshet.Fact
	stream, number uint64
	repeats        int
}

func newControl(seed uint64, topology freshet.Topology) *control {
	return &control{
		rng: rand.New(rand.NewPCG(seed, 1)), topology: topology, next: freshet.Position{Pos: 1},
		ends: map[string]*busEnd{}, answers: map[delivery]answer{}, numbers: map[spool]map[uint64]bool{},
		beats: map[string]freshet.Heartbeat{},
	}
}

// append adds an entry to the log and pushes it.
func (c *control) append(e *freshet.Entry) *freshet.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.At, e.Created = c.next, time.Now()
	c.next.Pos++
	prev := freshet.Position{}
	for _, old := range c.log {
		if old.Subject() == e.Subject() {
			prev = old.At
		}
		if old.Subject() == freshet.SubjectPurge {
			e.LastPurge = old.At
		}
		e.FirstTask = max(e.FirstTask, old.FirstTask+uint64(old.Len()))
	}
	if e.Targets == nil {
		for _, p := range c.topology.POPs {
			e.Targets = append(e.Targets, p.ID)
		}
	}
	c.log = append(c.log, e)
	ch := bus.ChannelPurge
	if e.Subject() == freshet.SubjectPrefetch {
		ch = bus.ChannelPrefetch
	}
	c.spread(ch, "", wire.EncodeEntries(wire.EntryBatch{Subject: e.Subject(), Prev: prev, Entries: []*freshet.Entry{e}}))
	return e
}

// heads pushes the heads; it returns that of the purges.
func (c *control) heads() freshet.Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []freshet.Cursor
	var purge freshet.Position
	for _, s := range freshet.Subjects() {
		at := freshet.Position{}
		for _, e := range c.log {
			if e.Subject() == s {
				at = e.At
			}
		}
		if s == freshet.SubjectPurge {
			purge = at
		}
		list = append(list, freshet.Cursor{Subject: s, At: at})
	}
	c.spread(bus.ChannelHead, "", wire.EncodeHeads(list))
	return purge
}

// spread sends a message to all ends; c.mu is held.
func (c *control) spread(ch bus.Channel, from string, msg []byte) {
	for pop, end := range c.ends {
		if c.mute || pop == from || c.chance(c.bad.Lose) {
			continue
		}
		n := 1
		if c.chance(c.bad.Repeat) {
			n = 2
		}
		for range n {
			time.AfterFunc(c.delay(), func() { end.deliver(ch, from, msg) })
		}
	}
}

func (c *control) chance(p float64) bool { return p > 0 && c.rng.Float64() < p }

func (c *control) delay() time.Duration {
	if c.bad.Delay == 0 {
		return time.Millisecond
	}
	return time.Millisecond + rand.N(c.bad.Delay)
}

func (c *control) call(pop string, call bus.Call, req []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.cut || c.chance(c.bad.FailCalls) {
		return nil, errors.New("model: no answer")
	}
	switch call {
	case bus.CallTopology:
		has, err := wire.DecodeTopology(req)
		if err != nil {
			return nil, err
		}
		c.asked = has.Version
		return wire.EncodeTopology(c.topology), nil
	case bus.CallEvidence:
		return nil, c.store(pop, req)
	case bus.CallPull:
	}
	c.pulls++
	q, err := wire.DecodePull(req)
	if err != nil {
		return nil, err
	}
	b := wire.EntryBatch{Subject: q.Subject, Prev: q.After}
	for _, e := range c.log {
		if e.Subject() == q.Subject && q.After.Before(e.At) && len(b.Entries) < min(q.Limit, 5) {
			b.Entries = append(b.Entries, e)
		}
	}
	return wire.EncodeEntries(b), nil
}

func (c *control) store(pop string, msg []byte) error {
	ev, err := wire.DecodeEvidence(msg)
	if err != nil {
		return err
	}
	id := spool{pop, ev.Stream}
	if c.numbers[id] == nil {
		c.numbers[id] = map[uint64]bool{}
	}
	c.numbers[id][ev.Number] = true
	for _, e := range ev.Entries {
		for _, f := range e.Facts {
			d := delivery{pop, e.At, f.Item}
			old, ok := c.answers[d]
			if ok && (old.stream > ev.Stream || old.stream == ev.Stream && old.number >= ev.Number) {
				continue
			}
			c.answers[d] = answer{f, ev.Stream, ev.Number, old.repeats + 1}
		}
	}
	if c.refuse > 0 {
		c.refuse--
		return errors.New("model: the acknowledgement is lost")
	}
	return nil
}

// answer returns what holds of a delivery.
func (c *control) answer(pop string, at freshet.Position, item int) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[delivery{pop, at, item}]
	return a, ok
}

// beat returns the last heartbeat of a POP.
func (c *control) beat(pop string) freshet.Heartbeat {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.beats[pop]
}

// with changes the control plane between messages.
func (c *control) with(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn()
}

// busEnd is one agent's end of the model wire.
type busEnd struct {
	c      *control
	pop    string
	mu     sync.Mutex
	handle func(bus.Channel, string, []byte)
}

func (c *control) connect(pop string) *busEnd {
	end := &busEnd{c: c, pop: pop}
	c.with(func() { c.ends[pop] = end })
	return end
}

func (e *busEnd) deliver(ch bus.Channel, from string, msg []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.handle != nil {
		e.handle(ch, from, msg)
	}
}

func (e *busEnd) Listen(handle func(bus.Channel, string, []byte)) (func(), error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handle = handle
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.handle = nil
	}, nil
}

func (e *busEnd) Do(ctx context.Context, call bus.Call, req []byte) ([]byte, error) {
	var d time.Duration
	e.c.with(func() { d = e.c.delay() })
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.C:
	}
	return e.c.call(e.pop, call, req)
}

func (e *busEnd) Beat(ctx context.Context, msg []byte) error {
	h, err := wire.DecodeHeartbeat(msg)
	if err != nil {
		return err
	}
	e.c.with(func() {
		e.c.beats[e.pop] = h
		e.c.spread(bus.ChannelHeartbeat, e.pop, slices.Clone(msg))
	})
	return ctx.Err()
}
