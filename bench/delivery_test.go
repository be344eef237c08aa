package bench_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
	"github.com/freshet-vod/freshet/internal/wire"
)

const (
	maxBytes  = 8.0 // that a finished delivery with full facts leaves, at 100 POPs
	maxGrowth = 1.3 // of the CPU time and the allocations of a delivery, from 10 to 1,000 POPs
)

// world is a control plane with simulated POPs. They take what is pushed, and
// their evidence is encoded, as real agents do it, while nothing is measured.
type world struct {
	dir  string
	db   *sqlite.Store
	eng  *engine.Engine
	pops []*simPOP
	ids  []string // of the media
	base int64    // bytes on disk before the first job, when all POPs are members
	jobs int      // so far
	each int      // tasks of a job
	goal int      // deliveries of a round, in each of two ways: as many jobs at 10 POPs as equal one at 1,000
	end  func()

	planner engine.Planner
}

// singles plans every media as one URL.
type singles struct{ ladder }

// Plan implements [engine.Planner].
func (singles) Plan(_ context.Context, _ *freshet.Job, row freshet.Row, _ *freshet.Media) (freshet.PlannedRow, error) {
	u := freshet.PlannedURL{Media: row.Media, URL: "http://vod.example.com/" + row.Media + "/index.m3u8", Kind: "playlist"}
	return freshet.PlannedRow{Media: row.Media, URLs: []freshet.PlannedURL{u}}, nil
}

// simPOP answers for one POP.
type simPOP struct {
	id     string
	seed   int64
	number uint64
	wire   bus.Agent

	mu  sync.Mutex // guards got
	got []*freshet.Entry
}

// newDeliveryWorld makes a world in which every media of a job is a ladder, or a
// single URL.
func newDeliveryWorld(ctx context.Context, b *testing.B, pops, media int, planner engine.Planner) *world {
	b.Helper()
	w := &world{dir: b.TempDir(), planner: planner, each: media * jobStreams * jobURLs}
	w.goal = w.each * 1000
	if _, single := planner.(singles); single {
		w.each = media
	}
	w.db = open(ctx, b, w.dir)
	w.ids = putMedia(ctx, b, w.db)[:media]
	memory := membus.New()
	declared := make([]freshet.POP, pops)
	for i := range declared {
		declared[i].ID = fmt.Sprintf("pop-%04d", i)
	}
	w.start(ctx, b, memory, declared) // which makes them members
	closeStore(b, w.db)
	w.base = diskUse(b, w.dir)
	w.db = open(ctx, b, w.dir)
	w.start(ctx, b, memory, declared)
	run, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.eng.Run(run) }()
	var stops []func()
	for i, p := range declared {
		sim := &simPOP{id: p.ID, seed: int64(i + 1), wire: memory.Agent(p.ID)}
		stop, err := sim.wire.Listen(sim.take)
		if err != nil {
			b.Fatal(err)
		}
		w.pops, stops = append(w.pops, sim), append(stops, stop)
	}
	w.end = func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		for _, stop := range stops {
			stop()
		}
		closeStore(b, w.db) // which checkpoints
	}
	return w
}

// start makes the engine.
func (w *world) start(ctx context.Context, b *testing.B, wires *membus.Bus, declared []freshet.POP) {
	b.Helper()
	var err error
	w.eng, err = engine.New(ctx, engine.Options{
		Store: engine.Store{Jobs: w.db, Log: w.db, Tasks: w.db, States: w.db, Evidence: w.db, Catalog: w.db, Takedowns: w.db},
		Bus:   wires.Control(), Planner: w.planner, POPs: declared, GreetFor: time.Millisecond,
		HeadEvery: time.Hour, // nothing is lost on this bus
	})
	if err != nil {
		b.Fatal(err)
	}
}

// take notes what was pushed. Every POP gets the same entries, so that only the
// first unpacks them.
func (p *simPOP) take(ch bus.Channel, _ string, msg []byte) {
	if p.seed > 1 || ch != bus.ChannelPurge && ch != bus.ChannelPrefetch {
		return
	}
	batch, err := wire.DecodeEntries(msg)
	if err != nil {
		return // the round will not end, and says so
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, batch.Entries...)
}

