package natsbus

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/lane"
)

// ConnectOptions are the options of Connect: a Server of this process, or the
// URL of one elsewhere with a key or token.
type ConnectOptions struct {
	Server *Server
	URL    string         // nats://HOST:PORT, or tls://HOST:PORT
	Roots  *x509.CertPool // that the server's certificate must come from; nil: those of the system
	Key    Signer         // the POP's credential, with URL; nil: Token
	Token  string         // that all POPs share, with URL
	POP    string         // letters, digits, hyphens and underscores; at most 63
	Log    *slog.Logger
}

// Signer is a POP's credential. What it signs proves who the POP is, and tells
// nobody how to prove it.
type Signer interface {
	PublicKey() (string, error)
	Sign(nonce []byte) ([]byte, error)
}

// Agent is a POP's end. It implements bus.Agent, and reconnects for ever.
type Agent struct {
	endpoint
	pop string

	mu       sync.Mutex // guards what follows, and the subscriptions of ears
	followed []string
	ears     []*ear
}

// ear is one Listen.
type ear struct {
	handle func(ch bus.Channel, pop string, msg []byte)
	lanes  *lane.Lanes[bus.Channel]
	push   *nats.Subscription
	beats  map[string]*nats.Subscription // by POP
}

// Connect connects a POP. A control plane that is away is no error: the
// connection is made when it comes.
func Connect(ctx context.Context, o ConnectOptions) (*Agent, error) {
	if !validPOP(o.POP) {
		return nil, badPOP(o.POP)
	}
	e, err := dial(ctx, target{
		server: o.Server, url: o.URL, roots: o.Roots, key: o.Key, token: o.Token, name: o.POP, log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	return &Agent{endpoint: e, pop: o.POP}, nil
}

// Listen implements bus.Agent. Messages of different channels are handled
// concurrently.
func (a *Agent) Listen(handle func(ch bus.Channel, pop string, msg []byte)) (func(), error) {
	e := &ear{handle: handle, lanes: lane.New[bus.Channel](pushLimit), beats: map[string]*nats.Subscription{}}
	stop := sync.OnceFunc(func() {
		a.mu.Lock()
		a.ears = slices.DeleteFunc(a.ears, func(o *ear) bool { return o == e })
		if e.push != nil {
			_ = e.push.Unsubscribe() // it fails only if the connection is gone
		}
		_ = a.attune(e, nil)
		a.mu.Unlock()
		e.lanes.Stop()
	})
	err := a.open(e)
	if err != nil {
		stop()
		return nil, err
	}
	a.flush()
	return stop, nil
}

// open subscribes an ear to what is pushed, and to those who are followed.
func (a *Agent) open(e *ear) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ears = append(a.ears, e)
	e.push, err = a.conn.Subscribe(subjectPush+">", func(m *nats.Msg) {
		ch := bus.Channel(strings.TrimPrefix(m.Subject, subjectPush))
		e.lanes.Add(ch, func() { e.handle(ch, "", m.Data) })
	})
	if err != nil {
		return fmt.Errorf("subscribing to what is pushed: %w", err)
	}
	return a.attune(e, a.followed)
}

// Follow implements bus.Agent. Subscriptions go out with the next message or
// within a moment; there is nothing to wait for.
func (a *Agent) Follow(pops []string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.followed = slices.DeleteFunc(slices.Clone(pops), func(pop string) bool { return pop == a.pop || !validPOP(pop) })
	var errs []error
	for _, e := range a.ears {
		errs = append(errs, a.attune(e, a.followed))
	}
	return errors.Join(errs...)
}

// attune gives an ear a subscription for each POP that is followed; one that
// it has stays, so that nothing in between is missed. The caller holds mu.
func (a *Agent) attune(e *ear, pops []string) error {
	for pop, sub := range e.beats {
		if !slices.Contains(pops, pop) {
			_ = sub.Unsubscribe() // it fails only if the connection is gone
			delete(e.beats, pop)
		}
	}
	for _, pop := range pops {
		if e.beats[pop] != nil {
			continue
		}
		sub, err := a.conn.Subscribe(subjectHeartbeat+pop, func(m *nats.Msg) {
			e.lanes.Add(bus.ChannelHeartbeat, func() { e.handle(bus.ChannelHeartbeat, pop, m.Data) })
		})
		if err != nil {
			return fmt.Errorf("subscribing to heartbeats of %s: %w", pop, err)
		}
		e.beats[pop] = sub
	}
	return nil
}

// Do implements bus.Agent.
func (a *Agent) Do(ctx context.Context, call bus.Call, req []byte) ([]byte, error) {
	what := string(call) + " request"
	if err := check(ctx, what, req); err != nil {
		return nil, err
	}
	waiting, end := a.calls.begin(ctx)
	defer end()
	m, err := a.conn.RequestWithContext(waiting, subjectCall+string(call)+"."+a.pop, req)
	if err != nil {
		if errors.Is(context.Cause(waiting), errLost) {
			err = errLost
		}
		return nil, fault(ctx, what, err)
	}
	if m.Header.Get(failedHeader) != "" {
		return nil, freshet.Errorf(freshet.CodeUnavailable, "the control plane could not carry out the call %s", call)
	}
	return m.Data, nil
}

// Beat implements bus.Agent. Without a connection it is an error.
func (a *Agent) Beat(ctx context.Context, msg []byte) error {
	if err := check(ctx, "heartbeat", msg); err != nil {
		return err
	}
	return fault(ctx, "heartbeat", a.conn.Publish(subjectHeartbeat+a.pop, msg))
}
