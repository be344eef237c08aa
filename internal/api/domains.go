package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
)

// maxNames bounds the aliases and the ignored parameters of a domain.
const maxNames = 100

// DomainList is the answer of GET /v1/domains.
type DomainList struct {
	Domains []freshet.Domain `json:"domains"`
}

// everyAccount asks the list for the domains of all accounts.
const everyAccount = "*"

// listDomains answers with the caller's domains; the operator may ask for those
// of any account, and of all with "*".
func (s *server) listDomains(c *call) error {
	account := c.caller.Account
	if asked := c.query.Get("account"); asked != "" && asked != account {
		if account != s.Operator {
			return &freshet.Error{Code: freshet.CodeForbidden, Kind: freshet.KindOperator, Field: "account", Message: "Only the operator's account may list domains of others."}
		}
		if account = asked; asked == everyAccount {
			account = ""
		}
	}
	status := freshet.DomainStatus(c.query.Get("status"))
	if status != "" && !slices.Contains(freshet.DomainStatuses(), status) {
		return freshet.Invalid("status", "status must be online, offline or checking.")
	}
	domains, err := s.Domains.Domains(c.r.Context(), account)
	if err != nil {
		return err
	}
	out := make([]freshet.Domain, 0, len(domains))
	for _, d := range domains {
		if status == "" || d.Status() == status {
			out = append(out, d)
		}
	}
	return c.reply(http.StatusOK, DomainList{out})
}

func (s *server) putDomain(c *call) error {
	var d freshet.Domain
	if err := c.decode(&d); err != nil {
		return err
	}
	c.entry.Note(d.Name)
	operator := c.caller.Account == s.Operator
	switch {
	case d.Account == "":
		d.Account = c.caller.Account
	case d.Account != c.caller.Account && !operator:
		return &freshet.Error{Code: freshet.CodeForbidden, Field: "account", Message: "A domain is added to the caller's own account."}
	}
	if err := checkDomain(&d); err != nil {
		return err
	}
	if !c.may("freshet:PutDomain", policy.Domain(d.Name)) {
		return refused("freshet:PutDomain")
	}
	// What only the server may say.
	d.Created, d.Modified = time.Time{}, time.Time{}
	d.Guarded, d.Unapproved = !operator, !operator
	if !operator {
		if err := s.checkTenant(c, &d); err != nil {
			return err
		}
	}
	if err := s.Domains.PutDomain(c.r.Context(), d); err != nil {
		return err
	}
	return s.showDomain(c, d.Name)
}

// checkTenant refuses what only the operator may: names that were not looked at
// when the domain was approved.
func (s *server) checkTenant(c *call, d *freshet.Domain) error {
	if o, err := url.Parse(d.Origin); s.CheckHost != nil && (err != nil || s.CheckHost(o.Hostname()) != nil) {
		return freshet.Invalid("origin", "origin may not be in a private, loopback or link-local network.")
	}
	mine, err := s.Domains.Domains(c.r.Context(), c.caller.Account)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(mine, func(o freshet.Domain) bool { return o.Name == d.Name && !o.Unapproved })
	for j, a := range d.Aliases {
		if i >= 0 && !slices.Contains(mine[i].Aliases, a) {
			return &freshet.Error{
				Code: freshet.CodeForbidden, Field: fmt.Sprintf("aliases[%d]", j),
				Message: "The operator adds aliases to a domain that was approved.",
			}
		}
	}
	return nil
}

// scope is whose domains the caller may change.
func (s *server) scope(c *call) string {
	if c.caller.Account == s.Operator {
		return "" // any
	}
	return c.caller.Account
}

func (s *server) changeDomain(c *call, action string, change func(*freshet.Domain) error) error {
	name := c.r.PathValue("name")
	c.entry.Note(name)
	if !c.may(action, policy.Domain(name)) {
		return refused(action)
	}
	if err := s.Domains.ChangeDomains(c.r.Context(), s.scope(c), []string{name}, change); err != nil {
		return err
	}
	return s.showDomain(c, name)
}

