package edge_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
	"github.com/freshet-vod/freshet/internal/guard"
)

// TestP9_ATenantsOriginIsLookedAtWhenItIsConnectedTo: whatever its name, and
// though a connection to the same host is open for the operator's own domain.
func TestP9_ATenantsOriginIsLookedAtWhenItIsConnectedTo(t *testing.T) {
	t.Parallel()
	content := newContent("secret")
	n := newNode(t, edge.Options{POP: "local", Guard: guard.New().Control})
	origin := serve(t, content.ServeHTTP)
	top := topology(origin)
	top.Domains = append(top.Domains,
		freshet.Domain{Name: "tenant.example.com", Origin: origin, Guarded: true},
		freshet.Domain{Name: "named.example.com", Origin: strings.Replace(origin, "127.0.0.1", "localhost", 1), Guarded: true})
	n.SetTopology(top)
	n.wantBody(t, "/a", "secret")
	hits := content.hits.Load()
	for _, h := range []string{"tenant.example.com", "named.example.com"} {
		r := n.do(t, http.MethodGet, "http://"+h+"/a")
		if r.status != http.StatusBadGateway || !strings.Contains(r.header.Get("Cache-Status"), "detail=origin-not-allowed") || strings.Contains(r.body, "secret") {
			t.Errorf("%s: %d %v %q", h, r.status, r.header, r.body)
		}
		p := n.Prefetch(t.Context(), "http://"+h+"/b")
		if p.Outcome != freshet.OutcomeFailed || p.Reason != freshet.ReasonRefused || strings.Contains(p.Detail, "127.0.0.1") {
			t.Errorf("%s: %+v", h, p)
		}
	}
	if content.hits.Load() != hits {
		t.Error("the origin was asked for a tenant")
	}
}

// TestP9_WhatTheOperatorAllowsIsFetched: and without a guard nothing is.
func TestP9_WhatTheOperatorAllowsIsFetched(t *testing.T) {
	t.Parallel()
	origin := serve(t, newContent("film").ServeHTTP)
	top := topology(origin)
	top.Domains[0].Guarded = true
	open := newNode(t, edge.Options{POP: "local", Guard: guard.New(netip.MustParsePrefix("127.0.0.0/8")).Control})
	open.SetTopology(top)
	open.wantBody(t, "/a", "film")
	none := newNode(t, edge.Options{POP: "local"})
	none.SetTopology(top)
	if r := none.get(t, "/a"); r.status != http.StatusBadGateway {
		t.Errorf("%d %q", r.status, r.body)
	}
}
