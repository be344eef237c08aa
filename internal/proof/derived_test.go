package proof_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// noPlanner is for an engine that only looks.
type noPlanner struct{ engine.Planner }

// checkP7 deletes everything derived from the store of a cluster that has
// ended, folds it again and compares what every job reports (P7).
func checkP7(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: filepath.Join(c.Dir, "control")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var pops []freshet.POP
	for _, id := range c.IDs() {
		pops = append(pops, freshet.POP{ID: id, Remote: true})
	}
	eng, err := engine.New(ctx, engine.Options{
		Store: engine.Store{Jobs: db, Log: db, Tasks: db, States: db, Evidence: db, Catalog: db, Takedowns: db},
		Bus:   membus.New().Control(), Planner: noPlanner{}, POPs: pops,
	})
	if err != nil {
		t.Fatal(err)
	}
	before := reports(ctx, t, eng)
	if len(before) == 0 {
		t.Fatal("the store has no jobs")
	}
	if err := eng.Refold(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, reports(ctx, t, eng)); diff != "" {
		t.Errorf("status changed by folding again (-before +after):\n%s", diff)
	}
}

func reports(ctx context.Context, t *testing.T, eng *engine.Engine) map[string]*freshet.JobReport {
	t.Helper()
	all := map[string]*freshet.JobReport{}
	var before time.Time
	for {
		jobs, err := eng.ListJobs(ctx, "default", before, 200)
		if err != nil {
			t.Fatal(err)
		}
		grown := false
		for _, j := range jobs {
			if all[j.ID] != nil {
				continue
			}
			grown = true
			if all[j.ID], err = eng.JobReport(ctx, "default", j.ID); err != nil {
				t.Fatal(err)
			}
			before = j.Created.Add(time.Millisecond) // jobs of one millisecond may span pages
		}
		if !grown {
			return all
		}
	}
}
