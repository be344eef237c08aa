package faulty_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet/internal/faulty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must happen; nothing waits for it to pass.
const patience = 20 * time.Second

// target is a listener whose connections the test takes by hand.
type target struct {
	*testing.T
	net.Listener
	proxy *faulty.Proxy
}

// between starts a target and a proxy in front of it.
func between(t *testing.T, o faulty.Options) *target {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Target = l.Addr().String()
	p, err := faulty.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		_ = l.Close()
	})
	return &target{t, l, p}
}

// dial connects to the proxy.
func (g *target) dial() net.Conn {
	g.Helper()
	c, err := g.tryDial()
	if err != nil {
		g.Fatal(err)
	}
	return c
}

func (g *target) tryDial() (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	c, err := d.DialContext(g.Context(), "tcp", g.proxy.Addr())
	if err == nil {
		g.own(c)
	}
	return c, err
}

func (g *target) own(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(patience))
	g.Cleanup(func() { _ = c.Close() })
}

// accept takes a connection at the target.
func (g *target) accept() net.Conn {
	g.Helper()
	c, err := g.Accept()
	if err != nil {
		g.Fatal(err)
	}
	g.own(c)
	return c
}

// pair makes a connection through the proxy and returns its two ends.
func (g *target) pair() (client, server net.Conn) {
	g.Helper()
	client = g.dial()
	return client, g.accept()
}

// say writes on one end, hear reads as much on another.
func (g *target) say(c net.Conn, s string) {
	g.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		g.Fatal(err)
	}
}

func (g *target) hear(c net.Conn, want string) {
	g.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		g.Fatalf("heard %.60q (%v), want %.60q", got, err, want)
	}
}

// heard reads to the end and returns how it came.
func heard(c net.Conn) (string, error) {
	b, err := io.ReadAll(c)
	return string(b), err
}

// wantReset expects that a connection was reset, with nothing more said.
func (g *target) wantReset(c net.Conn) {
	g.Helper()
	if s, err := heard(c); !errors.Is(err, syscall.ECONNRESET) || s != "" {
		g.Fatalf("heard %.60q (%v), want a reset", s, err)
	}
}

// until waits for a condition of the proxy's counts.
func (g *target) until(what string, ok func(faulty.Counts) bool) {
	g.Helper()
	ctx, cancel := context.WithTimeout(g.Context(), patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok(g.proxy.Counts()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			g.Fatalf("waiting until %s: %+v", what, g.proxy.Counts())
		}
	}
}
