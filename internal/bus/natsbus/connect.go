package natsbus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
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
	calls  *calls        // that wait for an answer over it
}

// target says where an endpoint connects to, and as whom.
type target struct {
	server     *Server
	url, token string
	roots      *x509.CertPool
	key        Signer // instead of token
	name       string // the POP's name; empty for the control plane
	log        *slog.Logger
}

// Connected tells whether there is a connection now.
func (e endpoint) Connected() bool { return e.conn.IsConnected() }

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
	if t.name != "" {
		t.log = t.log.With(slog.String("pop", t.name))
	}
	e := endpoint{closed: make(chan struct{}), calls: &calls{}}
	opts := append(t.options(e.calls), //nolint:contextcheck // the handlers outlive the call and its context
		nats.ClosedHandler(func(*nats.Conn) { close(e.closed) }))
	url := t.url
	proof, err := t.proof()
	if err != nil {
		return endpoint{}, err
	}
	opts = append(opts, proof...)
	conn, err := nats.Connect(url, opts...)
	if err != nil {
		return endpoint{}, fmt.Errorf("connecting to the bus: %w", err)
	}
	e.conn = conn
	return e, nil
}

// proof returns the options by which the endpoint shows who it is.
func (t target) proof() ([]nats.Option, error) {
	switch {
	case t.server != nil:
		return []nats.Option{nats.InProcessServer(t.server.nats), nats.Token(t.server.secret)}, nil
	case t.key != nil:
		public, err := t.key.PublicKey()
		if err != nil {
			return nil, fmt.Errorf("reading the POP's credential: %w", err)
		}
		return append(secured(t.url, t.roots), nats.Nkey(public, t.key.Sign)), nil
	}
	return append(secured(t.url, t.roots), nats.Token(t.token)), nil
}

// secured returns the options of a connection that must be encrypted. One that
// need not be is encrypted all the same if the server wants it.
func secured(url string, roots *x509.CertPool) []nats.Option {
	if !strings.HasPrefix(strings.ToLower(url), "tls://") && roots == nil {
		return nil
	}
	return []nats.Option{nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})}
}

func (t target) options(under *calls) []nats.Option {
	label := t.name
	if label == "" {
		label = "control"
	}
	why := &reason{keyed: t.key != nil}
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
			under.lose()
			if err != nil {
				t.log.LogAttrs(noContext(), slog.LevelWarn, "bus connection lost", slog.Any("error", err))
			}
		}),
		nats.ConnectHandler(func(*nats.Conn) { why.over(t.log) }),
		nats.ReconnectHandler(func(*nats.Conn) {
			why.over(nil)
			t.log.LogAttrs(noContext(), slog.LevelInfo, "bus connection restored")
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { why.tell(t.log, err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrAuthorization) {
				why.tell(t.log, err) // of a connection that was good once, only this tells
				return
			}
			t.log.LogAttrs(noContext(), slog.LevelWarn, "bus reports a fault", slog.Any("error", err))
		}),
	}
}

// reason tells an operator why there is no connection: once for each reason,
// not with every attempt, of which there are some every minute for ever.
type reason struct {
	keyed bool       // the POP has a credential
	mu    sync.Mutex // guards last
	last  string
}

func (r *reason) tell(log *slog.Logger, err error) {
	if err == nil || errors.Is(err, nats.ErrNoServers) {
		return // the sum of failed attempts; the next one says why
	}
	text := err.Error()
	if errors.Is(err, nats.ErrAuthorization) {
		text = "refused" // NATS words it in more than one way
	}
	r.mu.Lock()
	known := r.last == text
	r.last = text
	r.mu.Unlock()
	switch {
	case known:
	case errors.Is(err, nats.ErrAuthorization) && r.keyed:
		log.LogAttrs(noContext(), slog.LevelError,
			"the control plane refuses this POP: its credential was revoked, or it enrolled again elsewhere; make a token there with `freshet pop add`, trying on", slog.Any("error", err))
	case errors.Is(err, nats.ErrAuthorization):
		log.LogAttrs(noContext(), slog.LevelError,
			"the control plane refuses this POP: its token is not that of bus.token_file there, or the POP was revoked or has a credential of its own, trying on", slog.Any("error", err))
	default:
		log.LogAttrs(noContext(), slog.LevelWarn, "the control plane cannot be reached, trying on", slog.Any("error", err))
	}
}

// over forgets the reason, and tells that there is a connection at last if
// there was one to tell.
func (r *reason) over(log *slog.Logger) {
	r.mu.Lock()
	late := r.last != ""
	r.last = ""
	r.mu.Unlock()
	if late && log != nil {
		log.LogAttrs(noContext(), slog.LevelInfo, "bus connection made")
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
