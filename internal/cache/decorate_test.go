package cache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a driver made of functions. What is nil answers done.
type fake struct {
	cache.Driver

	batch    int
	purge    func(ctx context.Context, urls []string) []cache.Result
	prefetch func(ctx context.Context, objs []cache.Object) []cache.Result
	inspect  func(ctx context.Context, objs []cache.Object) []cache.State
	flush    func(ctx context.Context) error
}

func (f *fake) Purge(ctx context.Context, o cache.Order) []cache.Result {
	return f.purge(ctx, o.Selector.URLs)
}

func (f *fake) Prefetch(ctx context.Context, objs []cache.Object) []cache.Result {
	return f.prefetch(ctx, objs)
}

func (f *fake) Inspect(ctx context.Context, objs []cache.Object, _ cache.InspectMode) []cache.State {
	return f.inspect(ctx, objs)
}

func (f *fake) Flush(ctx context.Context, _ time.Time) error { return f.flush(ctx) }

func (f *fake) Powers() cache.Powers { return cache.Powers{Driver: "fake", MaxBatch: f.batch} }

func done(n int) []cache.Result {
	return slices.Repeat([]cache.Result{{Outcome: freshet.OutcomeDone}}, n)
}

func urls(n int) (list []string, objs []cache.Object) {
	for i := range n {
		u := fmt.Sprintf("http://h/%d", i)
		list, objs = append(list, u), append(objs, cache.Object{URL: u})
	}
	return list, objs
}

func exact(list []string) cache.Order {
	return cache.Order{Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: list}}
}

func TestDecoratorsGiveOneResultPerObjectWhateverTheDriverSays(t *testing.T) {
	t.Parallel()
	list, objs := urls(3)
	for _, n := range []int{0, 2, 4} {
		odd := &fake{
			batch:    10,
			purge:    func(context.Context, []string) []cache.Result { return done(n) },
			prefetch: func(context.Context, []cache.Object) []cache.Result { return done(n) },
			inspect: func(context.Context, []cache.Object) []cache.State {
				return slices.Repeat([]cache.State{{Copy: freshet.Copy{FetchedAt: time.Now()}}}, n)
			},
		}
		for name, d := range map[string]cache.Driver{
			"timeout": cache.Timeout(odd, cache.Timeouts{Purge: time.Minute}), "retry": cache.Retry(odd, cache.RetryPolicy{}),
			"limit": cache.Limit(odd, 1), "batch": cache.Batch(odd),
		} {
			for _, rs := range [][]cache.Result{
				d.Purge(t.Context(), exact(list)), d.Prefetch(t.Context(), objs),
			} {
				if len(rs) != 3 || rs[0].Outcome != freshet.OutcomeFailed || rs[2].Reason != freshet.ReasonRefused {
					t.Errorf("%s, %d results: %+v", name, n, rs)
				}
			}
			if st := d.Inspect(t.Context(), objs, cache.InspectNow); len(st) != 3 || st[0].Fault == freshet.ReasonNone {
				t.Errorf("%s, %d states: %+v", name, n, st)
			}
		}
	}
}

func TestTimeoutFailsWhatItEndsAndCancelsWhatTheCallerEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := &fake{prefetch: func(ctx context.Context, objs []cache.Object) []cache.Result {
			<-ctx.Done()
			return []cache.Result{
				{Outcome: freshet.OutcomeDone},
				{Outcome: freshet.OutcomeCancelled},
				{Outcome: freshet.OutcomeCancelled, Reason: freshet.ReasonSuperseded},
			}
		}, flush: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		_, objs := urls(3)
		d := cache.Timeout(slow, cache.Timeouts{Prefetch: time.Second, Other: time.Second})
		rs := d.Prefetch(t.Context(), objs)
		if rs[0].Outcome != freshet.OutcomeDone || rs[1].Outcome != freshet.OutcomeFailed ||
			rs[1].Reason != freshet.ReasonTimeout || rs[2].Reason != freshet.ReasonSuperseded {
			t.Errorf("after our bound: %+v", rs)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if rs := d.Prefetch(ctx, objs); rs[1].Outcome != freshet.OutcomeCancelled {
			t.Errorf("after the caller's end: %+v", rs)
		}
		if err := d.Flush(t.Context(), time.Now()); freshet.ErrorCode(err) != freshet.CodeUnavailable {
			t.Errorf("flush: %v", err)
		}
	})
}

