package app

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/policy"
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
	bearers, err := readBearers(c.Auth.BearerTokens)
	if err != nil {
		return nil, err
	}
	return auth.New(ctx, auth.Options{
		Keys: s.store, Accounts: s.store, Box: s.box, Bearers: bearers, Window: c.Timeouts.Signature.Std(),
		PublicEndpoints: c.PublicEndpoints, TrustedProxies: proxies,
	})
}

// readBearers reads the files of bearer tokens.
func readBearers(list []config.BearerToken) ([]auth.Bearer, error) {
	var out []auth.Bearer
	for _, b := range list {
		token, err := config.ReadToken(b.File)
		if err != nil {
			return nil, fmt.Errorf("the bearer token %s: %w", b.Name, err)
		}
		one := auth.Bearer{Name: b.Name, Account: b.Account, Token: token}
		if b.PolicyFile != "" {
			document, err := os.ReadFile(b.PolicyFile)
			if err != nil {
				return nil, fmt.Errorf("the policy of the bearer token %s: %w", b.Name, err)
			}
			if one.Policy, err = policy.Parse(document); err != nil {
				return nil, fmt.Errorf("the policy of the bearer token %s: %w", b.Name, err)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// seedAccounts makes the accounts that there must be: the operator's, and those
// that the configuration names.
func seedAccounts(ctx context.Context, accounts store.Accounts, c *config.Config) error {
	names := []string{config.DefaultAccount}
	for _, d := range c.Domains {
		names = append(names, d.Account)
	}
	for _, b := range c.Auth.BearerTokens {
		names = append(names, b.Account)
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
