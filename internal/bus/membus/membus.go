// Package membus carries the log between a control plane and agents of one
// process, through memory.
//
// It has no timers of its own and no network, so that whole clusters run
// inside a testing/synctest bubble, and it loses, delays, repeats and reorders
// messages when a test asks it to. It must not know what messages mean. Tests
// of the engine and the agent call it; it passes bustest, as natsbus does. If
// it promised more than a network does, those tests would prove nothing.
package membus

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
)

// Bounds of the queues. What does not fit is dropped, as a network would.
const (
	pushLimit = 512 // messages per agent and channel
	callLimit = 256 // calls of one kind per POP, and heartbeats per POP
)

// Direction is the way that a message goes.
type Direction int

// The directions.
const (
	ToAgent   Direction = iota // a push of the control plane
	ToControl                  // a heartbeat, to the control plane
	ToPeer                     // a heartbeat, to another POP
	Request                    // of a call
	Answer                     // of a call
)

// Message is one message under way to one receiver.
type Message struct {
	Direction Direction
	Channel   bus.Channel // empty for calls
	Call      bus.Call    // empty for the others
	POP       string      // the agent at one end; the receiver with ToPeer
	Body      []byte
}

// Fate is what becomes of a message. The zero Fate is a prompt delivery.
type Fate struct {
	Drop   bool          // it never arrives; a call then waits for the end of its context
	Fail   bool          // a call fails at once; for others the same as Drop
	Delay  time.Duration // it arrives later, and maybe after younger ones
	Copies int           // how many more times it arrives
	Apart  time.Duration // how long after the one before each copy arrives
}

// Faults decides what becomes of each message. It may be called concurrently.
type Faults func(Message) Fate

// Bus connects the control planes and agents of one process.
type Bus struct {
	mu        sync.RWMutex // guards what follows; never held while a handler runs
	faults    Faults
	servers   []*server
	listeners []*listener
}

// New makes a Bus.
func New() *Bus { return &Bus{} }

// SetFaults makes the bus ask what becomes of each message; nil ends it.
func (b *Bus) SetFaults(f Faults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = f
}

// Control returns a control plane's end. Several share the calls and each gets
// all heartbeats.
func (b *Bus) Control() bus.Control { return control{b} }

// Agent returns the end of a POP. Agents may come and go, and come again.
func (b *Bus) Agent(pop string) bus.Agent { return &agent{bus: b, pop: pop} }

// fate asks what becomes of a message.
func (b *Bus) fate(m Message) Fate {
	b.mu.RLock()
	f := b.faults
	b.mu.RUnlock()
	if f == nil {
		return Fate{}
	}
	return f(m)
}

// carry delivers a message that nobody waits for as its fate wants it.
func (b *Bus) carry(m Message, deliver func()) {
	fate := b.fate(m)
	if fate.Drop || fate.Fail {
		return
	}
	fate.carry(deliver)
}

// carry makes the delivery and its copies, late if that is their fate.
// Delivering means to put something into a queue, which is quick enough for
// the timer's own goroutine.
func (f Fate) carry(deliver func()) {
	after := f.Delay
	for range f.Copies + 1 {
		if after > 0 {
			time.AfterFunc(after, deliver)
		} else {
			deliver()
		}
		after += f.Apart
	}
}

func (b *Bus) listening() []*listener {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Clone(b.listeners)
}

func (b *Bus) serving() []*server {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Clone(b.servers)
}

// serverFor returns the server that answers a call of a POP: always the same
// one while the set of servers stays, so that order is kept.
func (b *Bus) serverFor(key callKey) *server {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if len(b.servers) == 0 {
		return nil
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(key.pop + "\x00" + string(key.call)))
	return b.servers[int(h.Sum32()%uint32(len(b.servers)))] //nolint:gosec // a handful of servers
}

// check refuses what a network would refuse.
func check(ctx context.Context, what string, msg []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(msg) > bus.MaxMessage {
		return freshet.Errorf(freshet.CodeTooLarge, "the %s has %d bytes, more than the bus carries (%d)",
			what, len(msg), bus.MaxMessage)
	}
	return nil
}