func TestRetryRepeatsOnlyWhatMayHelp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls [][]string
		d := cache.Retry(&fake{purge: func(_ context.Context, urls []string) []cache.Result {
			calls = append(calls, slices.Clone(urls))
			rs := make([]cache.Result, len(urls))
			for i, u := range urls {
				switch {
				case u == "http://h/1":
					rs[i] = cache.Failed(freshet.ReasonRefused, "no")
				case u == "http://h/2" && len(calls) == 1:
					rs[i] = cache.Failed(freshet.ReasonUnreachable, "down")
					rs[i].Before, rs[i].Removed = freshet.Copy{FetchedAt: time.Now()}, 1
				case u == "http://h/2":
					rs[i] = cache.Result{Outcome: freshet.OutcomeAlready}
				case u == "http://h/3":
					rs[i] = cache.Failed(freshet.ReasonOrigin5xx, "always")
				default:
					rs[i] = cache.Result{Outcome: freshet.OutcomeDone}
				}
			}
			return rs
		}}, cache.RetryPolicy{Attempts: 3, First: time.Second, Max: 10 * time.Second})
		list, _ := urls(4)
		began := time.Now()
		rs := d.Purge(t.Context(), exact(list))
		if want := [][]string{list, {"http://h/2", "http://h/3"}, {"http://h/3"}}; fmt.Sprint(calls) != fmt.Sprint(want) {
			t.Errorf("calls = %v", calls)
		}
		if rs[0].Outcome != freshet.OutcomeDone || rs[1].Reason != freshet.ReasonRefused || rs[3].Reason != freshet.ReasonOrigin5xx {
			t.Errorf("results = %+v", rs)
		}
		if rs[2].Outcome != freshet.OutcomeDone || !rs[2].Before.Stored() {
			t.Errorf("what the first attempt removed is lost: %+v", rs[2])
		}
		if took := time.Since(began); took < 1500*time.Millisecond || took > 4500*time.Millisecond {
			t.Errorf("two pauses of 1 s and 2 s, give or take half, took %v", took)
		}
	})
}

func TestRetryEndsItsPauseWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		d := cache.Retry(&fake{
			inspect: func(_ context.Context, objs []cache.Object) []cache.State {
				n++
				return make([]cache.State, len(objs))
			},
			flush: func(context.Context) error {
				n++
				return freshet.Errorf(freshet.CodeUnavailable, "The cache is away.")
			},
		}, cache.RetryPolicy{First: time.Hour, Max: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := d.Flush(ctx, time.Now()); freshet.ErrorCode(err) != freshet.CodeUnavailable || n != 1 {
			t.Errorf("%v after %d attempts", err, n)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
		_, objs := urls(2)
		if st := d.Inspect(t.Context(), objs, cache.InspectNow); len(st) != 2 || n != 2 {
			t.Errorf("%d states after %d calls", len(st), n)
		}
	})
}

func TestRetryDoesNotRepeatRefusals(t *testing.T) {
	t.Parallel()
	n := 0
	refusal := errors.New("no")
	d := cache.Retry(&fake{flush: func(context.Context) error { n++; return refusal }}, cache.RetryPolicy{})
	if err := d.Flush(t.Context(), time.Now()); !errors.Is(err, refusal) || n != 1 {
		t.Errorf("%v after %d attempts", err, n)
	}
}

func TestLimitHoldsAndHeedsTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		release := make(chan struct{})
		d := cache.Limit(&fake{prefetch: func(_ context.Context, objs []cache.Object) []cache.Result {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer running.Add(-1)
			<-release
			return done(len(objs))
		}}, 2)
		_, objs := urls(2)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if rs := d.Prefetch(t.Context(), objs); len(rs) != 2 || rs[0].Outcome != freshet.OutcomeDone {
					t.Errorf("%+v", rs)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if rs := d.Prefetch(ctx, objs); len(rs) != 2 || rs[1].Outcome != freshet.OutcomeCancelled {
			t.Errorf("in the queue: %+v", rs)
		}
		close(release)
		wg.Wait()
		if most.Load() != 2 {
			t.Errorf("%d ran at a time", most.Load())
		}
	})
}

func TestBatchSplitsAndCancelsTheRest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sizes []int
	f := &fake{batch: 3}
	f.purge = func(_ context.Context, urls []string) []cache.Result {
		sizes = append(sizes, len(urls))
		if len(sizes) == 3 {
			cancel()
		}
		return done(len(urls))
	}
	list, _ := urls(10)
	rs := cache.Batch(f).Purge(ctx, exact(list))
	if len(rs) != 10 || fmt.Sprint(sizes) != "[3 3 3]" {
		t.Fatalf("%d results in %v", len(rs), sizes)
	}
	if rs[8].Outcome != freshet.OutcomeDone || rs[9].Outcome != freshet.OutcomeCancelled {
		t.Errorf("%+v", rs[8:])
	}
}
