package bench_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/natsbus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/plan"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// fanPOPs is how many POPs a purge goes to.
const fanPOPs = 100

// BenchmarkFan is how long one purge takes from its push to the last evidence
// of 100 POPs, stored and folded, against NATS alone: one message to 100
// subscribers that each answer. Rounds of both take turns, so that a slow
// minute of the machine slows both.
func BenchmarkFan(b *testing.B) {
	flat, tiers := oneTier(fanPOPs), twoTiers(4, fanPOPs-4)
	for _, s := range []struct {
		name     string
		pops     []freshet.POP
		journals func(*testing.B) string
	}{
		{"OneTier/JournalsInMemory", flat, func(*testing.B) string { return "" }},
		{"OneTier/JournalsOnMemoryDisk", flat, memoryDisk},
		{"OneTier/JournalsOnOneDisk", flat, func(b *testing.B) string { b.Helper(); return b.TempDir() }},
		{"TwoTiers/JournalsInMemory", tiers, func(*testing.B) string { return "" }},
		{"TwoTiers/JournalsOnMemoryDisk", tiers, memoryDisk},
		{"TwoTiers/JournalsOnOneDisk", tiers, func(b *testing.B) string { b.Helper(); return b.TempDir() }},
	} {
		b.Run(s.name, func(b *testing.B) { fan(b, s.pops, s.journals(b)) })
	}
}

