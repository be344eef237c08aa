package agent_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/store/journal"
	"github.com/freshet-vod/freshet/internal/wire"
)

// backlog is a log that piled up for a POP, and a control plane that hands it
// out as the product's does and keeps the evidence as it comes.
type backlog struct {
	tb      testing.TB
	bus     *membus.Bus
	entries []*freshet.Entry
	pulls   map[freshet.Position][]byte
	head    freshet.Position

	mu       sync.Mutex // guards what follows
	evidence [][]byte
}

// Bounds of what one pull is answered with, as the engine has them.
const (
	pullEntries = 256
	pullBytes   = 256 << 10
)

func newBacklog(tb testing.TB, lists [][]string) *backlog {
	tb.Helper()
	b := &backlog{tb: tb, bus: membus.New(), pulls: map[freshet.Position][]byte{}}
	for i, urls := range lists {
		b.head = freshet.Position{Pos: uint64(i + 1)}
		e := purge(urls...)
		e.At, e.Targets, e.Domain, e.Job = b.head, []string{"a"}, "vod.example.com", fmt.Sprintf("%016x", i)
		b.entries = append(b.entries, e)
	}
	// All of it is encoded before any clock runs: it is what the log holds.
	for after := 0; after < len(b.entries); {
		batch := wire.EntryBatch{Subject: freshet.SubjectPurge, Prev: freshet.Position{Pos: uint64(after)}}
		size := 0
		for after < len(b.entries) && len(batch.Entries) < pullEntries && size < pullBytes {
			size += len(wire.PackSelector(b.entries[after].Selector))
			batch.Entries = append(batch.Entries, b.entries[after])
			after++
			if !batch.Fits() {
				batch.Entries = batch.Entries[:len(batch.Entries)-1]
				after--
				break
			}
		}
		b.pulls[batch.Prev] = wire.EncodeEntries(batch)
	}
	return b
}

func (b *backlog) call(_ context.Context, _ string, call bus.Call, req []byte) ([]byte, error) {
	switch call {
	case bus.CallTopology:
		return wire.EncodeTopology(freshet.Topology{Version: 1, POPs: pops(pop("a"))}), nil
	case bus.CallDenied:
		return wire.EncodeDenyPage(wire.DenyPage{}), nil
	case bus.CallTurn:
		return wire.EncodeTurn(wire.Turn{Granted: true}), nil
	case bus.CallReport:
		return wire.EncodeHeads(nil), nil
	case bus.CallEvidence:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.evidence = append(b.evidence, req)
		return nil, nil
	case bus.CallPull:
	}
	q, err := wire.DecodePull(req)
	if err != nil {
		return nil, err
	}
	if q.Subject == freshet.SubjectPurge {
		if msg, ok := b.pulls[q.After]; ok {
			return msg, nil
		}
		if q.After.Before(b.head) { // it had no room for all of the last answer
			rest := wire.EntryBatch{Subject: q.Subject, Prev: q.After}
			rest.Entries = append(rest.Entries, b.entries[q.After.Pos:min(q.After.Pos+20, uint64(len(b.entries)))]...)
			return wire.EncodeEntries(rest), nil
		}
	}
	return wire.EncodeEntries(wire.EntryBatch{Subject: q.Subject, Prev: q.After}), nil
}

// drain lets a POP that was away work it off, up to the last evidence, and
// returns how long that took, and the process's time on processors.
func (b *backlog) drain(d cache.Driver) (took, cpu time.Duration) {
	b.tb.Helper()
	end := b.bus.Control()
	stop, err := end.Serve(bus.ControlHandlers{Call: b.call, Heartbeat: func(string, []byte) {}})
	if err != nil {
		b.tb.Fatal(err)
	}
	defer stop()
	a, err := agent.New(agent.Options{POP: "a", Bus: b.bus.Agent("a"), Driver: d, Journal: journal.NewMemory()})
	if err != nil {
		b.tb.Fatal(err)
	}
	b.evidence = nil
	ctx, cancel := context.WithCancel(b.tb.Context())
	runtime.GC()
	began, used := time.Now(), processors()
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for a.Heartbeat().Watermark.Before(b.head) {
		<-tick.C
	}
	took, cpu = time.Since(began), processors()-used
	// The watermark is durable with its evidence; that may still be on its way.
	for seen := -1; ; {
		b.mu.Lock()
		n := len(b.evidence)
		b.mu.Unlock()
		if n == seen {
			break
		}
		seen = n
		<-time.After(100 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		b.tb.Error(err)
	}
	want := 0
	for _, e := range b.entries {
		want += e.Len()
	}
	if n := b.facts(); n != want {
		b.tb.Fatalf("evidence of %d deliveries, want %d", n, want)
	}
	return took, cpu
}

// processors is how long this process has used any.
func processors() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// facts counts the deliveries that are known of.
func (b *backlog) facts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	known := map[freshet.Position][]bool{}
	for _, msg := range b.evidence {
		ev, err := wire.DecodeEvidence(msg)
		if err != nil {
			b.tb.Fatal(err)
		}
		for _, e := range ev.Entries {
			if known[e.At] == nil {
				known[e.At] = make([]bool, b.entries[e.At.Pos-1].Len())
			}
			for _, f := range e.Facts {
				if !known[e.At][f.Item] {
					known[e.At][f.Item] = true
					n++
				}
			}
		}
	}
	return n
}

