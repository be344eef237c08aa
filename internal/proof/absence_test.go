package proof_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// TestP5_P6_POPsAwayBeyondTheLog has the control plane give up on POPs that are
// away and forget the purges that they owe, as it does after months: at their
// return nothing old is served, though nobody tells them what was purged, and
// their tasks say what became of them.
func TestP5_P6_POPsAwayBeyondTheLog(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := start(t, cluster.Options{POPs: []cluster.POP{
		{ID: "shield"}, {ID: "b", Parents: []string{"shield"}}, {ID: "v", Foreign: varnishCache}, {ID: "n", Foreign: nginxCache},
	}})
	fill(ctx, t, c, c.Origin.Version())
	away := []string{"b", "v", "n"}
	for _, pop := range away {
		c.POPs[pop].Stop()
	}
	fresh := c.Origin.Change()
	job, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film)
	must(t, err)
	_, err = c.WaitPOPs(ctx, job, "shield")
	must(t, err)
	c.Control.Stop()
	yearsLater(ctx, t, c, job)
	must(t, c.Control.Start(ctx))

	for _, pop := range away {
		must(t, c.POPs[pop].Start(ctx))
	}
	// From its first answer on, a built-in cache gives what is new.
	for ready := false; !ready; {
		r, err := c.Get(ctx, "b", restoredPath)
		if ready = err == nil && r.Status == http.StatusOK; ready && r.Version != fresh {
			t.Fatalf("b serves version %d, want %d", r.Version, fresh)
		}
		must(t, c.Pause(ctx))
	}
	must(t, c.WaitReady(ctx, c.IDs()...))
	fill(ctx, t, c, fresh)
	for _, pop := range away {
		if !revalidated(c, pop) {
			t.Errorf("%s does not say that it must revalidate all", pop)
		}
	}
	fresh = c.Origin.Change()
	purgeAll(ctx, t, c) // and they are POPs like others again
	fill(ctx, t, c, fresh)
}

// yearsLater does what the control plane, which is stopped, does when the log was
// kept for long enough: it closes what is owed, and deletes all that is closed.
func yearsLater(ctx context.Context, t *testing.T, c *cluster.Cluster, job string) {
	t.Helper()
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: filepath.Join(c.Dir, "control")})
	must(t, err)
	defer func() { must(t, db.Close()) }()
	var pops []freshet.POP
	for _, id := range c.IDs() {
		pops = append(pops, freshet.POP{ID: id, Remote: true})
	}
	eng, err := engine.New(ctx, engine.Options{
		Store: engine.Store{Jobs: db, Log: db, Tasks: db, States: db, Evidence: db, Catalog: db, Takedowns: db, Retention: db},
		Bus:   membus.New().Control(), Planner: noPlanner{}, POPs: pops,
	})
	must(t, err)
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- eng.Run(run) }()
	defer func() {
		stop()
		must(t, <-ended)
	}()
	later := time.Now().Add(time.Hour)
	must(t, eng.GiveUp(ctx, later))
	report, err := eng.JobReport(ctx, "default", job)
	must(t, err)
	if report.Tally.Failed != report.Tally.Total() || report.Tally.Total() == 0 {
		t.Errorf("the purge counts %+v, want all failed", report.Tally)
	}
	for _, p := range report.POPs {
		if want := 0; p.POP == "shield" && p.Failed != want || p.POP != "shield" && p.Failed != p.Targets {
			t.Errorf("of %d deliveries at %s %d failed", p.Targets, p.POP, p.Failed)
		}
	}
	at := report.Rows[0].Entries[0]
	for err == nil { // what was closed is saved in its own time
		must(t, eng.Forget(ctx, later))
		_, err = db.Entry(ctx, at)
		must(t, c.Pause(ctx))
	}
	if freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Fatal(err)
	}
}

// TestP5_DisksLost deletes, while the POPs are stopped and owe a purge, first what
// their agents keep, then what their caches keep.
func TestP5_DisksLost(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := restoredWorld(ctx, t)
	for _, disk := range []struct {
		name string
		lose func(pop string)
	}{
		{"the agents'", func(pop string) {
			journals, err := filepath.Glob(filepath.Join(c.Dir, pop, "pops", pop, "agent.db*"))
			must(t, err)
			if len(journals) == 0 {
				t.Fatalf("%s has no journal", pop)
			}
			for _, f := range journals {
				must(t, os.Remove(f))
			}
		}},
		{"the caches'", func(pop string) {
			if f, ok := c.Caches[pop]; ok {
				emptied(t, f)
				return
			}
			must(t, os.RemoveAll(filepath.Join(c.Dir, pop, "pops", pop, "cache")))
		}},
		{"both", func(pop string) {
			must(t, os.RemoveAll(filepath.Join(c.Dir, pop, "pops", pop, "cache")))
			journals, err := filepath.Glob(filepath.Join(c.Dir, pop, "pops", pop, "agent.db*"))
			must(t, err)
			for _, f := range journals {
				must(t, os.Remove(f))
			}
			if f, ok := c.Caches[pop]; ok {
				emptied(t, f)
			}
		}},
	} {
		for _, pop := range c.IDs() {
			c.POPs[pop].Stop()
		}
		fresh := c.Origin.Change()
		job, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film)
		must(t, err)
		for _, pop := range c.IDs() {
			disk.lose(pop)
			must(t, c.POPs[pop].Start(ctx))
		}
		must(t, c.WaitReady(ctx, c.IDs()...))
		report, err := c.WaitTasks(ctx, job)
		must(t, err)
		if report.Tally.Complete != report.Tally.Total() {
			explain(ctx, t, c, report)
			t.Fatalf("without %s disks the purge ended %+v", disk.name, report.Tally)
		}
		fill(ctx, t, c, fresh)
	}
	c.Close()
	checkP7(t, c)
}

// TestP5_ControlPlanesFolderLost begins anew with an empty data folder while one
// POP is behind the other: what the latter purged nobody knows any more, and the
// former does not serve it.
func TestP5_ControlPlanesFolderLost(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := start(t, cluster.Options{POPs: []cluster.POP{{ID: "a"}, {ID: "behind"}}})
	fill(ctx, t, c, c.Origin.Version())
	c.POPs["behind"].Stop()
	fresh := c.Origin.Change()
	job, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film)
	must(t, err)
	_, err = c.WaitPOPs(ctx, job, "a")
	must(t, err)
	c.Control.Stop()
	must(t, os.RemoveAll(filepath.Join(c.Dir, "control")))
	must(t, c.Control.Start(ctx))
	must(t, c.WaitReady(ctx, "a"))
	if _, err := c.Client.Job(ctx, job); err == nil {
		t.Error("the job is known")
	}
	importLadder(ctx, t, c)
	must(t, c.POPs["behind"].Start(ctx))
	must(t, c.WaitReady(ctx, c.IDs()...))
	fill(ctx, t, c, fresh)
	if revalidated(c, "a") || !revalidated(c, "behind") {
		t.Errorf("everything had to be revalidated at a: %t; at the one behind: %t", revalidated(c, "a"), revalidated(c, "behind"))
	}
	fresh = c.Origin.Change()
	purgeAll(ctx, t, c)
	fill(ctx, t, c, fresh)
}

// revalidated tells by its log whether a POP missed what nobody could tell it.
func revalidated(c *cluster.Cluster, pop string) bool {
	return strings.Contains(c.POPs[pop].Log(), "the log begins after what this POP has read")
}
