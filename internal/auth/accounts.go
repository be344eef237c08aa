package auth

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// noKey is the answer about a key that does not exist, or is another account's:
// the same to the caller.
func noKey() error {
	return &freshet.Error{Code: freshet.CodeNotFound, Field: "id", Message: "There is no such access key."}
}

// CreateKey makes a new access key for an account; policy is a document or "".
// Its secret is shown to nobody but the caller. An account that does not exist
// is a CodeNotFound error.
func (a *Auth) CreateKey(ctx context.Context, account, document string) (store.Key, error) {
	a.keys.change.Lock()
	defer a.keys.change.Unlock()
	if a.keys.accounts != nil {
		if _, err := a.keys.accounts.Account(ctx, account); err != nil {
			return store.Key{}, err
		}
	}
	var id, secret [16]byte
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(secret[:])
	k := store.Key{
		ID: "FK" + hex.EncodeToString(id[:10]), Secret: hex.EncodeToString(secret[:]),
		Account: account, Created: present(), Policy: document,
	}
	return k, a.PutKey(ctx, k)
}

func present() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Key returns a key of an account; of any account with "". A key of another
// account is as unknown as one that does not exist, and as quickly.
func (a *Auth) Key(ctx context.Context, account, id string) (k store.Key, err error) {
	if account == "" {
		k, err = a.keys.store.Key(ctx, id)
	} else {
		k, err = a.keys.store.KeyOf(ctx, account, id)
	}
	if freshet.ErrorCode(err) == freshet.CodeNotFound {
		return store.Key{}, noKey()
	}
	return k, err
}

// ChangeKey changes a key of an account (of any account with "") and returns
// it. When it returns, no request is accepted by what was there before.
func (a *Auth) ChangeKey(ctx context.Context, account, id string, change func(*store.Key)) (store.Key, error) {
	a.keys.change.Lock()
	defer a.keys.change.Unlock()
	k, err := a.Key(ctx, account, id)
	if err != nil {
		return store.Key{}, err
	}
	change(&k)
	return k, a.PutKey(ctx, k)
}

// DeleteKey deletes a key of an account; of any account with "". When it
// returns, no request is accepted by it.
func (a *Auth) DeleteKey(ctx context.Context, account, id string) error {
	a.keys.change.Lock()
	defer a.keys.change.Unlock()
	if _, err := a.Key(ctx, account, id); err != nil {
		return err
	}
	err := a.keys.accounts.DeleteKey(ctx, id)
	a.keys.forget(id)
	return err
}

// ListKeys returns the keys of an account, oldest first.
func (a *Auth) ListKeys(ctx context.Context, account string) ([]store.Key, error) {
	return a.keys.store.ListKeys(ctx, account)
}

// maxAccountName bounds names of accounts.
const maxAccountName = 64

// validAccount keeps out what means something else in the resources of policies.
func validAccount(name string) bool {
	return name != "" && len(name) <= maxAccountName && strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}) < 0
}

// CreateAccount makes an account. One that exists is a CodeConflict error.
func (a *Auth) CreateAccount(ctx context.Context, name string) (store.Account, error) {
	if !validAccount(name) {
		return store.Account{}, freshet.Invalid("name", "The name of an account is 1 to %d letters, digits, -, _ and dots.", maxAccountName)
	}
	a.keys.change.Lock()
	defer a.keys.change.Unlock()
	switch _, err := a.keys.accounts.Account(ctx, name); {
	case err == nil:
		return store.Account{}, &freshet.Error{Code: freshet.CodeConflict, Field: "name", Message: "The account " + name + " exists already."}
	case freshet.ErrorCode(err) != freshet.CodeNotFound:
		return store.Account{}, err
	}
	made := store.Account{Name: name, Created: present()}
	err := a.keys.accounts.PutAccount(ctx, made)
	a.keys.forget("")
	return made, err
}

// SetAccount disables or enables an account. When it returns, none of a disabled
// account's keys is let in; what was accepted before goes on.
func (a *Auth) SetAccount(ctx context.Context, name string, disabled bool) (store.Account, error) {
	a.keys.change.Lock()
	defer a.keys.change.Unlock()
	acc, err := a.keys.accounts.Account(ctx, name)
	if err != nil {
		return store.Account{}, err
	}
	acc.Disabled = disabled
	err = a.keys.accounts.PutAccount(ctx, acc)
	a.keys.forget("")
	return acc, err
}

// Accounts returns every account, in order of name.
func (a *Auth) Accounts(ctx context.Context) ([]store.Account, error) {
	return a.keys.accounts.Accounts(ctx)
}
