package cache_test

import (
	"context"
	"fmt"
	"slices"
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
			"timeout": cache.Timeout(odd, cache.Timeouts{Purge: time.Minute}),
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
