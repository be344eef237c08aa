package proof_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/faulty"
)

// faultyWires are the proxies between POPs and their control plane.
type faultyWires map[string]*faulty.Proxy

// behindProxies puts a proxy between each POP and the control plane. Their
// seeds come from FRESHET_SEED, or from chance.
func behindProxies(t *testing.T, pops []cluster.POP) faultyWires {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("FRESHET_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("FRESHET_SEED=%d", seed)
	wires := faultyWires{}
	for i := range pops {
		pops[i].Via = func(addr string) (string, error) {
			p, err := faulty.New(t.Context(), faulty.Options{Target: addr, Seed: seed + uint64(i), NATS: true})
			if err != nil {
				return "", err
			}
			t.Cleanup(p.Close)
			wires[pops[i].ID] = p
			return p.Addr(), nil
		}
	}
	return wires
}

// all does something with every wire at the same time, and waits.
func (w faultyWires) all(do func(*faulty.Proxy)) {
	var wg sync.WaitGroup
	for _, p := range w {
		wg.Go(func() { do(p) })
	}
	wg.Wait()
}

// tell logs what the wires did, and returns the sum.
func (w faultyWires) tell(t *testing.T) (sum faulty.Counts) {
	t.Helper()
	for pop, p := range w {
		c := p.Counts()
		t.Logf("%s: %+v", pop, c)
		sum.Connections += c.Connections
		sum.Resets += c.Resets
		sum.Repeated += c.Repeated
		sum.Swapped += c.Swapped
		sum.Dropped += c.Dropped
	}
	return sum
}

// objects are paths of each media that viewers ask for.
func objects(media string) []string {
	return map[string][]string{
		film:  {"/film/original.mp4", "/film/ts/240p/index.m3u8", "/film/ts/240p/seg-00003.ts"},
		cmaf:  {"/film/cmaf/master.m3u8", "/film/cmaf/240p/seg-00002.m4s"},
		clip:  {"/clip/index.m3u8", "/clip/all.ts"},
		sound: {"/film/audio.mp3"},
	}[media]
}

// traffic is jobs and viewers, and what the viewers may see.
type traffic struct {
	*testing.T
	*cluster.Cluster
	jobs    []string // in the order of their submission
	end     func()   // of what run began
	waiters sync.WaitGroup
	fresh   map[string]int // by media: the version that its last purge was for

	mu       sync.Mutex     // guards what follows
	complete map[string]int // by media: no older version may be seen any more
}

func newTraffic(t *testing.T, c *cluster.Cluster) *traffic {
	t.Helper()
	w := &traffic{T: t, Cluster: c, end: func() {}, fresh: map[string]int{}, complete: map[string]int{}}
	t.Cleanup(func() { // after a fault, too
		w.end()
		w.waiters.Wait()
	})
	return w
}

// look makes viewers look at every POP until ctx ends: they fill caches while
// purges are under way, and see at once what should not be there any more.
func (w *traffic) look(ctx context.Context) {
	for _, pop := range w.IDs() {
		w.waiters.Go(func() {
			for pause(ctx, rand.N(50*time.Millisecond)) == nil {
				media := allMedia()[rand.IntN(4)]
				path := objects(media)[rand.IntN(len(objects(media)))]
				w.mu.Lock()
				least := w.complete[media]
				w.mu.Unlock()
				w.view(context.WithoutCancel(ctx), pop, path, least)
			}
		})
	}
}

func allMedia() []string { return []string{film, cmaf, clip, sound} }

// next makes viewers fetch a media at every POP and then the media new, and
// purges it; or prefetches it. As soon as a purge is Complete, whatever the
// weather, no POP may serve what was there before it (P4).
func (w *traffic) next(ctx context.Context) {
	w.Helper()
	media := allMedia()[rand.IntN(4)]
	if rand.IntN(3) == 0 {
		id, err := w.Submit(ctx, freshet.Prefetch, freshet.Filter{Slices: true, SliceCount: 3}, media)
		must(w.T, err)
		w.jobs = append(w.jobs, id)
		return
	}
	w.see(ctx, media, 0)
	fresh := w.Origin.Change()
	id, err := w.Submit(ctx, freshet.Purge, freshet.Filter{}, media)
	must(w.T, err)
	w.jobs, w.fresh[media] = append(w.jobs, id), fresh
	w.waiters.Go(func() {
		if report, err := w.WaitTasks(ctx, id); err != nil || report.Tally.Complete != report.Tally.Total() {
			return // the end of the test looks at every job
		}
		w.mu.Lock()
		w.complete[media] = max(w.complete[media], fresh)
		w.mu.Unlock()
		w.see(ctx, media, fresh)
	})
}

// see asks every POP for a media: what comes must be of a version or later.
func (w *traffic) see(ctx context.Context, media string, fresh int) {
	w.Helper()
	var viewers sync.WaitGroup
	for _, pop := range w.IDs() {
		viewers.Go(func() {
			for _, path := range objects(media) {
				w.view(ctx, pop, path, fresh)
			}
		})
	}
	viewers.Wait()
}

func (w *traffic) view(ctx context.Context, pop, path string, fresh int) {
	w.Helper()
	r, err := w.Get(ctx, pop, path)
	if err != nil || r.Status != 200 || r.Version < fresh {
		w.Errorf("%s %s: status %d version %d, want %d (%v, %s)", pop, path, r.Status, r.Version, fresh, err, r.CacheStatus)
	}
}

// run makes jobs, with viewers looking on until all is settled.
func (w *traffic) run(ctx context.Context, jobs int, apart time.Duration) {
	w.Helper()
	looking, end := context.WithCancel(ctx)
	w.end = end
	w.look(looking)
	for range jobs {
		w.next(ctx)
		must(w.T, pause(ctx, rand.N(apart)))
	}
}

// settle waits until every job is Complete, each delivery counted once, and
// sees that every POP serves what it should.
func (w *traffic) settle(ctx context.Context) {
	w.Helper()
	began := time.Now()
	for _, id := range w.jobs {
		checkJob(ctx, w.T, w.Cluster, id)
	}
	w.Logf("%d jobs are complete after %v", len(w.jobs), time.Since(began).Round(time.Millisecond))
	w.end()
	w.waiters.Wait()
	for media, fresh := range w.fresh {
		w.see(ctx, media, fresh)
	}
}
