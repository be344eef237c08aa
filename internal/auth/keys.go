package auth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
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
	store store.Keys

	mu    sync.RWMutex // guards what follows; never held across the store
	keys  map[string]known
	epoch uint64 // counts changes: a read that began before one is not cached
}

// known is a key with its policy read.
type known struct {
	store.Key
	policies policy.Set
}

func readKey(key store.Key) (known, error) {
	if key.Policy == "" {
		return known{Key: key}, nil
	}
	p, err := policy.Parse([]byte(key.Policy))
	if err != nil {
		// It was checked before it was stored, perhaps by a newer release. A
		// policy that is not understood must not be passed over.
		return known{}, fmt.Errorf("the stored policy of key %s: %w", key.ID, err)
	}
	return known{Key: key, policies: policy.Set{p}}, nil
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

// put writes a key and forgets what was cached of it, also if the write
// failed: then nobody knows what is stored.
func (k *keyring) put(ctx context.Context, key store.Key) error {
	err := k.store.PutKey(ctx, key)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	delete(k.keys, key.ID)
	return err
}

// unavailable words a failed read of the store for a user.
func unavailable(err error) error {
	if _, ok := errors.AsType[*freshet.Error](err); ok {
		return err
	}
	return &freshet.Error{Code: freshet.CodeUnavailable, Message: "Access keys cannot be read at the moment.", Err: err}
}

// PutKey inserts or replaces an access key. When it returns, no request is
// accepted by what was there before.
func (a *Auth) PutKey(ctx context.Context, k store.Key) error {
	if k.ID == "" || k.Secret == "" || k.Account == "" {
		return freshet.Invalid("key", "An access key needs an ID, a secret and an account.")
	}
	if _, err := readKey(k); err != nil {
		return err
	}
	return a.keys.put(ctx, k)
}

// CreateKey makes a new access key for an account. Its secret is shown to
// nobody but the caller.
func (a *Auth) CreateKey(ctx context.Context, account string) (store.Key, error) {
	var id, secret [16]byte
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(secret[:])
	k := store.Key{
		ID: "FK" + hex.EncodeToString(id[:10]), Secret: hex.EncodeToString(secret[:]),
		Account: account, Created: time.Now().UTC().Truncate(time.Millisecond),
	}
	return k, a.keys.put(ctx, k)
}

// DisableKey disables a key of the account. A key of another account is as
// unknown as one that does not exist.
func (a *Auth) DisableKey(ctx context.Context, account, id string) error {
	k, err := a.keys.store.Key(ctx, id)
	if err != nil {
		return err
	}
	if k.Account != account {
		return &freshet.Error{Code: freshet.CodeNotFound, Field: "id", Message: "There is no such access key."}
	}
	k.Disabled = true
	return a.keys.put(ctx, k)
}

// ListKeys returns the keys of an account, oldest first.
func (a *Auth) ListKeys(ctx context.Context, account string) ([]store.Key, error) {
	return a.keys.store.ListKeys(ctx, account)
}
