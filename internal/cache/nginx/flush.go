package nginx

import (
	"context"
	"time"
)

// flushStep is how many files Flush works on before it looks at the clock.
const flushStep = 64

// Flush implements cache.Driver. It is stronger than asked: what was fetched
// before goes, since an expired file that is being refreshed is served to
// everybody else. It returns when all is gone, which takes a second for every
// Options.FlushRate files. What was in flight is removed when it lands.
func (d *Driver) Flush(ctx context.Context, before time.Time) error {
	if err := d.notes.keepFlush(before); err != nil {
		return err
	}
	if err := d.index.refresh(ctx, false, d.sweep); err != nil {
		return unavailable("reading the cache's folder", err)
	}
	began := time.Now()
	for i, n := range d.index.all() {
		if i%flushStep == 0 {
			due := began.Add(time.Duration(i) * time.Second / time.Duration(d.o.FlushRate))
			if err := until(ctx, due); err != nil {
				return unavailable("flushing", err)
			}
		}
		t := target{name: n, path: d.pathOf(n), bound: before}
		f, h, err := d.drop(&t, false)
		switch f {
		case stale:
			t.key = h.key
			fates, errs := d.dropStale(ctx, []*target{&t}, []string{h.key})
			if f, err = fates[0], errs[0]; f == waiting || f == stale {
				d.busy.add(t, h.key)
			}
		case absent, removed, kept, waiting, failed:
		}
		if f == failed {
			return unavailable("flushing", err)
		}
	}
	// What is fetched from here on is younger than the flush.
	return until(ctx, earlier(before, time.Now().Add(time.Second)))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// until waits for a moment.
func until(ctx context.Context, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
