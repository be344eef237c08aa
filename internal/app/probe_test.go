package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// TestP4_ProbedDomain goes the whole way with the built-in cache: what is
// purged and prefetched is seen through the POP's own door, as a player sees
// it, and compared with the origin.
func TestP4_ProbedDomain(t *testing.T) {
	t.Parallel()
	var version atomic.Value
	version.Store("one")
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := version.Load().(string)
		if v == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"`+v+`"`)
		w.Header().Set("Cache-Control", "max-age=3600")
		http.ServeContent(w, r, "1.ts", time.Time{}, strings.NewReader("film "+v))
	}))
	defer origin.Close()
	conf := settings(t.TempDir())
	conf.Domains = []config.Domain{{
		Name: "vod.example.com", Origin: config.URL(origin.URL), Account: config.DefaultAccount, Verify: freshet.VerifyProbe,
	}}
	s, end := serve(t, conf, nil)
	defer end()
	awaitReady(t, s) // before it takes viewers there is nothing that a player could see
	const url = "http://vod.example.com/a/1.ts"
	job := func(kind freshet.TaskType) freshet.Delivery { return carriedOut(t, s, kind, url) }

	if d := job(freshet.Purge); d.Outcome != freshet.OutcomeAlready {
		t.Fatalf("%+v", d)
	}
	if d := job(freshet.Prefetch); d.Outcome == freshet.OutcomeFailed || d.Verified != freshet.VerifiedProbe || d.After.Validator != `"one"` {
		t.Fatalf("prefetch: %+v", d)
	}
	version.Store("two")
	if got := viewed(t, s, url); got != "film one" {
		t.Fatalf("before the purge viewers get %q", got)
	}
	if d := job(freshet.Purge); d.Outcome != freshet.OutcomeDone || d.Verified != freshet.VerifiedProbe || d.Before.Validator != `"one"` {
		t.Fatalf("purge: %+v", d)
	}
	if got := viewed(t, s, url); got != "film two" {
		t.Fatalf("after the purge viewers get %q", got)
	}
	version.Store("")
	if d := job(freshet.Purge); d.Outcome != freshet.OutcomeDone || d.Verified != freshet.VerifiedProbe {
		t.Fatalf("takedown: %+v", d)
	}
	if got := viewed(t, s, url); !strings.HasPrefix(got, "404") {
		t.Fatalf("after the takedown viewers get %q", got)
	}
}

// carriedOut submits a job about one URL and returns how it ended at the POP.
func carriedOut(t *testing.T, s *app.Server, kind freshet.TaskType, url string) freshet.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	eng := s.Engine()
	receipt, err := eng.Submit(ctx, freshet.Submission{
		Account: config.DefaultAccount, Type: kind, Native: true, Direct: &freshet.Direct{URLs: []string{url}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var report *freshet.JobReport
	for since := uint64(0); report == nil || !report.Done; {
		if report, since, err = eng.WaitJob(ctx, config.DefaultAccount, receipt.JobID, since); err != nil {
			t.Fatal(err)
		}
	}
	task, err := eng.TaskReport(ctx, config.DefaultAccount, report.Rows[0].Tasks[0].First)
	if err != nil || len(task.Deliveries) != 1 {
		t.Fatalf("%+v, %v", task, err)
	}
	return task.Deliveries[0]
}

// viewed is the body that a viewer gets, or the status if it is an error.
func viewed(t *testing.T, s *app.Server, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", s.POPAddr("local"))
	}}}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.Status
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// awaitReady waits until every POP may take viewers.
func awaitReady(t *testing.T, s *app.Server) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		pops, err := s.Engine().POPs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(pops, func(p freshet.POPStatus) bool { return !p.Ready }) {
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("no POP became ready")
		}
	}
}
