package limits_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/limits"
	"github.com/freshet-vod/freshet/internal/store"
)

// counter is a store.Quotas that tells the same of every day, and which it was
// asked for.
type counter struct {
	used map[freshet.QuotaKind]int
	day  *int64
}

func (c counter) QuotaUsed(_ context.Context, _ string, day int64) (map[freshet.QuotaKind]int, error) {
	*c.day = day
	return c.used, nil
}

func quotas(r limits.Rules) *limits.Quotas {
	var day int64
	return limits.NewQuotas(r, 8*time.Hour, counter{map[freshet.QuotaKind]int{freshet.QuotaURLs: 4, freshet.QuotaPreloads: 900}, &day})
}

// strip leaves the kind and number of charges.
func strip(list []store.Charge) map[freshet.QuotaKind]int {
	out := map[freshet.QuotaKind]int{}
	for _, c := range list {
		out[c.Kind] += c.N
	}
	return out
}

// TestContract_4_1_U24_WhatIsCharged holds what each kind of job costs.
func TestContract_4_1_U24_WhatIsCharged(t *testing.T) {
	t.Parallel()
	q := quotas(limits.Rules{Each: limits.Vendor()})
	type n = map[freshet.QuotaKind]int
	direct := &freshet.Direct{
		URLs: []string{"a", "b"}, Bare: []string{"c"}, Prefixes: []string{"d/", "e/", "f/"}, Tags: []string{"t"}, Patterns: []freshet.Pattern{{}},
	}
	for name, c := range map[string]struct {
		job       *freshet.Job
		call, row n
	}{
		"purge by URL":            {&freshet.Job{Type: freshet.Purge, Direct: direct}, n{"url": 3, "directory": 5}, n{}},
		"prefetch by URL":         {&freshet.Job{Type: freshet.Prefetch, Direct: &freshet.Direct{URLs: []string{"a", "b"}}}, n{"preload": 2}, n{}},
		"purge of media":          {&freshet.Job{Type: freshet.Purge}, n{}, n{"url": 21}},
		"prefetch of media":       {&freshet.Job{Type: freshet.Prefetch}, n{}, n{"preload": 21}},
		"operator's purge":        {&freshet.Job{Type: freshet.Purge, Native: true}, n{}, n{}},
		"operator's purge by URL": {&freshet.Job{Type: freshet.Purge, Native: true, Direct: direct}, n{}, n{}},
		"operator's takedown":     {&freshet.Job{Type: freshet.Takedown, Native: true}, n{}, n{}},
		"native prefetch":         {&freshet.Job{Type: freshet.Prefetch, Native: true}, n{}, n{"preload": 21}},
	} {
		if d := cmp.Diff(c.call, strip(q.PriceOfCall(c.job))); d != "" {
			t.Errorf("%s costs at its acceptance (-want +got):\n%s", name, d)
		}
		if d := cmp.Diff(c.row, strip(q.PriceOfRow(c.job, 21))); d != "" {
			t.Errorf("%s costs at its plan (-want +got):\n%s", name, d)
		}
		if got := q.PriceOfRow(c.job, 0); len(got) != 0 {
			t.Errorf("%s costs %v for nothing", name, got)
		}
	}
}

func TestContract_6_1_NothingIsChargedWithoutALimit(t *testing.T) {
	t.Parallel()
	q := quotas(limits.Rules{Each: limits.Figures{DirectoriesPerDay: 1}, Accounts: map[string]limits.Figures{"big": {URLsPerDay: 9}}})
	job := &freshet.Job{Account: "a", Type: freshet.Purge, Direct: &freshet.Direct{URLs: []string{"a"}, Prefixes: []string{"b/"}}}
	if got := strip(q.PriceOfCall(job)); len(got) != 1 || got[freshet.QuotaDirectories] != 1 {
		t.Errorf("charged %v", got)
	}
	job.Account = "big"
	if got := q.PriceOfCall(job); len(got) != 1 || got[0].Kind != freshet.QuotaURLs || got[0].Limit != 9 || got[0].Account != "big" {
		t.Errorf("charged %v", got)
	}
}

func TestContract_6_1_VendorFigures(t *testing.T) {
	t.Parallel()
	q := quotas(limits.Rules{Each: limits.Vendor()})
	got, err := q.Quota(t.Context(), "a")
	want := freshet.Quota{
		URLs: freshet.Share{Quota: 2000, Left: 1996}, Directories: freshet.Share{Quota: 100, Left: 100},
		Preloads: freshet.Share{Quota: 500, Left: 0}, // more was used before the limit was lowered
	}
	if err != nil || got != want {
		t.Errorf("the quota is %+v, %v", got, err)
	}
	if refresh, preload := q.PerCall("a"); refresh != 1000 || preload != 100 || q.PrefetchQueue("a") != 100 {
		t.Errorf("per call %d and %d, queue %d", refresh, preload, q.PrefetchQueue("a"))
	}
	free, err := quotas(limits.Rules{}).Quota(t.Context(), "a")
	if err != nil || free.URLs.Quota != freshet.UnlimitedQuota || free.Preloads.Left != freshet.UnlimitedQuota {
		t.Errorf("without limits the quota is %+v", free)
	}
}

// TestContract_4_6_TheDayBeginsAtMidnightOfItsZone walks over midnight of
// UTC+8, which is 16:00 UTC.
func TestContract_4_6_TheDayBeginsAtMidnightOfItsZone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var day int64
		q := limits.NewQuotas(limits.Rules{}, 8*time.Hour, counter{nil, &day})
		at := func(clock time.Time) int64 {
			time.Sleep(time.Until(clock))
			if _, err := q.Quota(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			return day
		}
		d := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
		morning := at(d.Add(time.Hour))
		if before := at(d.Add(16*time.Hour - time.Second)); before != morning {
			t.Errorf("the day changed before 16:00 UTC: %d, %d", morning, before)
		}
		if after := at(d.Add(16 * time.Hour)); after != morning+1 {
			t.Errorf("the day at 16:00 UTC is %d, and was %d", after, morning)
		}
		if night := at(d.Add(24 * time.Hour)); night != morning+1 {
			t.Errorf("the day changed at midnight of UTC: %d", night)
		}
	})
}

func TestFigures_OwnOnesCountInPlaceOfThoseOfTheProfile(t *testing.T) {
	t.Parallel()
	got := limits.Vendor().Over(limits.Figures{URLsPerDay: 5, CallsPerSecond: 9})
	want := limits.Vendor()
	want.URLsPerDay, want.CallsPerSecond = 5, 9
	if got != want {
		t.Errorf("got %+v", got)
	}
}
