package natsbus

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
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
	lanes := lane.New[bus.Channel](pushLimit)
	var subs []*nats.Subscription
	stop := sync.OnceFunc(func() {
		for _, s := range subs {
			_ = s.Unsubscribe() // it fails only if the connection is gone
		}
		lanes.Stop()
	})
	for subject, receive := range map[string]nats.MsgHandler{
		subjectPush + ">": func(m *nats.Msg) {
			ch := bus.Channel(strings.TrimPrefix(m.Subject, subjectPush))
			lanes.Add(ch, func() { handle(ch, "", m.Data) })
		},
		subjectHeartbeat + "*": func(m *nats.Msg) {
			if pop := strings.TrimPrefix(m.Subject, subjectHeartbeat); pop != a.pop {
				lanes.Add(bus.ChannelHeartbeat, func() { handle(bus.ChannelHeartbeat, pop, m.Data) })
			}
		},
	} {
		sub, err := a.conn.Subscribe(subject, receive)
		if err != nil {
			stop()
			return nil, fmt.Errorf("subscribing to %s: %w", subject, err)
		}
		subs = append(subs, sub)
	}
	a.flush()
	return stop, nil
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
