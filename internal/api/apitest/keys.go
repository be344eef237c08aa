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

func (k keyStore) KeyOf(ctx context.Context, account, id string) (store.Key, error) {
	key, err := k.Key(ctx, id)
	if err == nil && key.Account != account {
		return store.Key{}, freshet.Errorf(freshet.CodeNotFound, "There is no access key %q.", id)
	}
	return key, err
}

func (k keyStore) ListKeys(_ context.Context, account string) ([]store.Key, error) {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	keys := slices.Collect(maps.Values(k.f.KeySet))
	keys = slices.DeleteFunc(keys, func(key store.Key) bool { return key.Account != account })
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

func (k keyStore) PutAccount(_ context.Context, a store.Account) error {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	k.f.Accounts[a.Name] = a
	return nil
}

func (k keyStore) Account(_ context.Context, name string) (store.Account, error) {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	if a, ok := k.f.Accounts[name]; ok {
		return a, nil
	}
	for _, key := range k.f.KeySet { // whoever has a key has an account
		if key.Account == name {
			return store.Account{Name: name, Created: key.Created}, nil
		}
	}
	return store.Account{}, freshet.Errorf(freshet.CodeNotFound, "There is no such account.")
}

func (k keyStore) UseKeys(_ context.Context, used map[string]time.Time) error {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	for id, at := range used {
		if key, ok := k.f.KeySet[id]; ok {
			key.Used = at
			k.f.KeySet[id] = key
		}
	}
	return nil
}

func (k keyStore) DeleteKey(_ context.Context, id string) error {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	delete(k.f.KeySet, id)
	return nil
}

// accountList returns the accounts in order of name.
func (f *Fake) accountList() []store.Account {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Collect(maps.Values(f.Accounts))
	slices.SortFunc(list, func(a, b store.Account) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func (k keyStore) Accounts(context.Context) ([]store.Account, error) { return k.f.accountList(), nil }
