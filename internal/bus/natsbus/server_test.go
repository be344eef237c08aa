package natsbus_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
	"github.com/freshet-vod/freshet/internal/freeport"
)

const patience = 20 * time.Second

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s did not happen within %s", what, patience)
		}
	}
}

// logBuffer is a log that many goroutines write.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func echo(_ context.Context, pop string, _ bus.Call, req []byte) ([]byte, error) {
	return []byte(pop + " " + string(req)), nil
}

// works reports whether a call is answered.
func works(a *natsbus.Agent) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := a.Do(ctx, bus.CallPull, nil)
	return err == nil
}

// freeAddr returns an address for a server that starts later, or again.
func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := freeport.Addr(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func TestAgent_ComesBackByItself(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	first := start(t, addr)
	stop, err := newControl(t, first).Serve(bus.ControlHandlers{Call: echo})
	if err != nil {
		t.Fatal(err)
	}
	a := connect(t, natsbus.ConnectOptions{URL: addr, Token: token, POP: "edge-1"})
	heard := make(chan string, 100)
	stopListen, err := a.Listen(func(_ bus.Channel, _ string, msg []byte) { heard <- string(msg) })
	if err != nil {
		t.Fatal(err)
	}
	defer stopListen()
	if !works(a) {
		t.Fatal("a call is not answered")
	}
	stop()
	first.Close()
	eventually(t, "the end of the connection", func() bool { return a.Beat(t.Context(), nil) != nil })
	if _, err := a.Do(t.Context(), bus.CallPull, nil); !freshet.Retryable(err) {
		t.Errorf("a call without a connection ends with %v", err)
	}

	second := start(t, addr)
	control := newControl(t, second)
	stop, err = control.Serve(bus.ControlHandlers{Call: echo})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	eventually(t, "a call over a new connection", func() bool { return works(a) })
	eventually(t, "a push to a listener from before", func() bool {
		if err := control.Push(t.Context(), bus.ChannelHead, []byte("hello again")); err != nil {
			t.Fatal(err)
		}
		return len(heard) > 0
	})
}

func TestAgent_MayComeBeforeItsServer(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	a := connect(t, natsbus.ConnectOptions{URL: addr, Token: token, POP: "edge-1"})
	heard := make(chan string, 100)
	stopListen, err := a.Listen(func(_ bus.Channel, _ string, msg []byte) { heard <- string(msg) })
	if err != nil {
		t.Fatal(err)
	}
	defer stopListen()
	control := newControl(t, start(t, addr))
	eventually(t, "a push", func() bool {
		if err := control.Push(t.Context(), bus.ChannelHead, nil); err != nil {
			t.Fatal(err)
		}
		return len(heard) > 0
	})
}

// A wrong token is refused, for ever if need be, and never ends up in a log.
func TestServer_RefusesWrongTokensWithoutTellingThem(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s, err := natsbus.StartServer(natsbus.ServerOptions{Listen: "127.0.0.1:0", Token: token, Log: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stop, err := newControl(t, s).Serve(bus.ControlHandlers{Call: echo})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	wrong := connect(t, natsbus.ConnectOptions{URL: s.Addr(), Token: "swordfish", POP: "edge-1", Log: log.logger()})
	none := connect(t, natsbus.ConnectOptions{URL: s.Addr(), POP: "edge-1", Log: log.logger()})
	right := connect(t, natsbus.ConnectOptions{URL: s.Addr(), Token: token, POP: "edge-1", Log: log.logger()})
	if !works(right) {
		t.Error("the right token is refused")
	}
	eventually(t, "the refusal", func() bool {
		return strings.Count(log.String(), "uthoriz") >= 2 || strings.Count(log.String(), "uthentic") >= 4
	})
	if works(wrong) || works(none) {
		t.Error("a wrong token is taken")
	}
	for _, secret := range []string{token, "swordfish"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the token %q is in the log:\n%s", secret, log.String())
		}
	}
}

// stranger is a client that knows the token and the protocol, and means harm.
func stranger(t *testing.T, s *natsbus.Server, user string) *nats.Conn {
	t.Helper()
	closed := make(chan struct{})
	c, err := nats.Connect(s.Addr(), nats.Token(token), nats.UserInfo(user, ""), nats.CustomInboxPrefix("_INBOX."+user),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); <-closed })
	return c
}

