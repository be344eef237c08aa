package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
)

// listed makes a list of objects of a host.
func listed(host string, n int) []string {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf("http://%s/%d.ts", host, i)
	}
	return urls
}

// stored counts what the cache has of a host.
func (m *modelCache) storedOf(host string) (n int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for u, c := range m.stored {
		if h, _ := freshet.SplitURL(u); h == host && c.Stored() {
			n, bytes = n+1, bytes+c.Size
		}
	}
	return n, bytes
}

// mostOf returns how many prefetches of a host ran at a time since it was
// called last.
func (m *modelCache) mostOf(host string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.most[host]
	m.most[host] = m.busy[host]
	return n
}

func TestP10_PrefetchedBytesKeepToTheirRate(t *testing.T) {
	t.Parallel()
	const rate = 1_000_000
	for _, tc := range []struct {
		name string
		size func(i int) int64
	}{
		{"small", func(int) int64 { return 20_000 }},
		{"mixed", func(i int) int64 { return int64(1+i%7) * 100_000 }},
		{"one is huge", func(i int) int64 {
			if i == 3 {
				return 15_000_000
			}
			return 200_000
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				t := w.t
				s := w.sites["a"]
				s.opts = func(o *agent.Options) { o.PrefetchRate = rate }
				asked := 0
				s.cache.origin = func(string) answerOf {
					asked++
					return answerOf{firstByte: 5 * time.Millisecond, body: 40 * time.Millisecond, size: tc.size(asked)}
				}
				s.start("", 0)
				pass(2 * time.Second)
				w.append(prefetch(listed("vod.example.com", 5000)...))
				pass(20 * time.Second)
				_, before := s.cache.storedOf("vod.example.com")
				pass(time.Minute)
				_, after := s.cache.storedOf("vod.example.com")
				if got := float64(after-before) / 60; got < 0.96*rate || got > 1.04*rate {
					t.Fatalf("%.0f bytes a second, want %d", got, rate)
				}
				if after > 81*rate*103/100+700_000 {
					t.Fatalf("%d bytes in 80 s from the start", after)
				}
			})
		})
	}
}

func TestP10_SlowOriginIsAskedLess(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		const host = "vod.example.com"
		now := answerOf{firstByte: 40 * time.Millisecond, body: 100 * time.Millisecond}
		s.cache.origin = func(string) answerOf { return now }
		turn := func(a answerOf) { s.cache.with(func() { now = a }) }
		s.start("", 0)
		pass(2 * time.Second)
		w.append(prefetch(listed(host, 200_000)...))
		pass(5 * time.Second)
		if n := s.cache.mostOf(host); n != 8 {
			t.Fatalf("%d at a time from an origin that is well, want 8", n)
		}
		// A body that takes longer is a larger object, not a slower origin.
		turn(answerOf{firstByte: 40 * time.Millisecond, body: time.Second})
		pass(30 * time.Second)
		s.cache.mostOf(host)
		pass(5 * time.Second)
		if n := s.cache.mostOf(host); n != 8 {
			t.Fatalf("%d at a time while objects are larger, want 8", n)
		}
		turn(answerOf{firstByte: time.Second, body: 100 * time.Millisecond})
		pass(30 * time.Second)
		s.cache.mostOf(host)
		pass(10 * time.Second)
		if n := s.cache.mostOf(host); n != 1 {
			t.Fatalf("%d at a time from an origin that got 25 times slower, want 1", n)
		}
		turn(answerOf{firstByte: 40 * time.Millisecond, body: 100 * time.Millisecond})
		pass(30 * time.Second)
		if n := s.cache.mostOf(host); n != 8 {
			t.Fatalf("%d at a time from an origin that recovered, want 8", n)
		}
		// Errors say so too, at once. Each object is tried a few times only.
		turn(answerOf{firstByte: 40 * time.Millisecond, reason: freshet.ReasonOrigin5xx})
		pass(2 * time.Second)
		s.cache.mostOf(host)
		pass(2 * time.Second)
		if n := s.cache.mostOf(host); n != 1 {
			t.Fatalf("%d at a time from an origin that fails, want 1", n)
		}
	})
}