// submit has a job accepted and waits until it is pushed. Purges and prefetches
// take turns.
func (w *world) submit(ctx context.Context, b *testing.B) (string, []*freshet.Entry) {
	b.Helper()
	sub := freshet.Submission{
		Account: "default", Type: freshet.Purge, Media: w.ids, Native: true,
		Filter: freshet.Filter{Slices: true, SliceCount: 20, Multiple: true},
	}
	if w.jobs++; w.jobs%2 == 0 {
		sub.Type = freshet.Prefetch
	}
	receipt, err := w.eng.Submit(ctx, sub)
	if err != nil {
		b.Fatal(err)
	}
	first := w.pops[0]
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		first.mu.Lock()
		got, n := first.got, 0
		for _, e := range got {
			n += e.Len()
		}
		if n == w.each {
			first.got = nil
		}
		first.mu.Unlock()
		if n == w.each {
			return receipt.JobID, got
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.Fatalf("%d tasks were pushed", n)
		}
	}
}

// answers are the messages of all POPs about entries: what was purged after what
// was stored, or fetched; by turns a tenth was not needed any more, and what one
// entry in ten orders was covered by the next.
func (w *world) answers(entries []*freshet.Entry) [][]byte {
	out := make([][]byte, len(w.pops))
	now := time.Now()
	var wg sync.WaitGroup
	for half := range 2 {
		wg.Go(func() {
			for i := half; i < len(w.pops); i += 2 {
				p := w.pops[i]
				p.number++
				ev := freshet.Evidence{POP: p.id, Stream: uint64(p.seed), Number: p.number, Incarnation: fmt.Sprintf("%016x", p.seed)}
				for _, e := range entries {
					ev.Entries = append(ev.Entries, mixedFacts(e, now, p.seed))
				}
				out[i] = wire.EncodeEvidence(ev)
			}
		})
	}
	wg.Wait()
	return out
}