// memoryDisk is a folder whose syncs cost nothing: each POP has a disk of its
// own, and a hundred of them behind one here would measure that disk.
func memoryDisk(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "freshet-bench-*") //nolint:usetesting // in memory, not where tests keep their files
	if err != nil {
		b.Skip("there is no disk in memory: ", err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func fan(b *testing.B, pops []freshet.POP, journals string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	plain := newPlain(b, pops)
	c := startFan(ctx, b, pops, journals)
	for range 5 { // connections, statements and plans are made
		plain.rounds(ctx, b)
		plain.all(ctx, b)
		c.purge(ctx, b)
	}
	var bare, rounds, push, arrived, accept, call times
	theirs, ours := share{of: processors{plain.fleet}}, share{of: processors{c.fleet}}
	for b.Loop() {
		theirs.measure(func() {
			bare.measure(func() { plain.all(ctx, b) })
			rounds.measure(func() { plain.rounds(ctx, b) })
		})
		ours.measure(func() {
			t := c.purge(ctx, b)
			push.add(t.end.Sub(t.pushed))
			arrived.add(t.arrived.Sub(t.pushed))
			accept.add(t.end.Sub(t.accepted))
			call.add(t.end.Sub(t.began))
		})
	}
	b.ReportMetric(theirs.ms()/2, "nats-cpu-ms")
	b.ReportMetric(ours.ms(), "cpu-ms")
	against := bare
	if tier(pops[len(pops)-1]) == "children" {
		against = rounds
		b.ReportMetric(push.ms(50)/bare.ms(50), "ratio-to-gated-nats")
		b.ReportMetric(bare.ms(50), "gated-nats-ms")
	}
	b.ReportMetric(push.ms(50)/against.ms(50), "ratio")
	b.ReportMetric(against.ms(50), "nats-ms")
	b.ReportMetric(push.ms(50), "from-push-ms")
	b.ReportMetric(push.ms(99), "from-push-p99-ms")
	b.ReportMetric(arrived.ms(50), "all-arrived-ms")
	b.ReportMetric(accept.ms(50), "from-accept-ms")
	b.ReportMetric(call.ms(50), "from-call-ms")
	b.ReportMetric(0, "ns/op")
}

// times are durations of which medians count.
type times []time.Duration

func (t *times) add(d time.Duration) { *t = append(*t, d) }

func (t *times) measure(fn func()) {
	began := time.Now()
	fn()
	t.add(time.Since(began))
}

// ms returns a percentile in milliseconds.
func (t *times) ms(percent int) float64 {
	sorted := slices.Sorted(slices.Values(*t))
	return float64(sorted[min(len(sorted)*percent/100, len(sorted)-1)]) / float64(time.Millisecond)
}

// fanControl is a control plane without its API, and a fleet.
type fanControl struct {
	engine *engine.Engine
	marks  *marks
	pops   int
	fleet  int // its process
	n      int
}

// marks is when a purge was last pushed, and evidence last arrived.
type marks struct{ pushed, arrived atomic.Int64 }

// watched notes both.
type watched struct {
	bus.Control
	marks *marks
}

func (w watched) Push(ctx context.Context, ch bus.Channel, msg []byte) error {
	if ch == bus.ChannelPurge {
		w.marks.pushed.Store(time.Now().UnixNano())
	}
	return w.Control.Push(ctx, ch, msg)
}

func (w watched) Serve(h bus.ControlHandlers) (func(), error) {
	answer := h.Call
	h.Call = func(ctx context.Context, pop string, call bus.Call, req []byte) ([]byte, error) {
		if call == bus.CallEvidence {
			w.marks.arrived.Store(time.Now().UnixNano())
		}
		return answer(ctx, pop, call, req)
	}
	return w.Control.Serve(h)
}

func startFan(ctx context.Context, b *testing.B, pops []freshet.POP, journals string) *fanControl {
	b.Helper()
	const token = "a token of this benchmark only"
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { closeStore(b, db) })
	domain := freshet.Domain{Account: "default", Name: "vod.example.com", Origin: "http://127.0.0.1:9"}
	if err := db.PutDomain(ctx, domain); err != nil {
		b.Fatal(err)
	}
	s, err := natsbus.StartServer(natsbus.ServerOptions{Listen: "127.0.0.1:0", Token: token})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	control, err := natsbus.NewControl(ctx, natsbus.ControlOptions{Server: s})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(control.Close)
	c := &fanControl{marks: &marks{}, pops: len(pops)}
	c.engine, err = engine.New(ctx, engine.Options{
		Store: engine.Store{Jobs: db, Log: db, Tasks: db, States: db, Evidence: db, Catalog: db, Takedowns: db},
		Bus:   watched{control, c.marks}, POPs: pops,
		Planner: plan.New(plan.Options{Domains: func(string) []freshet.Domain { return []freshet.Domain{domain} }}),
	})
	if err != nil {
		b.Fatal(err)
	}
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- c.engine.Run(run) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	c.fleet = startFleet(b, fleetSpec{
		URL: "nats://" + s.Addr(), Token: token, Journals: journals, POPs: pops, Profile: os.Getenv("FRESHET_BENCH_FLEET_PROFILE"),
	})
	return c
}

// timing is when a purge was asked for, accepted and pushed, when the last
// evidence arrived, and when it was stored and the waiter told.
type timing struct{ began, accepted, pushed, arrived, end time.Time }

// purge purges one URL everywhere.
func (c *fanControl) purge(ctx context.Context, b *testing.B) (t timing) {
	b.Helper()
	c.n++
	url := fmt.Sprintf("http://vod.example.com/film/720p/seg-%05d.ts", c.n)
	t.began = time.Now()
	receipt, err := c.engine.Submit(ctx, freshet.Submission{
		Account: "default", Type: freshet.Purge, Native: true, Direct: &freshet.Direct{URLs: []string{url}},
	})
	if err != nil {
		b.Fatal(err)
	}
	t.accepted = time.Now()
	var since uint64
	for {
		report, version, err := c.engine.WaitJob(ctx, "default", receipt.JobID, since)
		if err != nil {
			b.Fatal(err)
		}
		if report.Done {
			t.end = time.Now()
			if report.Tally.Complete != 1 || len(report.POPs) != c.pops {
				b.Fatalf("%+v", report)
			}
			t.pushed, t.arrived = time.Unix(0, c.marks.pushed.Load()), time.Unix(0, c.marks.arrived.Load())
			return t
		}
		since = version
	}
}
