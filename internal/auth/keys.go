package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/store"
)

// maxCachedKeys bounds the key cache. A server has tens of keys.
const maxCachedKeys = 10_000

// keyring reads keys through a cache. Every change goes through put, so that
// a key that was disabled is refused from the moment in which put returns.
type keyring struct {
	store    store.Keys
	accounts store.Accounts // nil: every account is there and active
	uses     uses
	change   sync.Mutex // held by whoever reads a key, or an account, to write it back

	mu    sync.RWMutex // guards what follows; never held across the store
	keys  map[string]known
	epoch uint64 // counts changes: a read that began before one is not cached
}

// known is a key with what is needed at each of its uses.
type known struct {
	store.Key
	policies  policy.Set
	suspended bool          // its account is disabled, or gone
	noted     *atomic.Int64 // when its use was noted last, in Unix milliseconds
	expires   time.Time     // of a temporary key; zero: never
	parent    *known        // of a temporary key: the one that it was made with
}

func readKey(key store.Key) (known, error) {
	if key.Policy == "" {
		return known{Key: key, noted: new(atomic.Int64)}, nil
	}
	p, err := policy.Parse([]byte(key.Policy))
	if err != nil {
		// It was checked before it was stored, perhaps by a newer release. A
		// policy that is not understood must not be passed over.
		return known{}, fmt.Errorf("the stored policy of key %s: %w", key.ID, err)
	}
	return known{Key: key, policies: policy.Set{p}, noted: new(atomic.Int64)}, nil
}

// get returns a key, or an UnknownKey Fault.
func (k *keyring) get(ctx context.Context, id string) (known, error) {
	k.mu.RLock()
	key, ok := k.keys[id]
	epoch := k.epoch
	k.mu.RUnlock()
	if ok {
		return key, nil
	}
	stored, err := k.store.Key(ctx, id)
	if freshet.ErrorCode(err) == freshet.CodeNotFound {
		return known{}, &Fault{Kind: UnknownKey}
	}
	if err != nil {
		return known{}, unavailable(err)
	}
	if key, err = readKey(stored); err != nil {
		return known{}, &freshet.Error{Code: freshet.CodeInternal, Message: "The policy of the access key cannot be read.", Err: err}
	}
	if key.suspended, err = k.suspended(ctx, key.Account); err != nil {
		return known{}, unavailable(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.epoch == epoch {
		if len(k.keys) >= maxCachedKeys {
			clear(k.keys)
		}
		k.keys[id] = key
	}
	return key, nil
}

// suspended tells whether an account may not be used.
func (k *keyring) suspended(ctx context.Context, account string) (bool, error) {
	if k.accounts == nil {
		return false, nil
	}
	a, err := k.accounts.Account(ctx, account)
	if freshet.ErrorCode(err) == freshet.CodeNotFound {
		return true, nil
	}
	return a.Disabled, err
}

// put writes a key and forgets what was cached of it, also if the write
// failed: then nobody knows what is stored.
func (k *keyring) put(ctx context.Context, key store.Key) error {
	err := k.store.PutKey(ctx, key)
	k.forget(key.ID)
	return err
}

// forget drops what is cached of a key; of every key with "".
func (k *keyring) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	if id == "" {
		clear(k.keys)
		return
	}
	delete(k.keys, id)
}

// unavailable words a failed read of the store for a user.
func unavailable(err error) error {
	if _, ok := errors.AsType[*freshet.Error](err); ok {
		return err
	}
	return &freshet.Error{Code: freshet.CodeUnavailable, Kind: freshet.KindStore, Message: "Access keys cannot be read at the moment.", Err: err}
}

// PutKey inserts or replaces an access key. When it returns, no request is
// accepted by what was there before.
func (a *Auth) PutKey(ctx context.Context, k store.Key) error {
	if k.ID == "" || k.Secret == "" || k.Account == "" {
		return freshet.Invalid("key", "An access key needs an ID, a secret and an account.")
	}
	if isTemporary(k.ID) {
		return freshet.Invalid("key", "IDs that begin with %s belong to temporary keys.", temporaryMark)
	}
	if _, err := readKey(k); err != nil {
		return err
	}
	return a.keys.put(ctx, k)
}
