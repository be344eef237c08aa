package guard_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/guard"
)

func TestP9_OnlyPublicAddressesPass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		addr   string
		public bool
	}{
		{"1.1.1.1", true},
		{"9.255.255.255", true},
		{"11.0.0.0", true},
		{"100.63.255.255", true},
		{"100.128.0.0", true},
		{"126.255.255.255", true},
		{"128.0.0.0", true},
		{"168.63.129.15", true},
		{"169.253.255.255", true},
		{"172.15.255.255", true},
		{"172.32.0.0", true},
		{"192.0.1.0", true},
		{"192.167.255.255", true},
		{"198.17.255.255", true},
		{"198.20.0.0", true},
		{"223.255.255.255", true},
		{"::ffff:1.1.1.1", true},
		{"2001:200::1", true},
		{"2606:4700::1111", true},
		{"2a00::1", true},
		{"3ffe::1", true},

		{"0.0.0.0", false},
		{"0.1.2.3", false},
		{"10.0.0.1", false},
		{"100.64.0.0", false},
		{"100.100.100.200", false},
		{"100.127.255.255", false},
		{"127.0.0.1", false},
		{"127.255.255.254", false},
		{"168.63.129.16", false},
		{"169.254.169.254", false},
		{"172.16.0.1", false},
		{"172.31.255.255", false},
		{"192.0.0.192", false},
		{"192.0.2.1", false},
		{"192.88.99.1", false},
		{"192.168.1.1", false},
		{"198.18.0.1", false},
		{"198.19.255.255", false},
		{"198.51.100.7", false},
		{"203.0.113.7", false},
		{"224.0.0.1", false},
		{"239.255.255.255", false},
		{"240.0.0.1", false},
		{"255.255.255.255", false},
		{"::", false},
		{"::1", false},
		{"::7f00:1", false}, // 127.0.0.1 in the old compatible form
		{"::ffff:127.0.0.1", false},
		{"::ffff:169.254.169.254", false},
		{"64:ff9b::8.8.8.8", false},
		{"64:ff9b::7f00:1", false},
		{"64:ff9b:1::1", false},
		{"100::1", false},
		{"2001::1", false}, // Teredo
		{"2001:2::1", false},
		{"2001:db8::1", false},
		{"2002:7f00:1::", false},
		{"3fff:fff::1", false},
		{"4000::1", false},
		{"fc00::1", false},
		{"fd00:ec2::254", false},
		{"fe80::1", false},
		{"fe80::1%eth0", false},
		{"fec0::1", false},
		{"ff02::1", false},
		{"2606:4700::1%eth0", false},
	} {
		err := guard.New().Check(netip.MustParseAddr(tt.addr))
		if (err == nil) != tt.public {
			t.Errorf("Check(%s) = %v, want public = %t", tt.addr, err, tt.public)
		}
		if _, ok := errors.AsType[*guard.RefusedError](err); !tt.public && !ok {
			t.Errorf("Check(%s) = %T, want a *RefusedError", tt.addr, err)
		}
	}
}

func TestP9_WhatTheOperatorAllowsPasses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		allow, addr string
		ok          bool
	}{
		{"10.1.0.0/16", "10.1.2.3", true},
		{"10.1.0.0/16", "::ffff:10.1.2.3", true},
		{"10.1.0.0/16", "10.2.0.1", false},
		{"10.1.2.3/16", "10.1.9.9", true}, // bits beyond the mask do not count
		{"::ffff:10.1.0.0/112", "10.1.2.3", true},
		{"::1/128", "::1", true},
		{"::1/128", "127.0.0.1", false},
		{"0.0.0.0/0", "169.254.169.254", true},
		{"0.0.0.0/0", "::1", false},
		{"fd12::/16", "fd12::1", true},
		{"fe80::/10", "fe80::1%eth0", false},
		// A translator that is allowed leads to public addresses only.
		{"64:ff9b::/96", "64:ff9b::8.8.8.8", true},
		{"64:ff9b::/96", "64:ff9b::10.0.0.1", false},
		{"::/0", "64:ff9b::169.254.169.254", false},
		{"::/0", "2002:7f00:1::", false},
	} {
		err := guard.New(netip.MustParsePrefix(tt.allow)).Check(netip.MustParseAddr(tt.addr))
		if (err == nil) != tt.ok {
			t.Errorf("allow %s: Check(%s) = %v, want ok = %t", tt.allow, tt.addr, err, tt.ok)
		}
	}
}

