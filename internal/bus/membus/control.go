package membus

import (
	"context"
	"slices"
	"sync"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/lane"
)

type control struct{ bus *Bus }

// Push implements bus.Control.
func (c control) Push(ctx context.Context, ch bus.Channel, msg []byte) error {
	if err := check(ctx, "message for "+string(ch), msg); err != nil {
		return err
	}
	msg = slices.Clone(msg) // the sender may use it again; receivers share the copy
	for _, l := range c.bus.listening() {
		c.bus.carry(Message{Direction: ToAgent, Channel: ch, POP: l.agent.pop, Body: msg}, func() { l.receive(ch, "", msg) })
	}
	return nil
}

// callKey names the lane of one kind of call of one POP; heartbeats have the
// empty call.
type callKey struct {
	pop  string
	call bus.Call
}

// server is one Serve: a control node that answers.
type server struct {
	handlers bus.ControlHandlers
	lanes    *lane.Lanes[callKey]
	ctx      context.Context //nolint:containedctx // the life of the server, for its handlers
	cancel   context.CancelFunc
}

// Serve implements bus.Control.
func (c control) Serve(h bus.ControlHandlers) (func(), error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{handlers: h, lanes: lane.New[callKey](callLimit), ctx: ctx, cancel: cancel}
	c.bus.mu.Lock()
	c.bus.servers = append(c.bus.servers, s)
	c.bus.mu.Unlock()
	return sync.OnceFunc(func() { c.bus.unserve(s) }), nil
}

// unserve takes a server off the bus and waits for its handlers, whose
// context ends: what they leave undone is not answered, so it is tried again.
func (b *Bus) unserve(s *server) {
	b.mu.Lock()
	b.servers = slices.DeleteFunc(slices.Clone(b.servers), func(x *server) bool { return x == s })
	b.mu.Unlock()
	s.cancel()
	s.lanes.Stop()
}

func (s *server) heartbeat(pop string, msg []byte) {
	if s.handlers.Heartbeat != nil {
		s.lanes.Add(callKey{pop: pop}, func() { s.handlers.Heartbeat(pop, msg) })
	}
}

// answer is how a call ended at the server. Why it failed is not transmitted.
type answer struct {
	body   []byte
	failed bool
}

// call queues a request; reply gets the answer. False: nobody will answer.
func (s *server) call(key callKey, req []byte, reply func(answer)) bool {
	if s.handlers.Call == nil {
		return false
	}
	return s.lanes.Add(key, func() {
		body, err := s.handlers.Call(s.ctx, key.pop, key.call, req)
		reply(answer{body: body, failed: err != nil})
	})
}
