package agent_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
)

// films is how many films a backlog names, over and over.
const films = 20

// piled appends purges of a few films, one after the other, many times over.
func piled(w *world, times int) (log []*freshet.Entry) {
	for range times {
		for f := range films {
			log = append(log, w.append(purge(fmt.Sprintf("http://vod.example.com/%d/1.ts", f), fmt.Sprintf("http://vod.example.com/%d/2.ts", f))))
		}
	}
	return log
}

func TestP2_BacklogIsReadBeforeItIsCarriedOut(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.powers.MaxBatch = 100
		const times = 15
		w.weather.turn(faults{Mute: true})
		log := piled(w, times) // a pull is answered with five of the 300 entries
		w.weather.turn(faults{Delay: 20 * time.Millisecond})
		s.start("", 0)
		pass(20 * time.Second)
		last := log[len(log)-films:]
		for i, e := range log {
			for item, u := range e.Selector.URLs {
				if got := s.cache.effectsOn(u); !slices.Equal(got, []freshet.Position{last[i%films].At}) {
					t.Fatalf("%s was purged at %v, want once at %s", u, got, last[i%films].At)
				}
				if i >= len(log)-films {
					w.want(t, "a", e, item, freshet.OutcomeAlready, freshet.ReasonNone)
				} else if f := w.want(t, "a", e, item, freshet.OutcomeCovered, freshet.ReasonNone); f.CoveredBy != last[i%films].At {
					t.Fatalf("%s item %d is covered by %s, want %s", e.At, item, f.CoveredBy, last[i%films].At)
				}
			}
		}
		if h := w.beat("a"); h.Watermark != log[len(log)-1].At || h.Owed != 0 || !h.Ready {
			t.Fatalf("heartbeat %+v", h)
		}
	})
}

func TestP4_BacklogIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		w.weather.turn(faults{Mute: true})
		log := piled(w, 100)
		w.weather.turn(faults{Delay: 2 * time.Second}) // 400 pulls of a second or two
		s.start("", 0)
		pass(15 * time.Second)
		if h := w.beat("a"); h.Watermark.IsZero() {
			t.Fatal("nothing was carried out in 15 s")
		}
		w.weather.turn(faults{})
		pass(time.Minute)
		if h := w.beat("a"); h.Watermark != log[len(log)-1].At {
			t.Fatalf("watermark %s, want %s", h.Watermark, log[len(log)-1].At)
		}
	})
}

func TestP4_PurgesAreNotHeldUpWhileTheLogCannotBeRead(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.start("", 0)
		pass(2 * time.Second)
		sick := true
		s.cache.verdict = func(op, _ string, _ freshet.Position) freshet.Reason {
			if op == "purge" && sick {
				return freshet.ReasonTimeout
			}
			return freshet.ReasonNone
		}
		e := w.append(purge(u1))
		pass(time.Second)
		// The cache is well again; the log has gone far ahead, out of reach.
		w.weather.turn(faults{Mute: true, Cut: true})
		piled(w, 10)
		w.weather.turn(faults{Cut: true})
		pass(1500 * time.Millisecond) // a head arrives
		s.cache.with(func() { sick = false })
		pass(4 * time.Second)
		if n := len(s.cache.effectsOn(u1)); n == 0 {
			t.Fatalf("%s waits for a log that cannot be read", e.At)
		}
	})
}

func TestP10_BacklogBeyondItsRoomIsWorkedOff(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name           string
		entries, bytes int
	}{{"entries", 50, 0}, {"bytes", 0, 60_000}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				t := w.t
				s := w.sites["a"]
				s.opts = func(o *agent.Options) { o.ReadAhead, o.ReadAheadBytes = tc.entries, tc.bytes }
				w.weather.turn(faults{Mute: true})
				log := piled(w, 30)
				w.weather.turn(faults{})
				s.start("", 0)
				pass(time.Minute)
				if h := w.beat("a"); h.Watermark != log[len(log)-1].At || h.Owed != 0 {
					t.Fatalf("heartbeat %+v", h)
				}
				for _, e := range log {
					if _, ok := w.answer("a", e.At, 1); !ok {
						t.Fatalf("nothing is known of %s", e.At)
					}
				}
				n := len(s.cache.effectsOn(log[0].Selector.URLs[0]))
				if n < 2 || n > 20 {
					t.Fatalf("a URL of 30 purges was purged %d times with room for some of them", n)
				}
			})
		})
	}
}
