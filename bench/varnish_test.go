package bench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/engine"
)

const (
	benchDomain  = "vod.example.com"
	objectsAtOne = 10_000 // purged by each competitor
	objectSize   = 4 << 10
	connections  = 16
)

// plainPurge lets anybody purge at the viewers' listener, as most
// configurations on the web do: what Freshet is compared with.
const plainPurge = `sub vcl_recv { if (req.method == "PURGE") { return (purge); } }` + "\n"

// BenchmarkVarnish_DurablePurges is how many purges a second go from the API's
// answer on disk to evidence that a real Varnish holds nothing older, against
// wrk and a Go loop that send bare PURGE requests over 16 connections and keep
// no record. All of them purge the same 10,000 objects, which are stored anew
// before each.
func BenchmarkVarnish_DurablePurges(b *testing.B) {
	w := newVarnishWorld(b)
	var through, loop, wrk time.Duration
	n := 0
	for b.Loop() {
		w.fill(b)
		through += w.purgeThrough(b)
		w.fill(b)
		loop += w.purgeLoop(b)
		w.fill(b)
		wrk += w.purgeWrk(b)
		n += objectsAtOne
	}
	rate := func(d time.Duration) float64 { return float64(n) / d.Seconds() }
	b.ReportMetric(rate(through), "durable-purges/s")
	b.ReportMetric(rate(loop), "loop-purges/s")
	b.ReportMetric(rate(wrk), "wrk-purges/s")
	b.ReportMetric(rate(through)/rate(wrk), "of-wrk")
	b.ReportMetric(rate(through)/rate(loop), "of-loop")
	b.ReportMetric(0, "ns/op")
}

// varnishWorld is a Varnish in front of an origin, worked by a POP of a server
// in this process.
type varnishWorld struct {
	srv    *varnishtest.Server
	api    *client.Client
	http   *http.Client
	urls   []string
	origin *httptest.Server
}

func newVarnishWorld(b *testing.B) *varnishWorld {
	b.Helper()
	body := strings.Repeat("x", objectSize)
	w := &varnishWorld{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
	w.origin = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Cache-Control", "max-age=3600")
		_, _ = io.WriteString(rw, body)
	}))
	b.Cleanup(w.origin.Close)
	var err error
	w.srv, err = varnishtest.Start(b.Context(), varnishtest.Options{
		Dir: b.TempDir(), Origin: w.origin.URL, Domains: []freshet.Domain{{Name: benchDomain}}, VCL: plainPurge,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = w.srv.Stop() })
	w.api = serve(b, w.origin.URL, config.POP{ID: "v", Caches: []config.Cache{{
		Driver: config.DriverVarnish, Layer: 1, URL: config.URL(w.srv.URL), Control: config.Endpoint(w.srv.Control),
	}}})
	for i := range objectsAtOne {
		w.urls = append(w.urls, fmt.Sprintf("http://%s/film/720p/seg-%05d.ts", benchDomain, i))
	}
	b.Cleanup(w.http.CloseIdleConnections)
	return w
}

// serve runs a server with POPs in this process, and returns a client of its
// API once they are ready.
func serve(b *testing.B, origin string, pops ...config.POP) *client.Client {
	b.Helper()
	api, _ := serveCore(b, origin, pops...)
	return api
}

