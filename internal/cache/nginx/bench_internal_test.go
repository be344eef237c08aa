package nginx

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/nginx/nginxtest"
)

// Purges of stored objects, in batches as the agent makes them, against
// unlinking the same files in a loop.
func BenchmarkPurge(b *testing.B) {
	const count = 10_000
	dom := freshet.Domain{Name: "vod.example.com", Origin: "http://127.0.0.1:9"}
	for _, mode := range []freshet.Verify{"unlink", freshet.VerifyAck, freshet.VerifyInspect} {
		b.Run(string(mode), func(b *testing.B) {
			dir := b.TempDir()
			srv, err := nginxtest.Start(b.Context(), nginxtest.Options{Dir: dir, Origin: dom.Origin, Domains: []freshet.Domain{dom}})
			if err != nil {
				b.Fatal(err)
			}
			defer srv.Stop()
			d, err := New(b.Context(), Options{
				Path: srv.Cache, Levels: nginxtest.Levels, Control: srv.Control, URL: srv.URL,
				Variants: []Variant{{}, {Label: "gzip", Header: http.Header{"Accept-Encoding": {"gzip"}}}},
			})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			d.SetTopology(freshet.Topology{Domains: []freshet.Domain{dom}})
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			go d.Run(ctx)
			l := layout{1, 2}
			urls, paths := make([]string, count), make([]string, count)
			for i := range urls {
				urls[i] = fmt.Sprintf("http://vod.example.com/films/%d/segment-%05d.ts", i/100, i)
			}
			var took, agent, server time.Duration
			for b.Loop() {
				b.StopTimer()
				for i := range urls {
					paths[i] = filepath.Join(srv.Cache, l.path(put(b, srv.Cache, l, urls[i][7:]+"|")))
				}
				b.StartTimer()
				began, ag, se := time.Now(), ownCPU(), workersCPU(srv)
				if mode == "unlink" {
					for _, p := range paths {
						if err := os.Remove(p); err != nil {
							b.Fatal(err)
						}
					}
				}
				for i := 0; i < count && mode != "unlink"; i += maxBatch {
					o := cache.Order{Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: urls[i : i+maxBatch]}}
					for _, r := range cache.Settle(b.Context(), d, o, mode) {
						if r.Outcome != freshet.OutcomeDone {
							b.Fatalf("%d: %+v", i, r)
						}
					}
				}
				took += time.Since(began)
				agent, server = agent+ownCPU()-ag, server+workersCPU(srv)-se
			}
			n := float64(b.N) * count
			b.ReportMetric(n/took.Seconds(), "purges/s")
			b.ReportMetric(float64(agent.Microseconds())/n, "agent-us/purge")
			b.ReportMetric(float64(server.Microseconds())/n, "nginx-us/purge")
		})
	}
}

// ownCPU is the processor time that this process took. Other work on the
// machine changes it far less than it changes rates.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// workersCPU is the processor time of nginx's workers; zero if it cannot be
// told.
func workersCPU(srv *nginxtest.Server) time.Duration {
	pids, _ := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", srv.Pid()))
	var sum time.Duration
	for pid := range strings.FieldsSeq(string(pids)) {
		b, _ := os.ReadFile("/proc/" + pid + "/schedstat")
		var ns int64
		_, _ = fmt.Sscan(string(b), &ns)
		sum += time.Duration(ns)
	}
	return sum
}
