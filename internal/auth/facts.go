package auth

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet/internal/policy"
)

// facts returns what conditions of policies ask of a request. Where it came
// from is the other end of its connection, unless that is a trusted proxy: then
// it is the last address in X-Forwarded-For that is none.
func (a *Auth) facts(h http.Header, remote string, tls bool, now time.Time) policy.Facts {
	f := policy.Facts{Time: now, Secure: tls}
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return f // not known: policies that ask for it refuse
	}
	f.SourceIP = at.Addr().Unmap()
	if !a.trusted(f.SourceIP) {
		return f
	}
	f.Secure = tls || strings.EqualFold(h.Get("X-Forwarded-Proto"), "https")
	hops := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if hop == "" {
			continue
		}
		ip, err := netip.ParseAddr(hop)
		if err != nil {
			f.SourceIP = netip.Addr{} // a proxy of ours wrote what we cannot read
			return f
		}
		if f.SourceIP = ip.Unmap(); !a.trusted(f.SourceIP) {
			return f
		}
	}
	return f
}

func (a *Auth) trusted(ip netip.Addr) bool {
	return slices.ContainsFunc(a.proxies, func(n netip.Prefix) bool { return n.Contains(ip) })
}