// instant is a cache that does everything at once, and counts.
type instant struct {
	purged atomic.Int64
	costs  time.Duration // of one URL
	mu     sync.Mutex
	cursor freshet.Position
}

func (c *instant) Powers() cache.Powers {
	return cache.Powers{Driver: "instant", MaxBatch: 1000, DefeatsFills: true, Inspect: true, KeepsCursor: true, Soft: true}
}

func (c *instant) Purge(_ context.Context, o cache.Order) []cache.Result {
	c.purged.Add(int64(o.Len()))
	out := make([]cache.Result, o.Len())
	for i := range out {
		out[i].Outcome = freshet.OutcomeAlready
	}
	if c.costs > 0 {
		<-time.After(c.costs * time.Duration(o.Len()))
	}
	return out
}

func (c *instant) Prefetch(_ context.Context, objs []cache.Object) []cache.Result {
	return make([]cache.Result, len(objs))
}

func (c *instant) Inspect(_ context.Context, objs []cache.Object, _ cache.InspectMode) []cache.State {
	return make([]cache.State, len(objs))
}

func (c *instant) Flush(context.Context, time.Time) error      { return nil }
func (c *instant) Incarnation(context.Context) (string, error) { return "one", nil }
func (c *instant) ReadCursor(context.Context) (freshet.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cursor, nil
}

func (c *instant) WriteCursor(_ context.Context, at freshet.Position) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursor = at
	return nil
}

// The shapes in which purges of the same objects pile up.
func pileUp(shape string, distinct, times, per int) [][]string {
	var films [][]string
	for f := range distinct / per {
		urls := make([]string, per)
		for i := range urls {
			urls[i] = fmt.Sprintf("http://vod.example.com/film-%04d/720p/seg-%05d.ts", f, i)
		}
		films = append(films, urls)
	}
	var lists [][]string
	switch shape {
	case "once":
		return films
	case "in turn": // all films, ten times over
		for range times {
			lists = append(lists, films...)
		}
	case "at random": // each entry names anything
		r := rand.New(rand.NewPCG(1, 2))
		var all []string
		for range times {
			for _, f := range films {
				all = append(all, f...)
			}
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for len(all) > 0 {
			lists = append(lists, all[:per])
			all = all[per:]
		}
	}
	return lists
}

// BenchmarkDrain measures how long a POP that was away takes for 100,000
// distinct purges among 900,000 repeated ones, against those 100,000 alone.
func BenchmarkDrain(b *testing.B) {
	const distinct, times, per = 100_000, 10, 1000
	direct := newBacklog(b, pileUp("once", distinct, 1, per))
	for _, shape := range []string{"in turn", "at random"} {
		piled := newBacklog(b, pileUp(shape, distinct, times, per))
		for _, cost := range []time.Duration{0, 20 * time.Microsecond} {
			b.Run(fmt.Sprintf("%s/%s a purge", shape, cost), func(b *testing.B) {
				var alone, all, aloneCPU, allCPU time.Duration
				var purged int64
				n := 0
				for b.Loop() {
					took, cpu := direct.drain(&instant{costs: cost})
					alone, aloneCPU = alone+took, aloneCPU+cpu
					c := &instant{costs: cost}
					took, cpu = piled.drain(c)
					all, allCPU = all+took, allCPU+cpu
					purged += c.purged.Load()
					n++
				}
				b.ReportMetric(alone.Seconds()/float64(n), "s-alone")
				b.ReportMetric(all.Seconds()/float64(n), "s-piled")
				b.ReportMetric(float64(purged)/float64(n)/distinct, "purges/object")
				b.ReportMetric(float64(all)/float64(alone), "ratio")
				b.ReportMetric(float64(allCPU)/float64(aloneCPU), "cpu-ratio")
				b.ReportMetric(allCPU.Seconds()/float64(n), "cpu-s-piled")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
