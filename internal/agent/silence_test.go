package agent_test

import (
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/health"
)

// vigil notes when a POP's caches must ask before they serve.
type vigil struct {
	mu    sync.Mutex
	calls []bool
	end   freshet.Position // how far the POP was when that ended last
}

// keeps makes a site's caches be told, and a POP act on silence.
func (v *vigil) keeps(s *site) {
	s.opts = func(o *agent.Options) {
		o.OnVigil = func(on bool) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.calls = append(v.calls, on)
			if !on && s.a != nil {
				v.end = s.a.Heartbeat().Watermark
			}
		}
		o.Traffic = func() time.Duration { return 7 * time.Second }
	}
}

func (v *vigil) on() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.calls) > 0 && v.calls[len(v.calls)-1]
}

func silentPOP(id string, then freshet.OnSilence, permit bool) freshet.POP {
	p := pop(id)
	p.Silence = freshet.Silence{After: 2 * time.Minute, Then: then, Permit: permit}
	return p
}

// TestP5_SilenceIsBorneForAsLongAsTold: then everything is revalidated until the
// POP is in contact and has carried out what it missed. It serves all the time.
func TestP5_SilenceIsBorneForAsLongAsTold(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]faults{
		"nothing comes or goes": {Mute: true, Cut: true},
		"what is asked is lost": {Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(silentPOP("e", freshet.SilenceRevalidate, false)), func(w *world) {
				t, e := w.t, w.sites["e"]
				var v vigil
				v.keeps(e)
				e.start("", 0)
				pass(10 * time.Minute)
				if v.on() || !e.isReady() {
					t.Fatal("there is no silence")
				}
				w.weather.turn(bad)
				pass(2*time.Minute - 5*time.Second)
				if v.on() {
					t.Error("it is borne for two minutes")
				}
				pass(7 * time.Second)
				if !v.on() {
					t.Error("everything should be revalidated")
				}
				e.hinders("") // it goes on to get viewers
				missed := w.append(purge(u1))
				pass(10 * time.Minute)
				w.weather.turn(faults{Mute: true, Fail: 0.7}) // it gets through now and then, and what it missed does not
				pass(time.Second)
				w.weather.turn(faults{})
				pass(time.Minute)
				if v.on() || v.end.Before(missed.At) {
					t.Errorf("the vigil is on: %v; it ended at %v, what was missed is at %v", v.on(), v.end, missed.At)
				}
				if want := []bool{false, true, false}; len(v.calls) != len(want) {
					t.Errorf("the caches were told %v", v.calls)
				}
				for _, ready := range e.readiness() {
					if !ready {
						t.Error("it refused viewers meanwhile")
					}
				}
			})
		})
	}
}

// TestP5_SilenceOfPushesAloneIsNone: what is asked is answered, and what was
// pushed is pulled.
func TestP5_SilenceOfPushesAloneIsNone(t *testing.T) {
	t.Parallel()
	bubble(t, pops(silentPOP("e", freshet.SilenceRevalidate, false)), func(w *world) {
		e := w.sites["e"]
		var v vigil
		v.keeps(e)
		e.start("", 0)
		pass(time.Minute)
		w.weather.turn(faults{Mute: true})
		pass(10 * time.Minute)
		if v.on() {
			w.t.Error("the control plane answers")
		}
	})
}

// TestP5_NotReadyInSilenceNeedsAPermit: only the few that have one ask load
// balancers to pass them over, and they too serve those who come all the same.
func TestP5_NotReadyInSilenceNeedsAPermit(t *testing.T) {
	t.Parallel()
	all := pops(silentPOP("a", freshet.SilenceNotReady, true), silentPOP("b", freshet.SilenceNotReady, false),
		silentPOP("c", freshet.SilenceRevalidate, true), silentPOP("d", freshet.SilenceOff, true))
	bubble(t, all, func(w *world) {
		vigils := map[string]*vigil{}
		for id, s := range w.sites {
			vigils[id] = &vigil{}
			vigils[id].keeps(s)
			s.start("", 0)
		}
		pass(time.Minute)
		w.weather.turn(faults{Mute: true, Cut: true})
		pass(10 * time.Minute)
		for id, want := range map[string]bool{"a": true, "b": true, "c": true, "d": false} {
			if vigils[id].on() != want || !w.sites[id].isReady() {
				w.t.Errorf("%s revalidates: %v, serves: %v", id, vigils[id].on(), w.sites[id].isReady())
			}
			if id != "a" {
				w.sites[id].hinders("")
			}
		}
		w.sites["a"].hinders("silent for more than 2m0s", health.Silence)
		if w.sites["a"].a.Heartbeat().Ready {
			w.t.Error("it says that it is ready")
		}
		w.weather.turn(faults{})
		pass(time.Minute)
		for _, s := range w.sites {
			s.hinders("")
		}
		if r := w.reportOf("a"); r.Silent || !r.Permit || !r.Revalidates || r.Traffic != (freshet.Traffic{Known: true, Quiet: 7 * time.Second}) {
			w.t.Errorf("it reports %+v", r)
		}
	})
}

// TestP5_CachesThatCannotRevalidateGoOn, and say so before.
func TestP5_CachesThatCannotRevalidateGoOn(t *testing.T) {
	t.Parallel()
	bubble(t, pops(silentPOP("e", freshet.SilenceRevalidate, false)), func(w *world) {
		e := w.sites["e"]
		e.start("", 0)
		pass(time.Minute)
		if r := w.reportOf("e"); r.Revalidates || r.Traffic.Known || len(r.Obstacles) > 0 {
			w.t.Errorf("it reports %+v", r)
		}
		w.weather.turn(faults{Mute: true, Cut: true})
		pass(10 * time.Minute)
		e.hinders("")
	})
}

// TestDrain_TheAgentWorksOn, and is ready again when it has caught up.
func TestDrain_TheAgentWorksOn(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("e")), func(w *world) {
		t, e := w.t, w.sites["e"]
		drain := func(on bool) {
			w.with(func() {
				w.topology.Version++
				w.topology.POPs = pops(pop("e"))
				w.topology.POPs[0].Drained = on
			})
			pass(time.Minute)
		}
		e.start("", 0)
		pass(time.Minute)
		drain(true)
		e.hinders("an operator drains the POP", health.Drained)
		if e.a.Heartbeat().Ready || !e.isReady() {
			t.Error("balancers are to pass it over, and those who come are to be served")
		}
		done := w.append(purge(u1))
		pass(2 * time.Second)
		w.want(t, "e", done, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		e.kill()
		w.weather.turn(faults{Mute: true, Cut: true})
		e.start("", 0) // a new life knows it before it is told
		pass(time.Minute)
		e.hinders("an operator drains the POP", health.Drained, health.Contact)
		w.weather.turn(faults{})
		pass(time.Minute)
		e.hinders("an operator drains the POP", health.Drained)
		drain(false)
		e.hinders("")
		if !e.a.Heartbeat().Ready {
			t.Error("it is not ready again")
		}
	})
}
