package agent_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// act is one thing that happens in a random history.
type act struct {
	Kind string // purge, prefix, prefetch, down, up, kill, start, wait, release
	URLs []string
	POP  string
	Op   string // with start: when the next life ends
	N    int
	Wait time.Duration
}

// history is a random world: drawn in full before the bubble, because the
// generator must not be asked from within.
type history struct {
	Seed     uint64
	POPs     []freshet.POP
	Bad      faults
	Lost     float64
	Sync     time.Duration // that a commit of a journal takes
	LateFill float64
	Defeats  bool
	Keeps    bool
	Refuse   string // the URL that the first POP refuses to purge
	Acts     []act
}

func genHistory(t *rapid.T) history {
	h := history{
		Seed: rapid.Uint64().Draw(t, "seed"),
		POPs: genGraph(t),
		Bad: faults{
			Lose:   rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(t, "lose"),
			Repeat: rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "repeat"),
			Fail:   rapid.SampledFrom([]float64{0, 0.2}).Draw(t, "fail"),
			Delay: rapid.SampledFrom([]time.Duration{
				0, 2 * time.Millisecond, 50 * time.Millisecond, 2 * time.Second,
			}).Draw(t, "delay"),
		},
		Sync:     rapid.SampledFrom([]time.Duration{0, 3 * time.Millisecond, 100 * time.Millisecond}).Draw(t, "sync"),
		Lost:     rapid.SampledFrom([]float64{0, 0.2}).Draw(t, "transient"),
		LateFill: rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "late"),
		Defeats:  rapid.Bool().Draw(t, "defeats"),
		Keeps:    rapid.Bool().Draw(t, "keeps"),
		Refuse:   rapid.SampledFrom([]string{"", "", u2}).Draw(t, "refuse"),
	}
	h.Acts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act { return genAct(t, h.POPs) }), 1, 25).Draw(t, "acts")
	return h
}

func genGraph(t *rapid.T) []freshet.POP {
	var all []freshet.POP
	var above []string
	for tier := range rapid.IntRange(1, 3).Draw(t, "tiers") {
		var here []string
		for i := range rapid.IntRange(1, 2).Draw(t, "width") {
			p := freshet.POP{ID: fmt.Sprintf("p%d%d", tier, i)}
			for _, a := range above {
				if rapid.Bool().Draw(t, "parent") {
					p.Parents = append(p.Parents, a)
				}
			}
			all = append(all, p)
			here = append(here, p.ID)
		}
		above = append(above, here...)
	}
	return all
}

func genAct(t *rapid.T, list []freshet.POP) act {
	a := act{
		Kind: rapid.SampledFrom([]string{
			"purge", "purge", "purge", "prefix", "prefetch", "prefetch", "down", "up", "kill", "start", "wait", "release",
		}).Draw(t, "kind"),
		POP:  rapid.SampledFrom(list).Draw(t, "pop").ID,
		Wait: rapid.SampledFrom([]time.Duration{0, time.Millisecond, 30 * time.Millisecond, 3 * time.Second}).Draw(t, "wait"),
	}
	switch a.Kind {
	case "purge", "prefetch":
		a.URLs = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{u1, u2, u3}), 1, 3, rapid.ID[string]).Draw(t, "urls")
	case "prefix":
		a.URLs = []string{rapid.SampledFrom([]string{"http://vod.example.com/a/", "http://vod.example.com/"}).Draw(t, "prefix")}
	case "start":
		op := rapid.SampledFrom([]string{"", "purge", "cursor", "commit"}).Draw(t, "op")
		if op != "" {
			a.Op = rapid.SampledFrom([]string{"before ", "after "}).Draw(t, "when") + op
		}
		a.N = rapid.IntRange(1, 4).Draw(t, "n")
	}
	return a
}

func TestP3_OrderHoldsInEveryHistory(t *testing.T) {
	t.Parallel()
	rounds := 2 // of 100 histories each
	if os.Getenv("FRESHET_SOAK") != "" {
		rounds *= 10
	}
	for n := range rounds {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				h := genHistory(rt)
				var faulty string
				synctest.Test(t, func(t *testing.T) { faulty = h.play(t) })
				if faulty != "" {
					rt.Fatal(faulty)
				}
			})
		})
	}
}

// play lives through a history and returns the first broken promise.
func (h *history) play(t *testing.T) string {
	t.Helper()
	w := newWorld(t, h.Seed, h.POPs...)
	defer w.end()
	w.weather.turn(h.Bad)
	v := &watcher{w: w, reached: map[string][]mark{}}
	for i, p := range h.POPs {
		s := w.sites[p.ID]
		s.cache.powers.DefeatsFills, s.cache.powers.KeepsCursor = h.Defeats, h.Keeps
		s.cache.transient, s.cache.lateFill = h.Lost, h.LateFill
		// A call that is lost must not outlast the history.
		s.opts = func(o *agent.Options) { o.CallTimeout = 3 * time.Second }
		for _, u := range []string{u1, u2, u3} {
			s.cache.put(u)
		}
		if i == 0 && h.Refuse != "" {
			s.cache.verdict = func(op, url string, _ freshet.Position) freshet.Reason {
				if op == "purge" && url == h.Refuse {
					return freshet.ReasonRefused
				}
				return freshet.ReasonNone
			}
		}
		s.disk.delay = h.Sync
		s.disk.check = func(st store.AgentState) { v.committing(s, st) }
		s.start("", 0)
	}
	down := map[string]bool{}
	for _, a := range h.Acts {
		h.do(w, a, down)
		pass(a.Wait)
	}
	// Everything heals.
	w.weather.turn(faults{})
	for _, p := range h.POPs {
		s := w.sites[p.ID]
		s.cache.with(func() { s.cache.transient, s.cache.lateFill = 0, 0 })
		s.kill()
		s.start("", 0)
		if down[p.ID] {
			w.append(member(freshet.MemberUp, p.ID))
		}
	}
	return v.settle(h)
}

func (h *history) do(w *world, a act, down map[string]bool) {
	s := w.sites[a.POP]
	switch a.Kind {
	case "purge":
		w.append(purge(a.URLs...))
	case "prefix":
		w.append(purgePrefix(a.URLs[0]))
	case "prefetch":
		w.append(prefetch(a.URLs...))
	case "down":
		w.append(member(freshet.MemberDown, a.POP))
		down[a.POP] = true
	case "up":
		w.append(member(freshet.MemberUp, a.POP))
		down[a.POP] = false
	case "release": // the control plane is replaced by one of the other release
		w.with(func() { w.speaks = wire.Version2 + wire.Version3 - w.speaks })
	case "kill":
		s.kill()
	case "start":
		s.kill()
		s.start(a.Op, a.N)
	}
}
