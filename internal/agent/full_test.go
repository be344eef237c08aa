package agent_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
)

// TestP10_ANearlyFullDiskFailsNewPrefetchesAndPurgesGoOn follows a POP whose
// disk fills up: what was journalled is finished, what comes is not journalled
// and says why, purges are carried out and told, and all is as before when there
// is room again.
func TestP10_ANearlyFullDiskFailsNewPrefetchesAndPurgesGoOn(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		var low atomic.Bool
		s.opts = func(o *agent.Options) { o.DiskLow = low.Load }
		s.cache.hold = make(chan struct{}) // prefetches take their time
		s.start("", 0)
		pass(2 * time.Second)
		before := w.append(prefetch(u1))
		pass(2 * time.Second)
		kept := len(s.disk.entries())

		low.Store(true)
		refused := w.append(prefetch(u2, u3))
		p := w.append(purge(u1 + "?other"))
		pass(5 * time.Second)
		w.want(t, "a", refused, 0, freshet.OutcomeFailed, freshet.ReasonNoSpace)
		w.want(t, "a", refused, 1, freshet.OutcomeFailed, freshet.ReasonNoSpace)
		w.want(t, "a", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if n := len(s.disk.entries()); kept != 1 || n != kept {
			t.Fatalf("%d entries were in the journal, and %d are", kept, n)
		}
		if h := w.beat("a"); h.Watermark != p.At || h.Owed != 1 {
			t.Fatalf("%+v", h)
		}
		close(s.cache.hold)
		pass(5 * time.Second)
		w.want(t, "a", before, 0, freshet.OutcomeDone, freshet.ReasonNone)

		low.Store(false)
		after := w.append(prefetch(u2))
		pass(5 * time.Second)
		w.want(t, "a", after, 0, freshet.OutcomeDone, freshet.ReasonNone)
		s.kill()
		s.start("", 0) // and nothing of it is read again
		pass(5 * time.Second)
		w.want(t, "a", refused, 0, freshet.OutcomeFailed, freshet.ReasonNoSpace)
	})
}

// TestP10_PrefetchesReadAheadAreBounded keeps a cache busy, and looks how much
// of the log the journal holds meanwhile: by entries, and by bytes.
func TestP10_PrefetchesReadAheadAreBounded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*agent.Options){
		"entries": func(o *agent.Options) { o.PrefetchAhead = 5 },
		"bytes":   func(o *agent.Options) { o.ReadAheadBytes = 500 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				t := w.t
				s := w.sites["a"]
				s.opts = func(o *agent.Options) {
					o.PrefetchWorkers, o.PullLimit = 1, 1
					change(o)
				}
				s.cache.hold = make(chan struct{})
				s.start("", 0)
				pass(2 * time.Second)
				var all []*freshet.Entry
				for range 40 {
					all = append(all, w.append(prefetch(u1, u2)))
				}
				pass(time.Minute)
				if n := len(s.disk.entries()); n == 0 || n > 8 {
					t.Fatalf("%d of 40 entries are in the journal", n)
				}
				close(s.cache.hold)
				pass(2 * time.Minute)
				for _, e := range all {
					for item := range 2 {
						if _, ok := w.answer("a", e.At, item); !ok {
							t.Fatalf("item %d of %s was lost", item, e.At)
						}
					}
				}
			})
		})
	}
}
