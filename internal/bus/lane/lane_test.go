package lane_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet/internal/bus/lane"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLanes_KeepOrderPerKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := lane.New[int](1000)
		var got [5][]int // each lane writes its own
		for i := range 1000 {
			key := i % 5
			if !l.Add(key, func() { got[key] = append(got[key], i) }) {
				t.Fatal("a lane is full too early")
			}
		}
		synctest.Wait()
		for key, list := range got {
			if len(list) != 200 || !slices.IsSorted(list) {
				t.Errorf("lane %d ran %d functions, in order: %v", key, len(list), slices.IsSorted(list))
			}
		}
		l.Stop()
	})
}

func TestLanes_ASlowKeyHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	l := lane.New[string](1)
	release, done := make(chan struct{}), make(chan struct{})
	l.Add("slow", func() { <-release })
	l.Add("quick", func() { close(done) })
	<-done
	if !l.Add("slow", func() {}) {
		t.Error("a lane with a limit of 1 lets nothing wait")
	}
	if l.Add("slow", func() {}) {
		t.Error("a lane takes more than its limit")
	}
	close(release)
	l.Stop()
}

func TestLanes_StopWaitsForWhatRunsAndDropsWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := lane.New[int](10)
		release := make(chan struct{})
		var ended, dropped atomic.Bool
		l.Add(1, func() { <-release; ended.Store(true) })
		l.Add(1, func() { dropped.Store(true) })
		var stops sync.WaitGroup
		var returned atomic.Int32
		for range 2 {
			stops.Go(func() { l.Stop(); returned.Add(1) })
		}
		synctest.Wait()
		if returned.Load() != 0 {
			t.Error("Stop returns while a function runs")
		}
		close(release)
		stops.Wait()
		if !ended.Load() || dropped.Load() {
			t.Errorf("the running function ended: %v; the waiting one ran: %v", ended.Load(), dropped.Load())
		}
		if l.Add(1, func() { t.Error("it ran after Stop") }) {
			t.Error("Add is taken after Stop")
		}
	})
}

func TestLanes_ConcurrentAddAndStop(t *testing.T) {
	t.Parallel()
	for range 300 {
		l := lane.New[int](100)
		var running, taken, ran atomic.Int64
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 20 {
					if l.Add((w+i)%3, func() { running.Add(1); ran.Add(1); running.Add(-1) }) {
						taken.Add(1)
					}
				}
			})
		}
		wg.Go(l.Stop)
		wg.Wait()
		l.Stop()
		if running.Load() != 0 || ran.Load() > taken.Load() {
			t.Fatalf("%d functions outlive Stop; %d of %d ran", running.Load(), ran.Load(), taken.Load())
		}
	}
}