func TestP10_OriginThatIsSlowForGoodIsAskedInFullAgain(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		const host = "vod.example.com"
		began := time.Now()
		s.cache.origin = func(string) answerOf {
			if time.Since(began) < time.Minute {
				return answerOf{firstByte: 40 * time.Millisecond}
			}
			return answerOf{firstByte: 400 * time.Millisecond}
		}
		s.start("", 0)
		w.append(prefetch(listed(host, 100_000)...))
		pass(3 * time.Minute)
		s.cache.mostOf(host)
		pass(time.Minute)
		if n := s.cache.mostOf(host); n != 1 {
			t.Fatalf("%d at a time, want 1", n)
		}
		pass(10 * time.Minute)
		if n := s.cache.mostOf(host); n != 8 {
			t.Fatalf("%d at a time, want 8: it does not get better", n)
		}
	})
}

func TestP10_SlowDomainDoesNotStarveAnother(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.origin = func(url string) answerOf {
			if host, _ := freshet.SplitURL(url); host == "slow.example.com" {
				return answerOf{firstByte: 10 * time.Minute}
			}
			return answerOf{firstByte: 50 * time.Millisecond}
		}
		s.start("", 0)
		pass(2 * time.Second)
		slow := w.append(prefetch(listed("slow.example.com", 100)...))
		pass(time.Second)
		w.append(prefetch(listed("fast.example.com", 300)...))
		pass(20 * time.Second)
		if n, _ := s.cache.storedOf("fast.example.com"); n != 300 {
			t.Fatalf("%d of 300 objects of the fast domain after 20 s", n)
		}
		if n := s.cache.mostOf("slow.example.com"); n != 7 {
			t.Fatalf("%d of 8 workers at the slow domain, want 7", n)
		}
		w.wantNone(t, "a", slow, 0)
	})
}

func TestP10_DomainsShareTheWorkers(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.origin = func(url string) answerOf {
			if host, _ := freshet.SplitURL(url); host == "big.example.com" {
				return answerOf{firstByte: 50 * time.Millisecond, body: 2 * time.Second}
			}
			return answerOf{firstByte: 50 * time.Millisecond, body: 50 * time.Millisecond}
		}
		s.start("", 0)
		pass(2 * time.Second)
		w.append(prefetch(listed("big.example.com", 1000)...))
		pass(10 * time.Second)
		if n := s.cache.mostOf("big.example.com"); n != 8 {
			t.Fatalf("%d workers where nobody else wants any, want 8", n)
		}
		w.append(prefetch(listed("small.example.com", 1000)...))
		pass(5 * time.Second)
		s.cache.mostOf("big.example.com")
		s.cache.mostOf("small.example.com")
		pass(5 * time.Second)
		if a, b := s.cache.mostOf("big.example.com"), s.cache.mostOf("small.example.com"); a > 5 || b < 4 {
			t.Fatalf("%d and %d of 8 workers, want about half each", a, b)
		}
	})
}

func TestP10_OneOriginGetsNoMoreThanItsShare(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		w.with(func() {
			w.topology.Domains = []freshet.Domain{
				{Name: "a.example.com", Origin: "http://origin.example.net"},
				{Name: "b.example.com", Origin: "http://origin.example.net"},
				{Name: "c.example.com", Origin: "http://other.example.net"},
			}
		})
		s := w.sites["a"]
		s.opts = func(o *agent.Options) { o.PrefetchPerOrigin = 3 }
		most := 0
		s.cache.origin = func(url string) answerOf {
			if host, _ := freshet.SplitURL(url); host != "c.example.com" {
				most = max(most, 1+s.cache.busy["a.example.com"]+s.cache.busy["b.example.com"])
			}
			return answerOf{firstByte: 50 * time.Millisecond}
		}
		s.start("", 0)
		pass(2 * time.Second)
		for _, host := range []string{"a.example.com", "b.example.com", "c.example.com"} {
			w.append(prefetch(listed(host, 200)...))
		}
		pass(time.Minute)
		for _, host := range []string{"a.example.com", "b.example.com", "c.example.com"} {
			if n, _ := s.cache.storedOf(host); n != 200 {
				t.Fatalf("%d of 200 of %s", n, host)
			}
		}
		if n := s.cache.mostOf("c.example.com"); n != 3 || most != 3 {
			t.Fatalf("%d at a time from an origin of two domains, %d from another, want 3", most, n)
		}
	})
}

