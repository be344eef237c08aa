package proof_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

// objectTasks makes a call by URL with the vendor's SDK and waits until its
// tasks are Complete; n is how many there are.
func objectTasks(ctx context.Context, t *testing.T, c *cluster.Cluster, action string, params map[string]string, n string) {
	t.Helper()
	sdk := rpctest.Clients(strings.TrimPrefix(c.Endpoint, "http://"), c.KeyID, c.KeySecret)[0]
	answer, fail := sdk.Call(action, params)
	if fail != nil {
		t.Fatalf("%s: %+v", action, *fail)
	}
	id := answer.Field("RefreshTaskId")
	if action == "PreloadVodObjectCaches" {
		id = answer.Field("PreloadTaskId")
	}
	for {
		found, fail := sdk.Call("DescribeVodRefreshTasks", map[string]string{"TaskId": id, "PageSize": "50"})
		if fail != nil {
			t.Fatalf("%+v", *fail)
		}
		done, failed := found.Field("TotalCount") == n, false
		for i := range 50 {
			switch found.Field("Tasks.Task[" + strconv.Itoa(i) + "].Status") {
			case "Failed":
				failed = true
			case "Pending", "Refreshing":
				done = false
			}
		}
		if failed {
			t.Fatalf("%s failed: %s", action, found.Field("Tasks.Task[0].Description"))
		}
		if done {
			return
		}
		if err := c.Pause(ctx); err != nil {
			t.Fatalf("task %s of %s: %s elements, the first is %s", id, action, found.Field("TotalCount"), found.Field("Tasks.Task[0].Status"))
		}
	}
}

// TestP4_ObjectsOfTheVendorsCalls prefetches and purges URLs and directories
// through the vendor's SDK: what is Complete is so at every POP, and nothing
// outside of what was named is touched.
func TestP4_ObjectsOfTheVendorsCalls(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: tiers(), InProcess: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const file, inside, outside = "/film/audio.mp3", "/film/ts/audio/index.m3u8", "/clip/index.m3u8"
	host := func(paths ...string) string { return "vod.example.com" + strings.Join(paths, "\nvod.example.com") }
	version := func(path string) (versions []int) {
		for _, pop := range c.IDs() {
			r, err := c.Get(ctx, pop, path)
			if err != nil || r.Status != 200 {
				t.Fatalf("%s at %s: status %d (%v)", path, pop, r.Status, err)
			}
			versions = append(versions, r.Version)
		}
		return versions
	}
	same := func(about, path string, want int) {
		t.Helper()
		for i, v := range version(path) {
			if v != want {
				t.Errorf("%s: %s serves version %d of %s, want %d", about, c.IDs()[i], v, path, want)
			}
		}
	}
	objectTasks(ctx, t, c, "PreloadVodObjectCaches", map[string]string{"ObjectPath": host(file, inside, outside)}, "3")
	asked := c.Origin.Count(file)
	first := version(file)[0]
	if n := c.Origin.Count(file); n != asked || n != 1 {
		t.Errorf("the origin was asked %d times for a prefetched file, then %d", asked, n)
	}
	second := c.Origin.Change()
	same("before a purge", inside, first)
	objectTasks(ctx, t, c, "RefreshVodObjectCaches", map[string]string{"ObjectPath": host(file)}, "1")
	same("after a purge", file, second)
	same("beside a purge", inside, first)
	third := c.Origin.Change()
	objectTasks(ctx, t, c, "RefreshVodObjectCaches", map[string]string{"ObjectPath": host("/film/"), "ObjectType": "Directory", "Force": "true"}, "1")
	same("in a purged directory", file, third)
	same("deep in a purged directory", inside, third)
	same("beside a purged directory", outside, first)

	fourth := c.Origin.Change()
	query := inside + "?quality=low"
	same("with a query", query, fourth)
	objectTasks(ctx, t, c, "RefreshVodObjectCaches", map[string]string{"ObjectPath": `vod.example.com/film/audio\.mp[34]`, "ObjectType": "Regex"}, "1")
	same("that an expression matches", file, fourth)
	same("that it does not match", inside, third)
	fifth := c.Origin.Change()
	objectTasks(ctx, t, c, "RefreshVodObjectCaches", map[string]string{"ObjectPath": host(inside), "ObjectType": "IgnoreParams"}, "2")
	same("without a query", inside, fifth)
	same("with one", query, fifth)
	same("of another name", file, fourth)

	sixth := c.Origin.Change()
	objectTasks(ctx, t, c, "RefreshVodObjectCaches", map[string]string{"ObjectPath": host("/film/"), "ObjectType": "Directory"}, "1")
	same("in a directory that is revalidated", file, sixth)
	same("deep in a directory that is revalidated", inside, sixth)
}
