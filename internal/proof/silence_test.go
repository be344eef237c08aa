package proof_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/edge"
)

// TestP5_TheControlPlaneDies holds that POPs which hear nothing take nothing for
// granted: every viewer gets what the origin has now, and of all POPs, which hear
// nothing at the same moment, no more than settled leave the load balancers.
// When the control plane is back, what it had accepted is done, and everything is
// as before.
func TestP5_TheControlPlaneDies(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{
		Extra: "silence: {after: 2s, then: not_ready, not_ready_at_most: 1}\n",
		POPs: []cluster.POP{
			{ID: "shield"}, {ID: "edge-1", Parents: []string{"shield"}}, {ID: "edge-2", Parents: []string{"shield"}}, {ID: "edge-3"},
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	const path = "/film/audio.mp3"
	get := func(pop, path string) cluster.Response {
		t.Helper()
		r, err := c.Get(ctx, pop, path)
		must(t, err)
		return r
	}
	fenced := func() int { // POPs that balancers pass over
		t.Helper()
		n := 0
		for _, pop := range c.IDs() {
			if get(pop, edge.ReadyPath).Status != http.StatusOK {
				n++
			}
		}
		if n > 1 {
			t.Fatalf("%d POPs leave", n)
		}
		return n
	}
	hits := func(want bool) func() bool {
		return func() bool {
			fenced()
			for _, pop := range c.IDs() {
				get(pop, path)
				if get(pop, path).Hit() != want {
					return false
				}
			}
			return true
		}
	}
	until(ctx, t, c, "hits at every POP", hits(true))
	until(ctx, t, c, "a permit at one of them", func() bool { return inSilence(ctx, t, c)[string(freshet.SilenceNotReady)] == 1 })

	owed, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film, sound)
	must(t, err)
	c.Control.Kill()
	until(ctx, t, c, "revalidation at every POP", hits(false))
	until(ctx, t, c, "one POP leaving", func() bool { return fenced() == 1 })
	for range soak(5, 100) {
		version := c.Origin.Change() // nobody is told
		for _, pop := range c.IDs() {
			if r := get(pop, path); r.Status != http.StatusOK || r.Version != version || r.Hit() {
				t.Fatalf("%s serves version %d (status %d, %s), the origin has %d", pop, r.Version, r.Status, r.CacheStatus, version)
			}
		}
	}
	fenced()

	must(t, c.Control.Start(ctx))
	must(t, c.WaitReady(ctx, c.IDs()...))
	checkJob(ctx, t, c, owed)
	until(ctx, t, c, "hits at every POP again", hits(true))
	until(ctx, t, c, "every POP being back", func() bool { return fenced() == 0 })
	c.Origin.Change()
	job, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film, sound)
	must(t, err)
	checkJob(ctx, t, c, job)
	for _, pop := range c.IDs() {
		if r := get(pop, path); r.Version != c.Origin.Version() {
			t.Errorf("%s serves version %d after a purge of %d", pop, r.Version, c.Origin.Version())
		}
	}
}

// inSilence counts what POPs do when the control plane is silent.
func inSilence(ctx context.Context, t *testing.T, c *cluster.Cluster) map[string]int {
	t.Helper()
	list, err := c.Client.POPs(ctx)
	must(t, err)
	n := map[string]int{}
	for _, p := range list {
		n[p.OnSilence]++
	}
	return n
}

// TestP5_DrainedAndCutOff follows a POP through what operators do before they
// take it apart: it is refused to be excused while viewers reach it, drained, and
// taken back, over a restart of the control plane.
func TestP5_DrainedAndCutOff(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Options{POPs: []cluster.POP{{ID: "edge-1"}, {ID: "edge-2"}}})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	const path = "/film/audio.mp3"
	looks := func(status int, obstacle string) func() bool {
		return func() bool {
			r, err := c.Get(ctx, "edge-1", edge.ReadyPath)
			must(t, err)
			list, err := c.Client.POPs(ctx)
			if err != nil {
				return false
			}
			p := list[0]
			shown := len(p.Obstacles) == 1 && p.Obstacles[0] == obstacle && !p.Ready || obstacle == "" && p.Ready && len(p.Obstacles) == 0
			return r.Status == status && shown && p.Drained.IsZero() == (obstacle == "")
		}
	}
	until(ctx, t, c, "being ready", looks(http.StatusOK, ""))
	if _, err := c.Get(ctx, "edge-1", path); err != nil {
		t.Fatal(err)
	}
	busy := func() bool {
		_, err := c.Client.SetPOP(ctx, "edge-1", freshet.POPChange{Down: new(true)})
		return freshet.ErrorCode(err) == freshet.CodeConflict
	}
	until(ctx, t, c, "a refusal, because viewers ask", busy)
	if _, err := c.Client.SetPOP(ctx, "edge-1", freshet.POPChange{Drained: new(true)}); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, c, "being drained", looks(http.StatusServiceUnavailable, "drained"))
	c.Control.Kill()
	must(t, c.Control.Start(ctx))
	until(ctx, t, c, "being drained still", looks(http.StatusServiceUnavailable, "drained"))
	c.Origin.Change()
	job, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, film, sound)
	must(t, err)
	checkJob(ctx, t, c, job) // it works on, and those who come are served
	if r, err := c.Get(ctx, "edge-1", path); err != nil || r.Status != http.StatusOK || r.Version != c.Origin.Version() {
		t.Errorf("a viewer who comes all the same gets %d, version %d: %v", r.Status, r.Version, err)
	}
	if _, err := c.Client.SetPOP(ctx, "edge-1", freshet.POPChange{Down: new(false)}); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, c, "being back", looks(http.StatusOK, ""))
	// Nobody can see whether one that is not there is asked.
	c.POPs["edge-1"].Kill()
	until(ctx, t, c, "a refusal, because it is not heard", func() bool {
		list, err := c.Client.POPs(ctx)
		return err == nil && list[0].State == "lost" && busy()
	})
	if p, err := c.Client.SetPOP(ctx, "edge-1", freshet.POPChange{Down: new(true), CutOff: true}); err != nil || p.State != "down" {
		t.Errorf("%+v, %v", p, err)
	}
}
