package natsbus

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/freshet-vod/freshet"
)

// startTimeout bounds the start of the embedded server, which takes some
// milliseconds.
const startTimeout = 10 * time.Second

// ServerOptions are the options of StartServer.
type ServerOptions struct {
	Listen      string           // HOST:PORT for remote POPs; empty: in-process only
	Token       string           // that all POPs share; empty: none
	Registry    Registry         // of POPs with a proof of their own; nil: there are none
	Certificate *tls.Certificate // for remote POPs; nil: they connect in clear
	Log         *slog.Logger
}

// Server is a NATS server inside this process.
type Server struct {
	nats   *server.Server
	gate   *gate
	secret string // of this process's own connections; never leaves it
	tcp    bool
}

// StartServer starts the embedded server. Remote POPs prove who they are with a
// credential or the token that they share, and may use their own subjects only;
// connections made in this process through the Server itself need no proof.
func StartServer(o ServerOptions) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{secret: rand.Text(), tcp: o.Listen != ""}
	s.gate = newGate(s.secret, o.Token, o.Registry)
	opts := &server.Options{
		ServerName: "freshet", DontListen: !s.tcp, NoSigs: true, MaxPayload: maxPayload,
		NoSystemAccount: true, CustomClientAuthentication: s.gate, AlwaysEnableNonce: true,
	}
	if o.Certificate != nil {
		opts.TLS, opts.TLSTimeout = true, dialTimeout.Seconds()
		opts.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*o.Certificate}, MinVersion: tls.VersionTLS13}
	}
	if s.tcp {
		host, port, err := net.SplitHostPort(o.Listen)
		if err != nil {
			return nil, freshet.Invalid("bus.listen", "the bus cannot listen on %q: it is not of the form HOST:PORT", o.Listen)
		}
		if opts.Port, err = strconv.Atoi(port); err != nil || opts.Port < 0 || opts.Port > 65535 {
			return nil, freshet.Invalid("bus.listen", "the bus cannot listen on %q: the port is not a number up to 65535", o.Listen)
		}
		opts.Host = host
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("starting the bus: %w", err)
	}
	s.gate.alive = func(id uint64) bool { return ns.GetClient(id) != nil }
	log := &serverLog{log: o.Log}
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	if log.fatal() == "" && ns.ReadyForConnections(startTimeout) {
		s.nats = ns
		return s, nil
	}
	ns.Shutdown()
	ns.WaitForShutdown()
	reason := cmp.Or(log.fatal(), "it was not ready within "+startTimeout.String())
	return nil, fmt.Errorf("starting the bus on %q: %s", o.Listen, reason)
}

func (o *ServerOptions) check() error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Listen != "" && o.Token == "" && o.Registry == nil {
		return freshet.Invalid("bus.token_file", "the bus does not listen for remote POPs without a way to tell who they are: set bus.token_file")
	}
	return nil
}

// Addr returns the address for remote POPs, empty if there is none.
func (s *Server) Addr() string {
	if a := s.nats.Addr(); s.tcp && a != nil {
		return a.String()
	}
	return ""
}

// Cut ends the live connections of a POP of another process. What its Registry
// says by then decides whether it comes back.
func (s *Server) Cut(pop string) {
	for _, id := range s.gate.cut(pop) {
		_ = s.nats.DisconnectClientByID(id) // it may be gone
	}
}

// Close stops the server and waits for its end. It may be called more than
// once.
func (s *Server) Close() {
	s.gate.close()
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// serverLog passes on what the server complains about. Its notices are about
// itself and of no use here; its debug and trace output is never on, because
// it shows what clients present.
type serverLog struct {
	log  *slog.Logger
	mu   sync.Mutex // guards last
	last string     // why the server cannot start
}

func (l *serverLog) complain(level slog.Level, format string, args []any) {
	l.log.LogAttrs(noContext(), level, "bus server complains", slog.String("text", fmt.Sprintf(format, args...)))
}

// Noticef implements server.Logger.
func (l *serverLog) Noticef(string, ...any) {}

// Warnf implements server.Logger.
func (l *serverLog) Warnf(format string, args ...any) { l.complain(slog.LevelWarn, format, args) }

// Errorf implements server.Logger.
func (l *serverLog) Errorf(format string, args ...any) { l.complain(slog.LevelWarn, format, args) }

// Fatalf implements server.Logger. The server calls it when it cannot start;
// the text becomes the error of StartServer.
func (l *serverLog) Fatalf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = strings.TrimSpace(fmt.Sprintf(format, args...))
}

// Debugf implements server.Logger.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l *serverLog) Tracef(string, ...any) {}

// fatal returns why the server cannot start, empty if it can.
func (l *serverLog) fatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}
