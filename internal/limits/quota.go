package limits

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Quotas says what work costs and what is left of an account's day. It counts
// nothing itself: what it says is charged with the write that it is about. It
// is safe for use by many goroutines.
type Quotas struct {
	rules Rules
	day   time.Duration // distance of midnight from that of UTC
	store store.Quotas
}

// NewQuotas makes a Quotas whose days begin at midnight at a distance from UTC.
func NewQuotas(r Rules, dayStarts time.Duration, s store.Quotas) *Quotas {
	return &Quotas{rules: r, day: dayStarts, store: s}
}

// free tells whether a job costs nothing, whatever the limits: a purge that
// does not come by the vendor's API is an operator's, and is never refused for
// quota.
func free(job *freshet.Job) bool { return job.Native && job.Type != freshet.Prefetch }

// PriceOfCall returns what a job by URL costs, which is paid when it is
// accepted, all or nothing (contract §4.3).
func (q *Quotas) PriceOfCall(job *freshet.Job) []store.Charge {
	if free(job) || job.Direct == nil {
		return nil
	}
	d := job.Direct
	if job.Type == freshet.Prefetch {
		return q.price(job.Account, map[freshet.QuotaKind]int{freshet.QuotaPreloads: len(d.URLs)})
	}
	return q.price(job.Account, map[freshet.QuotaKind]int{
		freshet.QuotaURLs:        len(d.URLs) + len(d.Bare),
		freshet.QuotaDirectories: len(d.Prefixes) + len(d.Tags) + len(d.Patterns),
	})
}

// PriceOfRow returns what one media of a job costs, which is paid when its plan
// is stored: each URL costs as much as in a call by URL (contract §4.1 U24).
func (q *Quotas) PriceOfRow(job *freshet.Job, urls int) []store.Charge {
	if free(job) || job.Direct != nil {
		return nil
	}
	kind := freshet.QuotaURLs
	if job.Type == freshet.Prefetch {
		kind = freshet.QuotaPreloads
	}
	return q.price(job.Account, map[freshet.QuotaKind]int{kind: urls})
}

// price drops what is nothing and what is not limited, and keeps the order of
// kinds.
func (q *Quotas) price(account string, n map[freshet.QuotaKind]int) []store.Charge {
	f := q.rules.Of(account)
	var list []store.Charge
	for _, kind := range [...]freshet.QuotaKind{freshet.QuotaURLs, freshet.QuotaDirectories, freshet.QuotaPreloads} {
		if limit := f.perDay(kind); limit > 0 && n[kind] > 0 {
			list = append(list, store.Charge{Account: account, Kind: kind, Day: q.today(), N: n[kind], Limit: limit})
		}
	}
	return list
}

func (f Figures) perDay(kind freshet.QuotaKind) int {
	switch kind {
	case freshet.QuotaURLs:
		return f.URLsPerDay
	case freshet.QuotaDirectories:
		return f.DirectoriesPerDay
	case freshet.QuotaPreloads:
		return f.PreloadsPerDay
	}
	return 0
}

// today counts the days of accounts.
func (q *Quotas) today() int64 {
	return int64(time.Now().UTC().Add(q.day).Truncate(24*time.Hour).Sub(time.Unix(0, 0)) / (24 * time.Hour))
}

// PrefetchQueue returns how many prefetch tasks of an account may wait at a
// time, 0 for any number.
func (q *Quotas) PrefetchQueue(account string) int { return q.rules.Of(account).PreloadQueue }

// PerCall returns how many URLs an account may name in one
// RefreshVodObjectCaches and one PreloadVodObjectCaches; 0: nothing of its own.
func (q *Quotas) PerCall(account string) (refresh, preload int) {
	f := q.rules.Of(account)
	return f.URLsPerCall, f.PreloadsPerCall
}

// Quota returns an account's quota for today.
func (q *Quotas) Quota(ctx context.Context, account string) (freshet.Quota, error) {
	used, err := q.store.QuotaUsed(ctx, account, q.today())
	if err != nil {
		return freshet.Quota{}, err
	}
	f := q.rules.Of(account)
	share := func(kind freshet.QuotaKind) freshet.Share {
		limit := f.perDay(kind)
		if limit == 0 {
			return freshet.Share{Quota: freshet.UnlimitedQuota, Left: freshet.UnlimitedQuota}
		}
		return freshet.Share{Quota: limit, Left: max(0, limit-used[kind])}
	}
	return freshet.Quota{
		URLs: share(freshet.QuotaURLs), Directories: share(freshet.QuotaDirectories), Preloads: share(freshet.QuotaPreloads),
	}, nil
}