func TestCheckHost_RefusesWhatCanNeverBeReached(t *testing.T) {
	t.Parallel()
	for host, ok := range map[string]bool{
		"example.com": true, "8.8.8.8": true, "[2606:4700::1111]": true,
		"localhost": false, "LOCALHOST.": false, "a.localhost": false, "127.0.0.1": false, "[::1]": false, "::1": false, "10.0.0.1.": false, "10.0.0.1..": false,
		// What resolvers take for addresses, in every notation.
		"2130706433": false, "0x7f000001": false, "0X7F000001": false, "017700000001": false, "127.1": false, "127.0.1": false, "0177.0.0.1": false,
		"0x7f.0.0.1": false, "127.0.0.0x1": false, "0": false, "0x0": false, "2852039166": false, "0xa9fea9fe": false, "0x0a00000b": false, "10.0xb.0.1": false, "169.254.43518": false,
		"0251.0376.0251.0376": false, "[::ffff:127.0.0.1]": false, "[::ffff:7f00:1]": false, "[0:0:0:0:0:ffff:7f00:1]": false,
		"[64:ff9b::7f00:1]": false, "[64:ff9b::169.254.169.254]": false, "[64:ff9b:1::7f00:1]": false, "[2002:7f00:1::]": false, "[2002:a9fe:a9fe::1]": false,
		"[fe80::1%eth0]": false, "[2606:4700::1111%1]": false, "[::127.0.0.1]": false, "[::ffff:0:127.0.0.1]": false, "metadata.localhost": false,
		"134744072": true, "8.8": true, "010.8.8.8": true, "0x8.8.8.8": true, // public, all of them
		"127.0.0.1.example.com": true, "127.0.0.256": true, "1.2.3.4.5": true, "0b1111111.0.0.1": true, "1_27.0.0.1": true, "": true, ".": true, "xn--vd-fmc.example.com": true,
	} {
		if err := guard.New().CheckHost(host); (err == nil) != ok {
			t.Errorf("CheckHost(%q) = %v, want ok = %t", host, err, ok)
		}
	}
	if err := guard.New(netip.MustParsePrefix("127.0.0.0/8")).CheckHost("localhost"); err != nil {
		t.Errorf("CheckHost(localhost) with loopback allowed: %v", err)
	}
}

// The address is looked at when the connection is made, whatever a name meant
// before.
func TestP9_DialerLooksAtTheAddressThatItConnectsTo(t *testing.T) {
	t.Parallel()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	accepted := make(chan struct{}, 1)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
			accepted <- struct{}{}
		}
	}()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	dial := func(g *guard.Guard, network, address string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		c, err := g.Dialer(net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		err := dial(guard.New(), "tcp", net.JoinHostPort(host, port))
		if _, ok := errors.AsType[*guard.RefusedError](err); !ok {
			t.Errorf("dialling %s: %v, want a *RefusedError", host, err)
		}
	}
	if err := dial(guard.New(netip.MustParsePrefix("::/0"), netip.MustParsePrefix("0.0.0.0/0")), "unix", "/nowhere"); err == nil || errors.Is(err, syscall.ENOENT) {
		t.Errorf("dialling a unix socket: %v, want a refusal before anything is tried", err)
	}
	select {
	case <-accepted:
		t.Error("a refused connection was made")
	default:
	}
	if err := dial(guard.New(netip.MustParsePrefix("127.0.0.0/8")), "tcp4", net.JoinHostPort("127.0.0.1", port)); err != nil {
		t.Errorf("dialling an allowed address: %v", err)
	}
	<-accepted
}

// FuzzCheckHost: whatever the host, what passes is no address that would be
// refused, in any notation that the strictest reading finds in it.
func FuzzCheckHost(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.01", "[::ffff:7f00:1]", "localhost.", "a.example.com", "0x7f00000b", "1.2.3.4.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		g := guard.New()
		if g.CheckHost(host) != nil {
			return
		}
		// The same host in brackets, with a dot behind, or in capitals is the same.
		for _, same := range []string{strings.ToUpper(host), host + "."} {
			if err := g.CheckHost(same); err != nil && strings.ToLower(strings.ToUpper(host)) == host {
				t.Errorf("%q passes and %q does not: %v", host, same, err)
			}
		}
		if a, err := netip.ParseAddr(host); err == nil && g.Check(a) != nil {
			t.Errorf("%q passes", host)
		}
		if v, err := strconv.ParseUint(host, 0, 32); err == nil && !strings.ContainsAny(host, "_oObB") {
			b := [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
			if err := g.Check(netip.AddrFrom4(b)); err != nil {
				t.Errorf("%q passes: %v", host, err)
			}
		}
	})
}
