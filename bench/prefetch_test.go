package bench_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/cache/nginx/nginxtest"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/engine"
)

const (
	warmObjects = 64 // of one job, and of one run of curl
	warmSize    = 4 << 20
	warmBytes   = warmObjects * warmSize
)

// BenchmarkPrefetch is how many bytes a second one job prefetches into a cold
// cache, from its submission to evidence that every object is stored whole,
// against curl that fetches as many objects of that size through the same cold
// cache with as many connections as the agent has workers, and keeps no record.
// Both fetch from one origin in this process, which costs both the same. CPU
// time is all there is on either side: this process, the cache and curl.
func BenchmarkPrefetch(b *testing.B) {
	for _, t := range []struct {
		name  string
		start func(b *testing.B, origin string) coldCache
	}{
		{"Edge", coldEdge},
		{"Varnish", coldVarnish},
		{"Nginx", coldNginx},
	} {
		b.Run(t.name, func(b *testing.B) { prefetch(b, t.start) })
	}
}

// coldCache is a cache that Freshet works and curl asks.
type coldCache struct {
	conf  config.Cache
	front string // where viewers ask; empty: of the POP
	// workers are its processes, once it has answered; nil: it is in this process.
	workers func(b *testing.B) processors
}

func coldEdge(*testing.B, string) coldCache {
	return coldCache{conf: config.Cache{Driver: config.DriverEdge, Listen: "127.0.0.1:0"}}
}

func coldVarnish(b *testing.B, origin string) coldCache {
	b.Helper()
	// Objects go into both storages in turn; one of them is too small for all.
	v, err := varnishtest.Start(b.Context(), varnishtest.Options{
		Dir: b.TempDir(), Origin: origin, Domains: []freshet.Domain{{Name: benchDomain}}, Args: []string{"-s", "malloc,512m"},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Stop() })
	pid, err := v.PID()
	if err != nil {
		b.Fatal(err)
	}
	return coldCache{workers: func(*testing.B) processors { return processors{pid} }, front: v.URL, conf: config.Cache{
		Driver: config.DriverVarnish, Layer: 1, URL: config.URL(v.URL), Control: config.Endpoint(v.Control),
	}}
}

func coldNginx(b *testing.B, origin string) coldCache {
	b.Helper()
	n, err := nginxtest.Start(b.Context(), nginxtest.Options{
		Dir: b.TempDir(), Origin: origin, Domains: []freshet.Domain{{Name: benchDomain}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.Stop() })
	return coldCache{workers: func(b *testing.B) processors { b.Helper(); return childrenOf(b, n.Pid()) }, front: n.URL, conf: config.Cache{
		Driver: config.DriverNginx, Layer: 1, URL: config.URL(n.URL), Control: config.Endpoint(n.Control),
		Nginx: &config.Nginx{
			Path: n.Cache, Levels: nginxtest.Levels, Key: "$freshet_host$freshet_uri|$freshet_variant$slice_range",
			Variants: []config.Variant{{}, {Label: "gzip", Headers: []string{"Accept-Encoding: gzip"}}},
		},
	}}
}

// childrenOf returns the processes that a process has started: nginx's do all
// of its work.
func childrenOf(b *testing.B, pid int) processors {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		b.Fatal(err)
	}
	var out processors
	for f := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, n)
	}
	if len(out) == 0 {
		b.Fatalf("process %d has no children", pid)
	}
	return out
}

// warmWorld is a cache with its origin, and the server that works it.
type warmWorld struct {
	cold  coldCache
	api   *client.Client
	core  *engine.Engine
	http  *http.Client
	procs processors   // of the cache
	asked atomic.Int64 // requests that the origin had
	round int
}

// pass is what one side came to.
type pass struct {
	took time.Duration
	cpu  time.Duration
	n    int64 // bytes
}

func (p *pass) rate() float64 { return float64(p.n) / 1e6 / p.took.Seconds() }

func (p *pass) cpuPerGiB() float64 { return p.cpu.Seconds() / (float64(p.n) / (1 << 30)) }

