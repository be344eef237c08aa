package edge_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

func enforcing(t freshet.AuthType) freshet.URLAuth {
	return freshet.URLAuth{
		Type: t, MainKey: "main-key-000001", BackupKey: "backup-key-0001", ValiditySeconds: 600, Enforce: true, Open: freshet.DefaultOpen(),
	}
}

// signedTopology is one whose domain asks for signatures.
func signedTopology(origin string, a freshet.URLAuth, pops ...freshet.POP) freshet.Topology {
	top := topology(origin, pops...)
	top.Domains[0].URLAuth = a
	return top
}

// signed returns path and query of a signed URL.
func signed(t *testing.T, a freshet.URLAuth, path string, at time.Time) string {
	t.Helper()
	s, err := urlsign.Sign(a, "http://"+host+path, urlsign.Request{Now: at, Rand: "r"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

// TestContract_8_Enforced: with main and backup key, until the URL ends; the
// header names the reason.
func TestContract_8_Enforced(t *testing.T) {
	t.Parallel()
	for _, typ := range freshet.AuthTypes() {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			a := enforcing(typ)
			n := newNode(t, edge.Options{POP: "local"})
			var asked atomic.Int64
			n.SetTopology(signedTopology(serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.URL.RequestURI() != "/film.mp4?x=1" && r.URL.Path != "/seg.ts" {
					t.Errorf("the origin is asked for %s", r.URL.RequestURI())
				}
				newContent("film").ServeHTTP(w, r)
			}), a))
			now := time.Now()
			backup := a
			backup.MainKey = a.BackupKey
			stranger := a
			stranger.MainKey = "another-key-0001"
			const film = "/film.mp4?x=1"
			for path, reason := range map[string]string{
				film: "missing",
				signed(t, a, film, now.Add(-11*time.Minute)):                            "expired",
				signed(t, stranger, film, now):                                          "mismatch",
				strings.Replace(signed(t, a, film, now), "/film.mp4", "/other.mp4", 1):  "mismatch",
				strings.Replace(signed(t, a, film, now), "/film.mp4", "/x/../other", 1): "mismatch",
			} {
				r := n.get(t, path)
				if r.status != http.StatusForbidden || r.header.Get("Freshet-Auth-Error") != reason ||
					r.header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %d %v %q, want %s", path, r.status, r.header, r.body, reason)
				}
			}
			if asked.Load() != 0 {
				t.Error("a request that was refused reached the origin")
			}
			for _, path := range []string{signed(t, a, film, now), signed(t, backup, film, now), signed(t, a, film, now.Add(5*time.Minute))} {
				n.wantBody(t, path, "film")
			}
			if r := n.do(t, http.MethodHead, "http://"+host+film); r.status != http.StatusForbidden {
				t.Errorf("HEAD: %d", r.status)
			}
			if asked.Load() != 1 {
				t.Errorf("%d fetches: every signed form is one object", asked.Load())
			}
			n.wantBody(t, "/seg.ts", "film")
			// Another spelling of a path that needs a signature is not open.
			for _, path := range []string{"/seg.ts/../film.mp4?x=1", "/film.mp4?x=1&y=.ts", "/film.mp4%3f.ts/../film.mp4?x=1"} {
				if r := n.get(t, path); r.status != http.StatusForbidden {
					t.Errorf("%s: %d", path, r.status)
				}
			}
		})
	}
}

