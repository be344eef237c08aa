package agent_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/agent"
)

func TestP3_PrefetchWaitsForThePurgeBeforeIt(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		w.sites["e"].start("", 0)
		pass(2 * time.Second)
		p := w.append(purge(u1))
		f := w.append(prefetch(u1, u2))
		pass(time.Minute)
		if got := w.sites["e"].cache.prefetches(); len(got) != 0 {
			t.Fatalf("prefetched %v before the parent purged", got)
		}
		w.sites["s"].start("", 0)
		pass(3 * time.Second)
		w.want(t, "e", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
		got := w.want(t, "e", f, 0, freshet.OutcomeDone, freshet.ReasonNone)
		if got.Verified != freshet.VerifiedInspect || !got.After.Stored() || got.After.Generation != p.At {
			t.Fatalf("%+v", got)
		}
		w.want(t, "e", f, 1, freshet.OutcomeDone, freshet.ReasonNone)
		if n := len(w.sites["e"].disk.entries()); n != 0 {
			t.Fatalf("%d entries are still kept", n)
		}
	})
}

func TestP3_PurgeCancelsRunningAndWaitingPrefetches(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		purge *freshet.Entry
	}{
		{"exact", purge(u1, u2)},
		{"prefix", purgePrefix("http://vod.example.com/a/")},
		{"regex", &freshet.Entry{Kind: freshet.EntryPurge, Selector: freshet.Selector{
			Kind: freshet.SelectRegex, Pattern: `/a/\d\.ts$`, Hosts: []string{"vod.example.com"},
		}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bubble(t, pops(pop("a")), func(w *world) {
				t := w.t
				s := w.sites["a"]
				s.opts = func(o *agent.Options) { o.PrefetchWorkers = 1 }
				s.cache.hold = make(chan struct{})
				s.start("", 0)
				pass(2 * time.Second)
				f := w.append(prefetch(u1, u2, u3))
				pass(time.Second)
				copied := *tc.purge
				p := w.append(&copied)
				pass(time.Second)
				w.want(t, "a", f, 0, freshet.OutcomeCancelled, freshet.ReasonSuperseded)
				w.want(t, "a", f, 1, freshet.OutcomeCancelled, freshet.ReasonSuperseded)
				w.want(t, "a", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
				w.wantNone(t, "a", f, 2)
				close(s.cache.hold)
				pass(time.Second)
				w.want(t, "a", f, 2, freshet.OutcomeDone, freshet.ReasonNone)
				if got := s.cache.prefetches(); !slices.Equal(got, []string{u3}) {
					t.Fatalf("prefetched %v", got)
				}
			})
		})
	}
}

func TestP3_PurgeReadAheadSupersedesALaterReadPrefetch(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("s"), pop("e", "s")), func(w *world) {
		t := w.t
		s := w.sites["e"]
		s.start("", 0)
		pass(2 * time.Second)
		w.weather.turn(faults{Mute: true})
		f := w.append(prefetch(u1))
		w.weather.turn(faults{})
		p := w.append(purge(u1)) // waits for the parent, which is away
		pass(5 * time.Second)
		w.want(t, "e", f, 0, freshet.OutcomeCancelled, freshet.ReasonSuperseded)
		w.wantNone(t, "e", p, 0)
	})
}

func TestP3_LatePrefetchDoesNotBringBackWhatWasPurged(t *testing.T) {
	t.Parallel()
	for _, later := range []*freshet.Entry{purge(u1), purgePrefix("http://vod.example.com/")} {
		bubble(t, pops(pop("a")), func(w *world) {
			t := w.t
			s := w.sites["a"]
			s.start("", 0)
			pass(2200 * time.Millisecond)
			w.weather.turn(faults{Mute: true})
			f := w.append(prefetch(u1))
			w.weather.turn(faults{})
			p := w.append(later)
			pass(300 * time.Millisecond)
			w.want(t, "a", p, 0, freshet.OutcomeAlready, freshet.ReasonNone)
			w.wantNone(t, "a", f, 0)
			pass(2 * time.Second)
			w.want(t, "a", f, 0, freshet.OutcomeCancelled, freshet.ReasonSuperseded)
			again := w.append(prefetch(u1))
			pass(2 * time.Second)
			w.want(t, "a", again, 0, freshet.OutcomeDone, freshet.ReasonNone)
		})
	}
}

func TestP3_PurgeWaitsForAPrefetchThatStopsLate(t *testing.T) {
	t.Parallel()
	for _, later := range []*freshet.Entry{purge(u1), purgePrefix("http://vod.example.com/")} {
		bubble(t, pops(pop("a")), func(w *world) {
			t := w.t
			s := w.sites["a"]
			s.cache.hold, s.cache.stubborn = make(chan struct{}), true
			s.start("", 0)
			pass(2 * time.Second)
			f := w.append(prefetch(u1))
			pass(time.Second)
			p := w.append(later)
			pass(time.Second)
			w.want(t, "a", f, 0, freshet.OutcomeCancelled, freshet.ReasonSuperseded)
			w.want(t, "a", p, 0, freshet.OutcomeDone, freshet.ReasonNone)
			if s.cache.has(u1) {
				t.Fatal("what the prefetch stored at the last moment is still there")
			}
		})
	}
}

