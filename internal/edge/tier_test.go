package edge_test

import (
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
)

// tiers starts a shield and a child that fills from it.
func tiers(t *testing.T, key []byte, origin http.HandlerFunc) (shield, child *node) {
	t.Helper()
	shield = newNode(t, edge.Options{POP: "shield", PeerKey: key})
	child = newNode(t, edge.Options{POP: "child", PeerKey: key})
	top := topology(serve(t, origin),
		freshet.POP{ID: "shield", URL: shield.url}, freshet.POP{ID: "child", Parents: []string{"shield"}})
	shield.SetTopology(top)
	child.SetTopology(top)
	return shield, child
}

func generation(t *testing.T, n *node, path string) freshet.Position {
	t.Helper()
	st, err := n.Inspect(t.Context(), "http://"+host+path, true)
	if err != nil || !st.Copy.Stored() {
		t.Fatalf("inspect %s = %+v, %v", path, st, err)
	}
	return st.Copy.Generation
}

func TestChildTakesTheLowerGeneration(t *testing.T) {
	t.Parallel()
	shield, child := tiers(t, []byte("key"), newContent("film").ServeHTTP)
	for i, c := range []struct{ shield, child, want uint64 }{{3, 9, 3}, {12, 9, 9}} {
		path := "/" + string(rune('a'+i))
		for n, pos := range map[*node]uint64{shield: c.shield, child: c.child} {
			if err := n.SetCursor(t.Context(), freshet.Position{Epoch: 1, Pos: pos}); err != nil {
				t.Fatal(err)
			}
		}
		child.wantBody(t, path, "film")
		if got := generation(t, child, path); got.Pos != c.want {
			t.Errorf("shield at %d, child at %d: generation %v, want %d", c.shield, c.child, got, c.want)
		}
	}
}

func TestGenerationIsToldToNobodyWithoutTheKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "other"} {
		var seen atomic.Value
		shield := newNode(t, edge.Options{POP: "shield", PeerKey: []byte("key")})
		spy := serve(t, func(w http.ResponseWriter, r *http.Request) {
			req := r.Clone(r.Context())
			resp := &recorder{header: http.Header{}, w: w}
			shield.ServeHTTP(resp, req)
			seen.Store(resp.header.Get("Freshet-Generation"))
		})
		child := newNode(t, edge.Options{POP: "child", PeerKey: []byte(key)})
		top := topology(serve(t, newContent("film").ServeHTTP),
			freshet.POP{ID: "shield", URL: spy}, freshet.POP{ID: "child", Parents: []string{"shield"}})
		shield.SetTopology(top)
		child.SetTopology(top)
		child.wantBody(t, "/a", "film")
		if got := seen.Load(); got != "" {
			t.Errorf("key %q: the shield told generation %v", key, got)
		}
		for _, n := range []*node{shield, child} {
			if r := n.get(t, "/a", "Freshet-Peer", "child;1;00"); r.header.Get("Freshet-Generation") != "" || r.body != "film" {
				t.Errorf("a viewer got %v", r.header)
			}
		}
	}
}

// recorder passes a reply on and keeps its header.
type recorder struct {
	header http.Header
	w      http.ResponseWriter
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(code int) {
	maps.Copy(r.w.Header(), r.header)
	r.w.WriteHeader(code)
}

func (r *recorder) Write(p []byte) (int, error) { return r.w.Write(p) }

func TestSpoofedGenerationsAreDropped(t *testing.T) {
	t.Parallel()
	var leaked atomic.Bool
	n := alone(t, edge.Options{PeerKey: []byte("key")}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Freshet-Generation") != "" || r.Header.Get("Freshet-Peer") != "" {
			leaked.Store(true)
		}
		w.Header().Set("Freshet-Generation", "9.9")
		newContent("film").ServeHTTP(w, r)
	})
	if err := n.SetCursor(t.Context(), freshet.Position{Epoch: 1, Pos: 5}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := n.get(t, "/a", "Freshet-Generation", "9.9", "Freshet-Peer", "x;1;ff")
		if r.body != "film" || r.header.Get("Freshet-Generation") != "" {
			t.Fatalf("%q %v", r.body, r.header)
		}
	}
	if leaked.Load() {
		t.Error("the origin was told what only peers say")
	}
	if got := generation(t, n, "/a"); got != (freshet.Position{Epoch: 1, Pos: 5}) {
		t.Errorf("generation = %v: the origin's word was believed", got)
	}
}

func TestAParentBehindAPurgeIsPassedOver(t *testing.T) {
	t.Parallel()
	film := newContent("old")
	shield, child := tiers(t, []byte("key"), film.ServeHTTP)
	shield.wantBody(t, "/a", "old")
	film.body.Store("new")
	child.purgeA(t, 7) // the shield has missed it
	child.wantBody(t, "/a", "new")
	if got := generation(t, child, "/a"); got.Pos != 7 {
		t.Errorf("generation = %v", got)
	}
}

