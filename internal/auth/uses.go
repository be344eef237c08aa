package auth

import (
	"context"
	"sync"
	"time"
)

// noteEvery is how often, at most, the use of a key is noted: a note costs a
// write.
const noteEvery = time.Minute

// uses are notes of keys' use that are not stored yet.
type uses struct {
	mu      sync.Mutex // guards pending
	pending map[string]time.Time
}

// note remembers that a key was used, unless it was noted a moment ago.
func (k *keyring) note(key known, now time.Time) {
	if k.accounts == nil {
		return
	}
	last := key.noted.Load()
	if now.UnixMilli()-last < noteEvery.Milliseconds() || !key.noted.CompareAndSwap(last, now.UnixMilli()) {
		return
	}
	k.uses.mu.Lock()
	defer k.uses.mu.Unlock()
	if k.uses.pending == nil {
		k.uses.pending = make(map[string]time.Time)
	}
	k.uses.pending[key.ID] = now
}

// flush stores the notes. Those that cannot be stored are dropped: the next use
// makes others.
func (k *keyring) flush(ctx context.Context) error {
	k.uses.mu.Lock()
	pending := k.uses.pending
	k.uses.pending = nil
	k.uses.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	return k.accounts.UseKeys(ctx, pending)
}

// Run stores when keys were used, once a minute, until ctx ends, and then once
// more. It returns nil: notes that are lost harm nobody.
func (a *Auth) Run(ctx context.Context) error {
	if a.keys.accounts == nil {
		return nil
	}
	tick := time.NewTicker(noteEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = a.keys.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_ = a.keys.flush(last)
			return nil
		}
	}
}
