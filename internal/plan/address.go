package plan

import (
	"context"
	"fmt"
	"net/url"

	"github.com/freshet-vod/freshet"
)

// root is one stream under its domain, or one URL, prefix or tag of a direct
// job.
type root struct {
	url      string // canonical; a tag as it is
	domain   freshet.Domain
	stream   string // definition/format, for people
	kind     string
	playlist bool // worth reading
	group    int  // as freshet.PlannedURL.Group
	header   string
}

// The texts of the vendor for a domain that cannot be used (contract §3.3).
const (
	textDomain  = "The domain provided does not belong to you."
	textOffline = "The domain provided is offline."
)

// address puts every stream under the domain that caches it. A stream whose
// domain is missing or offline is refused, the others are not (contract §4.1
// U9).
func (p *Planner) address(_ context.Context, d *draft) error {
	if d.job.Direct != nil {
		d.addressDirect(d.job.Direct)
		return nil
	}
	for _, s := range d.streams {
		u, dom, ok := d.locate(s.URL)
		if !ok {
			continue
		}
		r := root{url: u, domain: dom, stream: string(s.Definition) + "/" + string(s.Format), kind: kindFile}
		if s.IsPlaylist() {
			r.kind, r.playlist = kindPlaylist, true
		}
		d.roots = append(d.roots, r)
	}
	return nil
}

// locate returns the canonical form and the domain of a URL that the caller
// named, or refuses it with a problem and a fault.
func (d *draft) locate(raw string) (string, freshet.Domain, bool) {
	if _, err := freshet.Canonical(raw, nil); err != nil {
		d.problem(raw, "%v", err)
		d.refuse(faultInput, "The address %s cannot be used: %v.", raw, err)
		return "", freshet.Domain{}, false
	}
	u, dom, err := freshet.Address(raw, d.domains)
	if err != nil {
		d.problem(raw, "%v", err)
		d.refuse(faultDomain, textDomain)
		return "", freshet.Domain{}, false
	}
	if why := idle(dom); why != nil && !d.mayReach(dom) {
		d.problem(u, "%v", why)
		d.refuse(faultOffline, textOffline)
		return "", freshet.Domain{}, false
	}
	return u, dom, true
}

// named does the same for a URL that a playlist or the past names: what is
// wrong with it is told, and is no fault of the call (contract §4.1 U21).
func (d *draft) named(raw string) (u string, dom freshet.Domain, err error) {
	u, dom, err = freshet.Address(raw, d.domains)
	if err == nil && !d.mayReach(dom) {
		err = idle(dom)
	}
	return u, dom, err
}

// idle says why caches do not serve a domain, nil if they do.
func idle(dom freshet.Domain) error {
	switch {
	case dom.Unapproved:
		return fmt.Errorf("domain %s waits for the operator's approval", dom.Name)
	case dom.Offline:
		return fmt.Errorf("domain %s is offline", dom.Name)
	}
	return nil
}

// mayReach reports whether the job reaches a domain that is stopped: the vendor
// refuses (contract §4.3), but what caches hold of it can still be purged with
// the native API, before it is started again.
// A takedown reaches everything: the domain may come back.
func (d *draft) mayReach(dom freshet.Domain) bool {
	return d.takedown() || dom.Offline && !dom.Unapproved && d.purge() && d.job.Native
}

// parseURL parses a canonical URL.
func parseURL(canonical string) (*url.URL, error) {
	u, err := url.Parse(canonical)
	if err != nil {
		return nil, fmt.Errorf("parsing the playlist's address: %w", err)
	}
	return u, nil
}