// serveCore is serve for those who also look at what no interface shows.
func serveCore(b *testing.B, origin string, pops ...config.POP) (*client.Client, *engine.Engine) {
	b.Helper()
	conf := config.Default()
	conf.Listen, conf.Data, conf.POPs = "127.0.0.1:0", b.TempDir(), pops
	conf.Domains = []config.Domain{{Name: benchDomain, Origin: config.URL(origin), Account: config.DefaultAccount}}
	ctx, cancel := context.WithCancel(b.Context())
	server, err := app.NewServer(ctx, app.Options{Config: conf, Env: func(k string) string {
		return map[string]string{"FRESHET_ACCESS_KEY_ID": "bench-key", "FRESHET_ACCESS_KEY_SECRET": "bench-secret-of-some-length"}[k]
	}})
	if err != nil {
		cancel()
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run() }()
	b.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	api, err := client.New(client.Options{Endpoint: "http://" + server.Addr(), AccessKeyID: "bench-key", AccessKeySecret: "bench-secret-of-some-length"})
	if err != nil {
		b.Fatal(err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ready := 0; ready < len(pops); <-tick.C {
		ready = 0
		list, err := api.POPs(ctx)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range list {
			if p.Ready {
				ready++
			}
		}
	}
	return api, server.Engine()
}

// each calls do for every URL from as many goroutines as there are connections.
func (w *varnishWorld) each(do func(url string)) {
	next := make(chan string)
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for u := range next {
				do(u)
			}
		})
	}
	for _, u := range w.urls {
		next <- u
	}
	close(next)
	wg.Wait()
}

// ask sends one request to the viewers' listener.
func (w *varnishWorld) ask(b *testing.B, method, url string) {
	b.Helper()
	_, path := freshet.SplitURL(url)
	req, err := http.NewRequestWithContext(b.Context(), method, w.srv.URL+path, nil)
	if err != nil {
		b.Error(err)
		return
	}
	req.Host = benchDomain
	resp, err := w.http.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Errorf("%s %s: %d", method, url, resp.StatusCode)
	}
}

func (w *varnishWorld) fill(b *testing.B) {
	b.Helper()
	b.StopTimer()
	defer b.StartTimer()
	w.each(func(u string) { w.ask(b, http.MethodGet, u) })
}

func (w *varnishWorld) purgeThrough(b *testing.B) time.Duration {
	b.Helper()
	ctx := b.Context()
	began := time.Now()
	var jobs []string
	for part := 0; part < len(w.urls); part += freshet.MaxDirectPerJob {
		r, err := w.api.Submit(ctx, client.JobRequest{Type: freshet.Purge, URLs: w.urls[part:min(part+freshet.MaxDirectPerJob, len(w.urls))]})
		if err != nil {
			b.Fatal(err)
		}
		jobs = append(jobs, r.JobID)
	}
	for _, id := range jobs {
		waitJob(b, w.api, id)
	}
	return time.Since(began)
}

// waitJob waits until a job is Complete everywhere.
func waitJob(b *testing.B, api *client.Client, id string) {
	b.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		report, err := api.Job(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		if report.Done {
			if report.Tally.Complete != report.Tally.Total() {
				b.Fatalf("%+v", report.Tally)
			}
			return
		}
		<-tick.C
	}
}

func (w *varnishWorld) purgeLoop(b *testing.B) time.Duration {
	b.Helper()
	began := time.Now()
	w.each(func(u string) { w.ask(b, "PURGE", u) })
	return time.Since(began)
}

// wrkScript purges the URLs in turn. After the first round they are absent,
// which Varnish answers a little faster.
const wrkScript = `
local n = -1
request = function()
  n = (n + 1) %% %d
  return wrk.format("PURGE", string.format("/film/720p/seg-%%05d.ts", n))
end
`

var wrkTook = regexp.MustCompile(`(\d+) requests in ([\d.]+)(ms|s)`)

func (w *varnishWorld) purgeWrk(b *testing.B) time.Duration {
	b.Helper()
	script := filepath.Join(b.TempDir(), "purge.lua")
	if err := os.WriteFile(script, fmt.Appendf(nil, wrkScript, objectsAtOne), 0o600); err != nil {
		b.Fatal(err)
	}
	out, err := exec.CommandContext(b.Context(), "wrk", "-t1", "-c"+strconv.Itoa(connections), "-d1s",
		"-H", "Host: "+benchDomain, "-s", script, w.srv.URL).CombinedOutput()
	m := wrkTook.FindSubmatch(out)
	if err != nil || m == nil {
		b.Fatalf("wrk: %v %s", err, out)
	}
	n, _ := strconv.Atoi(string(m[1]))
	took, _ := time.ParseDuration(string(m[2]) + string(m[3]))
	return time.Duration(float64(took) * objectsAtOne / float64(n))
}
