package app

import (
	"context"
	"net/netip"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/store"
)

// newGuard makes what establishes who calls.
func (s *Server) newGuard(ctx context.Context, c *config.Config) (*auth.Auth, error) {
	proxies := make([]netip.Prefix, len(c.TrustedProxies))
	for i, n := range c.TrustedProxies {
		var err error
		if proxies[i], err = config.ParseNetwork(n); err != nil {
			return nil, err
		}
	}
	return auth.New(ctx, auth.Options{
		Keys: s.store, Accounts: s.store, Window: c.Timeouts.Signature.Std(),
		PublicEndpoints: c.PublicEndpoints, TrustedProxies: proxies,
	})
}

// seedAccounts makes the accounts that there must be: the operator's, and those
// that own domains of the configuration.
func seedAccounts(ctx context.Context, accounts store.Accounts, c *config.Config) error {
	names := []string{config.DefaultAccount}
	for _, d := range c.Domains {
		names = append(names, d.Account)
	}
	for _, name := range names {
		_, err := accounts.Account(ctx, name)
		if freshet.ErrorCode(err) == freshet.CodeNotFound {
			err = accounts.PutAccount(ctx, store.Account{Name: name, Created: time.Now().UTC().Truncate(time.Millisecond)})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
