package varnish_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/varnish"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
)

// BenchmarkPurge compares purges of absent objects, looked at afterwards, in
// batches of a thousand, with a loop that sends the same requests one by one
// over a connection that is kept.
func BenchmarkPurge(b *testing.B) {
	srv, err := varnishtest.Start(b.Context(), varnishtest.Options{Dir: b.TempDir(), Origin: "http://127.0.0.1:9"})
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Stop()
	d, err := varnish.New(b.Context(), varnish.Options{Control: srv.Control, URL: srv.URL})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	urls := make([]string, d.Powers().MaxBatch)
	for i := range urls {
		urls[i] = fmt.Sprintf("http://%s/film/7/segment-%05d.ts", cachetest.Host, i)
	}
	o := cache.Order{At: freshet.Position{Epoch: 1, Pos: 1}, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: urls}}
	rate := func(b *testing.B, n int) {
		b.Helper()
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "purges/s")
	}
	b.Run("settled", func(b *testing.B) {
		for b.Loop() {
			for _, r := range cache.Settle(b.Context(), d, o, freshet.VerifyInspect) {
				if r.Outcome != freshet.OutcomeAlready || r.Verified != freshet.VerifiedInspect {
					b.Fatalf("%+v", r)
				}
			}
		}
		rate(b, len(urls))
	})
	b.Run("answered", func(b *testing.B) {
		for b.Loop() {
			for _, r := range d.Purge(b.Context(), o) {
				if r.Outcome != freshet.OutcomeAlready {
					b.Fatalf("%+v", r)
				}
			}
		}
		rate(b, len(urls))
	})
	b.Run("keep-alive-loop", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for i := 0; b.Loop(); i++ {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodHead, srv.Control+fmt.Sprintf("/film/7/segment-%05d.ts", i%1000), nil)
			if err != nil {
				b.Fatal(err)
			}
			req.Host = cachetest.Host
			req.Header.Set("X-Freshet-Op", "purge")
			req.Header.Set("X-Freshet-Id", "1")
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		rate(b, 1)
	})
}
