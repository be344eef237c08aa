package client

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/freshet-vod/freshet"
)

// Audit returns a page of the trail of who called what. The operator's account
// sees the records of all, others see their own. To go on, pass the page's Next
// as q.After if q.Oldest is set, and else as q.Before. Limit 0 means the
// server's default.
func (c *Client) Audit(ctx context.Context, q freshet.AuditQuery) (freshet.AuditPage, error) {
	v := page(q.Limit)
	set := func(name, value string, given bool) {
		if given {
			v.Set(name, value)
		}
	}
	set("account", q.Account, q.Account != "")
	set("action", q.Action, q.Action != "")
	set("failed", "true", q.Failed)
	set("since", q.Since.UTC().Format(time.RFC3339Nano), !q.Since.IsZero())
	set("oldest_first", "true", q.Oldest)
	set("after", strconv.FormatUint(q.After, 10), q.After != 0)
	set("before", strconv.FormatUint(q.Before, 10), q.Before != 0)
	var out freshet.AuditPage
	err := c.call(ctx, http.MethodGet, "/v1/audit", v, nil, &out)
	return out, err
}
