package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
)

// TakedownRequest asks for media to be denied and purged everywhere.
type TakedownRequest = api.TakedownRequest

// Takedown denies media and purges them everywhere. When it returns a receipt,
// the job is durable and the media are blocked; what is denied on each POP
// follows with the job. Media that do not exist are listed in the receipt, and
// it is a CodeNotFound error if none does.
func (c *Client) Takedown(ctx context.Context, r TakedownRequest) (freshet.Receipt, error) {
	var out freshet.Receipt
	err := c.call(ctx, http.MethodPost, "/v1/takedowns", nil, r, &out)
	return out, err
}

// Reinstate ends the takedown of media. Those that are not taken down are
// listed in the receipt as not existing.
func (c *Client) Reinstate(ctx context.Context, media ...string) (freshet.Receipt, error) {
	var out freshet.Receipt
	err := c.call(ctx, http.MethodPost, "/v1/takedowns/undo", nil, api.ReinstateRequest{Media: media}, &out)
	return out, err
}

// Takedowns returns the takedowns that hold, newest first; with all, those that
// ended too.
func (c *Client) Takedowns(ctx context.Context, all bool) ([]freshet.TakedownRecord, error) {
	q := url.Values{}
	if all {
		q.Set("all", "true")
	}
	var out api.TakedownList
	err := c.call(ctx, http.MethodGet, "/v1/takedowns", q, nil, &out)
	return out.Takedowns, err
}
