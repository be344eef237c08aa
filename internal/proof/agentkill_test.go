package proof_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// TestP2_AgentsKilledDuringManyPurges kills the agents beside Varnish and nginx
// at random moments while 20,000 URLs are purged, 1,000 a job: nothing is lost,
// and each delivery counts once.
func TestP2_AgentsKilledDuringManyPurges(t *testing.T) {
	t.Parallel()
	jobs, kills := soak(5, 20), soak(12, 50)
	c := start(t, cluster.Options{POPs: []cluster.POP{
		{ID: "v", Foreign: varnishCache}, {ID: "n", Foreign: nginxCache},
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	killing, stop := context.WithCancel(ctx)
	var killed sync.WaitGroup
	done := 0
	killed.Go(func() {
		for ; done < kills; done++ {
			if pause(killing, time.Duration(20+rand.IntN(300))*time.Millisecond) != nil {
				return
			}
			p := c.POPs[c.IDs()[rand.IntN(2)]]
			p.Kill()
			if err := p.Start(ctx); err != nil {
				t.Error(err)
				return
			}
		}
	})
	ids := make([]string, 0, jobs)
	for n := range jobs {
		urls := make([]string, freshet.MaxDirectPerJob)
		for i := range urls {
			urls[i] = fmt.Sprintf("http://%s/many/%d/seg-%05d.ts", cluster.Domain, n, i)
		}
		r, err := c.Client.Submit(ctx, client.JobRequest{Type: freshet.Purge, URLs: urls})
		must(t, err)
		ids = append(ids, r.JobID)
		must(t, pause(ctx, time.Duration(rand.IntN(200))*time.Millisecond))
	}
	for _, id := range ids {
		checkJob(ctx, t, c, id)
	}
	killed.Wait() // the kills go on over purges that are repeated
	stop()
	if done < kills {
		t.Errorf("%d kills were made, want %d", done, kills)
	}
	must(t, c.WaitReady(ctx, c.IDs()...))
	r, err := c.Client.Submit(ctx, client.JobRequest{Type: freshet.Purge, URLs: []string{"http://" + cluster.Domain + "/film/original.mp4"}})
	must(t, err)
	checkJob(ctx, t, c, r.JobID)
	c.Close()
	checkP7(t, c)
}
