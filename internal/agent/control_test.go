package agent_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// control is a control plane that stores nothing: a log in memory, and what
// the POPs said of it. It speaks to them over the product's bus in memory,
// which passes the same suite as the one on the network.
type control struct {
	tb      testing.TB
	bus     *membus.Bus
	end     bus.Control
	close   func()
	weather *weather
	// ticks order what happens in a world: time stands still in a bubble while
	// messages pass, so it cannot tell what came first.
	ticks atomic.Uint64

	mu        sync.Mutex
	log       []*freshet.Entry
	appended  map[freshet.Position]uint64 // tick
	next      freshet.Position
	topology  freshet.Topology
	asked     uint64       // version of the topology that was last named in asking for one
	speaks    wire.Version // it knows no later version of the wire
	answers   map[delivery]answer
	numbers   map[string]map[uint64]bool
	pulls     int
	denyPulls int
	beats     map[string]freshet.Heartbeat
	begins    map[string]freshet.Position // by subject: what stands up to here and does not last is told no more
	asks      []string                    // the POPs that asked for their turn, in order
	busy      time.Time                   // until then it is another's turn
	reports   map[string]freshet.Report
	refuse    int // so many evidence messages are stored, but not acknowledged
}

type delivery struct {
	pop  string
	at   freshet.Position
	item int
}

type answer struct {
	fact           freshet.Fact
	stream, number uint64
	repeats        int // how many answers came before it
}

// newControl makes a control plane that answers until it is closed.
func newControl(tb testing.TB, seed uint64, topology freshet.Topology) *control {
	tb.Helper()
	c := &control{
		tb: tb, bus: membus.New(), weather: newWeather(seed), topology: topology, next: freshet.Position{Pos: 1}, speaks: wire.Newest,
		appended: map[freshet.Position]uint64{}, answers: map[delivery]answer{},
		numbers: map[string]map[uint64]bool{}, beats: map[string]freshet.Heartbeat{}, reports: map[string]freshet.Report{},
	}
	c.bus.SetFaults(c.weather.fate)
	c.end = c.bus.Control()
	var err error
	c.close, err = c.end.Serve(bus.ControlHandlers{Call: c.call, Heartbeat: c.heard})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// append adds an entry to the log and pushes it.
func (c *control) append(e *freshet.Entry) *freshet.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.At, e.Created = c.next, time.Now()
	c.appended[e.At] = c.ticks.Add(1)
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
	c.push(c.tb.Context(), ch, wire.EncodeEntries(wire.EntryBatch{Subject: e.Subject(), Prev: prev, Entries: []*freshet.Entry{e}}))
	return e
}

// heads pushes the heads.
func (c *control) heads(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.push(ctx, bus.ChannelHead, wire.EncodeHeads(c.headList()))
}

// headList is how far the log reaches. The caller holds mu.
func (c *control) headList() []freshet.Cursor {
	var list []freshet.Cursor
	for _, s := range freshet.Subjects() {
		at := freshet.Position{}
		for _, e := range c.log {
			if e.Subject() == s {
				at = e.At
			}
		}
		list = append(list, freshet.Cursor{Subject: s, At: at})
	}
	return list
}

func (c *control) push(ctx context.Context, ch bus.Channel, msg []byte) {
	if err := c.end.Push(context.WithoutCancel(ctx), ch, msg); err != nil {
		c.tb.Error(err)
	}
}

func (c *control) heard(pop string, msg []byte) {
	h, err := wire.DecodeHeartbeat(msg)
	if err != nil {
		c.tb.Error(err)
		return
	}
	c.with(func() { c.beats[pop] = h })
}

