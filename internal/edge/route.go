package edge

import (
	"hash/fnv"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// routes is what the cache knows of the rest, in the form that requests need.
// It is never changed once stored.
type routes struct {
	sites map[string]*site // by name and alias, lower case
}

// site is one domain and where its objects come from.
type site struct {
	name    string
	ignore  []string
	offline bool
	auth    freshet.URLAuth
	guarded bool     // a tenant declared the origin
	origin  *url.URL // nil if the declared one is unusable
	parents []parent // empty: fills come from the origin
}

// parent is a POP that this one fills from.
type parent struct {
	id   string
	base *url.URL
}

// newRoutes reads a topology. A parent that is down is excused and must not be
// asked; one without a URL has never been seen and cannot be. If no parent is
// left, the origin is asked: that is always at least as new.
func newRoutes(t freshet.Topology, pop string) *routes {
	r := &routes{sites: make(map[string]*site, len(t.Domains))}
	var parents []parent
	own, _ := t.POP(pop)
	for _, id := range own.Parents {
		p, ok := t.POP(id)
		if !ok || p.Down || p.URL == "" || id == pop {
			continue
		}
		if u := baseURL(p.URL); u != nil {
			parents = append(parents, parent{id: id, base: u})
		}
	}
	for _, d := range t.Domains {
		s := &site{
			name:    strings.ToLower(d.Name),
			ignore:  d.IgnoreParams,
			offline: d.Offline,
			auth:    d.URLAuth,
			guarded: d.Guarded,
			origin:  baseURL(d.Origin),
			parents: parents,
		}
		r.sites[s.name] = s
	}
	// A name wins over an alias, whatever the order of domains.
	for _, d := range t.Domains {
		for _, a := range d.Aliases {
			if a = strings.ToLower(a); r.sites[a] == nil {
				r.sites[a] = r.sites[strings.ToLower(d.Name)]
			}
		}
	}
	return r
}

// site finds the domain of a Host header: with its port as it stands, then
// without one.
func (r *routes) site(host string) *site {
	host = freshet.Host("http", host)
	if s := r.sites[host]; s != nil {
		return s
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		return r.sites[strings.TrimSuffix(h, ".")]
	}
	return nil
}

// byURL finds the domain of a canonical URL and returns its path, too.
func (r *routes) byURL(canonical string) (*site, string) {
	host, path := freshet.SplitURL(canonical)
	return r.sites[host], path
}

func baseURL(raw string) *url.URL {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil
	}
	return u
}

// order returns the parents in the order in which they are asked for an
// object: by rendezvous hash, so that all children agree on the first one, and
// losing a parent moves only its own objects.
func (s *site) order(objectURL string) []parent {
	if len(s.parents) < 2 {
		return s.parents
	}
	weight := func(p parent) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(p.id))
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(objectURL))
		// FNV's high bits hardly differ between short IDs; mix them.
		x := h.Sum64()
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
		return x ^ x>>33
	}
	ps := slices.Clone(s.parents)
	slices.SortStableFunc(ps, func(a, b parent) int {
		wa, wb := weight(a), weight(b)
		switch {
		case wa > wb:
			return -1
		case wa < wb:
			return 1
		}
		return strings.Compare(a.id, b.id)
	})
	return ps
}
