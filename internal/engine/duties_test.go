package engine_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// fenced makes an engine whose POPs are to be not ready in silence, n at most.
func fenced(n int) func(*engine.Options) {
	return func(o *engine.Options) {
		o.Store.Duties = o.Store.Log.(store.Duties)
		o.Silence = freshet.Silence{After: time.Minute, Then: freshet.SilenceNotReady}
		o.NotReady = n
		for i := range o.POPs {
			o.POPs[i].Remote = true
		}
	}
}

// ask has a POP ask for the topology, as it does when a push got lost.
func (p *popPlayed) ask() freshet.Topology {
	msg := p.insist(bus.CallTopology, wire.EncodeTopology(freshet.Topology{}))
	t, err := wire.DecodeTopology(msg)
	must(p.w.t, err)
	return t
}

// report has it say how it stands.
func (p *popPlayed) report(r freshet.Report) {
	_, err := wire.DecodeHeads(p.insist(bus.CallReport, wire.EncodeReport(r)))
	must(p.w.t, err)
}

// insist makes a call until there is somebody who answers.
func (p *popPlayed) insist(call bus.Call, req []byte) []byte {
	p.w.t.Helper()
	for {
		msg, err := p.agent.Do(p.w.t.Context(), call, req)
		if err == nil {
			return msg
		}
		if !freshet.Retryable(err) {
			p.w.t.Fatal(err)
		}
		runtime.Gosched()
	}
}

func (p *popPlayed) permit(t freshet.Topology) bool {
	me, _ := t.POP(p.id)
	return me.Silence.Permit
}

// TestP5_NeverMorePermitsThanSettled: whatever POPs miss, say late or do not say,
// whoever is marked down, up or drained, and however often the control plane
// starts anew, no more POPs than settled believe that they may leave.
func TestP5_NeverMorePermitsThanSettled(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			dice := rand.New(rand.NewPCG(seed, 5))
			most, dir := dice.IntN(3), t.TempDir()
			ids := []string{"p0", "p1", "p2", "p3"}
			believes := map[string]freshet.Topology{}
			seen := 0
			for life := range 2 {
				t.Run(fmt.Sprint("life ", life), func(t *testing.T) {
					w := &world{t: t, bus: membus.New(), pops: map[string]*popPlayed{}}
					w.start(dir, fenced(most), ids...)
					for range 50 {
						seen = max(seen, step(w, dice, ids, believes, most))
					}
				})
			}
			if seen != most {
				t.Errorf("%d of %d permits were ever used", seen, most)
			}
		})
	}
}

// step does one thing and returns how many POPs believe that they hold a permit.
func step(w *world, dice *rand.Rand, ids []string, believes map[string]freshet.Topology, most int) int {
	w.t.Helper()
	id := ids[dice.IntN(len(ids))]
	p := w.pops[id]
	switch dice.IntN(6) {
	case 0, 1:
		if t := p.ask(); t.Version > believes[id].Version {
			believes[id] = t
		}
	case 2, 3:
		p.report(freshet.Report{Topology: believes[id].Version, Permit: p.permit(believes[id]), Revalidates: dice.IntN(2) == 0})
	case 4:
		must(w.t, w.SetPOP(w.t.Context(), id, dice.IntN(2) == 0))
	default:
		must(w.t, w.DrainPOP(w.t.Context(), id, dice.IntN(2) == 0))
	}
	n := 0
	for id, t := range believes {
		if w.pops[id].permit(t) {
			n++
		}
	}
	if n > most {
		w.t.Fatalf("%d POPs believe that they may leave, %d may", n, most)
	}
	return n
}

