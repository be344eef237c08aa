package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
)

func TestP3_ChildWaitsForItsParents(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s1"), pop("s2"), pop("e", "s1", "s2")), func(w *world) {
		t := w.t
		w.sites["s1"].start("", 0)
		w.sites["e"].start("", 0)
		pass(2 * time.Second)
		e := w.append(purge(u1))
		pass(time.Minute)
		w.want(t, "s1", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if n := len(w.sites["e"].cache.effectsOn(u1)); n != 0 {
			t.Fatal("the child purged before its second parent")
		}
		w.sites["s2"].start("", 0)
		pass(3 * time.Second)
		w.want(t, "e", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
	})
}

func TestP3_ChildFollowsWithinMilliseconds(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("m", "s"), pop("e", "m")), func(w *world) {
		t := w.t
		for _, s := range w.sites {
			s.start("", 0)
		}
		pass(1500 * time.Millisecond)
		e := w.append(purge(u1))
		pass(100 * time.Millisecond)
		w.want(t, "e", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
	})
}

func TestP3_ExcusedParentIsMadeGoodOnReturn(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		s, e := w.sites["s"], w.sites["e"]
		s.start("", 0)
		e.start("", 0)
		pass(2 * time.Second)
		s.kill()
		p := w.append(purge(u1))
		pass(time.Minute)
		w.wantNone(t, "e", p, 0)
		w.append(member(freshet.MemberDown, "s"))
		pass(5 * time.Second)
		w.want(t, "e", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		if kept := e.disk.entries(); len(kept) != 2 {
			t.Fatalf("%d entries are kept, want the purge and who is down", len(kept))
		}
		// The child forgets nothing over a restart, and the parent turns out
		// not to have been cut off.
		e.kill()
		e.start("", 0)
		e.cache.put(u1)
		pass(5 * time.Second)
		if n := len(e.cache.effectsOn(u1)); n != 1 {
			t.Fatalf("purged %d times while the parent is away", n)
		}
		s.start("", 0)
		w.append(member(freshet.MemberUp, "s"))
		pass(10 * time.Second)
		w.want(t, "e", p, 0, freshet.OutcomeDone, freshet.ReasonNone)
		if got := e.cache.effectsOn(u1); !slices.Equal(got, []freshet.Position{p.At, p.At}) {
			t.Fatalf("purged at %v, want twice at %s", got, p.At)
		}
		if kept := e.disk.entries(); len(kept) != 0 {
			t.Fatalf("%d entries are still kept", len(kept))
		}
	})
}

func TestP3_RemovedParentIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		e := w.sites["e"]
		e.start("", 0)
		pass(2 * time.Second)
		p := w.append(purge(u1))
		pass(5 * time.Second)
		w.wantNone(t, "e", p, 0)
		w.append(member(freshet.MemberRemove, "s"))
		pass(2 * time.Second)
		w.want(t, "e", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
	})
}

func TestP3_ParentsExceptionBlocksTheChild(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("m", "s"), pop("e", "m")), func(w *world) {
		t := w.t
		refuse := true
		w.sites["s"].cache.verdict = func(op, url string, _ freshet.Position) freshet.Reason {
			if refuse && op == "purge" && url == u2 {
				return freshet.ReasonRefused
			}
			return freshet.ReasonNone
		}
		for _, s := range w.sites {
			s.start("", 0)
		}
		pass(2 * time.Second)
		p := w.append(purge(u1, u2))
		warm := w.append(prefetch(u2))
		pass(2 * time.Second)
		w.want(t, "s", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		w.want(t, "s", p, 1, freshet.OutcomeFailed, freshet.ReasonRefused)
		for _, id := range []string{"m", "e"} {
			w.want(t, id, p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
			w.want(t, id, p, 1, freshet.OutcomeFailed, freshet.ReasonBlockedByParent)
			w.want(t, id, warm, 0, freshet.OutcomeFailed, freshet.ReasonPurgeFailed)
			if n := len(w.sites[id].cache.effectsOn(u2)); n != 1 {
				t.Fatalf("%s purged %d times, want once all the same", id, n)
			}
			if h := w.beat(id); h.Watermark != p.At || len(h.Exceptions) != 1 || !slices.Equal(h.Exceptions[0].Items, []int{1}) {
				t.Fatalf("%s: heartbeat %+v", id, h)
			}
		}
		// The list outlives a restart, and a later purge makes it good.
		w.sites["m"].kill()
		w.sites["m"].start("", 0)
		again := w.append(prefetch(u2))
		pass(3 * time.Second)
		w.want(t, "m", again, 0, freshet.OutcomeFailed, freshet.ReasonPurgeFailed)
		w.sites["s"].cache.with(func() { refuse = false })
		good := w.append(purge(u2))
		fresh := w.append(prefetch(u2))
		pass(3 * time.Second)
		for _, id := range []string{"s", "m", "e"} {
			w.want(t, id, good, 0, freshet.OutcomeAlready, freshet.ReasonNone)
			w.want(t, id, p, 1, freshet.OutcomeCovered, freshet.ReasonNone)
			w.want(t, id, fresh, 0, freshet.OutcomeDone, freshet.ReasonNone)
			if h := w.beat(id); len(h.Exceptions) != 0 || len(w.sites[id].disk.entries()) != 0 {
				t.Fatalf("%s: %d exceptions, %d kept", id, len(h.Exceptions), len(w.sites[id].disk.entries()))
			}
		}
	})
}

