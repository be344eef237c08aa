package soak_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// The bounds of what may be more at the end than when the fleet was warm, beside
// what a moment's work takes.
const (
	moreGoroutines = 60
	moreHandles    = 30
	moreFiles      = 10
	moreHeap       = 8 << 20 // and a quarter
)

// idle is longer than connections between caches, which come and go by the
// hundred, are kept without a request.
const idle = 100 * time.Second

// plan is the size of a soak.
type plan struct {
	pops, guests, processes int
	lasts                   time.Duration
	parts                   int           // in which the time after the warm-up is spent
	rests                   time.Duration // before it is looked at what there is
}

func thePlan(t *testing.T) plan {
	t.Helper()
	if os.Getenv("FRESHET_SOAK") == "" {
		return plan{pops: 7, guests: 2, processes: 1, lasts: 5 * time.Second, parts: 1, rests: 800 * time.Millisecond}
	}
	p := plan{pops: 50, guests: 6, processes: 3, lasts: 20 * time.Minute, parts: 2, rests: idle}
	if text := os.Getenv("FRESHET_SOAK_TIME"); text != "" {
		var err error
		if p.lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal("FRESHET_SOAK_TIME: ", err)
		}
	}
	return p
}

// TestP10_NothingGrows: a control plane and its POPs work steadily at purges and
// prefetches, which viewers read, while POPs are killed, started again, removed
// and added. When all is quiet again there are no more goroutines, file handles,
// files and bytes of memory than when everything was warm, a quarter of the time
// after the start; and every job has ended Complete, or says why not.
func TestP10_NothingGrows(t *testing.T) {
	t.Parallel()
	p := thePlan(t)
	f := newFleet(t, p.pops, p.guests, p.processes)
	w := &work{f: f}
	w.run(t, p.lasts/4)
	warm := f.sample(t, p.rests)
	t.Logf("warm: %s", warm)
	var now sample
	for part := range p.parts {
		w.run(t, p.lasts*3/4/time.Duration(p.parts))
		now = f.sample(t, p.rests)
		t.Logf("part %d of %d: %s", part+1, p.parts, now)
	}
	now.within(t, warm)
	t.Logf("%d jobs, %d of them failed and said why; %d viewers' requests; %d comings and goings",
		w.jobs.Load(), w.failed.Load(), w.views.Load(), w.moves.Load())
	if w.jobs.Load() < 3 || w.moves.Load() < 1 || w.views.Load() < 1 {
		t.Error("hardly anything happened")
	}
}

// work is what goes on in a fleet.
type work struct {
	f                          *fleet
	jobs, failed, views, moves atomic.Int64
}

// run works for a while, and returns when all POPs are back and every job has
// ended.
func (w *work) run(t *testing.T, lasts time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var wg sync.WaitGroup
	each := func(every time.Duration, do func(*rand.Rand) error) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if err := do(r); err != nil {
					t.Error(err)
					cancel()
					return
				}
			}
		})
	}
	whole := context.WithoutCancel(ctx) // what was begun is finished
	each(300*time.Millisecond, func(r *rand.Rand) error { return w.job(whole, r) })
	each(400*time.Millisecond, func(r *rand.Rand) error { return w.job(whole, r) })
	each(50*time.Millisecond, func(r *rand.Rand) error { return w.view(whole, r) })
	each(500*time.Millisecond, func(r *rand.Rand) error { return w.move(whole, r) })
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	if err := w.f.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// job purges or prefetches some objects.
func (w *work) job(ctx context.Context, r *rand.Rand) error {
	req := client.JobRequest{Type: freshet.Purge}
	switch r.IntN(6) {
	case 0:
		req.Prefixes = []string{objectURL(0)[:strings.LastIndex(objectURL(0), "/")+1]}
	case 1, 2:
		req.Type = freshet.Prefetch
		fallthrough
	default:
		from := r.IntN(objects - 10)
		req.URLs = all()[from : from+1+r.IntN(10)]
	}
	w.jobs.Add(1)
	err := w.f.carryOut(ctx, req)
	if _, why := errors.AsType[*failedError](err); why {
		w.failed.Add(1)
		return nil
	}
	return err
}

