package agent_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/store/journal"
	"github.com/freshet-vod/freshet/internal/wire"
)

// BenchmarkPurge measures purges of 100 URLs from the push to the watermark,
// with a cache that answers at once and a journal in memory.
func BenchmarkPurge(b *testing.B) {
	c := newControl(b, 1, freshet.Topology{Version: 1, POPs: pops(pop("a"))})
	defer c.close()
	drv := newCache(1, &c.ticks)
	drv.delay, drv.powers.MaxBatch = 0, 1000
	ctx, cancel := context.WithCancel(b.Context())
	a, err := agent.New(agent.Options{
		POP: "a", Bus: c.bus.Agent("a"), Journal: journal.NewMemory(), Driver: &handle{drv, &killer{end: func() {}}},
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
	// What is pushed before the agent listens is lost, and nothing here would
	// show it the gap.
	head := wire.EncodeHeads([]freshet.Cursor{{Subject: freshet.SubjectPurge}})
	for !a.Heartbeat().Ready {
		c.push(ctx, bus.ChannelHead, head)
		<-tick.C
	}
	urls := make([]string, 100)
	var prev freshet.Position
	for n := 0; b.Loop(); n++ {
		for i := range urls {
			urls[i] = fmt.Sprintf("http://vod.example.com/%d/%d.ts", n, i)
		}
		e := purge(urls...)
		e.At, e.Targets = freshet.Position{Pos: uint64(n + 1)}, []string{"a"}
		c.push(ctx, bus.ChannelPurge, wire.EncodeEntries(wire.EntryBatch{
			Subject: freshet.SubjectPurge, Prev: prev, Entries: []*freshet.Entry{e},
		}))
		for a.Heartbeat().Watermark.Before(e.At) {
			<-tick.C
		}
		prev = e.At
	}
	b.ReportMetric(float64(100*b.N)/b.Elapsed().Seconds(), "urls/s")
}
