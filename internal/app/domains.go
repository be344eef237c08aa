package app

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/guard"
)

// sourceGuard decides where the origins of tenants' domains may lie (promise
// P9).
func sourceGuard(c *config.Config) *guard.Guard {
	allow := make([]netip.Prefix, len(c.Sources.Allow))
	for i, n := range c.Sources.Allow {
		allow[i] = n.Prefix()
	}
	return guard.New(allow...)
}

// declareDomains stores the domains of the configuration. They are the
// operator's word, so that their origins may lie anywhere; what else is known
// of one that exists stays.
func (s *Server) declareDomains(ctx context.Context, c *config.Config) error {
	have, err := s.store.Domains(ctx, "")
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, d := range c.Domains {
		w := freshet.Domain{
			Account: d.Account, Name: d.Name, Aliases: d.Aliases, Origin: string(d.Origin),
			TLS: d.TLS, IgnoreParams: d.IgnoreParams, Verify: d.Verify, Created: now, Modified: now,
		}
		if d.URLAuth != nil {
			if w.URLAuth, err = declaredAuth(d.Name, d.URLAuth); err != nil {
				return err
			}
		}
		if i := slices.IndexFunc(have, func(o freshet.Domain) bool { return o.Name == d.Name }); i >= 0 {
			w = w.Replacing(have[i])
			if w.Created.IsZero() {
				w.Created = now // stored by a release that kept no times
			}
			if sameDeclared(w, have[i]) {
				w.Modified = have[i].Modified
			}
		}
		if err := s.store.PutDomain(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// sameDeclared reports whether a declaration changed nothing.
func sameDeclared(a, b freshet.Domain) bool {
	return a.Account == b.Account && a.Origin == b.Origin && a.TLS == b.TLS && a.Verify == b.Verify && a.Guarded == b.Guarded &&
		a.Unapproved == b.Unapproved && slices.Equal(a.Aliases, b.Aliases) && slices.Equal(a.IgnoreParams, b.IgnoreParams) &&
		a.URLAuth.Same(b.URLAuth)
}

// declaredAuth reads the keys of a domain's signatures.
func declaredAuth(domain string, a *config.URLAuth) (freshet.URLAuth, error) {
	var keys [2]string
	for i, file := range []string{a.MainKeyFile, a.BackupKeyFile} {
		if file == "" {
			continue
		}
		b, err := os.ReadFile(file) //nolint:gosec // the operator names the file
		if err != nil {
			return freshet.URLAuth{}, fmt.Errorf("domain %s: reading a key of url_auth: %w", domain, err)
		}
		keys[i] = strings.TrimSpace(string(b))
	}
	w := a.Words(keys[0], keys[1])
	if err := w.Check(); err != nil {
		return w, fmt.Errorf("domain %s: url_auth: %w", domain, err)
	}
	return w, nil
}