func TestP3_PaceKeepsTheOrderWithinADomain(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.opts = func(o *agent.Options) { o.PrefetchWorkers, o.PrefetchRate = 1, 10_000 }
		s.cache.origin = func(string) answerOf { return answerOf{firstByte: time.Millisecond, size: 10_000} }
		s.start("", 0)
		pass(2 * time.Second)
		want := listed("vod.example.com", 30)
		w.append(prefetch(want[:10]...))
		w.append(prefetch(want[10:]...))
		pass(time.Minute)
		got := s.cache.prefetches()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("prefetched in the order %v", got)
		}
	})
}

// Whatever prefetches wait for, a purge does not: neither for the rate, nor for
// an origin that is slow, nor behind prefetches that were not begun.
func TestP4_PurgesAreNotHeldUpByThePace(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.opts = func(o *agent.Options) { o.PrefetchRate = 1000 }
		s.cache.origin = func(string) answerOf { return answerOf{firstByte: 20 * time.Second, size: 1 << 20} }
		s.start("", 0)
		pass(2 * time.Second)
		urls := listed("vod.example.com", 500)
		f := w.append(prefetch(urls...))
		pass(time.Minute) // the first object is in, and the next ones wait for 17 minutes
		w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.wantNone(t, "a", f, 1)
		p := w.append(purge(append(listed("other.example.com", 100), urls...)...))
		pass(time.Second)
		for i := range p.Len() {
			if a, ok := w.answer("a", p.At, i); !ok || a.fact.Outcome == freshet.OutcomeFailed {
				t.Fatalf("item %d: %+v, %v", i, a.fact, ok)
			}
		}
		w.want(t, "a", f, 499, freshet.OutcomeCancelled, freshet.ReasonSuperseded)
		if h := w.beat("a"); h.Watermark != p.At || h.Owed != 0 {
			t.Fatalf("heartbeat %+v", h)
		}
	})
}

func TestP6_PrefetchThatIsNotWholeIsAFailure(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.origin = func(string) answerOf { return answerOf{size: 1000} }
		s.cache.short = true
		s.start("", 0)
		pass(2 * time.Second)
		f := w.append(prefetch(u1))
		pass(50 * time.Millisecond)
		w.wantNone(t, "a", f, 0) // it is tried again
		// From then on the cache finds it there already, and that is no success.
		pass(time.Minute)
		if got := w.want(t, "a", f, 0, freshet.OutcomeFailed, freshet.ReasonMismatch); got.Attempts != 3 {
			t.Fatalf("tried %d times, want 3", got.Attempts)
		}
		f = w.append(prefetch(u2))
		pass(50 * time.Millisecond)
		s.cache.with(func() { s.cache.short = false; delete(s.cache.stored, u2) })
		pass(time.Minute)
		if got := w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone); got.Attempts != 2 || got.After.Size != 1000 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestP4_PrefetchThatFindsWhatAPurgeShouldHaveRemovedFails(t *testing.T) {
	t.Parallel()
	for _, stamps := range []bool{false, true} {
		bubble(t, pops(pop("a")), func(w *world) {
			t := w.t
			s := w.sites["a"]
			s.start("", 0)
			pass(2 * time.Second)
			old := freshet.Copy{FetchedAt: time.Now(), Validator: `"old"`, Size: 3}
			if !stamps {
				old.Generation = freshet.Position{Pos: 1}
				w.append(purge(u3))
			}
			pass(time.Second)
			p := w.append(purge(u1))
			pass(5 * time.Second) // every prefetch before it is known to have been read
			w.want(t, "a", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
			s.cache.with(func() { s.cache.stored[u1] = old })
			f := w.append(prefetch(u1))
			pass(30 * time.Second)
			w.want(t, "a", f, 0, freshet.OutcomeFailed, freshet.ReasonMismatch)
			s.cache.with(func() { delete(s.cache.stored, u1) })
			f = w.append(prefetch(u1))
			pass(5 * time.Second)
			w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone)
		})
	}
}
