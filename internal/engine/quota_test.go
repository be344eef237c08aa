package engine_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/limits"
	"github.com/freshet-vod/freshet/internal/store"
)

// limitedTo makes a world whose accounts have figures.
func limitedTo(t *testing.T, f limits.Figures, pops ...string) (*world, *limits.Quotas) {
	t.Helper()
	var q *limits.Quotas
	w := newWorld(t, func(o *engine.Options) {
		q = limits.NewQuotas(limits.Rules{Each: f}, 0, o.Store.Jobs.(store.Quotas))
		o.Limits = q
	}, pops...)
	return w, q
}

// vendorCall submits as the vendor's API does, and waits for the rows.
func (w *world) vendorCall(kind freshet.TaskType, media ...string) *freshet.Job {
	w.t.Helper()
	r, err := w.Submit(w.t.Context(), freshet.Submission{Account: account, Type: kind, Media: media})
	must(w.t, err)
	job, err := w.WaitPlanned(w.t.Context(), account, r.JobID, "", 10*time.Second)
	must(w.t, err)
	return job
}

// byURL submits n URLs as the vendor's API does.
func (w *world) byURL(kind freshet.TaskType, n int) (freshet.Receipt, error) {
	d := &freshet.Direct{}
	for i := range n {
		d.URLs = append(d.URLs, fmt.Sprintf("http://%s/%d", domain, i))
	}
	return w.Submit(w.t.Context(), freshet.Submission{Account: account, Type: kind, Direct: d})
}

func left(t *testing.T, q *limits.Quotas) freshet.Quota {
	t.Helper()
	quota, err := q.Quota(t.Context(), account)
	must(t, err)
	return quota
}

// TestContract_4_1_U24_AMediaFailsAsAWhole: the row that is not covered fails,
// those before it keep their tasks, and nothing is taken for it.
func TestContract_4_1_U24_AMediaFailsAsAWhole(t *testing.T) {
	t.Parallel()
	w, q := limitedTo(t, limits.Figures{URLsPerDay: 7, PreloadsPerDay: 4}, "a")
	job := w.vendorCall(freshet.Purge, "m1", "m2", "m3") // of three URLs each
	for i, want := range []string{"", "", "QuotaExceeded.Refresh"} {
		row := job.Rows[i]
		if row.Fault != want || (row.State == freshet.RowFailed) != (want != "") || (len(row.Entries) == 0) != (want != "") {
			t.Errorf("row %d is %+v", i, row)
		}
	}
	if got := job.Rows[2].Message; got != "You've exceeded the prescribed refresh limits." {
		t.Errorf("the row says %q", got)
	}
	if got := left(t, q); got.URLs.Left != 1 || got.Preloads.Left != 4 {
		t.Errorf("left is %+v", got)
	}
	if job = w.vendorCall(freshet.Prefetch, "m1"); job.Rows[0].Fault != "" || left(t, q).Preloads.Left != 1 {
		t.Errorf("%+v; left is %+v", job.Rows[0], left(t, q))
	}
	job = w.vendorCall(freshet.Prefetch, "m1")
	if r := job.Rows[0]; r.Fault != "QuotaExceeded.Refresh" || r.Message != "You've exceeded the prescribed preload limits." {
		t.Errorf("row is %+v", r)
	}
	w.submit(freshet.Purge, "m1", "m2", "m3") // an operator's purge is never refused
	if left(t, q).URLs.Left != 1 {
		t.Error("an operator's purge was charged")
	}
}

// TestContract_4_3_ACallByURLPaysAllOrNothing: quota is checked for the whole
// call before it is accepted.
func TestContract_4_3_ACallByURLPaysAllOrNothing(t *testing.T) {
	t.Parallel()
	w, q := limitedTo(t, limits.Figures{URLsPerDay: 5}, "a")
	if _, err := w.byURL(freshet.Purge, 4); err != nil {
		t.Fatal(err)
	}
	if _, err := w.byURL(freshet.Purge, 2); !errors.Is(err, freshet.ErrQuotaExceeded) || freshet.ErrorCode(err) != freshet.CodeLimited {
		t.Fatalf("the call over the quota: %v", err)
	}
	if left(t, q).URLs.Left != 1 {
		t.Errorf("left is %+v", left(t, q))
	}
	_, err := w.Submit(t.Context(), freshet.Submission{
		Account: account, Type: freshet.Purge, Native: true, Direct: &freshet.Direct{URLs: []string{"http://" + domain + "/a", "http://" + domain + "/b"}},
	})
	if err != nil {
		t.Errorf("an operator's purge was refused: %v", err)
	}
}

// TestContract_6_1_TheQueueOfPrefetchesIsBounded: what waits counts until it is
// final, wherever it came from; then there is room again.
func TestContract_6_1_TheQueueOfPrefetchesIsBounded(t *testing.T) {
	t.Parallel()
	w, _ := limitedTo(t, limits.Figures{PreloadQueue: 10}, "a")
	first, err := w.byURL(freshet.Prefetch, 6)
	must(t, err)
	job := w.vendorCall(freshet.Prefetch, "m1") // of three URLs: nine wait
	if job.Rows[0].Fault != "" {
		t.Fatalf("row is %+v", job.Rows[0])
	}
	if r := w.vendorCall(freshet.Prefetch, "m2").Rows[0]; r.Fault != "PreloadQueueFull" || r.Message != "Preload queue is full, please try again later!" {
		t.Errorf("the row over the bound is %+v", r)
	}
	if _, err := w.byURL(freshet.Prefetch, 2); !errors.Is(err, freshet.ErrQueueFull) {
		t.Errorf("the call over the bound: %v", err)
	}
	if _, err := w.byURL(freshet.Purge, 50); err != nil {
		t.Errorf("a purge was refused for the queue of prefetches: %v", err)
	}
	planned, err := w.WaitPlanned(t.Context(), account, first.JobID, "", 10*time.Second)
	must(t, err)
	for _, at := range planned.Rows[0].Entries {
		w.pops["a"].say(at, freshet.OutcomeDone)
	}
	w.until(first.JobID, "the first prefetch is done", func(r *freshet.JobReport) bool { return r.Done })
	if _, err := w.byURL(freshet.Prefetch, 7); err != nil {
		t.Errorf("three of ten wait, and seven more were refused: %v", err)
	}
	if _, err := w.byURL(freshet.Prefetch, 1); !errors.Is(err, freshet.ErrQueueFull) {
		t.Errorf("ten of ten wait, and: %v", err)
	}
}

// TestContract_6_1_ConcurrentCallsDoNotPassTheBounds has many callers at once.
func TestContract_6_1_ConcurrentCallsDoNotPassTheBounds(t *testing.T) {
	t.Parallel()
	w, q := limitedTo(t, limits.Figures{PreloadQueue: 20, PreloadsPerDay: 1000, URLsPerDay: 31}, "a")
	var prefetches, purges atomic.Int64
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if _, err := w.byURL(freshet.Prefetch, 3); err == nil {
				prefetches.Add(3)
			} else if !errors.Is(err, freshet.ErrQueueFull) {
				t.Error(err)
			}
			if _, err := w.byURL(freshet.Purge, 3); err == nil {
				purges.Add(3)
			} else if !errors.Is(err, freshet.ErrQuotaExceeded) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := prefetches.Load(); n != 18 {
		t.Errorf("%d prefetches were let into a queue of 20", n)
	}
	got := left(t, q)
	if n := purges.Load(); n != 30 || got.URLs.Left != 1 || got.Preloads.Left != 1000-18 {
		t.Errorf("%d URLs were purged; left is %+v", n, got)
	}
}
