package proof_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/vod"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// foreignTiers is a Varnish shield with a child of each kind.
func foreignTiers() []cluster.POP {
	return []cluster.POP{
		{ID: "shield", Foreign: varnishCache},
		{ID: "edge-n", Parents: []string{"shield"}, Foreign: nginxCache},
		{ID: "edge-b", Parents: []string{"shield"}},
	}
}

// TestP4_TiersOfVarnishNginxAndTheBuiltInCache prefetches and purges a film by
// its media ID, through the vendor's SDK, at a Varnish shield and its nginx and
// built-in children, and holds the evidence against what the caches' own logs
// and folders say.
func TestP4_TiersOfVarnishNginxAndTheBuiltInCache(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: foreignTiers()})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()

	warm := sdkRefresh(ctx, t, c, "Preload", film, true)
	urls := checkEvidence(ctx, t, c, warm, freshet.OutcomeDone, freshet.OutcomeAlready)
	for _, u := range urls {
		_, path := freshet.SplitURL(u)
		if n := c.Origin.Count(path); u[len(u)-5:] != ".m3u8" && n != 1 {
			t.Errorf("the origin was asked %d times for %s, want once for three POPs", n, path)
		}
		before := c.Origin.Count(path)
		for _, pop := range c.IDs() {
			if r, err := c.Get(ctx, pop, path); err != nil || r.Status != 200 || !r.Whole {
				t.Errorf("%s %s: status %d (%v)", pop, path, r.Status, err)
			}
		}
		if n := c.Origin.Count(path); n != before {
			t.Errorf("viewers of %s reached the origin after the prefetch", path)
		}
	}

	fresh := c.Origin.Change()
	purged := sdkRefresh(ctx, t, c, "Refresh", film, true)
	gone := checkEvidence(ctx, t, c, purged, freshet.OutcomeDone)
	checkVarnishLog(t, c.Caches["shield"], gone)
	checkNginxFolder(t, c.Caches["edge-n"], gone)
	for _, u := range gone {
		_, path := freshet.SplitURL(u)
		for _, pop := range c.IDs() {
			if r, err := c.Get(ctx, pop, path); err != nil || r.Version < fresh {
				t.Errorf("after Complete %s serves version %d of %s, want %d (%v)", pop, r.Version, path, fresh, err)
			}
		}
	}
	c.Close()
	checkP7(t, c)
}

// TestP4_NoStaleAfterCompleteInForeignTiers is the race of
// TestP4_NoStaleAfterComplete with Varnish and nginx: fills of the old content
// are held at every POP while a purge arrives.
func TestP4_NoStaleAfterCompleteInForeignTiers(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: foreignTiers()})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for n := range soak(10, 100) {
		foreignRound(ctx, t, c, []cluster.Phase{cluster.HeaderPhase, cluster.BodyPhase}[n%2])
		if t.Failed() {
			t.Fatalf("round %d", n)
		}
	}
}

// foreignRound differs from raceRound in one thing: these caches cannot let go
// of a fill in flight, so that the purge is complete only when it has ended.
func foreignRound(ctx context.Context, t *testing.T, c *cluster.Cluster, phase cluster.Phase) {
	t.Helper()
	paths := []string{"/film/original.mp4", "/film/ts/240p/seg-00003.ts", "/film/cmaf/240p/seg-00002.m4s"}
	path := paths[rand.IntN(len(paths))]
	must(t, complete(ctx, c, freshet.Filter{}))
	hold := c.Origin.HoldBack(phase, func(p string) bool { return p == path })
	defer c.Origin.Free()
	var viewers sync.WaitGroup
	for _, pop := range c.IDs() {
		viewers.Go(func() {
			if v, err := c.Begin(ctx, pop, path); err == nil {
				v.Finish()
			}
		})
	}
	select {
	case <-hold.Held():
	case <-ctx.Done():
		t.Fatal("no fill reached the origin")
	}
	fresh := c.Origin.Change()
	c.Origin.LetPass()
	id, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film, cmaf)
	must(t, err)
	// The fill goes on at any moment of the purge.
	must(t, pause(ctx, time.Duration(rand.IntN(150))*time.Millisecond))
	hold.Release()
	report, err := c.WaitTasks(ctx, id)
	must(t, err)
	if report.Tally.Complete != report.Tally.Total() {
		explain(ctx, t, c, report)
		t.Fatalf("the purge ended %+v", report.Tally)
	}
	for _, pop := range c.IDs() {
		r, err := c.Get(ctx, pop, path)
		if err != nil || r.Status != 200 || r.Version < fresh {
			t.Errorf("%s %s: status %d version %d, want %d (%v)", pop, path, r.Status, r.Version, fresh, err)
		}
	}
	viewers.Wait()
}

// sdkRefresh calls RefreshMediaPlayUrls with the vendor's own SDK and waits
// for the job's end.
func sdkRefresh(ctx context.Context, t *testing.T, c *cluster.Cluster, kind, media string, segments bool) *freshet.JobReport {
	t.Helper()
	client, err := vod.NewClientWithAccessKey("cn-shanghai", c.KeyID, c.KeySecret)
	must(t, err)
	req := vod.CreateRefreshMediaPlayUrlsRequest()
	req.Scheme, req.Domain = "http", strings.TrimPrefix(c.Endpoint, "http://")
	req.MediaIds, req.TaskType, req.SliceFlag, req.SliceCount = media, kind, requests.NewBoolean(segments), "20"
	resp, err := client.RefreshMediaPlayUrls(req)
	must(t, err)
	report, err := c.WaitTasks(ctx, resp.MediaRefreshJobId)
	must(t, err)
	if report.Tally.Total() == 0 || report.Tally.Complete != report.Tally.Total() {
		explain(ctx, t, c, report)
		t.Fatalf("%s ended %+v", kind, report.Tally)
	}
	return report
}

// checkEvidence reads every task of a job: each POP must have said one of the
// outcomes, looked, and told what it found. It returns the tasks' URLs.
func checkEvidence(ctx context.Context, t *testing.T, c *cluster.Cluster, report *freshet.JobReport, want ...freshet.Outcome) []string {
	t.Helper()
	var urls []string
	for _, row := range report.Rows {
		for _, span := range row.Tasks {
			for i := range span.Count {
				task, err := c.Client.Task(ctx, span.First+uint64(i))
				must(t, err)
				urls = append(urls, task.URL)
				if len(task.Deliveries) != len(c.IDs()) {
					t.Fatalf("%s has %d deliveries", task.URL, len(task.Deliveries))
				}
				for _, d := range task.Deliveries {
					checkDelivery(t, report.Type, task.URL, d, want)
				}
			}
		}
	}
	return urls
}

func checkDelivery(t *testing.T, kind freshet.TaskType, url string, d freshet.Delivery, want []freshet.Outcome) {
	t.Helper()
	switch {
	case !slices.Contains(want, d.Outcome):
		t.Errorf("%s at %s: %s %s, want %v", url, d.POP, d.Outcome, d.Reason, want)
	case d.Verified < freshet.VerifiedInspect:
		t.Errorf("%s at %s is verified by %s only", url, d.POP, d.Verified)
	case kind == freshet.Purge && (d.Before == nil || d.Rounds < 1):
		t.Errorf("%s at %s: before %v, %d rounds", url, d.POP, d.Before, d.Rounds)
	case kind == freshet.Prefetch && (d.After == nil || d.After.Size == 0):
		t.Errorf("%s at %s: after %v", url, d.POP, d.After)
	}
}