// TestP5_APermitThatIsGivenBackGoesToAnother, and not before: a POP that is not
// heard may have left already.
func TestP5_APermitThatIsGivenBackGoesToAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fenced(1), "a", "b", "c")
	holders := func(want string) {
		t.Helper()
		got := ""
		for _, p := range w.Topology().POPs {
			if p.Silence.Permit {
				got += p.ID
			}
		}
		if got != want {
			t.Errorf("the permit is at %q, want %q", got, want)
		}
	}
	holders("a")
	must(t, w.SetPOP(t.Context(), "a", true))
	holders("")
	w.pops["c"].report(freshet.Report{Topology: w.Topology().Version, Revalidates: true})
	holders("") // "a" has not said that it is told
	w.pops["b"].report(freshet.Report{Topology: w.Topology().Version, Revalidates: true})
	w.pops["a"].report(freshet.Report{Topology: w.Topology().Version - 1})
	holders("")
	w.pops["c"].report(freshet.Report{Topology: w.Topology().Version})
	w.pops["a"].report(freshet.Report{Topology: w.Topology().Version})
	holders("c") // whose caches can do nothing else
	must(t, w.RemovePOP(t.Context(), "c"))
	holders("b")
}

// TestP5_StatusTellsWhatAPOPDoesInSilence, and what it reported.
func TestP5_StatusTellsWhatAPOPDoesInSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *engine.Options) {
		fenced(1)(o)
		o.POPs[2].Silence = freshet.Silence{After: time.Minute, Then: freshet.SilenceOff}
	}, "a", "b", "c", "d")
	status := func(id string) freshet.POPStatus {
		t.Helper()
		list, err := w.POPs(t.Context())
		must(t, err)
		i := slices.IndexFunc(list, func(p freshet.POPStatus) bool { return p.ID == id })
		return list[i]
	}
	w.pops["d"].report(freshet.Report{Obstacles: []string{"drained"}, Silent: true, Traffic: freshet.Traffic{Known: true, Quiet: time.Minute}})
	for id, want := range map[string]string{"a": "not_ready", "b": "revalidate", "c": "off", "d": "unable"} {
		if got := status(id).OnSilence; got != want {
			t.Errorf("in silence %s does %s, want %s", id, got, want)
		}
	}
	for status("d").State != "up" { // it may be on its way
		must(t, w.pops["d"].agent.Beat(t.Context(), wire.EncodeHeartbeat(freshet.Heartbeat{POP: "d", Incarnation: "i"})))
	}
	if s := status("d"); !slices.Equal(s.Obstacles, []string{"drained"}) || !s.Silent || s.Traffic != freshet.TrafficQuiet {
		t.Errorf("%+v", s)
	}
	w.pops["d"].report(freshet.Report{Traffic: freshet.Traffic{Known: true, Quiet: time.Second}})
	if s := status("d"); len(s.Obstacles) > 0 || s.Silent || s.Traffic != freshet.TrafficBusy {
		t.Errorf("%+v", s)
	}
	if s := status("a"); s.Traffic != freshet.TrafficUnknown {
		t.Errorf("%+v", s)
	}
	w.pops["b"].insist(bus.CallTopology, wire.EncodeTopologyAs(wire.Version2, freshet.Topology{}))
	if got := status("b").OnSilence; got != freshet.SilenceUnable {
		t.Errorf("a POP of an older release does %s", got)
	}
}

// TestDrain_OutlastsTheControlPlane: it is ended by an operator only, also by
// taking the POP back.
func TestDrain_OutlastsTheControlPlane(t *testing.T) { //nolint:tparallel // lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	drained := func(t *testing.T, w *world) bool {
		t.Helper()
		list, err := w.POPs(t.Context())
		must(t, err)
		p, _ := w.Topology().POP("a")
		if p.Drained == list[0].Drained.IsZero() {
			t.Errorf("POPs are told %v, operators %v", p.Drained, list[0].Drained)
		}
		return p.Drained
	}
	for life, before := range []bool{false, true, false} {
		t.Run(fmt.Sprint(life), func(t *testing.T) {
			w := &world{t: t, bus: membus.New(), pops: map[string]*popPlayed{}}
			w.start(dir, fenced(0), "a")
			if drained(t, w) != before {
				t.Errorf("drained at the start: %v", !before)
			}
			if before {
				must(t, w.SetPOP(t.Context(), "a", false))
			} else {
				must(t, w.DrainPOP(t.Context(), "a", true))
			}
			if drained(t, w) == before {
				t.Error("nothing happened")
			}
			if code := freshet.ErrorCode(w.DrainPOP(t.Context(), "nobody", true)); code != freshet.CodeNotFound {
				t.Errorf("a stranger: %v", code)
			}
		})
	}
}
