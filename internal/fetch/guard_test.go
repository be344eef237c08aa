package fetch_test

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet/internal/fetch"
	"github.com/freshet-vod/freshet/internal/guard"
	"github.com/freshet-vod/freshet/internal/guard/guardtest"
)

// TestP9_AGuardedClientLooksAtTheAddress: not at the name, and tells neither.
func TestP9_AGuardedClientLooksAtTheAddress(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c, origin := serve(t, fetch.Options{Guard: guard.New().Control}, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	for _, base := range []string{origin, strings.Replace(origin, "127.0.0.1", "localhost", 1)} {
		_, _, err := c.Get(t.Context(), base, object)
		_, described := c.Describe(t.Context(), base, object)
		for _, err := range []error{err, described} {
			e, ok := errors.AsType[*fetch.Error](err)
			if !ok || e.Kind != fetch.KindGuarded || e.Transient() || strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("%s: %v", base, err)
			}
		}
	}
	if asked.Load() != 0 {
		t.Error("the origin was asked")
	}
}

// TestP9_NoNotationOfAnAddressPasses: neither one that is an address to the
// program, nor one that is only to a resolver, which answers for it here.
func TestP9_NoNotationOfAnAddressPasses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c, origin := serve(t, fetch.Options{Guard: guard.New().Control, Resolver: guardtest.Resolver(t, "127.0.0.1"), Retries: -1},
		func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(origin, "http://"))
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "0x7f.1", "127.1", "127.0.1", "0", "0.0.0.0",
		"[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
		"[2001:0:7f00:1::]", "[fe80::1%25lo]", "[fec0::1]", "[fd00:ec2::254]", "169.254.169.254", "100.100.100.200", "168.63.129.16",
		"192.0.0.192", "10.0.0.1", "172.16.0.1", "192.168.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "localhost", "localhost.",
		"metadata.google.internal", "rebind.example.net", "xn--vd-fmc.example.net", "127.0.0.1.nip.example.net",
	} {
		_, _, err := c.Get(t.Context(), "http://"+host+":"+port, object)
		e, ok := errors.AsType[*fetch.Error](err)
		// Go's resolver takes what has no letters for no name at all, and a zone is
		// no part of a URL.
		none := strings.Trim(host, "0123456789.") == "" && netip.Addr{} == addr(host) || strings.Contains(host, "%")
		if !ok || e.Kind != fetch.KindGuarded && (!none || e.Kind != fetch.KindUnreachable) || strings.Contains(e.Reason(), "127.0.0.1") {
			t.Errorf("%s: %v", host, err)
		}
	}
	if asked.Load() != 0 {
		t.Error("the origin was asked")
	}
}

func addr(host string) netip.Addr {
	a, _ := netip.ParseAddr(host)
	return a
}

// TestP9_ANameThatChangesItsMindIsRefused: it leads to an allowed address at
// first, and into the server's own network afterwards.
func TestP9_ANameThatChangesItsMindIsRefused(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c, origin := serve(t, fetch.Options{
		Guard: guard.New(netip.MustParsePrefix("127.0.0.1/32")).Control, Retries: -1,
		Resolver: guardtest.Resolver(t, "127.0.0.1", "127.0.0.2", "169.254.169.254", "127.0.0.2 127.0.0.1"),
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // a kept connection must not stand for the name
		asked.Add(1)
	})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(origin, "http://"))
	for i, allowed := range []bool{true, false, false, true} {
		_, _, err := c.Get(t.Context(), "http://rebind.example.net:"+port, object)
		if allowed && err != nil {
			t.Errorf("%d: %v", i, err)
		} else if !allowed {
			wantKind(t, err, fetch.KindGuarded)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the origin was asked %d times, want 2", n)
	}
}