func prefetch(b *testing.B, start func(*testing.B, string) coldCache) {
	b.Helper()
	w := &warmWorld{http: &http.Client{Transport: &http.Transport{}}}
	b.Cleanup(w.http.CloseIdleConnections)
	origin := httptest.NewServer(w.origin())
	b.Cleanup(origin.Close)
	w.cold = start(b, origin.URL)
	w.api, w.core = serveCore(b, origin.URL, config.POP{ID: "p", Caches: []config.Cache{w.cold.conf}})
	if w.cold.front == "" {
		w.cold.front = frontDoor(b, w.api)
	}
	// The first to fill a cache pays for memory that it takes from the system.
	w.cycle(b, &pass{}, w.submit)
	w.cycle(b, &pass{}, w.curl)
	if w.cold.workers != nil {
		w.procs = w.cold.workers(b) // not before: nginx listens before it has any
	}
	var through, curl pass
	sides := []func(){
		func() { w.cycle(b, &through, w.submit) },
		func() { w.cycle(b, &curl, w.curl) },
	}
	for b.Loop() {
		sides[w.round/2%2]() // who is first takes turns, too
		sides[1-w.round/2%2]()
	}
	b.ReportMetric(through.rate(), "prefetched-MB/s")
	b.ReportMetric(curl.rate(), "curl-MB/s")
	b.ReportMetric(through.rate()/curl.rate(), "ratio")
	b.ReportMetric(through.cpuPerGiB(), "cpu-s/GiB")
	b.ReportMetric(curl.cpuPerGiB(), "curl-cpu-s/GiB")
	b.ReportMetric(0, "ns/op")
}

// origin serves one body under every path. It writes it in one piece, so that
// it costs little beside the caches.
func (w *warmWorld) origin() http.Handler {
	body := bytes.Repeat([]byte("freshet "), warmSize/8)
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		w.asked.Add(1)
		h := rw.Header()
		h.Set("Cache-Control", "max-age=3600")
		h.Set("Content-Length", strconv.Itoa(warmSize))
		h.Set("Content-Type", "video/mp2t")
		h.Set("ETag", `"one"`)
		h.Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
		_, _ = rw.Write(body)
	})
}

// cycle lets one side fetch objects that nobody has fetched before, looks that
// the origin gave each once and the cache has it, and removes them again.
func (w *warmWorld) cycle(b *testing.B, p *pass, fetch func(b *testing.B, paths []string) (cpuElsewhere time.Duration)) {
	b.Helper()
	b.StopTimer()
	w.round++
	paths := make([]string, warmObjects)
	for i := range paths {
		paths[i] = fmt.Sprintf("/film-%d/1080p/seg-%05d.ts", w.round, i)
	}
	syscall.Sync() // what the other side left to the disk is not this side's
	asked, used := w.asked.Load(), w.procs.used()
	b.StartTimer()
	began := time.Now()
	elsewhere := fetch(b, paths)
	p.took += time.Since(began)
	b.StopTimer()
	p.cpu += w.procs.used() - used + elsewhere
	p.n += warmBytes
	if n := w.asked.Load() - asked; n != warmObjects {
		b.Fatalf("the origin was asked %d times for %d objects", n, warmObjects)
	}
	for _, path := range paths {
		send(b, w.http, http.MethodHead, w.cold.front, path)
	}
	if n := w.asked.Load() - asked; n != warmObjects {
		b.Fatalf("%d of %d objects were not stored", n-warmObjects, warmObjects)
	}
	w.job(b, freshet.Purge, paths)
	b.StartTimer()
}

func (w *warmWorld) submit(b *testing.B, paths []string) time.Duration {
	b.Helper()
	w.job(b, freshet.Prefetch, paths)
	return 0
}

// job asks for work and waits for complete evidence.
func (w *warmWorld) job(b *testing.B, what freshet.TaskType, paths []string) {
	b.Helper()
	urls := make([]string, len(paths))
	for i, path := range paths {
		urls[i] = "http://" + benchDomain + path
	}
	r, err := w.api.Submit(b.Context(), client.JobRequest{Type: what, URLs: urls})
	if err != nil {
		b.Fatal(err)
	}
	settled(b, w.core, r.JobID)
}

func (w *warmWorld) curl(b *testing.B, paths []string) time.Duration {
	b.Helper()
	var list strings.Builder
	for _, path := range paths {
		fmt.Fprintf(&list, "url = %s%s\noutput = /dev/null\n", w.cold.front, path)
	}
	file := filepath.Join(b.TempDir(), "curl")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), "curl", "--disable", "--silent", "--show-error", "--fail", "--noproxy", "*",
		"--header", "Host: "+benchDomain, "--parallel", "--parallel-max", strconv.Itoa(config.Default().Limits.PrefetchWorkers),
		"--config", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("curl (scripts/ensure-test-tools installs it): %v %s", err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}
