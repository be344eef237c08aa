package faulty_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet/internal/faulty"
)

func spells(seed uint64, c faulty.Climate, n int) []faulty.Spell {
	var list []faulty.Spell
	for s := range faulty.Forecast(seed, c) {
		if list = append(list, s); len(list) == n {
			break
		}
	}
	return list
}

func TestForecast_IsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	a := spells(7, faulty.Climate{}, 500)
	if diff := cmp.Diff(a, spells(7, faulty.Climate{}, 500)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(a, spells(8, faulty.Climate{}, 500)) {
		t.Error("another seed brings the same weather")
	}
	kinds := map[faulty.Kind]bool{}
	for _, s := range a {
		kinds[s.Kind] = true
		if s.For < 5*time.Millisecond || s.For > time.Second {
			t.Errorf("a spell of %v", s.For)
		}
		if (s.Kind == faulty.Calm) != (s.Fault == faulty.Fault{} && !s.Reset) {
			t.Errorf("%+v", s)
		}
	}
	if len(kinds) != len(faulty.Kinds()) {
		t.Errorf("500 spells were of %d kinds only", len(kinds))
	}
}

func TestForecast_KeepsToTheClimate(t *testing.T) {
	t.Parallel()
	for _, s := range spells(1, faulty.Climate{Shortest: time.Minute, Kinds: []faulty.Kind{faulty.Slow, faulty.Hole}}, 50) {
		if !slices.Contains([]faulty.Kind{faulty.Slow, faulty.Hole}, s.Kind) || s.For != time.Minute {
			t.Errorf("%+v", s)
		}
	}
}

// TestWeather_ClientsThatTryOnGetThroughAndItEndsHealed sends numbers through
// bad weather: whatever arrives on a connection is a beginning of what was
// sent on it, and when the weather is over all arrives.
func TestWeather_ClientsThatTryOnGetThroughAndItEndsHealed(t *testing.T) {
	t.Parallel()
	g := between(t, faulty.Options{Seed: 3})
	var servers sync.WaitGroup
	servers.Go(func() { // answers each line with the same line
		for {
			c, err := g.Accept()
			if err != nil {
				return
			}
			servers.Go(func() {
				defer func() { _ = c.Close() }()
				_, _ = io.Copy(c, c)
			})
		}
	})
	ctx, end := context.WithCancel(t.Context())
	over := make(chan []faulty.Spell, 1)
	go func() {
		over <- g.proxy.Weather(ctx, faulty.Climate{Shortest: time.Millisecond, Longest: 20 * time.Millisecond})
	}()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 100 {
				converse(t, g.proxy.Addr(), 50*time.Millisecond) // what is swallowed is never answered
			}
		})
	}
	clients.Wait()
	end()
	had := <-over
	if g.proxy.Fault() != (faulty.Fault{}) {
		t.Errorf("after the weather: %+v", g.proxy.Fault())
	}
	t.Logf("%d spells, %+v", len(had), g.proxy.Counts())
	if n := converse(t, g.proxy.Addr(), patience); n != 20 {
		t.Errorf("%d lines came through the healed proxy", n)
	}
	_ = g.Close()
	g.proxy.Close()
	servers.Wait()
}

// converse makes a connection and says lines until one is not answered. What
// is answered must be what was said.
func converse(t *testing.T, addr string, patience time.Duration) (answered int) {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	c, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	for n := range 20 {
		said := fmt.Sprintf("line %d of %s\n", n, c.LocalAddr())
		if _, err := io.WriteString(c, said); err != nil {
			return n
		}
		got, err := r.ReadString('\n')
		if err == nil && got != said {
			t.Errorf("said %q, heard %q", said, got)
		}
		if err != nil {
			if len(got) > len(said) || said[:len(got)] != got {
				t.Errorf("said %q, heard %q", said, got)
			}
			return n
		}
	}
	return 20
}