func (c *control) call(_ context.Context, pop string, call bus.Call, req []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch call {
	case bus.CallTopology:
		// One that it cannot read says nothing, and is answered all the same.
		if has, err := understood(c.speaks, wire.DecodeTopology, req); err == nil {
			c.asked = has.Version
		}
		return wire.EncodeTopologyAs(min(wire.VersionOf(req), c.speaks), c.topology), nil
	case bus.CallEvidence:
		return nil, c.store(pop, req)
	case bus.CallDenied:
		return c.deniedPage(req)
	case bus.CallTurn:
		return c.turn(pop, req)
	case bus.CallReport:
		r, err := understood(c.speaks, wire.DecodeReport, req)
		if err != nil || c.speaks < wire.Version3 {
			return nil, errors.New("model: the call is unknown")
		}
		c.reports[pop] = r
		return wire.EncodeHeads(c.headList()), nil
	case bus.CallPull:
	}
	c.pulls++
	q, err := understood(c.speaks, wire.DecodePull, req)
	if err != nil {
		return nil, err
	}
	b := wire.EntryBatch{Subject: q.Subject, Prev: q.After}
	begins := c.begins[q.Subject]
	if q.After.Before(begins) {
		b.Forgotten = begins
	}
	for _, e := range c.log {
		told := begins.Before(e.At) || e.Kind != freshet.EntryPurge && e.Kind != freshet.EntryPrefetch
		if e.Subject() == q.Subject && told && q.After.Before(e.At) && len(b.Entries) < min(q.Limit, 5) {
			b.Entries = append(b.Entries, e)
		}
	}
	if v := wire.VersionOf(req); v < wire.Version3 {
		return wire.EncodeEntriesAs(v, b), nil
	}
	return wire.EncodeEntries(b), nil
}

// deniedPage answers with a page of what the log denies, one URL at a time.
func (c *control) deniedPage(req []byte) ([]byte, error) {
	q, err := understood(c.speaks, wire.DecodeDenyPull, req)
	if err != nil || c.speaks < wire.Version3 {
		return nil, errors.New("model: the call is unknown")
	}
	c.denyPulls++
	list := deniedBy(c.log)
	page := wire.DenyPage{}
	for _, e := range c.log {
		if e.Subject() == freshet.SubjectPurge {
			page.At = e.At
		}
	}
	for _, u := range slices.Sorted(maps.Keys(list)) {
		switch {
		case u <= q.After:
		case len(page.URLs) == 1:
			page.More = true
		default:
			page.URLs = append(page.URLs, list[u])
		}
	}
	return wire.EncodeDenyPage(page), nil
}

// deniedBy returns what the entries of a log deny in the end.
func deniedBy(log []*freshet.Entry) map[string]freshet.DeniedURL {
	list := map[string]freshet.DeniedURL{}
	for _, e := range log {
		for _, u := range e.Selector.URLs {
			switch e.Kind {
			case freshet.EntryDeny:
				list[u] = freshet.DeniedURL{URL: u, At: e.At, Status: e.Status}
			case freshet.EntryAllow:
				delete(list, u)
			case freshet.EntryPurge, freshet.EntryPrefetch, freshet.EntryMembership:
			}
		}
	}
	return list
}

// understood decodes a message as a program does that knows no later version.
func understood[T any](speaks wire.Version, decode func([]byte) (T, error), msg []byte) (T, error) {
	if len(msg) > 1 && wire.Version(msg[1]) > speaks {
		var none T
		return none, fmt.Errorf("version %d is unknown (this program knows %d)", msg[1], speaks)
	}
	return decode(msg)
}

func (c *control) store(pop string, msg []byte) error {
	ev, err := understood(c.speaks, wire.DecodeEvidence, msg)
	if err != nil {
		return err
	}
	// Each life has a stream of its own; the numbers go on over them.
	if c.numbers[pop] == nil {
		c.numbers[pop] = map[uint64]bool{}
	}
	c.numbers[pop][ev.Number] = true
	for _, e := range ev.Entries {
		for _, f := range e.Facts {
			d := delivery{pop, e.At, f.Item}
			old, ok := c.answers[d]
			if ok && (old.stream > ev.Stream || old.stream == ev.Stream && old.number >= ev.Number) {
				continue
			}
			if ok {
				old.repeats++
			}
			c.answers[d] = answer{f, ev.Stream, ev.Number, old.repeats}
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

// turn grants whoever asks, unless it is another's turn.
func (c *control) turn(pop string, req []byte) ([]byte, error) {
	if _, err := understood(c.speaks, wire.DecodeTurn, req); err != nil || c.speaks < wire.Version3 {
		return nil, errors.New("model: the call is unknown")
	}
	c.asks = append(c.asks, pop)
	if left := time.Until(c.busy); left > 0 {
		return wire.EncodeTurn(wire.Turn{For: left}), nil
	}
	return wire.EncodeTurn(wire.Turn{Granted: true, For: time.Minute}), nil
}

// reportOf returns what a POP reported last.
func (c *control) reportOf(pop string) freshet.Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reports[pop]
}
