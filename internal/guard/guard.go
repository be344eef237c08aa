// Package guard decides which addresses the server may connect to on behalf of
// somebody who is not its operator: receivers of callbacks, and sources that a
// tenant declared (promise P9).
//
// It looks at the address that is about to be connected to, never at a name: a
// name that was harmless when it was checked can resolve to something else a
// moment later. It must not know who connects, nor why. If it is wrong, a
// tenant can make the server talk to the operator's own network, to itself or
// to the metadata service of its cloud.
package guard

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// Guard holds what is allowed beyond public addresses. The zero value allows
// those alone. It may be used concurrently.
type Guard struct {
	allow []netip.Prefix
}

// New makes a Guard that also lets through the addresses of the given
// networks. An IPv4 network written inside IPv6 (::ffff:10.0.0.0/104) counts as
// the IPv4 network.
func New(allow ...netip.Prefix) *Guard {
	g := &Guard{allow: make([]netip.Prefix, 0, len(allow))}
	for _, p := range allow {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		g.allow = append(g.allow, p.Masked())
	}
	return g
}

// RefusedError is why an address may not be connected to. Its text names the
// address: it is for operators, not for the one who named the host, who would
// learn what names inside the operator's network resolve to.
type RefusedError struct {
	Addr netip.Addr
	What string // what kind of address it is, as in "a loopback address"
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("connecting to %s is not allowed: it is %s", e.Addr, e.What)
}

// Check returns nil if the address may be connected to, else a [*RefusedError].
func (g *Guard) Check(a netip.Addr) error {
	shown := a
	a = a.Unmap()
	if a.Zone() != "" {
		return &RefusedError{Addr: shown, What: "bound to one network interface"}
	}
	inner, embeds := translated(a)
	if g.allowed(a) {
		// Whoever lets through a translator does not mean what is behind it.
		if embeds {
			return g.Check(inner)
		}
		return nil
	}
	if what := special(a); what != "" {
		return &RefusedError{Addr: shown, What: what}
	}
	return nil
}

func (g *Guard) allowed(a netip.Addr) bool {
	for _, p := range g.allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Control is for [net.Dialer]: it is called with the resolved address of each
// attempt, after the socket is made and before it connects.
func (g *Guard) Control(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return fmt.Errorf("connecting over %s is not allowed", network)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("reading the address to connect to: %w", err)
	}
	return g.Check(at.Addr())
}

// CheckHost refuses at once the host of a URL (without its port) that can
// never be reached: an address that may not be connected to, in any notation, or
// a name that always stands for this machine. Any other name passes; what it
// resolves to is looked at by Control.
func (g *Guard) CheckHost(host string) error {
	text, _, zoned := strings.Cut(strings.Trim(strings.TrimRight(host, "."), "[]"), "%")
	if a, err := netip.ParseAddr(text); err == nil && zoned { // whatever zone it is
		return &RefusedError{Addr: a, What: "bound to one network interface"}
	} else if err == nil {
		return g.Check(a)
	}
	host = strings.TrimRight(strings.ToLower(host), ".")
	if a, ok := numeric(host); ok {
		return g.Check(a)
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return g.Check(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return nil
}

// numeric reads an IPv4 address in the notations of old that many resolvers
// understand (inet_aton): one to four numbers, decimal, octal or hexadecimal, of
// which the last fills what is left, as in 127.1 or 2130706433.
func numeric(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var v uint64
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		digits, base := part, 10
		if hex, ok := strings.CutPrefix(part, "0x"); ok {
			digits, base = hex, 16
		} else if len(part) > 1 && part[0] == '0' {
			base = 8
		}
		n, err := strconv.ParseUint(digits, base, bits)
		if err != nil {
			return netip.Addr{}, false
		}
		v = v<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
}

// Dialer returns a copy of a dialer that connects only where it may. What d has
// as Control is not called any more.
func (g *Guard) Dialer(d net.Dialer) *net.Dialer {
	d.Control = g.Control
	d.ControlContext = nil
	return &d
}
