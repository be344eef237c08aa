package plan

import (
	"context"
	"fmt"
	"time"

	"github.com/freshet-vod/freshet"
)

// remember adds what playlists named before: after a re-encode or a takedown
// the origin lists the old segments no longer, but the caches still hold them.
// A purge of everything always adds it, and any other purge if the present
// cannot be read (contract §4.1 U23). A prefetch never does: the origin does
// not have them.
func (p *Planner) remember(ctx context.Context, d *draft) error {
	if d.job.Direct != nil {
		return nil
	}
	if d.purge() && (d.job.Filter.Everything || d.unreadable || d.media == nil) {
		urls, err := p.catalog.Remembered(ctx, d.job.Account, d.row.Media, time.Now().Add(-p.limits.Remember))
		if err != nil {
			return fmt.Errorf("reading what is remembered: %w", err)
		}
		for _, raw := range urls {
			// Addressed anew: the domain's rules may have changed since.
			u, _, err := d.named(raw)
			if err != nil {
				d.problem(raw, "remembered, but left out: %v", err)
				continue
			}
			d.urls = append(d.urls, freshet.PlannedURL{Media: d.row.Media, URL: u, Kind: kindRemembered})
		}
	}
	if len(d.urls) > 0 || d.fault != "" {
		return nil
	}
	if d.media == nil {
		d.end(faultNoMedia, "The video does not exist.")
		return nil
	}
	d.endWithoutStream()
	return nil
}
