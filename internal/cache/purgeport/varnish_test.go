package purgeport_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
	"github.com/freshet-vod/freshet/internal/cache/purgeport"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
)

// TestVarnish_WithThePurgeOfItsHandbook works a real Varnish as most teams have
// set it up: PURGE on the viewers' port.
func TestVarnish_WithThePurgeOfItsHandbook(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs varnishd")
	}
	var asked atomic.Int64
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/absent" {
			http.NotFound(w, r)
			return
		}
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = w.Write([]byte("film"))
	}))
	t.Cleanup(origin.Close)
	srv, err := varnishtest.Start(t.Context(), varnishtest.Options{
		Dir: t.TempDir(), Origin: origin.URL,
		Domains: []freshet.Domain{{Name: "vod.example.com"}}, Bare: true, VCL: `sub vcl_recv { if (req.method == "PURGE") { return (purge); } }`,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Stop() })
	d, err := purgeport.New(purgeport.Options{Driver: "varnish", URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	front, err := door.New(door.Options{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(front.Close)
	const film = "http://vod.example.com/film"
	want := func(n int64) {
		t.Helper()
		if a := front.Fetch(t.Context(), film, nil); !a.Whole() || asked.Load() != n {
			t.Fatalf("%+v; the origin was asked %d times, want %d", a, asked.Load(), n)
		}
	}
	if r := d.Prefetch(t.Context(), []cache.Object{{URL: film}, {URL: "http://vod.example.com/absent"}}); r[0].Outcome != freshet.OutcomeDone || r[1].Reason != freshet.ReasonOrigin4xx {
		t.Fatalf("%+v", r)
	}
	want(1)
	for n := int64(2); n < 5; n++ {
		r := cache.Settle(t.Context(), d, order("/film", "/other"), freshet.VerifyInspect)
		if r[0].Outcome != freshet.OutcomeDone || r[0].Verified != freshet.VerifiedAnswer || r[1].Outcome != freshet.OutcomeDone {
			t.Fatalf("%+v", r)
		}
		want(n)
	}
	// One that was never told of PURGE takes it for any odd method, and says no.
	plain, err := purgeport.New(purgeport.Options{Driver: "varnish", URL: srv.Control})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plain.Close() })
	if r := plain.Purge(t.Context(), order("/film"))[0]; r.Outcome == freshet.OutcomeDone {
		t.Errorf("a port that knows no PURGE: %+v", r)
	}
}
