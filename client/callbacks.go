package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/freshet-vod/freshet/internal/api"
)

// The words of callbacks.
type (
	// Callback is something that was told to a receiver, or is to be.
	Callback = api.Callback
	// CallbackPage is a page of callbacks.
	CallbackPage = api.CallbackList
	// Webhook is the receiver of an account.
	Webhook = api.Webhook
)

// Callbacks returns callbacks of the account, newest first: those older than
// the ID before if it is set, with failed only those that were given up.
func (c *Client) Callbacks(ctx context.Context, failed bool, before string, limit int) (CallbackPage, error) {
	q := page(limit)
	if failed {
		q.Set("failed", "true")
	}
	if before != "" {
		q.Set("before", before)
	}
	var out CallbackPage
	err := c.call(ctx, http.MethodGet, "/v1/callbacks", q, nil, &out)
	return out, err
}

// RetryCallback has a callback that was given up sent again, with all its
// attempts, and one that waits at once.
func (c *Client) RetryCallback(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "/v1/callbacks/"+url.PathEscape(id)+"/retry", nil, struct{}{}, &struct{}{})
}

// Webhook returns the account's webhook, without its secret.
func (c *Client) Webhook(ctx context.Context) (Webhook, error) {
	var out Webhook
	err := c.call(ctx, http.MethodGet, "/v1/webhook", nil, nil, &out)
	return out, err
}

// SetWebhook gives the account a webhook, or its webhook another URL. The
// answer has a secret if it is new.
func (c *Client) SetWebhook(ctx context.Context, target string) (Webhook, error) {
	var out Webhook
	err := c.call(ctx, http.MethodPost, "/v1/webhook", nil, api.WebhookChange{URL: target}, &out)
	return out, err
}

// RotateWebhook replaces the webhook's secret; the old one signs too for a day.
func (c *Client) RotateWebhook(ctx context.Context) (Webhook, error) {
	var out Webhook
	err := c.call(ctx, http.MethodPost, "/v1/webhook/rotate", nil, struct{}{}, &out)
	return out, err
}

// DeleteWebhook deletes the webhook; what waits for it is given up.
func (c *Client) DeleteWebhook(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/v1/webhook", nil, nil, &struct{}{})
}
