package store

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// Domains keeps acceleration domains. It is a part of [Catalog].
type Domains interface {
	// PutDomain inserts or replaces a domain by name, its keys included. A name
	// or alias that is taken by another domain is a CodeConflict error.
	PutDomain(ctx context.Context, d freshet.Domain) error
	// RemoveDomain forgets a domain and gives its names back. One that does not
	// exist is no error.
	RemoveDomain(ctx context.Context, name string) error
	// Domains returns the domains of an account, or of all with "".
	Domains(ctx context.Context, account string) ([]freshet.Domain, error)
}
