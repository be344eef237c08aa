package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
)

// TestP2_NothingIsLostAtAnyCrash kills the agent before and after every purge,
// cursor and commit of a small history, and expects the same end each time.
func TestP2_NothingIsLostAtAnyCrash(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"purge", "cursor", "commit"} {
		for _, when := range []string{"before", "after"} {
			for n := 1; n <= 8; n++ {
				t.Run(fmt.Sprintf("%s %s %d", when, op, n), func(t *testing.T) {
					t.Parallel()
					bubble(t, pops(pop("a")), func(w *world) { crashOnce(w, when+" "+op, n) })
				})
			}
		}
	}
}

func crashOnce(w *world, op string, n int) {
	t := w.t
	s := w.sites["a"]
	s.cache.verdict = func(op, url string, _ freshet.Position) freshet.Reason {
		if op == "purge" && url == u3 {
			return freshet.ReasonRefused
		}
		return freshet.ReasonNone
	}
	s.cache.put(u1)
	s.cache.put(u2)
	s.start(op, n)
	var done []*freshet.Entry
	for range 4 {
		done = append(done, w.append(purge(u2)))
		pass(1500 * time.Millisecond)
	}
	done = append(done, w.append(purge(u1)), w.append(purge(u1)), w.append(purgePrefix("http://vod.example.com/c/")))
	warm := w.append(prefetch(u2))
	refused := w.append(purge(u3))
	cold := w.append(prefetch(u3))
	pass(3 * time.Second)
	crashed := s.k.fired
	s.kill()
	s.start("", 0)
	pass(5 * time.Second)
	if n <= 3 && !crashed {
		t.Fatalf("%s %d never happened", op, n)
	}
	for _, e := range done {
		a, ok := w.answer("a", e.At, 0)
		if !ok || a.fact.Outcome != freshet.OutcomeDone && a.fact.Outcome != freshet.OutcomeAlready &&
			a.fact.Outcome != freshet.OutcomeCovered {
			t.Fatalf("%s: %+v", e.At, a.fact)
		}
	}
	w.want(t, "a", refused, 0, freshet.OutcomeFailed, freshet.ReasonRefused)
	w.want(t, "a", cold, 0, freshet.OutcomeFailed, freshet.ReasonPurgeFailed)
	if a, ok := w.answer("a", warm.At, 0); !ok || !a.fact.After.Stored() {
		t.Fatalf("prefetch: %+v", a.fact)
	}
	if s.cache.has(u1) || !s.cache.has(u2) || s.disk.spooled() != 0 {
		t.Fatalf("stored %v %v, spooled %d", s.cache.has(u1), s.cache.has(u2), s.disk.spooled())
	}
	if h := w.beat("a"); h.Watermark != refused.At || len(h.Exceptions) != 1 || h.Owed != 0 {
		t.Fatalf("heartbeat %+v", h)
	}
	w.with(func() {
		for _, seen := range w.numbers {
			for n := range uint64(len(seen)) {
				if !seen[n+1] {
					t.Errorf("number %d is missing", n+1)
				}
			}
		}
	})
}
