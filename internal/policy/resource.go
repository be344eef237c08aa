package policy

import (
	"fmt"
	"strings"
)

// Resource is what an action is done to. The zero value is the whole account.
type Resource struct {
	kind kind
	id   string
}

type kind uint8

const (
	whole kind = iota
	media
	domain
)

// Account is everything that an account has: what an operation asks for that
// is not about single media or domains. Only a resource that ends in "*" alone
// covers it.
func Account() Resource { return Resource{} }

// Media is one media, which need not exist.
func Media(id string) Resource { return Resource{kind: media, id: id} }

// Domain is one acceleration domain, by its name (not by an alias).
func Domain(name string) Resource { return Resource{kind: domain, id: strings.ToLower(name)} }

// path returns the resource as it stands in the last field of a resource text.
func (r Resource) path() string {
	switch r.kind {
	case media:
		return "media/" + r.id
	case domain:
		return "domain/" + r.id
	case whole:
	}
	return ""
}

// target is a resource pattern of a statement.
type target struct {
	account string // pattern
	path    string // pattern; "*" is everything
}

func (t *target) covers(account string, r Resource) bool {
	if t.account != "*" && !match(t.account, account) {
		return false
	}
	if t.path == "*" {
		return true
	}
	return r.kind != whole && match(t.path, r.path())
}

// parseTarget reads "*" or "acs:vod:REGION:ACCOUNT:PATH". The region is not
// looked at: there is one. An ID may hold colons.
func parseTarget(s string) (target, error) {
	if s == "*" {
		return target{account: "*", path: "*"}, nil
	}
	f := strings.SplitN(s, ":", 5)
	if len(f) != 5 || f[0] != "acs" || f[3] == "" {
		return target{}, fmt.Errorf("%q is neither * nor of the form acs:vod:*:ACCOUNT:media/ID", clip(s))
	}
	if f[1] != "vod" && f[1] != "*" {
		return target{}, fmt.Errorf("%q is of the service %q: only vod has resources here", clip(s), clip(f[1]))
	}
	t := target{account: f[3], path: f[4]}
	if strings.Trim(t.path, "*") == "" && t.path != "" {
		t.path = "*"
		return t, nil
	}
	name, id, _ := strings.Cut(t.path, "/")
	if name != "media" && name != "domain" || id == "" {
		return target{}, fmt.Errorf("%q: what follows the account must be *, media/ID or domain/NAME", clip(s))
	}
	if name == "domain" {
		t.path = strings.ToLower(t.path)
	}
	return t, nil
}

// clip bounds what an error repeats of a document.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
