package proof_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// TestP1P2_KilledAnywhere kills the control plane and the POPs with SIGKILL at
// random moments while jobs are submitted. Every job that was answered must
// complete, and each of its deliveries must count once.
func TestP1P2_KilledAnywhere(t *testing.T) {
	t.Parallel()
	kills, jobs := soak(6, 40), soak(40, 200)
	c := start(t, cluster.Options{POPs: tiers()})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()

	killing, stopKilling := context.WithCancel(ctx)
	var killed sync.WaitGroup
	left := make(chan int, 1)
	killed.Go(func() { left <- killLoop(killing, t, c, kills) })

	var answered []string
	media := []string{film, cmaf, clip, sound}
	for len(answered) < jobs || len(left) == 0 { // as long as there is killing, there is work
		kind, filter := freshet.Purge, freshet.Filter{}
		if rand.IntN(4) == 0 {
			kind, filter = freshet.Prefetch, freshet.Filter{Slices: true, SliceCount: 2}
		}
		id, err := c.Submit(ctx, kind, filter, media[rand.IntN(len(media))])
		if err == nil {
			answered = append(answered, id)
		}
		if err := pause(ctx, time.Duration(5+rand.IntN(40))*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	stopKilling()
	killed.Wait()
	if n := <-left; n > 0 {
		t.Fatalf("%d kills were not made", n)
	}
	t.Logf("%d jobs answered, %d kills", len(answered), kills)
	for _, id := range answered {
		checkJob(ctx, t, c, id)
	}
	c.Close()
	checkP7(t, c)
}

// killLoop kills and restarts, alternately the control plane and a POP, and
// returns how many kills are left when it has to stop.
func killLoop(ctx context.Context, t *testing.T, c *cluster.Cluster, kills int) int {
	t.Helper()
	for n := range kills {
		if pause(ctx, time.Duration(100+rand.IntN(900))*time.Millisecond) != nil {
			return kills - n
		}
		p := c.Control
		if n%2 == 1 {
			p = c.POPs[c.IDs()[rand.IntN(len(c.IDs()))]]
		}
		p.Kill()
		if pause(ctx, time.Duration(rand.IntN(200))*time.Millisecond) != nil {
			return kills - n
		}
		if err := p.Start(ctx); err != nil {
			t.Error(err)
			return kills - n
		}
	}
	return 0
}

// checkJob waits for a job to be complete and looks at its counts.
func checkJob(ctx context.Context, t *testing.T, c *cluster.Cluster, id string) {
	t.Helper()
	report, err := c.WaitTasks(ctx, id)
	if err != nil {
		t.Fatalf("job %s: %v; report %+v", id, err, report)
	}
	total := report.Tally.Total()
	if total == 0 || report.Tally.Complete != total {
		t.Errorf("job %s (%s): %+v of %d rows", id, report.Type, report.Tally, len(report.Rows))
		explain(ctx, t, c, report)
	}
	for _, p := range report.POPs {
		if p.Targets != total || p.Final != total || p.Failed != 0 || p.Excused != 0 {
			t.Errorf("job %s at %s: %+v, want each of %d deliveries once", id, p.POP, p, total)
		}
	}
	if len(report.POPs) != len(c.IDs()) {
		t.Errorf("job %s: %d POPs, want %d", id, len(report.POPs), len(c.IDs()))
	}
}

// explain shows the first task that failed.
func explain(ctx context.Context, t *testing.T, c *cluster.Cluster, report *freshet.JobReport) {
	t.Helper()
	for _, row := range report.Rows {
		if row.Fault != "" {
			t.Logf("row %s: %s %s", row.Media, row.Fault, row.Message)
		}
		if len(row.Failed) == 0 {
			continue
		}
		task, err := c.Client.Task(ctx, row.Failed[0].ID)
		if err != nil {
			t.Log(err)
			continue
		}
		for _, d := range task.Deliveries {
			t.Logf("task %d %s at %s: %s %s after %d attempts", task.ID, task.URL, d.POP, d.Outcome, d.Reason, d.Attempts)
		}
		return
	}
}

// TestP4_NoStaleAfterComplete holds fills of the old content open at every
// POP, in the header phase and in the body phase, while the content changes
// and a purge arrives. No request that begins after Complete may see an older
// body: not while the old fills are held, not while they end, not afterwards.
func TestP4_NoStaleAfterComplete(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: append(tiers(), cluster.POP{ID: "solo"})})
	rounds := soak(20, 200)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for n := range rounds {
		phase := []cluster.Phase{cluster.HeaderPhase, cluster.BodyPhase}[n%2]
		raceRound(ctx, t, c, phase)
		if t.Failed() {
			t.Fatalf("round %d, phase %d", n, phase)
		}
	}
	c.Close()
	checkP7(t, c)
}

func raceRound(ctx context.Context, t *testing.T, c *cluster.Cluster, phase cluster.Phase) {
	t.Helper()
	paths := []string{"/film/original.mp4", "/film/ts/240p/seg-00003.ts", "/film/cmaf/240p/seg-00002.m4s"}
	path := paths[rand.IntN(len(paths))]
	must(t, complete(ctx, c, freshet.Filter{})) // so that the next request is a fill
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
	for range 2 { // the origin sees one fill of the shield, for itself and its children, and one of solo
		select {
		case <-hold.Held():
		case <-ctx.Done():
			t.Fatal("no fill reached the origin")
		}
	}
	fresh := c.Origin.Change()
	c.Origin.LetPass()
	must(t, complete(ctx, c, freshet.Filter{}))
	check := func(when string) {
		for _, pop := range c.IDs() {
			r, err := c.Get(ctx, pop, path)
			if err != nil || r.Status != 200 || r.Version < fresh {
				t.Errorf("%s: %s %s: status %d version %d, want %d (%v, %s)", when, pop, path, r.Status, r.Version, fresh, err, r.CacheStatus)
			}
		}
	}
	order := []func(){func() { check("old fills held") }, hold.Release, func() { check("old fills ending") }}
	if rand.IntN(2) == 0 { // the first request after Complete meets the end of the old fill
		slices.Reverse(order)
	}
	for _, step := range order {
		step()
	}
	viewers.Wait()
	check("old fills ended")
}

// complete purges both films and waits for Complete everywhere.
func complete(ctx context.Context, c *cluster.Cluster, f freshet.Filter) error {
	_, err := c.Do(ctx, freshet.Purge, f, film, cmaf)
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