func TestP6_PrefetchFailuresAreNamed(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.verdict = func(op, url string, _ freshet.Position) freshet.Reason {
			switch {
			case op == "prefetch" && url == u1:
				return freshet.ReasonOrigin5xx
			case op == "prefetch" && url == u2:
				return freshet.ReasonOrigin4xx
			}
			return freshet.ReasonNone
		}
		s.start("", 0)
		pass(2 * time.Second)
		f := w.append(prefetch(u1, u2, u3))
		pass(time.Minute)
		if got := w.want(t, "a", f, 0, freshet.OutcomeFailed, freshet.ReasonOrigin5xx); got.Attempts != 3 {
			t.Fatalf("a transient failure was tried %d times, want 3", got.Attempts)
		}
		if got := w.want(t, "a", f, 1, freshet.OutcomeFailed, freshet.ReasonOrigin4xx); got.Attempts != 1 {
			t.Fatalf("a permanent failure was tried %d times, want once", got.Attempts)
		}
		w.want(t, "a", f, 2, freshet.OutcomeDone, freshet.ReasonNone)
	})
}

func TestP2_PrefetchWaitsForWhoIsAway(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		back := time.Now().Add(time.Hour)
		s.cache.verdict = func(op, _ string, _ freshet.Position) freshet.Reason {
			if op == "prefetch" && time.Now().Before(back) {
				return freshet.ReasonUnreachable
			}
			return freshet.ReasonNone
		}
		s.start("", 0)
		pass(2 * time.Second)
		f := w.append(prefetch(u1))
		pass(50 * time.Minute)
		w.wantNone(t, "a", f, 0)
		pass(11 * time.Minute)
		if got := w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone); got.Attempts < 10 {
			t.Fatalf("%d attempts in an hour", got.Attempts)
		}
	})
}

func TestP6_PrefetchEndsWithItsTime(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.opts = func(o *agent.Options) { o.PrefetchWorkers = 1 }
		s.cache.hold = make(chan struct{})
		s.start("", 0)
		pass(2 * time.Second)
		late := prefetch(u1, u2)
		late.FinishBy = time.Now().Add(10 * time.Second)
		w.append(late)
		next := w.append(prefetch(u3))
		pass(9 * time.Second)
		w.wantNone(t, "a", late, 0)
		pass(2 * time.Second)
		w.want(t, "a", late, 0, freshet.OutcomeFailed, freshet.ReasonTimeout)
		w.want(t, "a", late, 1, freshet.OutcomeFailed, freshet.ReasonTimeout)
		w.wantNone(t, "a", next, 0)
		close(s.cache.hold)
		pass(time.Second)
		w.want(t, "a", next, 0, freshet.OutcomeDone, freshet.ReasonNone)
	})
}

func TestP2_PrefetchSurvivesARestart(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.cache.hold = make(chan struct{})
		s.start("", 0)
		pass(2 * time.Second)
		f := w.append(prefetch(u1, u2))
		pass(3 * time.Second)
		if n := len(s.disk.entries()); n != 1 {
			t.Fatalf("%d entries are kept, want the prefetch", n)
		}
		s.kill()
		w.weather.turn(faults{Mute: true, Cut: true})
		s.cache.with(func() { s.cache.hold = nil })
		s.start("", 0)
		pass(3 * time.Second)
		if got := s.cache.prefetches(); len(got) != 2 {
			t.Fatalf("prefetched %v without the control plane, want both", got)
		}
		w.weather.turn(faults{})
		pass(time.Minute)
		w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.want(t, "a", f, 1, freshet.OutcomeDone, freshet.ReasonNone)
	})
}

func TestP10_EvidenceIsGathered(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.start("", 0)
		pass(2 * time.Second)
		urls := make([]string, 2500)
		for i := range urls {
			urls[i] = fmt.Sprintf("http://vod.example.com/%d", i)
		}
		f := w.append(prefetch(urls...))
		pass(20 * time.Second)
		messages := 0
		w.with(func() {
			for _, seen := range w.numbers {
				messages += len(seen)
			}
		})
		for i := range urls {
			w.want(t, "a", f, i, freshet.OutcomeDone, freshet.ReasonNone)
		}
		if messages > 20 {
			t.Fatalf("2500 facts took %d messages", messages)
		}
	})
}

func TestP10_NothingIsGatheredBehindTheLastPrefetch(t *testing.T) {
	t.Parallel()
	bubble(t, pops(pop("a")), func(w *world) {
		t := w.t
		s := w.sites["a"]
		s.opts = func(o *agent.Options) { o.GatherFor, o.HeartbeatEvery = time.Hour, 24*time.Hour }
		s.cache.hold = make(chan struct{})
		s.start("", 0)
		pass(2 * time.Second)
		f := w.append(prefetch(u1, u2))
		g := w.append(prefetch(u3))
		pass(time.Second)
		s.cache.hold <- struct{}{}
		pass(time.Second)
		w.wantNone(t, "a", f, 0)
		close(s.cache.hold)
		pass(time.Second)
		w.want(t, "a", f, 0, freshet.OutcomeDone, freshet.ReasonNone)
		w.want(t, "a", f, 1, freshet.OutcomeDone, freshet.ReasonNone)
		w.want(t, "a", g, 0, freshet.OutcomeDone, freshet.ReasonNone)
	})
}
