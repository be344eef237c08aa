package app

import (
	"context"

	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/limits"
)

// rulesOf puts the configured limits into the words of package limits.
func rulesOf(c config.Limits) limits.Rules {
	each := profileOf(c.Profile).Over(figuresOf(c.Own))
	rules := limits.Rules{Each: each, Accounts: map[string]limits.Figures{}}
	for _, a := range c.Accounts {
		base := each
		if a.Profile != "" {
			base = profileOf(a.Profile)
		}
		rules.Accounts[a.Name] = base.Over(figuresOf(a.Own))
	}
	return rules
}

func profileOf(name string) limits.Figures {
	if name == config.ProfileVendor {
		return limits.Vendor()
	}
	return limits.Figures{}
}

func figuresOf(f config.Figures) limits.Figures {
	return limits.Figures{
		CallsPerSecond: f.CallsPerSecond, URLsPerDay: f.URLsPerDay, DirectoriesPerDay: f.DirectoriesPerDay,
		PreloadsPerDay: f.PreloadsPerDay, URLsPerCall: f.URLsPerCall, PreloadsPerCall: f.PreloadsPerCall, PreloadQueue: f.PreloadQueue,
	}
}

// book is all that the vendor's API asks about limits.
type book struct {
	*limits.Throttle
	*limits.Quotas
}

// keepAudit deletes what the audit trail need not keep any more.
func (s *Server) keepAudit(ctx context.Context) error { return s.audit.Keep(ctx, s.kept, s.log) }
