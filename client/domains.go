package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
)

// DomainAuth says how the playback URLs of a domain are to be signed. What is
// left out stays as it is; Type "none" ends the signing.
type DomainAuth = api.DomainAuth

// Domains returns the account's acceleration domains.
func (c *Client) Domains(ctx context.Context) ([]freshet.Domain, error) {
	return c.DomainsOf(ctx, "", "")
}

// DomainsOf returns the domains of an account ("" is the caller's; the operator
// may name any, or "*" for all) in a state ("" is any).
func (c *Client) DomainsOf(ctx context.Context, account string, status freshet.DomainStatus) ([]freshet.Domain, error) {
	q := url.Values{}
	if account != "" {
		q.Set("account", account)
	}
	if status != "" {
		q.Set("status", string(status))
	}
	var out api.DomainList
	err := c.call(ctx, http.MethodGet, "/v1/domains", q, nil, &out)
	return out.Domains, err
}

// PutDomain adds a domain, or replaces the one of that name.
func (c *Client) PutDomain(ctx context.Context, d freshet.Domain) (freshet.Domain, error) {
	var out freshet.Domain
	err := c.call(ctx, http.MethodPost, "/v1/domains", nil, d, &out)
	return out, err
}

// StopDomain takes a domain out of service: caches refuse its viewers.
func (c *Client) StopDomain(ctx context.Context, name string) (freshet.Domain, error) {
	return c.changeDomain(ctx, name, "stop", struct{}{})
}

// StartDomain puts a domain into service again.
func (c *Client) StartDomain(ctx context.Context, name string) (freshet.Domain, error) {
	return c.changeDomain(ctx, name, "start", struct{}{})
}

// ApproveDomain lets a domain serve that another account added. Only the
// operator's account may.
func (c *Client) ApproveDomain(ctx context.Context, name string) (freshet.Domain, error) {
	return c.changeDomain(ctx, name, "approve", struct{}{})
}

// SetDomainAuth changes how the playback URLs of a domain are signed.
func (c *Client) SetDomainAuth(ctx context.Context, name string, a DomainAuth) (freshet.Domain, error) {
	return c.changeDomain(ctx, name, "auth", a)
}

func (c *Client) changeDomain(ctx context.Context, name, verb string, in any) (freshet.Domain, error) {
	var out freshet.Domain
	err := c.call(ctx, http.MethodPost, "/v1/domains/"+url.PathEscape(name)+"/"+verb, nil, in, &out)
	return out, err
}

// RemoveDomain removes a domain that was never approved.
func (c *Client) RemoveDomain(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/domains/"+url.PathEscape(name), nil, nil, &struct{}{})
}
