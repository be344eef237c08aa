package config

import (
	"errors"
	"net/netip"
	"strings"
)

// Network is a range of IP addresses, as in 10.0.0.0/8 or fd12::/16, or a
// single address.
type Network string

var errNetwork = errors.New("is not a network of IP addresses, as 10.0.0.0/8 or fd12::/16 is, nor an IP address")

// UnmarshalText implements [encoding.TextUnmarshaler].
func (n *Network) UnmarshalText(b []byte) error {
	if _, err := prefix(string(b)); err != nil {
		return errNetwork
	}
	*n = Network(b)
	return nil
}

// Prefix returns the range. That of a text which was never read is empty.
func (n Network) Prefix() netip.Prefix {
	p, err := prefix(string(n))
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

func prefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.WithZone("").Prefix(a.BitLen())
}
