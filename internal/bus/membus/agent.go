package membus

import (
	"context"
	"slices"
	"sync"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/lane"
)

type agent struct {
	bus *Bus
	pop string

	mu       sync.Mutex // guards followed
	followed []string
}

// listener is one Listen of an agent.
type listener struct {
	agent  *agent
	handle func(bus.Channel, string, []byte)
	lanes  *lane.Lanes[bus.Channel]
}

func (l *listener) receive(ch bus.Channel, pop string, msg []byte) {
	l.lanes.Add(ch, func() { l.handle(ch, pop, msg) })
}

// Listen implements bus.Agent. Messages of different channels are handled
// concurrently.
func (a *agent) Listen(handle func(ch bus.Channel, pop string, msg []byte)) (func(), error) {
	l := &listener{agent: a, handle: handle, lanes: lane.New[bus.Channel](pushLimit)}
	a.bus.mu.Lock()
	a.bus.listeners = append(a.bus.listeners, l)
	a.bus.mu.Unlock()
	return sync.OnceFunc(func() {
		a.bus.mu.Lock()
		a.bus.listeners = slices.DeleteFunc(slices.Clone(a.bus.listeners), func(x *listener) bool { return x == l })
		a.bus.mu.Unlock()
		l.lanes.Stop()
	}), nil
}

// Follow implements bus.Agent.
func (a *agent) Follow(pops []string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.followed = slices.Clone(pops)
	return nil
}

func (a *agent) follows(pop string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return pop != a.pop && slices.Contains(a.followed, pop)
}

// Beat implements bus.Agent.
func (a *agent) Beat(ctx context.Context, msg []byte) error {
	if err := check(ctx, "heartbeat", msg); err != nil {
		return err
	}
	msg = slices.Clone(msg)
	for _, s := range a.bus.serving() {
		m := Message{Direction: ToControl, Channel: bus.ChannelHeartbeat, POP: a.pop, Body: msg}
		a.bus.carry(m, func() { s.heartbeat(a.pop, msg) })
	}
	for _, l := range a.bus.listening() {
		if !l.agent.follows(a.pop) {
			continue
		}
		m := Message{Direction: ToPeer, Channel: bus.ChannelHeartbeat, POP: l.agent.pop, Body: msg}
		a.bus.carry(m, func() { l.receive(bus.ChannelHeartbeat, a.pop, msg) })
	}
	return nil
}

// Do implements bus.Agent.
func (a *agent) Do(ctx context.Context, call bus.Call, req []byte) ([]byte, error) {
	if err := check(ctx, string(call)+" request", req); err != nil {
		return nil, err
	}
	key := callKey{pop: a.pop, call: call}
	s := a.bus.serverFor(key)
	if s == nil {
		return nil, freshet.Errorf(freshet.CodeUnavailable, "no control plane answers the call %s", call)
	}
	fate := a.bus.fate(Message{Direction: Request, Call: call, POP: a.pop, Body: req})
	answers := make(chan answer, 1)
	reply := func(got answer) {
		select {
		case answers <- got:
		default: // a copy was quicker
		}
	}
	switch {
	case fate.Fail:
		reply(answer{failed: true})
	case !fate.Drop:
		req = slices.Clone(req)
		fate.carry(func() {
			if !s.call(key, req, func(got answer) { a.answered(call, got, reply) }) {
				reply(answer{failed: true})
			}
		})
	}
	select {
	case got := <-answers:
		if got.failed {
			return nil, freshet.Errorf(freshet.CodeUnavailable, "the control plane could not carry out the call %s", call)
		}
		return got.body, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answered sends an answer back to the agent.
func (a *agent) answered(call bus.Call, got answer, reply func(answer)) {
	fate := a.bus.fate(Message{Direction: Answer, Call: call, POP: a.pop, Body: got.body})
	switch {
	case fate.Drop:
		return
	case got.failed || fate.Fail || len(got.body) > bus.MaxMessage:
		got = answer{failed: true}
	default:
		got.body = slices.Clone(got.body)
	}
	fate.carry(func() { reply(got) })
}
