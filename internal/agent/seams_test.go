package agent_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/store/journal"
	"github.com/freshet-vod/freshet/internal/wire"
)

// TestP2_WorksOverTheRealBusAndJournal runs an agent over the in-memory bus
// and journal that the product's other parts are tested with.
func TestP2_WorksOverTheRealBusAndJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := membus.New()
		c := newControl(1, freshet.Topology{Version: 1, POPs: pops(pop("a"))})
		stop, err := b.Control().Serve(bus.ControlHandlers{
			Call: func(_ context.Context, pop string, call bus.Call, req []byte) ([]byte, error) {
				return c.call(pop, call, req)
			},
			Heartbeat: func(pop string, msg []byte) {
				h, err := wire.DecodeHeartbeat(msg)
				if err != nil {
					t.Error(err)
				}
				c.with(func() { c.beats[pop] = h })
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		diary := journal.NewMemory()
		drv := newCache(1)
		drv.put(u1)
		life := func(play func(push func(bus.Channel, []byte))) {
			ctx, cancel := context.WithCancel(t.Context())
			a, err := agent.New(agent.Options{
				POP: "a", Bus: b.Agent("a"), Journal: diary,
				Driver: &handle{drv, &killer{end: func() {}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := a.Run(ctx); err != nil {
					t.Error(err)
				}
			})
			pass(time.Second)
			play(func(ch bus.Channel, msg []byte) {
				if err := b.Control().Push(ctx, ch, msg); err != nil {
					t.Error(err)
				}
			})
			pass(time.Second)
			cancel()
			wg.Wait()
		}
		p, f := purge(u1), prefetch(u1)
		life(func(push func(bus.Channel, []byte)) {
			c.append(p)
			c.append(f)
			push(bus.ChannelHead, wire.EncodeHeads([]freshet.Cursor{
				{Subject: freshet.SubjectPurge, At: p.At}, {Subject: freshet.SubjectPrefetch, At: f.At},
			}))
		})
		last := purge(u2)
		life(func(push func(bus.Channel, []byte)) {
			push(bus.ChannelPurge, wire.EncodeEntries(wire.EntryBatch{
				Subject: freshet.SubjectPurge, Prev: p.At, Entries: []*freshet.Entry{c.append(last)},
			}))
		})
		w := &world{control: c, t: t}
		w.want(t, "a", p, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.want(t, "a", last, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if h := c.beat("a"); h.Watermark != last.At || !drv.has(u1) || len(drv.flushed) != 1 {
			t.Fatalf("heartbeat %+v, stored %v, flushed %d times", h, drv.has(u1), len(drv.flushed))
		}
	})
}

// BenchmarkPurge measures purges of 100 URLs from the push to the watermark,
// with a cache that answers at once and a journal in memory.
func BenchmarkPurge(b *testing.B) {
	c := newControl(1, freshet.Topology{Version: 1, POPs: pops(pop("a"))})
	drv := newCache(1)
	drv.delay, drv.powers.MaxBatch = 0, 1000
	ctx, cancel := context.WithCancel(b.Context())
	a, err := agent.New(agent.Options{
		POP: "a", Bus: c.connect("a"), Journal: journal.NewMemory(), Driver: &handle{drv, &killer{end: func() {}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	defer wg.Wait()
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	urls := make([]string, 100)
	var prev freshet.Position
	for n := 0; b.Loop(); n++ {
		for i := range urls {
			urls[i] = fmt.Sprintf("http://vod.example.com/%d/%d.ts", n, i)
		}
		e := purge(urls...)
		e.At, e.Targets = freshet.Position{Pos: uint64(n + 1)}, []string{"a"}
		c.with(func() {
			c.spread(bus.ChannelPurge, "", wire.EncodeEntries(wire.EntryBatch{
				Subject: freshet.SubjectPurge, Prev: prev, Entries: []*freshet.Entry{e},
			}))
		})
		for a.Heartbeat().Watermark.Before(e.At) {
			<-tick.C
		}
		prev = e.At
	}
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "urls/s")
}
