package bench_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/cache"
	cacheedge "github.com/freshet-vod/freshet/internal/cache/edge"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/edge"
)

const purgeURLs = 1000 // of one job: the most that one may name

// BenchmarkPurge_LogToEvidence is how many purge deliveries a second go from
// the log through three POPs to folded evidence, against calling the same
// caches' purge in a loop, one URL a call.
func BenchmarkPurge_LogToEvidence(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	conf := config.Default()
	conf.Listen, conf.Data = "127.0.0.1:0", b.TempDir()
	conf.Domains = []config.Domain{{Name: "vod.example.com", Origin: "http://127.0.0.1:9", Account: config.DefaultAccount}}
	conf.POPs = nil
	for _, id := range []string{"a", "b", "c"} {
		conf.POPs = append(conf.POPs, config.POP{ID: id, Caches: []config.Cache{{Driver: config.DriverEdge, Listen: "127.0.0.1:0"}}})
	}
	server, err := app.NewServer(ctx, app.Options{Config: conf})
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run() }()
	eng := server.Engine()
	run := func(urls []string) {
		receipt, err := eng.Submit(ctx, freshet.Submission{
			Account: config.DefaultAccount, Type: freshet.Purge, Native: true, Direct: &freshet.Direct{URLs: urls},
		})
		if err != nil {
			b.Fatal(err)
		}
		var since uint64
		for {
			report, version, err := eng.WaitJob(ctx, config.DefaultAccount, receipt.JobID, since)
			if err != nil {
				b.Fatal(err)
			}
			if report.Done {
				if report.Tally.Complete != len(urls) {
					b.Fatalf("%+v", report.Tally)
				}
				return
			}
			since = version
		}
	}
	run(numbered(1)) // the POPs are there and ready
	urls := numbered(purgeURLs)
	var through, loop time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		run(urls)
		through += time.Since(began)
		loop += purgeLoop(ctx, b, urls)
		n += 3 * len(urls)
	}
	b.ReportMetric(float64(n)/through.Seconds(), "deliveries/s")
	b.ReportMetric(float64(n)/loop.Seconds(), "loop-purges/s")
	b.ReportMetric(0, "ns/op")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

func numbered(n int) []string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("http://vod.example.com/film/720p/seg-%05d.ts", i)
	}
	return urls
}

// purgeLoop purges each URL at three caches, one call a URL.
func purgeLoop(ctx context.Context, b *testing.B, urls []string) time.Duration {
	b.Helper()
	var drivers []cache.Driver
	for _, id := range []string{"a", "b", "c"} {
		c, err := edge.Open(ctx, edge.Options{Dir: b.TempDir(), POP: id})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		drivers = append(drivers, cacheedge.New(c))
	}
	began := time.Now()
	for i, u := range urls {
		at := freshet.Position{Epoch: 1, Pos: uint64(i + 1)}
		for _, d := range drivers {
			got := d.Purge(ctx, cache.Order{At: at, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{u}}})
			if len(got) != 1 || got[0].Outcome == freshet.OutcomeFailed {
				b.Fatalf("%+v", got)
			}
		}
	}
	return time.Since(began)
}