func TestServer_APOPSpeaksOnlyInItsOwnName(t *testing.T) {
	t.Parallel()
	s := start(t, "127.0.0.1:0")
	control := newControl(t, s)
	var mu sync.Mutex
	var seen []string
	note := func(who string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, who)
	}
	stop, err := control.Serve(bus.ControlHandlers{
		Call: func(_ context.Context, pop string, _ bus.Call, _ []byte) ([]byte, error) {
			note("call of " + pop)
			return nil, nil
		},
		Heartbeat: func(pop string, _ []byte) { note("heartbeat of " + pop) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	victim := connect(t, natsbus.ConnectOptions{URL: s.Addr(), Token: token, POP: "victim"})
	if err := victim.Follow([]string{"rogue", "*", ">", "a.b"}); err != nil {
		t.Fatal(err)
	}
	stopListen, err := victim.Listen(func(ch bus.Channel, pop string, _ []byte) { note("push on " + string(ch) + pop) })
	if err != nil {
		t.Fatal(err)
	}
	defer stopListen()

	c := stranger(t, s, "rogue")
	spied := make(chan string, 100)
	for _, subject := range []string{"_INBOX.victim.>", "_INBOX.>", "freshet.v1.call.>", ">"} {
		if _, err := c.Subscribe(subject, func(m *nats.Msg) { spied <- m.Subject }); err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range []string{
		"freshet.v1.call.evidence.victim", "freshet.v1.heartbeat.victim", "freshet.v1.push.log.purge",
		"freshet.v1.push.topology", "_INBOX.victim.x", "freshet.v1.call.evidence.rogue.x", "freshet.v1.heartbeat.*",
	} {
		if err := c.Publish(subject, []byte("lies")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if !works(victim) {
		t.Error("the victim's own call is not answered")
	}
	// The rogue's own subjects work; they come after the others, so that what
	// got through would have been seen by now.
	if _, err := c.Request("freshet.v1.call.evidence.rogue", nil, patience); err != nil {
		t.Error(err)
	}
	if err := c.Publish("freshet.v1.heartbeat.rogue", nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the rogue's own heartbeat", func() bool {
		mu.Lock()
		defer mu.Unlock()
		n := 0
		for _, s := range seen {
			if s == "heartbeat of rogue" || s == "push on heartbeatrogue" {
				n++
			}
		}
		return n == 2
	})
	mu.Lock()
	defer mu.Unlock()
	for _, got := range seen {
		switch got {
		case "call of victim", "call of rogue", "heartbeat of rogue", "push on heartbeatrogue":
		default:
			t.Errorf("a POP got through with a %s", got)
		}
	}
	if len(seen) != 4 {
		t.Errorf("what arrived is %v", seen)
	}
	if len(spied) > 0 {
		t.Errorf("a POP reads what is for others: %s", <-spied)
	}
}

func TestServer_IsNobodyWithoutAName(t *testing.T) {
	t.Parallel()
	s := start(t, "127.0.0.1:0")
	for _, user := range []string{"", "a.b", "*", ">", strings.Repeat("x", 64)} {
		c, err := nats.Connect(s.Addr(), nats.Token(token), nats.UserInfo(user, ""))
		if err == nil {
			c.Close()
			t.Errorf("a client that names itself %q may connect", user)
		}
	}
}

func TestServer_WithoutAListenerIsReachedFromInsideOnly(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	if s.Addr() != "" {
		t.Errorf("it listens on %s", s.Addr())
	}
	stop, err := newControl(t, s).Serve(bus.ControlHandlers{Call: echo})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if !works(connect(t, natsbus.ConnectOptions{Server: s, POP: "local"})) {
		t.Error("a call from inside is not answered")
	}
}

func TestServer_BadOptionsAreErrors(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, tc := range map[string]struct {
		o    natsbus.ServerOptions
		want string
	}{
		"no token":      {natsbus.ServerOptions{Listen: "127.0.0.1:0"}, "token"},
		"no port":       {natsbus.ServerOptions{Listen: "127.0.0.1", Token: token}, "HOST:PORT"},
		"port by name":  {natsbus.ServerOptions{Listen: "127.0.0.1:nats", Token: token}, "port"},
		"port too high": {natsbus.ServerOptions{Listen: "127.0.0.1:65536", Token: token}, "port"},
		"port is taken": {natsbus.ServerOptions{Listen: taken.Addr().String(), Token: token}, "in use"},
	} {
		s, err := natsbus.StartServer(tc.o)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestConnect_BadOptionsAreErrors(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	for _, pop := range []string{"", "a.b", "a b", "*", ">", "é", strings.Repeat("x", 64)} {
		a, err := natsbus.Connect(t.Context(), natsbus.ConnectOptions{Server: s, POP: pop})
		if err == nil {
			a.Close()
		}
		if freshet.ErrorCode(err) != freshet.CodeInvalid {
			t.Errorf("a POP may be named %q (error: %v)", pop, err)
		}
	}
	if _, err := natsbus.Connect(t.Context(), natsbus.ConnectOptions{POP: "a"}); err == nil {
		t.Error("a POP connects to nowhere")
	}
	if _, err := natsbus.NewControl(t.Context(), natsbus.ControlOptions{Server: s, URL: "nats://x"}); err == nil {
		t.Error("a control plane connects to two places")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := natsbus.NewControl(ctx, natsbus.ControlOptions{Server: s}); err == nil {
		t.Error("a control plane connects under a cancelled context")
	}
}
