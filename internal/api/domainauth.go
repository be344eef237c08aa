package api

import (
	"time"

	"github.com/freshet-vod/freshet"
)

// DomainAuth is the body of POST /v1/domains/{name}/auth. What is left out
// stays as it is.
type DomainAuth struct {
	// Type is A, B, C or C-query; "none" ends the signing and forgets the keys.
	Type      string    `json:"type,omitempty"`
	MainKey   string    `json:"main_key,omitempty"`
	BackupKey *string   `json:"backup_key,omitempty"` // empty: none
	Validity  string    `json:"validity,omitempty"`   // as in "30m"
	Enforce   *bool     `json:"enforce,omitempty"`
	Open      *[]string `json:"open,omitempty"`
}

// noAuth is the Type that ends the signing.
const noAuth = "none"

func (s *server) setDomainAuth(c *call) error {
	var req DomainAuth
	if err := c.decode(&req); err != nil {
		return err
	}
	return s.changeDomain(c, "freshet:SetDomainAuth", func(d *freshet.Domain) error {
		auth, err := req.apply(d.URLAuth)
		if err == nil {
			d.URLAuth = auth
		}
		return err
	})
}

// apply returns the settings after the request.
func (r *DomainAuth) apply(a freshet.URLAuth) (freshet.URLAuth, error) {
	if r.Type == noAuth {
		return freshet.URLAuth{}, nil
	}
	if a.Type == "" {
		a.Open = freshet.DefaultOpen()
	}
	if r.Type != "" {
		a.Type = freshet.AuthType(r.Type)
	}
	if r.MainKey != "" {
		a.MainKey = freshet.AuthKey(r.MainKey)
	}
	if r.BackupKey != nil {
		a.BackupKey = freshet.AuthKey(*r.BackupKey)
	}
	if r.Validity != "" {
		d, err := time.ParseDuration(r.Validity)
		if err != nil || d < time.Second {
			return a, freshet.Invalid("validity", "validity must be a duration of at least a second, such as 30m.")
		}
		a.ValiditySeconds = int(d / time.Second)
	}
	if r.Enforce != nil {
		a.Enforce = *r.Enforce
	}
	if r.Open != nil {
		a.Open = *r.Open
	}
	return a, a.Check()
}