// collect hands in evidence, from every POP at the same time or from one after
// the other, while somebody watches the job.
func (w *world) collect(ctx context.Context, b *testing.B, job string, msgs [][]byte, atOnce int) {
	b.Helper()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for since := uint64(0); ; {
			report, version, err := w.eng.WaitJob(ctx, "default", job, since)
			if err != nil {
				b.Error(err)
				return
			}
			if report.Done {
				return
			}
			since = version
		}
	}()
	next := make(chan int, len(msgs))
	for i := range msgs {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range min(atOnce, len(msgs)) {
		wg.Go(func() {
			for i := range next {
				if _, err := w.pops[i].wire.Do(ctx, bus.CallEvidence, msgs[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	select {
	case <-watched:
	case <-ctx.Done():
		b.Fatal("the job is not done")
	}
}

// status asks what a console asks: the job, a page of tasks, and one task.
func (w *world) status(ctx context.Context, b *testing.B, job string) {
	b.Helper()
	for range 3 {
		report, err := w.eng.JobReport(ctx, "default", job)
		if err != nil || report.Tally.Complete != w.each || len(report.POPs) != len(w.pops) {
			b.Fatalf("%+v, %v", report, err)
		}
		if _, err := w.eng.FindTasks(ctx, freshet.TaskFilter{Account: "default", Limit: 50}); err != nil {
			b.Fatal(err)
		}
		task, err := w.eng.TaskReport(ctx, "default", report.Rows[0].Tasks[0].First)
		if err != nil || len(task.Deliveries) != len(w.pops) {
			b.Fatalf("%+v, %v", task, err)
		}
	}
}

// cost is what a part of the work took.
type cost struct {
	cpu        time.Duration
	allocs     uint64
	deliveries float64
}

// measure adds the CPU time and the allocations of fn.
func (c *cost) measure(deliveries int, fn func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := processors{}.used()
	fn()
	c.cpu += processors{}.used() - cpu
	runtime.ReadMemStats(&after)
	c.allocs += after.Mallocs - before.Mallocs
	c.deliveries += float64(deliveries)
}

// ns and per are the CPU time in nanoseconds, and the allocations, of a delivery.
func (c *cost) ns() float64  { return float64(c.cpu) / c.deliveries }
func (c *cost) per() float64 { return float64(c.allocs) / c.deliveries }

// parts are the parts of a delivery's way through the control plane.
type parts struct {
	push            cost // accepted, planned, in the log, pushed
	together, apart cost // stored, folded and told to a watcher: when all POPs answer at once, and one after the other
	status          cost // asked three times
}

// whole is what a delivery costs from the call to the status, with evidence that
// comes in one way as often as in the other.
func (p *parts) whole(of func(*cost) float64) float64 {
	return of(&p.push) + (of(&p.together)+of(&p.apart))/2 + of(&p.status)
}

// round carries out jobs of as many deliveries at every size.
func (w *world) round(ctx context.Context, b *testing.B, p *parts) {
	b.Helper()
	each := w.each * len(w.pops)
	for i := range 2 * w.goal / each {
		var job string
		var entries []*freshet.Entry
		p.push.measure(each, func() { job, entries = w.submit(ctx, b) })
		msgs := w.answers(entries)
		runtime.GC()
		part, atOnce := &p.together, len(msgs)
		if i%2 == 1 {
			part, atOnce = &p.apart, 1
		}
		part.measure(each, func() { w.collect(ctx, b, job, msgs, atOnce) })
		if i < 2 {
			p.status.measure(each, func() { w.status(ctx, b, job) })
		}
	}
}

// BenchmarkDelivery is what a finished delivery with full facts leaves on disk at
// 10, 100 and 1,000 POPs, and what it costs the control plane.
func BenchmarkDelivery(b *testing.B) {
	sizes, media := []int{10, 100, 1000}, 1
	if os.Getenv(envMedia) != "" { // as in make bench
		media = 5
	}
	spent := make([]parts, len(sizes))
	var worlds []*world
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	for _, n := range sizes {
		worlds = append(worlds, newDeliveryWorld(ctx, b, n, media, newLadder()))
	}
	if path := os.Getenv("FRESHET_BENCH_PROFILE"); path != "" {
		stop, err := profile(path)
		if err != nil {
			b.Fatal(err)
		}
		defer stop()
	}
	rounds := 0
	for b.Loop() {
		rounds++
		for i, w := range worlds {
			w.round(ctx, b, &spent[i])
		}
	}
	for i, w := range worlds {
		w.end()
		bytes := float64(diskUse(b, w.dir)-w.base) / float64(2*w.goal*rounds)
		b.ReportMetric(bytes, fmt.Sprintf("disk-B/delivery-%d", sizes[i]))
		if sizes[i] == 100 && bytes > maxBytes {
			b.Errorf("a delivery leaves %.1f bytes at 100 POPs, the limit is %.0f", bytes, maxBytes)
		}
		s := &spent[i]
		b.Logf("%4d POPs: %.2f bytes; CPU ns (allocations) of a delivery: push %.0f (%.2f), together %.0f (%.2f), apart %.0f (%.2f), status %.0f (%.2f)",
			sizes[i], bytes, s.push.ns(), s.push.per(), s.together.ns(), s.together.per(), s.apart.ns(), s.apart.per(), s.status.ns(), s.status.per())
	}
	b.ReportMetric(singlesDisk(ctx, b), "disk-B/delivery-100-single")
	few, many := &spent[0], &spent[len(spent)-1]
	b.ReportMetric(float64(time.Second)/few.together.ns(), "folded/s-10")
	b.ReportMetric(float64(time.Second)/many.together.ns(), "folded/s-1000")
	for name, of := range map[string]func(*parts) cost{
		"together": func(p *parts) cost { return p.together }, "apart": func(p *parts) cost { return p.apart }, "status": func(p *parts) cost { return p.status },
	} {
		f, m := of(few), of(many)
		b.ReportMetric(m.ns()/f.ns(), name+"-cpu-x")
		b.ReportMetric(m.per()/f.per(), name+"-allocs-x")
	}
	cpu, allocs := many.whole((*cost).ns)/few.whole((*cost).ns), many.whole((*cost).per)/few.whole((*cost).per)
	b.ReportMetric(cpu, "whole-cpu-x")
	b.ReportMetric(allocs, "whole-allocs-x")
	if cpu > maxGrowth || allocs > maxGrowth {
		b.Errorf("a delivery costs %.2f times the CPU time and %.2f times the allocations at 1,000 POPs, the limit is %.1f", cpu, allocs, maxGrowth)
	}
	b.ReportMetric(0, "ns/op")
}

// singlesDisk is what a delivery leaves at 100 POPs when every job is of one URL.
func singlesDisk(ctx context.Context, b *testing.B) float64 {
	b.Helper()
	const jobs, pops = 200, 100
	w := newDeliveryWorld(ctx, b, pops, 1, singles{newLadder()})
	for range jobs {
		job, entries := w.submit(ctx, b)
		w.collect(ctx, b, job, w.answers(entries), pops)
	}
	w.end()
	return float64(diskUse(b, w.dir)-w.base) / (jobs * pops)
}
