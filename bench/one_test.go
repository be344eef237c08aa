package bench_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/cache"
	cacheedge "github.com/freshet-vod/freshet/internal/cache/edge"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/edge"
	"github.com/freshet-vod/freshet/internal/engine"
)

// BenchmarkOne is how long one purge of one stored object takes, from the
// API's answer to evidence at the control plane that the cache holds nothing
// older, against one PURGE request over a connection that is kept alive to a
// cache of the same kind. Both purge an object that was stored a moment before.
func BenchmarkOne(b *testing.B) {
	for _, t := range []struct {
		name  string
		start func(b *testing.B, origin string) (config.Cache, rawCache)
	}{
		{"Edge", edgeTarget},
		{"Varnish", varnishTarget},
	} {
		b.Run(t.name, func(b *testing.B) { one(b, t.start) })
	}
}

// rawCache is a cache as a program without Freshet meets it.
type rawCache struct {
	fetch string // where viewers ask the cache that Freshet works; empty: of the POP
	purge string // where PURGE is answered
	fill  string // where viewers ask the cache that answers PURGE
}

func one(b *testing.B, start func(*testing.B, string) (config.Cache, rawCache)) {
	b.Helper()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = io.WriteString(w, "a segment")
	}))
	defer origin.Close()
	conf, raw := start(b, origin.URL)
	api, core := serveCore(b, origin.URL, config.POP{ID: "p", Caches: []config.Cache{conf}})
	if raw.fetch == "" {
		raw.fetch = frontDoor(b, api)
	}
	hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	defer hc.CloseIdleConnections()
	var bare, accept, call times
	n := 0
	round := func() {
		n++
		path := fmt.Sprintf("/film/720p/seg-%05d.ts", n)
		send(b, hc, http.MethodGet, raw.fill, path)
		bare.measure(func() { send(b, hc, "PURGE", raw.purge, path) })
		send(b, hc, http.MethodGet, raw.fetch, path)
		began := time.Now()
		r, err := api.Submit(b.Context(), client.JobRequest{Type: freshet.Purge, URLs: []string{"http://" + benchDomain + path}})
		if err != nil {
			b.Fatal(err)
		}
		accepted := time.Now()
		settled(b, core, r.JobID)
		end := time.Now()
		accept.add(end.Sub(accepted))
		call.add(end.Sub(began))
	}
	for range 10 {
		round()
	}
	bare, accept, call = nil, nil, nil
	for b.Loop() {
		round()
	}
	for name, t := range map[string]*times{"purge": &bare, "from-accept": &accept, "from-call": &call} {
		b.ReportMetric(t.ms(50), name+"-p50-ms")
		b.ReportMetric(t.ms(99), name+"-p99-ms")
	}
	b.ReportMetric(accept.ms(50)/bare.ms(50), "ratio-p50")
	b.ReportMetric(accept.ms(99)/bare.ms(99), "ratio-p99")
	b.ReportMetric(0, "ns/op")
}

// settled waits until a job is Complete.
func settled(b *testing.B, core *engine.Engine, id string) {
	b.Helper()
	var since uint64
	for {
		report, version, err := core.WaitJob(b.Context(), config.DefaultAccount, id, since)
		if err != nil {
			b.Fatal(err)
		}
		if report.Done {
			if report.Tally.Complete != report.Tally.Total() {
				b.Fatalf("%+v", report.Tally)
			}
			return
		}
		since = version
	}
}

// send makes one request for a path of the domain.
func send(b *testing.B, hc *http.Client, method, base, path string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), method, base+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Host = benchDomain
	resp, err := hc.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("%s %s%s: %d", method, base, path, resp.StatusCode)
	}
}

// frontDoor is where the only POP answers viewers.
func frontDoor(b *testing.B, api *client.Client) string {
	b.Helper()
	list, err := api.POPs(b.Context())
	if err != nil || len(list) != 1 {
		b.Fatal(list, err)
	}
	return list[0].URL
}

// varnishTarget is one Varnish for both: PURGE at the viewers' listener, as
// most configurations have it, and Freshet's own listener.
func varnishTarget(b *testing.B, origin string) (config.Cache, rawCache) {
	b.Helper()
	v, err := varnishtest.Start(b.Context(), varnishtest.Options{
		Dir: b.TempDir(), Origin: origin, Domains: []freshet.Domain{{Name: benchDomain}}, VCL: plainPurge,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Stop() })
	return config.Cache{
		Driver: config.DriverVarnish, Layer: 1, URL: config.URL(v.URL), Control: config.Endpoint(v.Control),
	}, rawCache{fetch: v.URL, fill: v.URL, purge: v.URL}
}

// edgeTarget is two caches of the built-in kind: the one of the POP, and one
// with what the product does not have, a handler that purges on PURGE.
func edgeTarget(b *testing.B, origin string) (config.Cache, rawCache) {
	b.Helper()
	c, err := edge.Open(b.Context(), edge.Options{Dir: b.TempDir(), POP: "raw"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	c.SetTopology(freshet.Topology{
		Version: 1, Domains: []freshet.Domain{{Account: config.DefaultAccount, Name: benchDomain, Origin: origin}},
		POPs: []freshet.POP{{ID: "raw"}},
	})
	c.SetReady(true)
	driver, pos := cacheedge.New(c), uint64(0)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "PURGE" {
			c.ServeHTTP(w, r)
			return
		}
		pos++ // one request at a time
		driver.Purge(r.Context(), cache.Order{At: freshet.Position{Epoch: 1, Pos: pos}, Selector: freshet.Selector{
			Kind: freshet.SelectExact, URLs: []string{"http://" + r.Host + r.URL.Path},
		}})
	}))
	b.Cleanup(front.Close)
	return config.Cache{Driver: config.DriverEdge, Listen: "127.0.0.1:0"}, rawCache{fill: front.URL, purge: front.URL}
}
