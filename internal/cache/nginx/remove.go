package nginx

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"
)

// margin is how many seconds before its expiry a file counts as expired: it
// must not expire, and be refreshed, between the look at it and its removal.
const margin = 2

// busyEvery is how often nginx is asked whether a refresh is over.
const busyEvery = 50 * time.Millisecond

// target is a file that may have to go.
type target struct {
	name  name
	path  string
	key   string    // what it must have as its key; "" if url decides
	url   string    // what its key must mean; "" if anything may
	bound time.Time // copies that are not younger go; zero: all do
}

// fate is what became of a target.
type fate int

const (
	absent  fate = iota // it is not there, or not this object's
	removed             // it went
	kept                // it is young enough
	stale               // it is expired and needs a hold
	waiting             // it is being refreshed, and goes when that is over
	failed              // it could not be read or removed; err says why
)

// goes reports whether a copy is too old.
func goes(h *head, bound time.Time) bool { return bound.IsZero() || !h.age().After(bound) }

// mine reports whether the key in a file is the one that is meant: two keys may
// have one name, and a file that is another object's stays.
func (d *Driver) mine(t *target, h *head) bool {
	if t.key != "" && t.key == h.key {
		return true
	}
	if t.url == "" {
		return t.key == ""
	}
	r, ok := d.template.read(h.key, *d.domains.Load())
	return ok && r.url == t.url
}

// drop removes a file if it must go, unless it is expired and not held. h is
// what it was, unless it is absent.
//
// Nothing is synced: a power cut may bring the file back. Writing the cursor
// syncs the folder's file system behind it, and what is above the cursor is
// purged again at start.
func (d *Driver) drop(t *target, isHeld bool) (f fate, h head, err error) {
	h, err = d.head(t.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return absent, h, nil
	case errors.Is(err, errShort):
		// nginx cuts no file short and serves none that is: it is not done yet,
		// or was cut by a power cut.
		return absent, h, nil
	case err != nil:
		return failed, h, err
	case !d.mine(t, &h):
		return absent, head{}, nil
	case !goes(&h, t.bound):
		return kept, h, nil
	case !isHeld && h.valid < time.Now().Unix()+margin:
		return stale, h, nil
	}
	if err := os.Remove(t.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return failed, h, err
	}
	return removed, h, nil
}

// dropStale removes expired files, each while its key is held. Those that are
// being refreshed are left, with fate waiting; the others end as drop says.
func (d *Driver) dropStale(ctx context.Context, targets []*target, keys []string) (fates []fate, errs []error) {
	fates, errs = make([]fate, len(targets)), make([]error, len(targets))
	qs := make([]question, 0, len(targets))
	which := make([]int, 0, len(targets))
	for i, t := range targets {
		if !sendable(keys[i]) {
			// It cannot be asked about, so that it cannot be held either.
			fates[i], _, errs[i] = d.drop(t, true)
			continue
		}
		ticket := d.holds.issue(func() { fates[i], _, errs[i] = d.drop(t, true) })
		qs = append(qs, question{key: keys[i], hold: d.holds.addr(), ticket: ticket})
		which = append(which, i)
	}
	for n, r := range d.quick.ask(ctx, qs) {
		i := which[n]
		if d.holds.redeem(qs[n].ticket) {
			continue
		}
		switch {
		case r.err != nil:
			fates[i], errs[i] = failed, r.err
		case r.status == saysUpdating:
			fates[i] = waiting
		case r.status == saysHit:
			// It is fresh again, or not expired yet.
			if fates[i], _, errs[i] = d.drop(targets[i], false); fates[i] == stale {
				fates[i] = waiting
			}
		default:
			fates[i], errs[i] = failed, errNotHeld
		}
	}
	return fates, errs
}

var errNotHeld = errors.New("nginx could not reach the agent to have an expired file held: is deploy/nginx/freshet.conf in use, and does the agent run on this machine?")

// busy are files that go as soon as their refresh is over.
type busy struct {
	mu    sync.Mutex
	files map[string]*waiter // by path
}

type waiter struct {
	target target
	key    string
	done   chan struct{}
}

// add leaves a file to workBusy.
func (b *busy) add(t target, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.files == nil {
		b.files = map[string]*waiter{}
	}
	if w := b.files[t.path]; w != nil {
		if t.bound.IsZero() || !w.target.bound.IsZero() && w.target.bound.Before(t.bound) {
			w.target.bound = t.bound
		}
		return
	}
	b.files[t.path] = &waiter{target: t, key: key, done: make(chan struct{})}
}

// none reports whether there are no such files.
func (b *busy) none() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.files) == 0
}

// of returns what is closed when the files at some paths are gone.
func (b *busy) of(paths []string) []chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []chan struct{}
	for _, p := range paths {
		if w := b.files[p]; w != nil {
			all = append(all, w.done)
		}
	}
	return all
}

func (b *busy) list() []*waiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*waiter, 0, len(b.files))
	for _, w := range b.files {
		all = append(all, w)
	}
	return all
}

func (b *busy) done(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.files, w.target.path)
	close(w.done)
}

// workBusy removes files whose refresh is over, until ctx ends.
func (d *Driver) workBusy(ctx context.Context) {
	tick := time.NewTicker(busyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		list := d.busy.list()
		if len(list) == 0 {
			continue
		}
		targets, keys := make([]*target, len(list)), make([]string, len(list))
		for i, w := range list {
			t := d.busy.target(w)
			targets[i], keys[i] = &t, w.key
		}
		fates, errs := d.dropStale(ctx, targets, keys)
		for i, f := range fates {
			switch f {
			case waiting, stale:
			case failed:
				if ctx.Err() == nil {
					d.o.Log.LogAttrs(ctx, slog.LevelWarn, "an expired file that was purged cannot be removed yet", slog.Any("error", errs[i]))
				}
			case absent, removed, kept:
				d.busy.done(list[i])
			}
		}
	}
}

// target returns what a waiter waits for, as it is now.
func (b *busy) target(w *waiter) target {
	b.mu.Lock()
	defer b.mu.Unlock()
	return w.target
}

// sweep removes a file that landed after the purge of its object and was
// fetched before it. The index calls it.
func (d *Driver) sweep(ctx context.Context, l landed) {
	bound := d.fences.bound(l.url)
	if bound.IsZero() || !goes(&l.head, bound) {
		return
	}
	// A purge that has raised its fence and not come to this file yet removes it
	// itself, and says so.
	d.purging.Lock()
	defer d.purging.Unlock()
	t := target{name: l.name, path: d.pathOf(l.name), key: l.head.key, bound: bound}
	switch f, _, err := d.drop(&t, false); f {
	case stale:
		d.busy.add(t, l.head.key)
	case failed:
		d.o.Log.LogAttrs(ctx, slog.LevelWarn, "a file that was purged cannot be removed", slog.Any("error", err))
	case absent, removed, kept, waiting:
	}
}
