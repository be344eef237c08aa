package plan

import (
	"context"
	"errors"
	"fmt"

	"github.com/freshet-vod/freshet"
)

// charge takes the price of the plan. If what is left does not cover it, the
// media fails as a whole (contract §4.1 U24). A purge through the native API
// is free: a takedown is never refused for quota. A job by URL pays before it is
// accepted, all or nothing (contract §4.3).
func (p *Planner) charge(ctx context.Context, d *draft) error {
	if p.charger == nil || len(d.urls) == 0 || d.job.Direct != nil || d.job.Native && d.purge() {
		return nil
	}
	err := p.charger.Charge(ctx, d.job, d.row, len(d.urls))
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*freshet.Error](err); ok && e.Code == freshet.CodeLimited {
		d.end(faultQuota, "%s", e.Message)
		return nil
	}
	return fmt.Errorf("charging for %d URLs: %w", len(d.urls), err)
}