// view asks a POP for an object, as a viewer. That the POP is away is no fault.
func (w *work) view(ctx context.Context, r *rand.Rand) error {
	doors, err := w.f.doors(ctx)
	if err != nil || len(doors) == 0 {
		return err
	}
	path := strings.TrimPrefix(objectURL(r.IntN(objects)), "http://"+domain)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, doors[r.IntN(len(doors))]+path, http.NoBody)
	if err != nil {
		return err
	}
	req.Host = domain
	resp, err := w.f.http.Do(req)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	_, _ = io.Copy(io.Discard, resp.Body) // likewise
	_ = resp.Body.Close()
	w.views.Add(1)
	return nil
}

// move lets a POP leave and come back: a process is killed, a guest is removed
// and joins again, the others are stopped and started.
func (w *work) move(ctx context.Context, r *rand.Rand) error {
	p := w.f.pops[r.IntN(len(w.f.pops))]
	w.moves.Add(1)
	if !p.guest {
		p.leave()
		return w.f.start(p)
	}
	if err := w.f.remove(ctx, p); err != nil {
		return err
	}
	return w.f.join(ctx, p)
}

// sample is what the process holds when all is quiet.
type sample struct {
	goroutines, handles, files int
	heap, disk                 int64
}

// String tells a sample.
func (s sample) String() string {
	return fmt.Sprintf("%d goroutines, %d handles, %d files, %.1f MB of heap, %.1f MB on disk",
		s.goroutines, s.handles, s.files, float64(s.heap)/1e6, float64(s.disk)/1e6)
}

// within complains about what grew since everything was warm. The disk may: it
// holds what the jobs did.
func (s sample) within(t *testing.T, warm sample) {
	t.Helper()
	for _, c := range []struct {
		what            string
		now, then, more int64
	}{
		{"goroutines", int64(s.goroutines), int64(warm.goroutines), moreGoroutines},
		{"file handles", int64(s.handles), int64(warm.handles), moreHandles},
		{"files", int64(s.files), int64(warm.files), moreFiles},
		{"bytes of heap", s.heap, warm.heap, warm.heap/4 + moreHeap},
	} {
		if c.now > c.then+c.more {
			t.Errorf("%d %s, which were %d when warm; %d more are allowed", c.now, c.what, c.then, c.more)
		}
	}
	if t.Failed() {
		_ = pprof.Lookup("goroutine").WriteTo(t.Output(), 1) // for whoever has to find it
	}
}

// sample brings the fleet to rest, with every object in every cache, and looks
// at what there is.
func (f *fleet) sample(t *testing.T, rests time.Duration) sample {
	t.Helper()
	for _, r := range []client.JobRequest{{Type: freshet.Purge, URLs: all()}, {Type: freshet.Prefetch, URLs: all()}} {
		if err := f.carryOut(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.http.CloseIdleConnections()
	f.client.Close()
	// What is closed takes a moment to end: the least of eight looks counts.
	var least sample
	tick := time.NewTicker(rests / 8)
	defer tick.Stop()
	for i := range 8 {
		<-tick.C
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now := sample{goroutines: runtime.NumGoroutine(), handles: handles(t), heap: int64(m.HeapAlloc)}
		if i == 0 {
			least = now
		}
		least.goroutines, least.handles, least.heap = min(least.goroutines, now.goroutines), min(least.handles, now.handles), min(least.heap, now.heap)
	}
	least.files, least.disk = filesBelow(t, os.TempDir()) // in which the fleet is
	return least
}

func handles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not tell the handles of a process: ", err)
	}
	return len(list)
}

// filesBelow counts files and their bytes. SQLite's own files beside a database
// come and go with its connections, so they are not counted.
func filesBelow(t *testing.T, dir string) (n int, size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was just deleted
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
			if !strings.HasSuffix(info.Name(), "-shm") && !strings.HasSuffix(info.Name(), "-wal") {
				n++
			}
		}
		return nil // likewise
	})
	if err != nil {
		t.Fatal(err)
	}
	return n, size
}