func TestP4_NoStaleAfterComplete_TwoTiers(t *testing.T) {
	t.Parallel()
	for round := range 20 {
		inBody := round%2 == 1
		old, arrived, release := strings.Repeat("old", 50_000), make(chan struct{}, 8), make(chan struct{})
		var now atomic.Bool
		shield, child := tiers(t, []byte("key"), func(w http.ResponseWriter, r *http.Request) {
			if now.Load() {
				newContent("new").ServeHTTP(w, r)
				return
			}
			w.Header().Set("Cache-Control", "max-age=3600")
			if inBody {
				_, _ = w.Write([]byte(old[:1000]))
				_ = http.NewResponseController(w).Flush()
			}
			arrived <- struct{}{}
			<-release
			_, _ = w.Write([]byte(old[map[bool]int{true: 1000}[inBody]:]))
		})
		early := make(chan reply, 1)
		go func() { early <- child.get(t, "/a") }()
		<-arrived
		now.Store(true)
		shield.purgeA(t, 1)
		child.purgeA(t, 1)
		child.wantBody(t, "/a", "new")
		close(release)
		if r := <-early; r.err != nil || r.body != old {
			t.Fatalf("round %d: the earlier viewer got %d %.20q (%v)", round, r.status, r.body, r.err)
		}
		child.wantBody(t, "/a", "new")
		shield.wantBody(t, "/a", "new")
	}
}

func TestExcusedAndUnknownParentsAreNotAsked(t *testing.T) {
	t.Parallel()
	dead := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	film := newContent("film")
	origin := serve(t, film.ServeHTTP)
	for name, parents := range map[string][]freshet.POP{
		"down":     {{ID: "p", URL: dead, Down: true}},
		"no URL":   {{ID: "p"}},
		"absent":   nil,
		"failover": {{ID: "p", URL: dead}, {ID: "q", URL: ""}},
	} {
		child := newNode(t, edge.Options{POP: "child"})
		ids := []string{"p", "q"}
		child.SetTopology(topology(origin, append(parents, freshet.POP{ID: "child", Parents: ids})...))
		r := child.get(t, "/a")
		if name == "failover" {
			if r.status != http.StatusBadGateway {
				t.Errorf("%s: status %d: the origin is no substitute for a parent that is not excused", name, r.status)
			}
			continue
		}
		if r.body != "film" {
			t.Errorf("%s: %d %q", name, r.status, r.body)
		}
	}
}

func TestFailoverToTheNextParent(t *testing.T) {
	t.Parallel()
	origin := serve(t, newContent("film").ServeHTTP)
	good := newNode(t, edge.Options{POP: "good"})
	late := newNode(t, edge.Options{POP: "late"})
	late.SetReady(false)
	child := newNode(t, edge.Options{POP: "child"})
	dead := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	top := topology(origin, freshet.POP{ID: "good", URL: good.url}, freshet.POP{ID: "late", URL: late.url},
		freshet.POP{ID: "dead", URL: dead}, freshet.POP{ID: "child", Parents: []string{"dead", "late", "good"}})
	for _, n := range []*node{good, late, child} {
		n.SetTopology(top)
	}
	for i := range 12 {
		child.wantBody(t, "/"+string(rune('a'+i)), "film")
	}
}

func TestACircleOfParentsIsAnError(t *testing.T) {
	t.Parallel()
	a, b := newNode(t, edge.Options{POP: "a"}), newNode(t, edge.Options{POP: "b"})
	top := topology(serve(t, newContent("film").ServeHTTP),
		freshet.POP{ID: "a", URL: a.url, Parents: []string{"b"}}, freshet.POP{ID: "b", URL: b.url, Parents: []string{"a"}})
	a.SetTopology(top)
	b.SetTopology(top)
	if r := a.get(t, "/x"); r.status != http.StatusLoopDetected {
		t.Errorf("status %d", r.status)
	}
}

// A prefetch that fails because a parent is away says so: it is worth waiting
// for, which an origin that answers badly is not.
func TestPrefetch_ParentAwayIsUnreachable(t *testing.T) {
	t.Parallel()
	shield, child := tiers(t, []byte("key"), newContent("film").ServeHTTP)
	shield.SetReady(false)
	r := child.Prefetch(t.Context(), "http://"+host+"/a")
	if r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonUnreachable {
		t.Errorf("a parent that is catching up: %+v", r)
	}
	if got := child.get(t, "/a"); got.status != http.StatusServiceUnavailable {
		t.Errorf("a viewer got %d", got.status)
	}
	shield.SetReady(true)
	if r := child.Prefetch(t.Context(), "http://"+host+"/a"); r.Outcome != freshet.OutcomeDone {
		t.Errorf("and when it is back: %+v", r)
	}
	gone := newNode(t, edge.Options{POP: "child"})
	dead := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	gone.SetTopology(topology(dead, freshet.POP{ID: "p", URL: dead}, freshet.POP{ID: "child", Parents: []string{"p"}}))
	if r := gone.Prefetch(t.Context(), "http://"+host+"/a"); r.Reason != freshet.ReasonUnreachable {
		t.Errorf("a parent that hangs up: %+v", r)
	}
}
