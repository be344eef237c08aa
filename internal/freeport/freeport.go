// Package freeport finds loopback addresses for programs that must be told
// where to listen before they start, and again after they were killed.
//
// The usual way, to listen on port 0 and close, gives a port of the range
// from which the kernel serves outgoing connections and other listeners on
// port 0: on a busy machine another process has it before the program that
// it was meant for, or while that program restarts. The ports here are from
// outside that range, so only a program that names the very port can take it.
package freeport

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// Where ports are looked for when the kernel's own range leaves it free:
// above the services that one meets on developers' machines, below the range
// that Linux has by default (32768 to 60999) and the one that IANA keeps for
// the purpose (RFC 6335 section 6, 49152 to 65535).
const (
	lowest  = 10_000
	highest = 32_767
)

// tries bounds the search: with half of the ports taken, one in 10^30
// searches would fail.
const tries = 100

// Addr returns a loopback address, HOST:PORT, where nobody listens.
func Addr(ctx context.Context) (string, error) {
	addrs, err := Addrs(ctx, 1)
	if err != nil {
		return "", err
	}
	return addrs[0], nil
}

// Addrs returns n different loopback addresses where nobody listens.
func Addrs(ctx context.Context, n int) ([]string, error) {
	from, to := span(kernelRange())
	addrs := make([]string, n)
	for i := range addrs {
		l, err := listen(ctx, from, to)
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		defer func() { _ = l.Close() }() // all are held until each is another one
		addrs[i] = l.Addr().String()
	}
	return addrs, nil
}

func listen(ctx context.Context, from, to int) (net.Listener, error) {
	var lc net.ListenConfig
	var last error
	for range tries {
		port := 0
		if to > from {
			port = from + rand.IntN(to-from+1) //nolint:gosec // spreads callers; no secret
		}
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil || ctx.Err() != nil {
			return l, err
		}
		last = err
	}
	return nil, last
}

// span returns the ports to choose from, given the kernel's own range, or
// from > to if that leaves too few: then the kernel's choice must do.
func span(kernelLow, kernelHigh int) (from, to int) {
	const enough = 1000
	switch {
	case kernelLow > lowest+enough:
		return lowest, min(highest, kernelLow-1)
	case kernelHigh < highest-enough:
		return max(lowest, kernelHigh+1), highest
	default:
		return 1, 0
	}
}

// kernelRange returns the ports that the kernel gives out by itself. Where it
// does not tell, the range of RFC 6335 is assumed, which the BSDs, macOS and
// Windows keep to.
func kernelRange() (low, high int) {
	const path = "/proc/sys/net/ipv4/ip_local_port_range"
	text, err := os.ReadFile(path)
	if err == nil {
		if _, err := fmt.Sscan(string(text), &low, &high); err == nil {
			return low, high
		}
	}
	return 49_152, 65_535
}
