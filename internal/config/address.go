package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Address is where something listens: HOST:PORT. An empty host means every
// interface.
type Address string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *Address) UnmarshalText(b []byte) error {
	host, port, err := net.SplitHostPort(string(b))
	if err != nil {
		return errAddress
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return errAddress
	}
	if host != "" && net.ParseIP(host) == nil && !validHost(host) {
		return errAddress
	}
	*a = Address(b)
	return nil
}

// Loopback reports whether only this machine can reach the address.
func (a Address) Loopback() bool {
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// everywhere reports whether the address means every interface, and so names
// no place that others could go to.
func (a Address) everywhere() bool {
	host, _, err := net.SplitHostPort(string(a))
	return err == nil && (host == "" || net.ParseIP(host).IsUnspecified())
}

// fixed reports whether the port is chosen; port 0 picks a free one.
func (a Address) fixed() bool {
	_, port, err := net.SplitHostPort(string(a))
	return err == nil && port != "0"
}

var errAddress = errors.New("is not an address HOST:PORT with a port from 0 to 65535")

// ParseNetwork reads an address or a network such as 10.0.0.0/8.
func ParseNetwork(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		return ip.Prefix(ip.BitLen())
	}
	n, err := netip.ParsePrefix(s)
	if err != nil || n != n.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q is no IP address and no network such as 10.0.0.0/8", s)
	}
	return n, nil
}
