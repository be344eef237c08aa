package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// maxNames bounds the aliases and the ignored parameters of a domain.
const maxNames = 100

// DomainList is the answer of GET /v1/domains.
type DomainList struct {
	Domains []freshet.Domain `json:"domains"`
}

func (s *server) listDomains(c *call) error {
	domains, err := s.Domains.Domains(c.r.Context(), c.caller.Account)
	if err != nil {
		return err
	}
	return c.reply(http.StatusOK, DomainList{list(domains)})
}

func (s *server) putDomain(c *call) error {
	var d freshet.Domain
	if err := c.decode(&d); err != nil {
		return err
	}
	c.entry.Note(d.Name)
	if d.Account != "" && d.Account != c.caller.Account {
		return &freshet.Error{Code: freshet.CodeForbidden, Field: "account", Message: "A domain is added to the caller's own account."}
	}
	d.Account = c.caller.Account
	if err := checkDomain(&d); err != nil {
		return err
	}
	if err := s.Domains.PutDomain(c.r.Context(), d); err != nil {
		return err
	}
	return c.reply(http.StatusOK, d)
}

func checkDomain(d *freshet.Domain) error {
	if !validHost(d.Name) {
		return freshet.Invalid("name", "name must be a host name in lower case, with its port if that is not the scheme's own.")
	}
	if len(d.Aliases) > maxNames || len(d.IgnoreParams) > maxNames {
		return freshet.Invalid("aliases", "A domain takes at most %d aliases and %d ignored parameters.", maxNames, maxNames)
	}
	for i, a := range d.Aliases {
		if !validHost(a) || a == d.Name || slices.Index(d.Aliases, a) < i {
			return freshet.Invalid(fmt.Sprintf("aliases[%d]", i), "%q is not another host name in lower case.", clip(a))
		}
	}
	for i, p := range d.IgnoreParams {
		if p == "" || len(p) > 128 || strings.ContainsAny(p, "&=#% ") {
			return freshet.Invalid(fmt.Sprintf("ignore_params[%d]", i), "%q is not the name of a parameter.", clip(p))
		}
	}
	if d.Verify != "" && !slices.Contains(freshet.VerifyModes(), d.Verify) {
		return freshet.Invalid("verify", "%q is not a way to verify; it must be ack, inspect or probe.", clip(string(d.Verify)))
	}
	o, err := url.Parse(d.Origin)
	if err != nil || o.Scheme != "http" && o.Scheme != "https" || o.Hostname() == "" {
		return freshet.Invalid("origin", "origin must be a URL such as http://origin.example.com.")
	}
	if o.User != nil || o.RawQuery != "" || o.Fragment != "" {
		return freshet.Invalid("origin", "origin may not hold user information, a query or a fragment.")
	}
	return nil
}

// validHost reports whether s is a host[:port] that is its own canonical
// form: objects are named by it, so two spellings would be two names.
func validHost(s string) bool {
	if s == "" || len(s) > 253 || strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-._:[]", c)
	}) {
		return false
	}
	c, err := freshet.Canonical("http://"+s+"/", nil)
	return err == nil && c == "http://"+s+"/"
}
