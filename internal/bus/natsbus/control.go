package natsbus

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/lane"
)

// ControlOptions are the options of NewControl: a Server of this process, or
// the URL and token of an external one.
type ControlOptions struct {
	Server *Server
	URL    string // nats://HOST:PORT
	Token  string // with URL
	Log    *slog.Logger
}

// Control is the control plane's end. It implements bus.Control.
type Control struct {
	endpoint
	log *slog.Logger
}

// NewControl connects the control plane. An external server that is away is no
// error: the connection is made when it comes.
func NewControl(ctx context.Context, o ControlOptions) (*Control, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	e, err := dial(ctx, target{server: o.Server, url: o.URL, token: o.Token, log: o.Log})
	if err != nil {
		return nil, err
	}
	return &Control{endpoint: e, log: o.Log}, nil
}

// Push implements bus.Control. Without a connection it is an error.
func (c *Control) Push(ctx context.Context, ch bus.Channel, msg []byte) error {
	what := "message for " + string(ch)
	if err := check(ctx, what, msg); err != nil {
		return err
	}
	return fault(ctx, what, c.conn.Publish(subjectPush+string(ch), msg))
}

// callKey names the lane of one kind of call of one POP; heartbeats have the
// empty call.
type callKey struct {
	pop  string
	call bus.Call
}

// node is one Serve.
type node struct {
	handlers bus.ControlHandlers
	lanes    *lane.Lanes[callKey]
	log      *slog.Logger
	ctx      context.Context //nolint:containedctx // the life of the node, for its handlers
}

// Serve implements bus.Control. When it is stopped, the context of handlers in
// progress ends; what they leave undone is answered as failed, and the agent
// tries again.
func (c *Control) Serve(h bus.ControlHandlers) (func(), error) {
	ctx, cancel := context.WithCancel(context.Background())
	n := &node{handlers: h, lanes: lane.New[callKey](callLimit), log: c.log, ctx: ctx}
	var subs []*nats.Subscription
	stop := sync.OnceFunc(func() {
		for _, s := range subs {
			_ = s.Unsubscribe() // it fails only if the connection is gone
		}
		c.flush() // no call is under way to us after this
		cancel()
		n.lanes.Stop()
	})
	calls, err := c.conn.QueueSubscribe(subjectCall+"*.*", controlQueue, n.call)
	if err == nil {
		subs = append(subs, calls)
		var beats *nats.Subscription
		if beats, err = c.conn.Subscribe(subjectHeartbeat+"*", n.heartbeat); err == nil {
			subs = append(subs, beats)
		}
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("subscribing to calls and heartbeats: %w", err)
	}
	c.flush()
	return stop, nil
}

// heartbeat runs in the connection's goroutine and must not block.
func (n *node) heartbeat(m *nats.Msg) {
	pop := strings.TrimPrefix(m.Subject, subjectHeartbeat)
	if n.handlers.Heartbeat != nil && validPOP(pop) {
		n.lanes.Add(callKey{pop: pop}, func() { n.handlers.Heartbeat(pop, m.Data) })
	}
}

// call runs in the connection's goroutine and must not block.
func (n *node) call(m *nats.Msg) {
	call, pop, ok := splitCall(m.Subject)
	if !ok || n.handlers.Call == nil {
		n.fail(m)
		return
	}
	taken := n.lanes.Add(callKey{pop: pop, call: call}, func() {
		body, err := n.handlers.Call(n.ctx, pop, call, m.Data)
		if err == nil {
			err = check(context.WithoutCancel(n.ctx), "answer to "+string(call), body)
		}
		if err != nil {
			n.log.LogAttrs(n.ctx, slog.LevelWarn, "call of a POP failed",
				slog.String("pop", pop), slog.String("call", string(call)), slog.Any("error", err))
			n.fail(m)
			return
		}
		n.respond(m, &nats.Msg{Data: body})
	})
	if !taken {
		n.fail(m)
	}
}

// fail answers that the call failed, without the reason: it is in our log, and
// may hold what a POP need not know.
func (n *node) fail(m *nats.Msg) {
	n.respond(m, &nats.Msg{Header: nats.Header{failedHeader: []string{"1"}}})
}

func (n *node) respond(m, answer *nats.Msg) {
	if m.Reply == "" {
		return
	}
	if err := m.RespondMsg(answer); err != nil {
		n.log.LogAttrs(n.ctx, slog.LevelWarn, "call of a POP could not be answered",
			slog.String("subject", m.Subject), slog.Any("error", err))
	}
}
