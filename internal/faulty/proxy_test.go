package faulty_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/faulty"
)

// noise is what no part of can be taken for another.
func noise(n int) string {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return string(b)
}

func TestHealthy_PassesEverythingAndTheEnds(t *testing.T) {
	t.Parallel()
	for _, nats := range []bool{false, true} { // a stream that is not NATS passes all the same
		g := between(t, faulty.Options{NATS: nats})
		client, server := g.pair()
		text := noise(1 << 20)
		go func() {
			_, _ = io.WriteString(client, text)
			_ = client.(*net.TCPConn).CloseWrite()
		}()
		if got, err := heard(server); err != nil || got != text {
			t.Fatalf("NATS %v: %d bytes came, %v", nats, len(got), err)
		}
		g.say(server, "answer")
		_ = server.Close()
		if got, err := heard(client); err != nil || got != "answer" {
			t.Fatalf("NATS %v: heard %q, %v", nats, got, err)
		}
	}
}

func TestHealthy_AResetOfOneSideReachesTheOther(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	_ = server.(*net.TCPConn).SetLinger(0)
	_ = server.Close()
	g.wantReset(client)
}

func TestLatency_DelaysAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{Seed: 1})
	client, server := g.pair()
	const late = 20 * time.Millisecond
	g.proxy.Set(faulty.Down, faulty.Flow{Latency: late, Jitter: 10 * time.Millisecond})
	began := time.Now()
	text := noise(4 << 10)
	go func() {
		for i := range len(text) / 64 { // packets of their own, most of them
			_, _ = io.WriteString(server, text[i*64:i*64+64])
		}
	}()
	g.hear(client, text)
	if took := time.Since(began); took < late {
		t.Errorf("took %v, want %v at least", took, late)
	}
}

func TestLatency_OfTheOtherDirectionIsItsOwn(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.proxy.Set(faulty.Down, faulty.Flow{Latency: time.Hour})
	g.say(server, "late")
	g.say(client, "now")
	g.hear(server, "now")
	g.proxy.Heal() // what is under way arrives when the road is free
	g.hear(client, "late")
}

func TestRate_BoundsTheBytesPerSecond(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.proxy.Set(faulty.Up, faulty.Flow{Rate: 100 << 10})
	text := noise(20 << 10)
	began := time.Now()
	g.say(client, text)
	g.hear(server, text)
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("20 KiB took %v at 100 KiB/s", took)
	}
	g.proxy.Set(faulty.Up, faulty.Flow{Rate: 1})
	g.say(client, text)
	g.hear(server, text[:1])
	g.proxy.Heal()
	g.hear(server, text[1:])
}

func TestReset_EndsBothSidesAndNewConnectionsWork(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.say(client, "hello")
	g.hear(server, "hello")
	g.proxy.Reset()
	g.wantReset(client)
	g.wantReset(server)
	client, server = g.pair()
	g.say(client, "again")
	g.hear(server, "again")
}

func TestResetAfter_LetsSomeBytesPass(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.say(server, "before")
	g.hear(client, "before")
	g.proxy.Set(faulty.Down, faulty.Flow{ResetAfter: 5})
	g.say(server, "1234567")
	got, err := heard(client) // a reset may overtake bytes at the receiver
	if !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix("12345", got) {
		t.Errorf("heard %q, %v", got, err)
	}
	g.wantReset(server)
	if c := g.proxy.Counts(); c.Passed[faulty.Down] != 11 || c.Resets != 1 {
		t.Errorf("%+v", c)
	}
}

func TestEndAfter_TruncatesInGoodOrder(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	g.proxy.Set(faulty.Down, faulty.Flow{EndAfter: 5})
	for range 2 { // each connection anew
		client, server := g.pair()
		g.say(client, "question")
		g.hear(server, "question")
		g.say(server, "1234567")
		if got, err := heard(client); err != nil || got != "12345" {
			t.Errorf("heard %q, %v", got, err)
		}
		g.wantReset(server)
	}
	if c := g.proxy.Counts(); c.Ended != 2 {
		t.Errorf("%+v", c)
	}
}

func TestSwallow_OneDirectionVanishesAndTheOtherGoesOn(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.proxy.Set(faulty.Up, faulty.Flow{Swallow: true})
	g.say(client, "lost")
	g.until("all is swallowed", func(c faulty.Counts) bool { return c.Swallowed == 4 })
	g.say(server, "still here")
	g.hear(client, "still here")
	g.proxy.Heal()
	g.wantReset(client)
	g.wantReset(server)
}

