package limits

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds the memory of a Throttle. Buckets that are full again tell
// nothing and go first; should there be so many accounts that call within one
// second, what is forgotten is in the callers' favour.
const maxBuckets = 20_000

// tellEvery is how often a caller that is refused again and again is told of.
const tellEvery = time.Minute

// Throttle bounds how often each account calls each operation: a token bucket
// that holds one second's calls. It is safe for use by many goroutines.
type Throttle struct {
	rules   Rules
	mu      sync.Mutex // guards buckets
	buckets map[bucketKey]*bucket
}

type bucketKey struct{ account, operation string }

type bucket struct {
	limit *rate.Limiter
	told  time.Time // of the last refusal that was told of
}

// NewThrottle makes a Throttle.
func NewThrottle(r Rules) *Throttle {
	return &Throttle{rules: r, buckets: map[bucketKey]*bucket{}}
}

// Take counts a call of an operation by an account. If that is one too many,
// wait is when the next would be let in, and tell says that it is the first
// refusal for a minute: whoever writes refusals down need not write each.
func (t *Throttle) Take(account, operation string) (wait time.Duration, tell bool) {
	calls := t.rules.Of(account).calls(operation)
	if calls <= 0 {
		return 0, false
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	key := bucketKey{account, operation}
	b := t.buckets[key]
	if b == nil {
		t.makeRoom(now)
		b = &bucket{limit: rate.NewLimiter(rate.Limit(calls), calls)}
		t.buckets[key] = b
	}
	r := b.limit.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait <= 0 {
		return 0, false
	}
	r.CancelAt(now)
	if tell = b.told.IsZero() || now.Sub(b.told) >= tellEvery; tell {
		b.told = now
	}
	return wait, tell
}

// makeRoom forgets buckets before there are too many, a quarter of them at
// least, so that it need not look through all at each call; the caller holds mu.
func (t *Throttle) makeRoom(now time.Time) {
	if len(t.buckets) < maxBuckets {
		return
	}
	for key, b := range t.buckets {
		if b.limit.TokensAt(now) >= float64(b.limit.Burst()) {
			delete(t.buckets, key)
		}
	}
	for key := range t.buckets {
		if len(t.buckets) <= maxBuckets*3/4 {
			return
		}
		delete(t.buckets, key)
	}
}