func (s *server) showDomain(c *call, name string) error {
	all, err := s.Domains.Domains(c.r.Context(), s.scope(c))
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Name == name {
			return c.reply(http.StatusOK, d)
		}
	}
	return freshet.Errorf(freshet.CodeNotFound, "There is no domain %q.", clip(name))
}

func (s *server) stopDomain(c *call) error {
	return s.changeDomain(c, "freshet:StopDomain", func(d *freshet.Domain) error {
		d.Offline = true
		return nil
	})
}

func (s *server) startDomain(c *call) error {
	return s.changeDomain(c, "freshet:StartDomain", func(d *freshet.Domain) error {
		d.Offline = false
		return nil
	})
}

func (s *server) approveDomain(c *call) error {
	return s.changeDomain(c, "freshet:ApproveDomain", func(d *freshet.Domain) error {
		d.Unapproved = false
		return nil
	})
}

func (s *server) removeDomain(c *call) error {
	name := c.r.PathValue("name")
	c.entry.Note(name)
	if !c.may("freshet:RemoveDomain", policy.Domain(name)) {
		return refused("freshet:RemoveDomain")
	}
	if err := s.Domains.RemoveDomain(c.r.Context(), s.scope(c), name); err != nil {
		return err
	}
	return c.reply(http.StatusOK, struct{}{})
}

func checkDomain(d *freshet.Domain) error {
	if !freshet.ValidHost(d.Name) {
		return freshet.Invalid("name", "name must be a host name in lower case, with its port if that is not the scheme's own.")
	}
	if len(d.Aliases) > maxNames || len(d.IgnoreParams) > maxNames {
		return freshet.Invalid("aliases", "A domain takes at most %d aliases and %d ignored parameters.", maxNames, maxNames)
	}
	for i, a := range d.Aliases {
		if !freshet.ValidHost(a) || a == d.Name || slices.Index(d.Aliases, a) < i {
			return freshet.Invalid(fmt.Sprintf("aliases[%d]", i), "%q is not another host name in lower case.", clip(a))
		}
	}
	for i, p := range d.IgnoreParams {
		if p == "" || len(p) > 128 || strings.ContainsAny(p, "&=#% ") {
			return freshet.Invalid(fmt.Sprintf("ignore_params[%d]", i), "%q is not the name of a parameter.", clip(p))
		}
	}
	if d.URLAuth.Type != "" {
		return freshet.Invalid("url_auth", "url_auth is set with POST /v1/domains/{name}/auth, which takes the keys.")
	}
	if d.Scope != "" && !slices.Contains(freshet.Scopes(), d.Scope) {
		return freshet.Invalid("scope", "scope must be domestic, overseas or global.")
	}
	if len(d.CheckURL) > freshet.MaxURL || len(d.ResourceGroup) > 128 {
		return freshet.Invalid("check_url", "check_url or resource_group is too long.")
	}
	if len(d.Sources) > 0 {
		return freshet.Invalid("sources", "sources belong to the vendor's API; origin says where the originals are.")
	}
	if err := checkTags(d.Tags); err != nil {
		return err
	}
	if d.Verify != "" && !slices.Contains(freshet.VerifyModes(), d.Verify) {
		return freshet.Invalid("verify", "%q is not a way to verify; it must be ack, inspect or probe.", clip(string(d.Verify)))
	}
	return checkOrigin(d.Origin)
}

func checkOrigin(origin string) error {
	o, err := url.Parse(origin)
	if err != nil || o.Scheme != "http" && o.Scheme != "https" || o.Hostname() == "" {
		return freshet.Invalid("origin", "origin must be a URL such as http://origin.example.com.")
	}
	if o.User != nil || o.RawQuery != "" || o.Fragment != "" {
		return freshet.Invalid("origin", "origin may not hold user information, a query or a fragment.")
	}
	return nil
}

func checkTags(tags map[string]string) error {
	if len(tags) > freshet.MaxTags {
		return freshet.Invalid("tags", "A domain takes at most %d tags.", freshet.MaxTags)
	}
	for k, v := range tags {
		if !freshet.ValidTag(k, v) {
			return freshet.Invalid("tags", "The tag %q is not 1 to %d bytes with a value of at most as many.", clip(k), freshet.MaxTag)
		}
	}
	return nil
}
