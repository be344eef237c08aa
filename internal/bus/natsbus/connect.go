package natsbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
)

// How a connection is kept. A POP that lost its control plane tries again
// within a second at first and every five seconds later, for ever; the jitter
// keeps hundreds of POPs from coming back in the same instant.
const (
	dialTimeout  = 5 * time.Second
	pingEvery    = 10 * time.Second // two unanswered ones end a dead connection
	minReconnect = 200 * time.Millisecond
	maxReconnect = 5 * time.Second
	closeTimeout = 5 * time.Second
)

// noContext is for log lines of callbacks that have no context.
func noContext() context.Context { return context.Background() }

// endpoint is what Control and Agent have in common: a connection.
type endpoint struct {
	conn   *nats.Conn
	closed chan struct{} // closed when the connection's last callback has run
}

// target says where an endpoint connects to, and as whom.
type target struct {
	server     *Server
	url, token string
	name       string // the POP's name; empty for the control plane
	log        *slog.Logger
}

func dial(ctx context.Context, t target) (endpoint, error) {
	if err := ctx.Err(); err != nil {
		return endpoint{}, err
	}
	if (t.server == nil) == (t.url == "") {
		return endpoint{}, errors.New("connecting to the bus: give either a server or a URL")
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	e := endpoint{closed: make(chan struct{})}
	opts := append(t.options(), //nolint:contextcheck // the handlers outlive the call and its context
		nats.ClosedHandler(func(*nats.Conn) { close(e.closed) }))
	url := t.url
	if t.server != nil {
		opts = append(opts, nats.InProcessServer(t.server.nats), nats.Token(t.server.secret))
	} else {
		opts = append(opts, nats.Token(t.token))
	}
	conn, err := nats.Connect(url, opts...)
	if err != nil {
		return endpoint{}, fmt.Errorf("connecting to the bus: %w", err)
	}
	e.conn = conn
	return e, nil
}

func (t target) options() []nats.Option {
	label := t.name
	if label == "" {
		label = "control"
	}
	return []nats.Option{
		nats.Name("freshet " + label),
		nats.UserInfo(t.name, ""),
		nats.CustomInboxPrefix(inbox(label)),
		nats.Timeout(dialTimeout),
		nats.PingInterval(pingEvery),
		nats.MaxPingsOutstanding(2),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(reconnectDelay),
		nats.RetryOnFailedConnect(true),
		// A token that is wrong today may be put right on the other side; a POP
		// that has given up would need hands.
		nats.IgnoreAuthErrorAbort(),
		// Nothing is kept while there is no connection: an old heartbeat is a
		// lie, and calls are tried again.
		nats.ReconnectBufSize(-1),
		nats.NoEcho(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				t.log.LogAttrs(noContext(), slog.LevelWarn, "bus connection lost", slog.Any("error", err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			t.log.LogAttrs(noContext(), slog.LevelInfo, "bus connection restored")
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			t.log.LogAttrs(noContext(), slog.LevelDebug, "bus connection failed", slog.Any("error", err))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			t.log.LogAttrs(noContext(), slog.LevelWarn, "bus reports a fault", slog.Any("error", err))
		}),
	}
}

// reconnectDelay doubles with every round of attempts, and varies by half.
func reconnectDelay(attempts int) time.Duration {
	d := min(minReconnect<<min(attempts, 10), maxReconnect)
	return d/2 + rand.N(d) //nolint:gosec // spreads load; nothing secret
}

// flush makes sure that the server knows of new subscriptions before the
// caller goes on. Without a connection there is nothing to wait for: they are
// made when it is back.
func (e endpoint) flush() {
	if e.conn.IsConnected() {
		_ = e.conn.FlushTimeout(dialTimeout) // it fails only if the connection does
	}
}

// Close ends the connection and waits for its last callback. Listeners and
// servers must be stopped before.
func (e endpoint) Close() {
	e.conn.Close()
	end := time.NewTimer(closeTimeout)
	defer end.Stop()
	select {
	case <-e.closed:
	case <-end.C: // a callback hangs; it must not keep the process
	}
}