func TestSwallow_TheEndOfAConnectionVanishesToo(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.proxy.Set(faulty.Up, faulty.Flow{Swallow: true})
	_ = client.(*net.TCPConn).CloseWrite()
	g.say(server, "nobody told me")
	g.hear(client, "nobody told me")
	g.until("the end is swallowed", func(c faulty.Counts) bool { return c.Unheard == 1 })
	g.proxy.Heal()
	g.wantReset(server)
}

func TestSwallow_AConnectionThatLostNothingGoesOn(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.say(client, "a")
	g.hear(server, "a")
	g.proxy.BlackHole()
	g.proxy.Heal()
	g.say(client, "b")
	g.hear(server, "b")
}

func TestStall_HoldsBackUntilHealed(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.proxy.Set(faulty.Up, faulty.Flow{Stall: true})
	g.say(client, "wait")
	g.say(server, "down")
	g.hear(client, "down")
	if c := g.proxy.Counts(); c.Passed[faulty.Up] != 0 {
		t.Errorf("%+v", c)
	}
	g.proxy.Heal()
	g.hear(server, "wait")
}

func TestCut_TheReceiverSeesTheEndAndTheOtherDirectionGoesOn(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.proxy.Set(faulty.Up, faulty.Flow{Cut: true})
	if got, err := heard(server); err != nil || got != "" {
		t.Fatalf("heard %q, %v", got, err)
	}
	g.say(client, "unheard")
	g.say(server, "heard")
	g.hear(client, "heard")
	g.proxy.Heal()
	g.wantReset(client)
}

func TestBlackHole_SwallowsOpenConnectionsAndNewOnesHang(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	g.proxy.BlackHole()
	g.say(client, "1234")
	g.say(server, "5678")
	hung := g.dial()
	g.say(hung, "90")
	gone := g.dial()
	_ = gone.Close()
	g.until("all is swallowed", func(c faulty.Counts) bool { return c.Swallowed == 8 && c.Connections == 3 })
	g.proxy.Heal()
	g.wantReset(hung)
	g.wantReset(client)
	g.wantReset(server)
	client, server = g.pair() // the target never saw the one that hung
	g.say(client, "again")
	g.hear(server, "again")
}

func TestRefuse_ClosesThePortAndKeepsIt(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	client, server := g.pair()
	for range 3 {
		g.proxy.Refuse()
		g.wantReset(client)
		g.wantReset(server)
		if _, err := g.tryDial(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dialling: %v", err)
		}
		g.proxy.Heal()
		client, server = g.pair()
		g.say(client, "again")
		g.hear(server, "again")
	}
}

func TestTarget_ThatIsAwayResets(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{})
	_ = g.Close()
	client, err := g.tryDial()
	if err == nil { // the reset may come before the dialler has looked
		_, err = io.ReadAll(client)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v, want a reset", err)
	}
}

func TestClose_EndsConnectionsOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, fault := range []faulty.Fault{
		{},
		{Up: faulty.Flow{Stall: true}},
		{Up: faulty.Flow{Latency: time.Hour}},
		{Up: faulty.Flow{Rate: 1}},
		{Up: faulty.Flow{Swallow: true}},
		{Up: faulty.Flow{Cut: true}},
		{Up: faulty.Flow{EndAfter: 2}},
		{Door: faulty.Hang},
		{Door: faulty.Refuse},
	} {
		g := between(t, faulty.Options{})
		client, _ := g.pair()
		g.proxy.Apply(fault)
		g.say(client, "some words")
		hung := client
		if fault.Door == faulty.Hang {
			hung = g.dial()
		}
		g.proxy.Close()
		g.proxy.Close()
		for _, c := range []net.Conn{client, hung} {
			if got, err := heard(c); got != "" || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v: heard %q, %v", fault, got, err)
			}
		}
	}
}

func TestContext_EndsTheProxy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := faulty.New(ctx, faulty.Options{Target: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	p.Close()
	var d net.Dialer
	if c, err := d.DialContext(t.Context(), "tcp", p.Addr()); err == nil {
		_ = c.Close()
		t.Error("the port is open still")
	}
}
