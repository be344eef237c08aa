package freshet

import (
	"slices"
	"time"
)

// Domain is an acceleration domain of an account: the host names under which
// viewers ask, and the origin that answers for them.
type Domain struct {
	Account      string   `json:"account,omitempty"`
	Name         string   `json:"name"`
	Aliases      []string `json:"aliases,omitempty"`
	Origin       string   `json:"origin"`                  // base URL, http or https; may be private (operator-declared)
	TLS          bool     `json:"tls,omitempty"`           // viewers use https; reported URLs say so (contract §4.1 U15)
	IgnoreParams []string `json:"ignore_params,omitempty"` // query parameters outside the cache key, besides auth_key; EveryParam for all
	Offline      bool     `json:"offline,omitempty"`       // stopped: caches serve nothing of it
	Verify       Verify   `json:"verify,omitempty"`        // how purges and prefetches of its objects are checked; empty = inspect
	URLAuth      URLAuth  `json:"url_auth,omitzero"`       // how its playback URLs are signed

	// Unapproved says that the domain was added by an account other than the
	// operator's and waits for the operator's word: caches do not know it yet.
	Unapproved bool `json:"unapproved,omitempty"`
	// Guarded says that a tenant declared the origin, so that it may not lie in
	// a private network (promise P9).
	Guarded bool `json:"guarded,omitempty"`

	Sources       []Source          `json:"sources,omitempty"` // as declared; the first of the primary ones is Origin
	CheckURL      string            `json:"check_url,omitempty"`
	Scope         Scope             `json:"scope,omitempty"` // where it is accelerated; empty = domestic
	ResourceGroup string            `json:"resource_group,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	Created       time.Time         `json:"created,omitzero"`
	Modified      time.Time         `json:"modified,omitzero"`
}

// Verify says how a POP checks what its caches did.
type Verify string

// The ways of checking, weakest first.
const (
	VerifyAck     Verify = "ack"     // the cache's word is taken
	VerifyInspect Verify = "inspect" // the cache is asked what it stores afterwards; the default
	VerifyProbe   Verify = "probe"   // and a request through the front door is compared with the origin
)

// VerifyModes lists every way of checking.
func VerifyModes() []Verify { return []Verify{VerifyAck, VerifyInspect, VerifyProbe} }

// OrDefault returns the way that holds if none is set.
func (v Verify) OrDefault() Verify {
	if v == "" {
		return VerifyInspect
	}
	return v
}

// POP is a point of presence: a cache, and the POPs that it fills from.
type POP struct {
	ID      string   `json:"id"`
	Parents []string `json:"parents,omitempty"` // none = fills from the origin
	Remote  bool     `json:"remote,omitempty"`  // runs as its own process
	URL     string   `json:"url,omitempty"`     // where its cache answers, once known
	Area    Scope    `json:"area,omitempty"`    // where it serves viewers; empty: everywhere. Agents do not know it
	Down    bool     `json:"down,omitempty"`    // excused by an operator: takes no traffic
	Drained bool     `json:"drained,omitempty"` // by an operator: balancers are to send no viewers; it works on
	Silence Silence  `json:"silence,omitzero"`  // what it does when the control plane is silent
}

// Topology is what a POP must know of the rest: domains and the graph of
// POPs. Version grows with every change.
type Topology struct {
	Version uint64   `json:"version"`
	Domains []Domain `json:"domains"`
	POPs    []POP    `json:"pops"`
}

// POP returns the POP with the given ID.
func (t Topology) POP(id string) (POP, bool) {
	for _, p := range t.POPs {
		if p.ID == id {
			return p, true
		}
	}
	return POP{}, false
}

// Domain returns the domain that host (lower case, no port) names, by its own
// name or an alias.
func (t Topology) Domain(host string) (Domain, bool) { return FindDomain(t.Domains, host) }

// FindDomain returns the domain in list that host names, by its own name or
// an alias.
func FindDomain(list []Domain, host string) (Domain, bool) {
	for _, d := range list {
		if d.Name == host || slices.Contains(d.Aliases, host) {
			return d, true
		}
	}
	return Domain{}, false
}

// Heartbeat is what a POP says of itself every second, to the control plane
// and to its children.
type Heartbeat struct {
	POP         string
	Watermark   Position    // every purge entry up to it is done here or in Exceptions
	Exceptions  []Exception // purges at or below Watermark that failed for good
	Incarnation string      // of the cache's content
	Cursors     []Cursor    // per subject, what the agent has read
	Known       Position    // the highest position that the agent ever saw, for a restored control plane
	KnownTask   uint64      // the highest task ID that the agent ever saw
	Owed        int         // entries read and not finished
	Ready       bool        // it may take traffic
	URL         string      // where its cache answers
	Release     string      // version of the program
}

// Exception is a purge entry that a POP could not carry out, in whole or part.
type Exception struct {
	At    Position
	Items []int // indexes within the entry; none = the whole entry
}

// Cursor is how far something has read one subject of the log.
type Cursor struct {
	Subject string
	At      Position
}
