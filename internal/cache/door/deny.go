package door

import (
	"context"
	"fmt"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// ProveDenied takes back what a driver believes of denied objects, if viewers
// are not refused: that the cache sees the list does not say that the place
// which serves viewers looks at it. One object of each host is asked for, the
// first whose result is done; what it shows holds for all of that host.
func (d *Door) ProveDenied(ctx context.Context, urls []freshet.DeniedURL, results []cache.Result) {
	type proof struct {
		failed bool
		result cache.Result
	}
	hosts := map[string]proof{}
	for i, u := range urls {
		if results[i].Outcome != freshet.OutcomeDone {
			continue
		}
		host, _ := freshet.SplitURL(u.URL)
		p, asked := hosts[host]
		if !asked {
			a := d.Peek(ctx, u.URL, nil)
			switch {
			case a.Status == u.Status:
			case a.Cancelled:
				p = proof{true, a.Result()}
			case a.Status == 0:
				p = proof{true, cache.Failed(a.Reason, a.Detail)}
			default:
				p = proof{true, cache.Failed(freshet.ReasonUnsupported, fmt.Sprintf(
					"viewers of %s get status %d, not %d: the supplied configuration is not included where they are served", host, a.Status, u.Status))}
			}
			hosts[host] = p
		}
		if p.failed {
			results[i] = p.result
		}
	}
}
