package apitest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// keyStore is the store behind the keyring.
type keyStore struct{ f *Fake }

func (k keyStore) PutKey(_ context.Context, key store.Key) error {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	k.f.KeySet[key.ID] = key
	return nil
}

func (k keyStore) Key(_ context.Context, id string) (store.Key, error) {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	if key, ok := k.f.KeySet[id]; ok {
		return key, nil
	}
	return store.Key{}, freshet.Errorf(freshet.CodeNotFound, "There is no access key %q.", id)
}

func (k keyStore) ListKeys(context.Context, string) ([]store.Key, error) {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	keys := slices.Collect(maps.Values(k.f.KeySet))
	slices.SortFunc(keys, func(a, b store.Key) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return keys, nil
}

func (k keyStore) PutNonce(_ context.Context, _ time.Time, n store.Nonce) error {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	k.f.NonceList = append(k.f.NonceList, n)
	return nil
}

func (k keyStore) Nonces(context.Context, time.Time) ([]store.Nonce, error) { return nil, nil }
