package bench_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/cache"
	cacheedge "github.com/freshet-vod/freshet/internal/cache/edge"
	"github.com/freshet-vod/freshet/internal/cache/varnish"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
	"github.com/freshet-vod/freshet/internal/edge"
	"github.com/freshet-vod/freshet/internal/store/journal"
	"github.com/freshet-vod/freshet/internal/wire"
)

// What piled up for a POP that was away: films of 1,000 segments, each purged
// ten times, all of them in turn.
const (
	drainFilms = 100
	drainURLs  = 1000
	drainTimes = 10
)

// BenchmarkDrain is how long a POP that was away takes to work off 100,000
// distinct and 900,000 repeated purges, up to the last of its evidence, against
// handing the 100,000 to the same kind of cache directly: as many calls at a
// time, of as many URLs each, and looked into afterwards in the same way.
func BenchmarkDrain(b *testing.B) {
	log := pileUp()
	b.Run("Varnish", func(b *testing.B) { drain(b, log, openVarnish) })
	b.Run("Edge", func(b *testing.B) { drain(b, log, openEdge) })
}

// opener opens a cache that is empty, and returns what closes it.
type opener func(b *testing.B) (d cache.Driver, shut func())

func drain(b *testing.B, log []*freshet.Entry, open opener) {
	b.Helper()
	var direct, alone, piled time.Duration
	n := 0.0
	for b.Loop() {
		direct += sendDirectly(b, open, log[:drainFilms])
		alone += workOff(b, open, log[:drainFilms])
		piled += workOff(b, open, log)
		n++
	}
	b.ReportMetric(direct.Seconds()/n, "s-direct")
	b.ReportMetric(alone.Seconds()/n, "s-once")
	b.ReportMetric(piled.Seconds()/n, "s-piled")
	b.ReportMetric(float64(piled)/float64(direct), "ratio")
	b.ReportMetric(0, "ns/op")
}

func pileUp() []*freshet.Entry {
	var log []*freshet.Entry
	for range drainTimes {
		for f := range drainFilms {
			urls := make([]string, drainURLs)
			for i := range urls {
				urls[i] = fmt.Sprintf("http://vod.example.com/film-%04d/720p/seg-%05d.ts", f, i)
			}
			log = append(log, &freshet.Entry{
				At: freshet.Position{Epoch: 1, Pos: uint64(len(log) + 1)}, Kind: freshet.EntryPurge, Account: "default",
				Job: fmt.Sprintf("%016x", len(log)), Domain: "vod.example.com", FirstTask: uint64(len(log)*drainURLs + 1),
				Targets: []string{"a"}, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: urls},
			})
		}
	}
	return log
}

func openEdge(b *testing.B) (d cache.Driver, shut func()) {
	b.Helper()
	c, err := edge.Open(b.Context(), edge.Options{Dir: b.TempDir(), POP: "a"})
	if err != nil {
		b.Fatal(err)
	}
	return cacheedge.New(c), func() {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
	}
}

func openVarnish(b *testing.B) (d cache.Driver, shut func()) {
	b.Helper()
	srv, err := varnishtest.Start(b.Context(), varnishtest.Options{Dir: b.TempDir(), Origin: "http://127.0.0.1:9"})
	if err != nil {
		b.Fatal(err)
	}
	v, err := varnish.New(b.Context(), varnish.Options{Control: srv.Control, URL: srv.URL})
	if err != nil {
		b.Fatal(err)
	}
	return v, func() {
		if err := errors.Join(v.Close(), srv.Stop()); err != nil {
			b.Error(err)
		}
	}
}

// sendDirectly purges without a log: four calls at a time of 256 URLs, as an
// agent makes them.
func sendDirectly(b *testing.B, open opener, log []*freshet.Entry) time.Duration {
	b.Helper()
	d, shut := open(b)
	defer shut()
	orders := make(chan cache.Order)
	var wg sync.WaitGroup
	began := time.Now()
	for range 4 {
		wg.Go(func() {
			for o := range orders {
				for _, r := range cache.Settle(b.Context(), d, o, freshet.VerifyInspect) {
					if r.Outcome == freshet.OutcomeFailed {
						b.Errorf("%+v", r)
					}
				}
			}
		})
	}
	for _, e := range log {
		for urls := e.Selector.URLs; len(urls) > 0; {
			n := min(256, len(urls))
			orders <- cache.Order{At: e.At, Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: urls[:n]}}
			urls = urls[n:]
		}
	}
	close(orders)
	wg.Wait()
	return time.Since(began)
}

// workOff lets an agent read a log and carry it out.
func workOff(b *testing.B, open opener, log []*freshet.Entry) time.Duration {
	b.Helper()
	d, shut := open(b)
	defer shut()
	diary, err := journal.Open(b.Context(), b.TempDir()+"/agent.db")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = diary.Close() }()
	wires, desk := membus.New(), newShelf(log)
	control := wires.Control()
	unserve, err := control.Serve(bus.ControlHandlers{Call: desk.call, Heartbeat: func(string, []byte) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer unserve()
	a, err := agent.New(agent.Options{POP: "a", Bus: wires.Agent("a"), Driver: d, Journal: diary})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- a.Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for a.Heartbeat().Watermark.Before(log[len(log)-1].At) {
		<-tick.C
	}
	// What is journalled is on its way. (It is cleared from the journal later,
	// when nothing else is to be done.)
	state, _, err := diary.LoadAgent(ctx)
	if err != nil {
		b.Fatal(err)
	}
	for desk.messages.Load() < state.LastNumber {
		<-tick.C
	}
	took := time.Since(began)
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	return took
}

// shelf is a control plane that hands out a log, in pieces as large as the
// engine's, and takes evidence. The pieces are packed before any clock runs: it
// is another machine's work.
type shelf struct {
	log      []*freshet.Entry
	pieces   map[freshet.Position][]byte
	messages atomic.Uint64 // of evidence
}

func newShelf(log []*freshet.Entry) *shelf {
	const piece = 100
	s := &shelf{log: log, pieces: map[freshet.Position][]byte{}}
	prev := freshet.Position{}
	for part := range slices.Chunk(log, piece) {
		s.pieces[prev] = wire.EncodeEntries(wire.EntryBatch{Subject: freshet.SubjectPurge, Prev: prev, Entries: part})
		prev = part[len(part)-1].At
	}
	return s
}

func (s *shelf) call(_ context.Context, _ string, call bus.Call, req []byte) ([]byte, error) {
	switch call {
	case bus.CallTopology:
		return wire.EncodeTopology(freshet.Topology{Version: 1, POPs: []freshet.POP{{ID: "a"}}}), nil
	case bus.CallEvidence:
		s.messages.Add(1)
		return nil, nil
	case bus.CallDenied:
		return wire.EncodeDenyPage(wire.DenyPage{}), nil
	case bus.CallTurn:
		return wire.EncodeTurn(wire.Turn{Granted: true}), nil
	case bus.CallReport:
		return wire.EncodeHeads(nil), nil
	case bus.CallPull:
	}
	q, err := wire.DecodePull(req)
	if err != nil {
		return nil, err
	}
	batch := wire.EntryBatch{Subject: q.Subject, Prev: q.After}
	if q.Subject == freshet.SubjectPurge {
		if msg, ok := s.pieces[q.After]; ok {
			return msg, nil
		}
		// There was no room for all of a piece.
		batch.Entries = s.log[q.After.Pos:min(q.After.Pos+20, uint64(len(s.log)))]
	}
	return wire.EncodeEntries(batch), nil
}
