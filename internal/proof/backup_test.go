package proof_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// TestP3_ARestoredControlPlaneHandsOutNothingThatAPOPHasSeen takes a backup of a
// control plane that is at work, lets the POPs run ahead, and brings the backup
// back, twice: each time every purge comes after all that the POPs have seen,
// and is carried out everywhere.
func TestP3_ARestoredControlPlaneHandsOutNothingThatAPOPHasSeen(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := start(t, cluster.Options{
		POPs:  []cluster.POP{{ID: "shield"}, {ID: "edge", Parents: []string{"shield"}}},
		Extra: "timeouts: {deadline: 20s}\n", // which ends what was under way, if its answers were lost
	})
	fill(ctx, t, c, c.Origin.Version())
	for range 3 {
		c.Origin.Change()
		purgeAll(ctx, t, c)
	}
	before, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film) // under way while the backup is taken
	must(t, err)
	control, archive := filepath.Join(c.Dir, "control"), filepath.Join(t.TempDir(), "freshet.backup")
	freshetJSON(ctx, t, nil, "backup", archive, "--data", control, "--json")
	must2(c.WaitTasks(ctx, before))(t)

	seen := newest(ctx, t, c)
	for range 2 {
		for range 4 { // the POPs run ahead of the backup
			c.Origin.Change()
			purgeAll(ctx, t, c)
		}
		ahead := newest(ctx, t, c)
		if !seen.Before(ahead) {
			t.Fatalf("the POPs did not run ahead: %v, then %v", seen, ahead)
		}
		c.Control.Kill()
		must(t, os.Rename(control, filepath.Join(t.TempDir(), "lost")))
		var r struct{ Epoch uint32 }
		freshetJSON(ctx, t, &r, "restore", archive, "--data", control, "--json")
		if r.Epoch <= ahead.Epoch {
			t.Fatalf("epoch %d was begun, but a POP has seen %v", r.Epoch, ahead)
		}
		must(t, c.Control.Start(ctx))
		must(t, c.WaitReady(ctx, c.IDs()...))
		fresh := c.Origin.Change()
		purgeAll(ctx, t, c)
		fill(ctx, t, c, fresh)
		if seen = newest(ctx, t, c); !ahead.Before(seen) {
			t.Fatalf("after %v, which a POP has seen, came %v", ahead, seen)
		}
		must2(c.WaitTasks(ctx, before))(t) // it was in the backup, finished or not, and comes to an end
	}
	c.Close()
	checkP7(t, c)
}

// newest returns the highest watermark of the POPs.
func newest(ctx context.Context, t *testing.T, c *cluster.Cluster) freshet.Position {
	t.Helper()
	pops, err := c.Client.POPs(ctx)
	must(t, err)
	var at freshet.Position
	for _, p := range pops {
		at = freshet.Later(at, p.Watermark)
	}
	return at
}

// freshetJSON runs the program and decodes what it prints.
func freshetJSON(ctx context.Context, t *testing.T, into any, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(ctx, exe, args...).Output()
	if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it as it is
		t.Fatalf("freshet %v: %v %s", args, err, e.Stderr)
	}
	must(t, err)
	if into != nil {
		must(t, json.Unmarshal(out, into))
	}
}

func must2[T any](_ T, err error) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		must(t, err)
	}
}

// TestP7_WhatWasOpenInABackupIsNotCalledDone takes a backup while a purge has not
// reached a POP, lets the POP answer, and brings the backup back. The answer is
// lost: the job says so when its deadline passes, and names the POP. Submitted
// again, it is carried out.
func TestP7_WhatWasOpenInABackupIsNotCalledDone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := start(t, cluster.Options{
		POPs: []cluster.POP{{ID: "a"}, {ID: "b"}}, Extra: "timeouts: {deadline: 5s}\n",
	})
	control, archive := filepath.Join(c.Dir, "control"), filepath.Join(t.TempDir(), "freshet.backup")
	c.POPs["b"].Stop()
	job, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film)
	must(t, err)
	must2(c.WaitPOPs(ctx, job, "a"))(t)
	freshetJSON(ctx, t, nil, "backup", archive, "--data", control, "--json")
	must(t, c.POPs["b"].Start(ctx))
	must2(c.WaitTasks(ctx, job))(t)

	c.Control.Kill()
	must(t, os.Rename(control, filepath.Join(t.TempDir(), "lost")))
	freshetJSON(ctx, t, nil, "restore", archive, "--data", control, "--json")
	must(t, c.Control.Start(ctx))
	report, err := c.WaitTasks(ctx, job)
	must(t, err)
	if report.Tally.Failed != report.Tally.Total() || report.Tally.Total() == 0 {
		t.Fatalf("the purge ended %+v", report.Tally)
	}
	for _, pop := range report.POPs {
		if lost := pop.POP == "b"; lost != (pop.Final < pop.Targets) {
			t.Errorf("%s has answered %d of %d", pop.POP, pop.Final, pop.Targets)
		}
	}
	purgeAll(ctx, t, c)
}