// TestContract_8_APurgeClearsEverySignedVariant: whoever is purged, by the bare
// URL or by a signed one, is fetched anew for every signed form.
func TestContract_8_APurgeClearsEverySignedVariant(t *testing.T) {
	t.Parallel()
	for _, typ := range freshet.AuthTypes() {
		a := enforcing(typ)
		n := newNode(t, edge.Options{POP: "local"})
		content := newContent("old")
		top := signedTopology(serve(t, content.ServeHTTP), a)
		n.SetTopology(top)
		one, two := signed(t, a, "/film.mp4", time.Now()), signed(t, a, "/film.mp4", time.Now().Add(time.Minute))
		for i, raw := range []string{"/film.mp4", one, two} {
			content.body.Store("v" + string(rune('0'+i)))
			name, _, err := freshet.Address("http://"+host+raw, top.Domains)
			if err != nil || name != "http://"+host+"/film.mp4" {
				t.Fatalf("type %s: %s is named %s (%v)", typ, raw, name, err)
			}
			n.Purge(t.Context(), freshet.Position{Epoch: 1, Pos: uint64(i + 1)}, freshet.Selector{Kind: freshet.SelectExact, URLs: []string{name}})
			n.wantBody(t, one, "v"+string(rune('0'+i)))
			n.wantBody(t, two, "v"+string(rune('0'+i)))
		}
	}
}

// TestEnforced_PrefetchAndChildrenNeedNoSignature: they are ours. A child asks
// its viewers, and its parent believes the child's proof; a stranger with a
// wrong proof is a viewer.
func TestEnforced_PrefetchAndChildrenNeedNoSignature(t *testing.T) {
	t.Parallel()
	a := enforcing(freshet.AuthA)
	shield := newNode(t, edge.Options{POP: "shield", PeerKey: []byte("key")})
	child := newNode(t, edge.Options{POP: "child", PeerKey: []byte("key")})
	top := signedTopology(serve(t, newContent("film").ServeHTTP), a,
		freshet.POP{ID: "shield", URL: shield.url}, freshet.POP{ID: "child", Parents: []string{"shield"}})
	shield.SetTopology(top)
	child.SetTopology(top)
	child.wantBody(t, signed(t, a, "/a.mp4", time.Now()), "film")
	if r := child.Prefetch(t.Context(), "http://"+host+"/b.mp4"); r.Outcome != freshet.OutcomeDone {
		t.Errorf("%+v", r)
	}
	for _, n := range []*node{shield, child} {
		for _, proof := range []string{"", "child;1;00"} {
			if r := n.get(t, "/b.mp4", "Freshet-Peer", proof); r.status != http.StatusForbidden {
				t.Errorf("%d %q", r.status, r.body)
			}
		}
	}
}

// TestEnforced_NotBehindOtherCaches: a cache that only other caches reach asks
// for nothing.
func TestEnforced_NotBehindOtherCaches(t *testing.T) {
	t.Parallel()
	n := newNode(t, edge.Options{POP: "shield", Trusted: true})
	n.SetTopology(signedTopology(serve(t, newContent("film").ServeHTTP), enforcing(freshet.AuthB)))
	n.wantBody(t, "/a.mp4", "film")
	n.wantBody(t, signed(t, enforcing(freshet.AuthB), "/a.mp4", time.Now()), "film")
}

// TestStopped_TheDomainIsRefusedAndCanBePurged: what is stored of it is not
// shown, but can be removed before the domain starts again.
func TestStopped_TheDomainIsRefusedAndCanBePurged(t *testing.T) {
	t.Parallel()
	n := newNode(t, edge.Options{POP: "local"})
	content := newContent("old")
	top := topology(serve(t, content.ServeHTTP))
	n.SetTopology(top)
	n.wantBody(t, "/a.mp4", "old")
	stopped := topology(top.Domains[0].Origin)
	stopped.Domains[0].Offline = true
	n.SetTopology(stopped)
	if r := n.get(t, "/a.mp4"); r.status != http.StatusForbidden || !strings.Contains(r.header.Get("Cache-Status"), "detail=offline") {
		t.Errorf("%d %v", r.status, r.header)
	}
	if r := n.Prefetch(t.Context(), "http://"+host+"/b.mp4"); r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonRefused {
		t.Errorf("%+v", r)
	}
	content.body.Store("new")
	r := n.Purge(t.Context(), freshet.Position{Epoch: 1, Pos: 1}, freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"http://" + host + "/a.mp4"}})
	if len(r) != 1 || r[0].Outcome != freshet.OutcomeDone || r[0].Removed != 1 {
		t.Errorf("%+v", r)
	}
	n.SetTopology(top)
	n.wantBody(t, "/a.mp4", "new")
}
