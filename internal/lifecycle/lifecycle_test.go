package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet/internal/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

func untilStopped(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestGroup_EndsWithItsContextWithoutAnError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	g := lifecycle.New(ctx, nil)
	g.Go("loop", untilStopped)
	g.Go("short", func(context.Context) error { return nil })
	cancel()
	if err := g.Wait(); err != nil {
		t.Errorf("a group told to stop returns %v", err)
	}
	if err := g.Wait(); err != nil {
		t.Errorf("a second Wait returns %v", err)
	}
}

func TestGroup_AnEarlyReturnWithoutAnErrorEndsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := lifecycle.New(t.Context(), nil)
		var other atomic.Bool
		g.Go("short", func(context.Context) error { return nil })
		g.Go("loop", func(ctx context.Context) error {
			<-ctx.Done()
			other.Store(true)
			return nil
		})
		synctest.Wait()
		if other.Load() {
			t.Error("the end of one loop ended another")
		}
		g.Stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestGroup_AFailureEndsAllAndIsNamed(t *testing.T) {
	t.Parallel()
	g := lifecycle.New(t.Context(), nil)
	g.Go("loop", untilStopped)
	g.Go("engine", func(context.Context) error { return errBroken })
	err := g.Wait()
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "engine: broken") {
		t.Errorf("Wait returns %v", err)
	}
}

func TestGroup_CleanupsRunLatestFirstAfterAllGoroutines(t *testing.T) {
	t.Parallel()
	g := lifecycle.New(t.Context(), nil)
	var mu sync.Mutex
	var seen []string
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, s)
	}
	for _, name := range []string{"store", "bus", "site"} {
		g.OnStop(name, func(ctx context.Context) error {
			if err := ctx.Err(); err != nil {
				t.Errorf("the context of cleanup %s is over: %v", name, err)
			}
			note(name)
			return errors.New(name + " is stuck")
		})
	}
	g.Go("loop", func(ctx context.Context) error {
		<-ctx.Done()
		note("loop")
		return nil
	})
	g.Stop()
	err := g.Wait()
	if want := []string{"loop", "site", "bus", "store"}; !slices.Equal(seen, want) {
		t.Errorf("the order is %v, not %v", seen, want)
	}
	for _, name := range []string{"store", "bus", "site"} {
		if err == nil || !strings.Contains(err.Error(), "stopping "+name+": "+name+" is stuck") {
			t.Errorf("the fault of cleanup %s is not in %v", name, err)
		}
	}
}

func TestGroup_CleanupsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := lifecycle.New(t.Context(), nil)
		release, last := make(chan struct{}), false
		g.OnStop("last", func(context.Context) error { last = true; return nil })
		g.OnStop("polite", func(ctx context.Context) error { return untilStopped(ctx) })
		g.OnStop("stuck", func(context.Context) error { <-release; return nil })
		begin := time.Now()
		g.Stop()
		err := g.Wait()
		if took := time.Since(begin); took > 3*lifecycle.StopTimeout {
			t.Errorf("stopping took %s", took)
		}
		if err == nil || !strings.Contains(err.Error(), "stopping stuck: no end after") ||
			!strings.Contains(err.Error(), "stopping polite: context deadline exceeded") {
			t.Errorf("Wait returns %v", err)
		}
		if !last {
			t.Error("a cleanup after a stuck one did not run")
		}
		close(release)
	})
}

func TestGroup_TellsWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := lifecycle.New(t.Context(), slog.New(slog.NewTextHandler(&out, nil)))
		g.Go("deaf", func(context.Context) error {
			<-time.After(25 * time.Second)
			return nil
		})
		g.Stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if n := strings.Count(out.String(), "names=[deaf]"); n != 2 {
			t.Errorf("after 25 seconds it told %d times whom it waits for:\n%s", n, out.String())
		}
	})
}

func TestGroup_WhatComesTooLateIsReleased(t *testing.T) {
	t.Parallel()
	g := lifecycle.New(t.Context(), nil)
	g.Stop()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	released := false
	g.OnStop("late", func(context.Context) error { released = true; return nil })
	if !released {
		t.Error("a resource registered after the end is not released")
	}
	g.Go("late", func(context.Context) error {
		t.Error("a goroutine started after the end")
		return nil
	})
}

// Loops and cleanups are started from everywhere while the group ends: every
// cleanup runs exactly once, after every loop that started has ended.
func TestGroup_ConcurrentStartAndStop(t *testing.T) {
	t.Parallel()
	for range 200 {
		g := lifecycle.New(t.Context(), nil)
		var loops, cleaned atomic.Int64
		var starters sync.WaitGroup
		for range 8 {
			starters.Go(func() {
				for range 5 {
					g.Go("loop", func(ctx context.Context) error {
						loops.Add(1)
						defer loops.Add(-1)
						return untilStopped(ctx)
					})
					g.OnStop("cleanup", func(context.Context) error {
						cleaned.Add(1)
						return nil
					})
				}
			})
		}
		for range 3 {
			starters.Go(g.Stop)
			starters.Go(func() {
				if err := g.Wait(); err != nil {
					t.Error(err)
				}
			})
		}
		starters.Wait()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		if n := loops.Load(); n != 0 {
			t.Fatalf("%d loops outlive Wait", n)
		}
		if n := cleaned.Load(); n != 40 {
			t.Fatalf("%d of 40 cleanups ran", n)
		}
	}
}
