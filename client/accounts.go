package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/freshet-vod/freshet/internal/api"
)

// Key is an access key. Its Secret is told only when it is made.
type Key = api.Key

// Account is a tenant of the server.
type Account = api.Account

// Accounts returns every account, in order of name. Only the operator may ask.
func (c *Client) Accounts(ctx context.Context) ([]Account, error) {
	var out api.AccountList
	err := c.call(ctx, http.MethodGet, "/v1/accounts", nil, nil, &out)
	return out.Accounts, err
}

// CreateAccount makes an account. Only the operator may.
func (c *Client) CreateAccount(ctx context.Context, name string) (Account, error) {
	var out Account
	err := c.call(ctx, http.MethodPost, "/v1/accounts", nil, api.AccountRequest{Name: name}, &out)
	return out, err
}

// SetAccount disables or enables an account: none of a disabled one's keys is
// let in. Only the operator may.
func (c *Client) SetAccount(ctx context.Context, name string, disabled bool) (Account, error) {
	var out Account
	err := c.call(ctx, http.MethodPost, "/v1/accounts/"+url.PathEscape(name), nil, api.AccountChange{Disabled: &disabled}, &out)
	return out, err
}

// Keys returns the access keys of an account ("": the caller's), oldest first,
// without secrets.
func (c *Client) Keys(ctx context.Context, account string) ([]Key, error) {
	q := url.Values{}
	if account != "" {
		q.Set("account", account)
	}
	var out api.KeyList
	err := c.call(ctx, http.MethodGet, "/v1/keys", q, nil, &out)
	return out.Keys, err
}

// NewKey says what key is to be made.
type NewKey struct {
	Account string // empty: the caller's; only the operator may name another
	Policy  string // a document in the vendor's RAM form; empty: everything in the account
}

// CreateKey makes an access key.
func (c *Client) CreateKey(ctx context.Context, k NewKey) (Key, error) {
	var out Key
	err := c.call(ctx, http.MethodPost, "/v1/keys", nil, api.KeyRequest{Account: k.Account, Policy: json.RawMessage(k.Policy)}, &out)
	return out, err
}

// SetKey disables or enables an access key.
func (c *Client) SetKey(ctx context.Context, id string, disabled bool) (Key, error) {
	var out Key
	err := c.call(ctx, http.MethodPost, "/v1/keys/"+url.PathEscape(id), nil, api.KeyChange{Disabled: &disabled}, &out)
	return out, err
}

// DeleteKey deletes an access key.
func (c *Client) DeleteKey(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), nil, nil, &struct{}{})
}

// KeyPolicy returns the policy of an access key, "" if it has none.
func (c *Client) KeyPolicy(ctx context.Context, id string) (string, error) {
	return c.policy(ctx, http.MethodGet, id, nil)
}

// SetKeyPolicy gives an access key a policy; "" removes the one that it has.
func (c *Client) SetKeyPolicy(ctx context.Context, id, policy string) error {
	var err error
	if policy == "" {
		_, err = c.policy(ctx, http.MethodDelete, id, nil)
	} else {
		_, err = c.policy(ctx, http.MethodPost, id, json.RawMessage(policy))
	}
	return err
}

func (c *Client) policy(ctx context.Context, method, id string, body any) (string, error) {
	var out api.KeyPolicy
	err := c.call(ctx, method, "/v1/keys/"+url.PathEscape(id)+"/policy", nil, body, &out)
	if string(out.Policy) == "null" {
		return "", err
	}
	return string(out.Policy), err
}

// Token is a temporary credential; give it to [New] in Options.
type Token = api.Token

// NewToken says what temporary credential is to be made.
type NewToken struct {
	Lasts  time.Duration
	Policy string // narrows what the key may; empty: all of it
}

// IssueToken makes a temporary credential of an access key.
func (c *Client) IssueToken(ctx context.Context, id string, t NewToken) (Token, error) {
	var out Token
	in := api.TokenRequest{Duration: t.Lasts.String(), Policy: json.RawMessage(t.Policy)}
	err := c.call(ctx, http.MethodPost, "/v1/keys/"+url.PathEscape(id)+"/tokens", nil, in, &out)
	return out, err
}
