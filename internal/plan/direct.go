package plan

import (
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// addressDirect takes the URLs, prefixes and tags of a job without media.
func (d *draft) addressDirect(direct *freshet.Direct) {
	d.groups = newGroups(direct.Groups)
	for _, raw := range direct.URLs {
		u, dom, ok := d.locate(raw)
		if !ok {
			continue
		}
		r := root{url: u, domain: dom, kind: kindFile, group: d.groups.take(dom.Name)}
		if d.purge() || len(direct.Headers) == 0 {
			d.roots = append(d.roots, r)
			continue
		}
		for _, r.header = range direct.Headers {
			d.roots = append(d.roots, r)
		}
	}
	for _, raw := range direct.Prefixes {
		d.addressPrefix(raw)
	}
	for _, tag := range direct.Tags {
		d.addressTag(tag)
	}
	for _, raw := range direct.Bare {
		d.addressBare(raw)
	}
}

// addressBare takes a URL with whatever query: the object without one, and all
// whose name goes on with a question mark.
func (d *draft) addressBare(raw string) {
	switch {
	case !d.purge():
		d.problem(raw, "a prefetch needs whole URLs")
		d.refuse(faultInput, "A prefetch takes whole URLs only, not %s with any query.", raw)
		return
	case strings.ContainsAny(raw, "?#"):
		d.problem(raw, "a URL that is meant with any query has none itself")
		d.refuse(faultInput, "The URL %s has a query.", raw)
		return
	}
	u, dom, ok := d.locate(raw)
	if !ok {
		return
	}
	group := d.groups.take(dom.Name)
	d.roots = append(d.roots, root{url: u, domain: dom, kind: kindBare, group: group})
	if !slices.Contains(dom.IgnoreParams, freshet.EveryParam) { // otherwise there is nothing else
		d.roots = append(d.roots, root{url: u + "?", domain: dom, kind: kindBareQuery, group: group})
	}
}

// addressPrefix anchors a prefix to one domain: its host is whole, so that it
// can never reach into a host that merely begins alike (promise P8).
func (d *draft) addressPrefix(raw string) {
	switch {
	case !d.purge():
		d.problem(raw, "a prefetch needs URLs; what a prefix covers is not known")
		d.refuse(faultInput, "A prefetch takes URLs only, not the prefix %s.", raw)
		return
	case strings.ContainsAny(raw, "?#"):
		d.problem(raw, "a prefix ends in its path and has no query")
		d.refuse(faultInput, "The prefix %s has a query.", raw)
		return
	}
	if u, dom, ok := d.locate(raw); ok {
		d.roots = append(d.roots, root{url: u, domain: dom, kind: kindPrefix, group: d.groups.take(dom.Name)})
	}
}

func (d *draft) addressTag(tag string) {
	switch {
	case !d.purge():
		d.problem(tag, "a prefetch needs URLs; what a tag covers is not known")
		d.refuse(faultInput, "A prefetch takes URLs only, not the tag %s.", tag)
	case tag == "":
		d.problem(tag, "the tag is empty")
		d.refuse(faultInput, "A tag is empty.")
	case len(d.online()) == 0:
		d.problem(tag, "the account has no domain that is online, so nothing can carry the tag")
		d.refuse(faultDomain, textDomain)
	default:
		d.roots = append(d.roots, root{url: tag, kind: kindTag})
	}
}

func (d *draft) online() []string { return onlineHosts(d.domains) }

// onlineHosts returns the names of the domains that are in use.
func onlineHosts(domains []freshet.Domain) []string {
	var out []string
	for _, dom := range domains {
		if dom.Serves() {
			out = append(out, dom.Name)
		}
	}
	return out
}
