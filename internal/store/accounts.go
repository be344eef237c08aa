package store

import (
	"context"
	"time"
)

// Accounts keeps accounts, and what changes about keys besides their making.
type Accounts interface {
	// PutAccount inserts or replaces an account by name.
	PutAccount(ctx context.Context, a Account) error
	// Account returns an account, or a CodeNotFound error.
	Account(ctx context.Context, name string) (Account, error)
	// Accounts returns every account, in order of name.
	Accounts(ctx context.Context) ([]Account, error)
	// UseKeys notes when keys were used last; a key that is gone, or that was
	// used later, stays as it is. It need not be durable.
	UseKeys(ctx context.Context, used map[string]time.Time) error
	// DeleteKey deletes a key, if it is there.
	DeleteKey(ctx context.Context, id string) error
}

// Account is a tenant: whatever is one's is not there for another.
type Account struct {
	Name     string
	Disabled bool // none of its keys is let in; what was accepted goes on
	Created  time.Time
}
