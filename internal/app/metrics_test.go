package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/metrics"
)

// scraped are the samples of one scrape by their names with labels.
type scraped map[string]float64

func scrape(ctx context.Context, t *testing.T, addr string) scraped {
	t.Helper()
	text := page(ctx, t, addr, "/metrics")
	out := scraped{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok {
			name += "}"
		} else {
			name, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			out[name] = v
		}
	}
	return out
}

func page(ctx context.Context, t *testing.T, addr, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d, %v: %s", path, resp.StatusCode, err, b)
	}
	return string(b)
}

// watched is a server with metrics, a domain and an origin that answers with
// 100 bytes.
func watched(ctx context.Context, t *testing.T) (*app.Server, *client.Client) {
	t.Helper()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/missing") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(make([]byte, 100))
	}))
	t.Cleanup(origin.Close)
	c := settings(t.TempDir())
	c.Private.Listen = "127.0.0.1:0"
	c.Tracing = config.Tracing{Endpoint: "http://127.0.0.1:1"} // nobody traces, nothing is sent
	c.Domains = []config.Domain{{Account: config.DefaultAccount, Name: "vod.example.com", Origin: config.URL(origin.URL)}}
	s, end := serve(t, c, map[string]string{config.EnvAccessKeyID: "FKtest", config.EnvAccessKeySecret: "the secret of the test"})
	t.Cleanup(end)
	cl := caller(t, s, "FKtest", "the secret of the test")
	for {
		pops, err := cl.POPs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if pops[0].Ready {
			return s, cl
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the POP never became ready")
		}
	}
}

// TestMetrics_TellWhatWasDone purges, prefetches and watches, and compares every
// figure with what was done.
func TestMetrics_TellWhatWasDone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, c := watched(ctx, t)
	do := func(kind freshet.TaskType, urls ...string) {
		t.Helper()
		r, err := c.Submit(ctx, client.JobRequest{Type: kind, URLs: urls})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Wait(ctx, r.JobID, nil); err != nil {
			t.Fatal(err)
		}
	}
	view := func(path string) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.POPAddr("local")+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "vod.example.com"
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	const base = "http://vod.example.com"
	do(freshet.Prefetch, base+"/a", base+"/b", base+"/missing")
	view("/a")
	view("/a")
	view("/c")
	view("/c")
	do(freshet.Purge, base+"/c", base+"/d")

	got := scrape(ctx, t, s.PrivateAddr())
	for name, want := range map[string]float64{
		`freshet_accepted_rows_total{type="purge"}`:                                  1,
		`freshet_accepted_rows_total{type="prefetch"}`:                               1,
		`freshet_planned_rows_total{fault="",type="prefetch"}`:                       1,
		`freshet_planned_urls_total{type="prefetch"}`:                                3,
		`freshet_planned_urls_total{type="purge"}`:                                   2,
		`freshet_plan_seconds_count`:                                                 2,
		`freshet_deliveries_total{outcome="done",pop="local",reason=""}`:             3, // a, b, c
		`freshet_deliveries_total{outcome="already",pop="local",reason=""}`:          1, // d
		`freshet_deliveries_total{outcome="failed",pop="local",reason="origin_4xx"}`: 1,
		`freshet_unplanned_rows`:                                                     0,
		`freshet_open_entries`:                                                       0,
		`freshet_log_head{subject="purge"}`:                                          3, // after the membership and the prefetch
		`freshet_store_seconds_count{operation="accept"}`:                            2,
		`freshet_store_seconds_count{operation="plan"}`:                              2,
		`freshet_pop_state{pop="local",state="up"}`:                                  1,
		`freshet_pop_state{pop="local",state="lost"}`:                                0,
		`freshet_pop_ready{pop="local"}`:                                             1,
		`freshet_pop_exceptions{pop="local"}`:                                        0,
		`freshet_cache_requests_total{pop="local",prefetched="yes",result="hit"}`:    2,
		`freshet_cache_requests_total{pop="local",prefetched="no",result="hit"}`:     1,
		`freshet_cache_requests_total{pop="local",prefetched="no",result="miss"}`:    1,
		`freshet_cache_sent_bytes_total{pop="local",result="hit"}`:                   300,
		`freshet_cache_sent_bytes_total{pop="local",result="miss"}`:                  100,
		`freshet_cache_fills_total{cause="prefetch",pop="local"}`:                    3,
		`freshet_cache_fills_total{cause="viewer",pop="local"}`:                      1,
		`freshet_cache_prefetched_bytes_total{pop="local"}`:                          200,
		`freshet_cache_prefetched_served_bytes_total{pop="local"}`:                   100,
		`freshet_cache_stored_bytes{pop="local"}`:                                    200,
		`freshet_cache_stored_objects{pop="local"}`:                                  2,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (there: %t), want %v", name, v, ok, want)
		}
	}
	if n := got[`freshet_evidence_messages_total{pop="local",repeat="no"}`]; n == 0 || got[`freshet_store_seconds_count{operation="evidence"}`] == 0 {
		t.Errorf("no evidence was counted")
	}
}

// TestMetrics_EveryNameIsServed holds the names against a scrape: none is told
// in the documentation that does not exist, and none exists that is not told.
func TestMetrics_EveryNameIsServed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, c := watched(ctx, t)
	r, err := c.Submit(ctx, client.JobRequest{Type: freshet.Purge, URLs: []string{"http://vod.example.com/a"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(ctx, r.JobID, nil); err != nil {
		t.Fatal(err)
	}
	text := page(ctx, t, s.PrivateAddr(), "/metrics")
	told := map[string]bool{}
	for _, d := range metrics.All() {
		told[d.Name] = true
		if d.Name == "freshet_refused_submissions_total" {
			continue // nothing was refused
		}
		if !strings.Contains(text, fmt.Sprintf("# TYPE %s %s\n", d.Name, d.Kind)) {
			t.Errorf("%s is not served as a %s", d.Name, d.Kind)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (freshet_\S+)`).FindAllStringSubmatch(text, -1) {
		if !told[m[1]] {
			t.Errorf("%s is served and not told", m[1])
		}
	}
}

// TestPrivate_ServesHealthAndProfiles holds that the private listener has what
// operators look at, and that the API's has none of it.
func TestPrivate_ServesHealthAndProfiles(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, _ := watched(ctx, t)
	for path, want := range map[string]string{
		"/healthz": "ok\n+ local agent\n", "/readyz": "ok\n+ engine\n+ store\n+ bus\n+ disk\n+ local agent\n+ local cache\n", "/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile",
	} {
		if text := page(ctx, t, s.PrivateAddr(), path); !strings.Contains(text, want) {
			t.Errorf("%s answers %.100q", path, text)
		}
		if strings.HasPrefix(path, "/debug") {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr()+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				t.Errorf("the API serves %s", path)
			}
		}
	}
}
