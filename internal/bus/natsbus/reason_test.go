package natsbus_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
)

// pages is a log that a test waits for.
type pages struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write implements [io.Writer].
func (p *pages) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pages) count(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.text.String(), what)
}

// await waits until a line is there.
func (p *pages) await(t *testing.T, what string) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for p.count(what) == 0 {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the log never says %q:\n%s", what, p.text.String())
		}
	}
}

// TestConnect_TellsWhyThereIsNoConnection holds that an operator learns of a
// wrong token from the POP's own log, once, and not in the words of NATS.
func TestConnect_TellsWhyThereIsNoConnection(t *testing.T) {
	t.Parallel()
	s := start(t, "127.0.0.1:0")
	log := &pages{}
	connectTo := func(url, token string) *natsbus.Agent {
		a, err := natsbus.Connect(t.Context(), natsbus.ConnectOptions{
			URL: url, Token: token, POP: "edge-1", Log: slog.New(slog.NewTextHandler(log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.Close)
		return a
	}
	a := connectTo("nats://"+s.Addr(), "not the token of this bus")
	const refused = "the control plane refuses this POP: its token is not that of bus.token_file there"
	log.await(t, refused)
	connectTo("nats://127.0.0.1:1", token)
	log.await(t, "the control plane cannot be reached")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := a.Do(ctx, bus.CallTopology, nil); err == nil || !strings.Contains(err.Error(), "no connection to the control plane") {
		t.Errorf("the error of a call is %v", err)
	}
	if n := log.count(refused); n != 1 {
		t.Errorf("the reason is told %d times", n)
	}
}
