package proof_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
)

const restoredPath = "/film/original.mp4"

// restoredWorld is a cluster of three POPs without tiers whose caches hold a
// film.
func restoredWorld(ctx context.Context, t *testing.T) *cluster.Cluster {
	t.Helper()
	c := start(t, cluster.Options{POPs: []cluster.POP{ //nolint:contextcheck // the test's own context bounds its start
		{ID: "v", Foreign: varnishCache}, {ID: "n", Foreign: nginxCache}, {ID: "b"},
	}})
	fill(ctx, t, c, c.Origin.Version())
	return c
}

// fill makes every POP store the film, and fails if one serves another version.
func fill(ctx context.Context, t *testing.T, c *cluster.Cluster, version int) {
	t.Helper()
	for _, pop := range c.IDs() {
		for range 2 {
			if r, err := c.Get(ctx, pop, restoredPath); err != nil || r.Version != version {
				t.Fatalf("%s serves version %d, want %d (%v)", pop, r.Version, version, err)
			}
		}
	}
}

// purgeAll purges the film and waits until it is Complete.
func purgeAll(ctx context.Context, t *testing.T, c *cluster.Cluster) {
	t.Helper()
	report, err := c.Do(ctx, freshet.Purge, freshet.Filter{}, film)
	must(t, err)
	if report.Tally.Complete != report.Tally.Total() {
		explain(ctx, t, c, report)
		t.Fatalf("the purge ended %+v", report.Tally)
	}
}

// TestP5_CacheRestartedEmpty restarts a cache in memory under its agent, and
// empties a folder: nothing old is served, and later purges count.
func TestP5_CacheRestartedEmpty(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := restoredWorld(ctx, t)
	for range 2 {
		emptied(t, c.Caches["v"])
		emptied(t, c.Caches["n"])
		fresh := c.Origin.Change()
		purgeAll(ctx, t, c)
		fill(ctx, t, c, fresh)
	}
	c.Close()
	checkP7(t, c)
}

// TestP5_CacheFolderRestoredFromAnOlderCopy brings back the bodies that a purge
// removed: the cursor beside them tells, and the purge is carried out again.
func TestP5_CacheFolderRestoredFromAnOlderCopy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := restoredWorld(ctx, t)
	folders := map[string]string{"n": folderOf(c.Caches["n"]), "b": filepath.Join(c.Dir, "b", "pops", "b", "cache")}
	stop := func() {
		c.POPs["n"].Stop()
		c.POPs["b"].Stop()
		halt(t, c.Caches["n"])
	}
	begin := func() {
		resume(ctx, t, c.Caches["n"])
		must(t, c.POPs["n"].Start(ctx))
		must(t, c.POPs["b"].Start(ctx))
		must(t, c.WaitReady(ctx, c.IDs()...))
	}
	stop()
	copies := map[string]string{}
	for pop, dir := range folders {
		copies[pop] = filepath.Join(t.TempDir(), "copy")
		copyFolder(ctx, t, dir, copies[pop])
	}
	begin()
	fresh := c.Origin.Change()
	purgeAll(ctx, t, c)
	fill(ctx, t, c, fresh)
	stop()
	for pop, dir := range folders {
		must(t, os.RemoveAll(dir))
		copyFolder(ctx, t, copies[pop], dir)
	}
	begin()
	fill(ctx, t, c, fresh)
	purgeAll(ctx, t, c) // and its evidence counts
}

// TestP5_AgentFolderRestoredFromAnOlderCopy brings back an older journal: what
// it has forgotten is done again, and its evidence is not taken for a repeat.
func TestP5_AgentFolderRestoredFromAnOlderCopy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	c := restoredWorld(ctx, t)
	copies := map[string]string{}
	each := func(do func(pop, journal string)) {
		for _, pop := range c.IDs() {
			c.POPs[pop].Stop()
			do(pop, filepath.Join(c.Dir, pop, "pops", pop))
			must(t, c.POPs[pop].Start(ctx))
		}
		must(t, c.WaitReady(ctx, c.IDs()...))
	}
	each(func(pop, dir string) {
		copies[pop] = filepath.Join(t.TempDir(), "copy")
		must(t, os.MkdirAll(copies[pop], 0o700))
		journals, err := filepath.Glob(filepath.Join(dir, "agent.db*"))
		must(t, err)
		for _, f := range journals {
			copyFolder(ctx, t, f, filepath.Join(copies[pop], filepath.Base(f)))
		}
	})
	for range 5 { // numbers that the older journal will hand out again
		c.Origin.Change()
		purgeAll(ctx, t, c)
	}
	each(func(pop, dir string) {
		journals, err := filepath.Glob(filepath.Join(dir, "agent.db*"))
		must(t, err)
		for _, f := range journals {
			must(t, os.Remove(f))
		}
		must(t, exec.CommandContext(ctx, "sh", "-c", "cp -a "+copies[pop]+"/. "+dir).Run())
	})
	for range 3 {
		fresh := c.Origin.Change()
		purgeAll(ctx, t, c)
		fill(ctx, t, c, fresh)
	}
	c.Close()
	checkP7(t, c)
}

func copyFolder(ctx context.Context, t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copying %s: %v %s", from, err, out)
	}
}
