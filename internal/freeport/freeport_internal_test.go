package freeport

import (
	"net"
	"strconv"
	"testing"
)

// Ports that the kernel gives to others by itself could be gone before the
// program that they are meant for listens.
func TestAddrsAreDifferentFreeAndNotTheKernels(t *testing.T) {
	t.Parallel()
	low, high := kernelRange()
	addrs, err := Addrs(t.Context(), 50)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, addr := range addrs {
		_, p, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(p)
		if err != nil {
			t.Fatal(err)
		}
		if from, to := span(low, high); from < to && port >= low && port <= high {
			t.Errorf("%s is of the kernel's range, %d to %d", addr, low, high)
		}
		if seen[addr] {
			t.Errorf("%s was given twice", addr)
		}
		seen[addr] = true
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Errorf("%s is not free: %v", addr, err)
			continue
		}
		defer func() { _ = l.Close() }()
	}
}

func TestSpanStaysOutOfTheKernelsRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ low, high, from, to int }{
		{32_768, 60_999, 10_000, 32_767},
		{49_152, 65_535, 10_000, 32_767},
		{20_000, 65_535, 10_000, 19_999},
		{1_024, 20_000, 20_001, 32_767},
		{1_024, 65_535, 1, 0}, // everything: the kernel chooses
		{10_500, 65_535, 1, 0},
	} {
		if from, to := span(c.low, c.high); from != c.from || to != c.to {
			t.Errorf("span(%d, %d) = %d, %d, want %d, %d", c.low, c.high, from, to, c.from, c.to)
		}
	}
}