func TestP3_PatternsAreCarriedOutInOrder(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.put(u1)
		s.cache.put(u3)
		first := w.append(purgePrefix("http://vod.example.com/a/"))
		exact := w.append(purge(u1))
		second := w.append(purgePrefix("http://vod.example.com/"))
		tag := w.append(&freshet.Entry{Kind: freshet.EntryPurge, Selector: freshet.Selector{
			Kind: freshet.SelectTag, Pattern: "x", Hosts: []string{"vod.example.com"},
		}})
		s.cache.verdict = func(op, url string, _ freshet.Position) freshet.Reason {
			if op == "purge" && url == "x" {
				return freshet.ReasonUnsupported
			}
			return freshet.ReasonNone
		}
		s.start("", 0)
		pass(3 * time.Second)
		// A pattern neither covers an object nor is it covered.
		for _, e := range []*freshet.Entry{first, exact, second} {
			if a, ok := w.answer("a", e.At, 0); !ok || a.fact.Outcome == freshet.OutcomeCovered {
				t.Fatalf("%s: %+v", e.At, a.fact)
			}
		}
		if f := w.want(t, "a", second, 0, freshet.OutcomeDone, freshet.ReasonNone); f.Verified != freshet.VerifiedAnswer {
			t.Fatalf("verified %s", f.Verified)
		}
		w.want(t, "a", tag, 0, freshet.OutcomeFailed, freshet.ReasonUnsupported)
		if h := w.beat("a"); h.Watermark != tag.At || len(h.Exceptions) != 1 {
			t.Fatalf("heartbeat %+v", h)
		}
		a, b := s.cache.effectsOn(first.Selector.Pattern), s.cache.effectsOn(second.Selector.Pattern)
		if len(a) != 1 || len(b) != 1 || s.cache.has(u1) || s.cache.has(u3) {
			t.Fatalf("effects %v %v", a, b)
		}
	})
}

func TestP10_TooManyExceptionsHoldTheChildInsteadOfMisleadingIt(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		for _, s := range w.sites {
			s.cache.powers.MaxBatch = 100
			s.opts = func(o *agent.Options) { o.ExceptionBytes = 500 }
		}
		w.sites["s"].cache.verdict = func(op, url string, _ freshet.Position) freshet.Reason {
			if op == "purge" && !strings.HasSuffix(url, "/0") {
				return freshet.ReasonRefused
			}
			return freshet.ReasonNone
		}
		w.sites["s"].start("", 0)
		var all []*freshet.Entry
		for n := range 40 {
			urls := make([]string, 20)
			for i := range urls {
				urls[i] = fmt.Sprintf("http://vod.example.com/%d/%d", n, i)
			}
			all = append(all, w.append(purge(urls...)))
		}
		last := all[len(all)-1]
		pass(20 * time.Second)
		w.want(t, "s", last, 1, freshet.OutcomeFailed, freshet.ReasonRefused)
		h := w.beat("s")
		if !h.Watermark.Before(last.At) || len(h.Exceptions) == 0 || len(h.Exceptions) == 40 {
			t.Fatalf("watermark %s with %d exceptions", h.Watermark, len(h.Exceptions))
		}
		w.sites["e"].start("", 0)
		pass(time.Minute)
		for _, e := range all {
			w.want(t, "e", e, 0, freshet.OutcomeAlready, freshet.ReasonNone)
			for i := 1; i < 20; i++ {
				w.want(t, "e", e, i, freshet.OutcomeFailed, freshet.ReasonBlockedByParent)
			}
		}
		if h := w.beat("s"); h.Watermark != last.At {
			t.Fatalf("watermark %s, want %s: the child has passed everything", h.Watermark, last.At)
		}
	})
}
