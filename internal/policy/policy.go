package policy

import (
	"net/netip"
	"time"
)

// Policy is a document that was read. It never changes.
type Policy struct {
	statements []statement
}

// statement is one rule. It applies if one of its actions, one of its
// resources and all of its conditions match.
type statement struct {
	deny       bool
	actions    []string // patterns, lower case
	resources  []target
	conditions []condition
}

// Facts are what conditions ask of a request.
type Facts struct {
	// SourceIP is the caller's address; the zero value is "not known".
	SourceIP netip.Addr
	// Time is when the request is decided on.
	Time time.Time
	// Secure tells whether it came over TLS.
	Secure bool
}

// Request is a question to a policy.
type Request struct {
	Account  string
	Action   string // such as "vod:GetPlayInfo" or "freshet:ListPOPs"
	Resource Resource
	Facts    Facts
}

// Set is what restricts a caller: every policy of it must allow. So a session's
// policy can only take away from its key's. An empty set allows everything.
type Set []*Policy

// Allows decides.
func (s Set) Allows(r Request) bool {
	for _, p := range s {
		if !p.Allows(r) {
			return false
		}
	}
	return true
}

// Allows decides by this policy alone: a Deny that applies wins, else an Allow
// that applies is needed.
func (p *Policy) Allows(r Request) bool {
	allowed := false
	for i := range p.statements {
		st := &p.statements[i]
		if allowed && !st.deny || !st.applies(&r) {
			continue
		}
		if st.deny {
			return false
		}
		allowed = true
	}
	return allowed
}

func (st *statement) applies(r *Request) bool {
	if !st.names(r.Action) || !st.covers(r) {
		return false
	}
	for i := range st.conditions {
		switch st.conditions[i].holds(r.Facts) {
		case yes:
		case no:
			return false
		case unknown:
			// What cannot be known must widen nothing: a Deny applies, an Allow
			// does not.
			if !st.deny {
				return false
			}
		}
	}
	return true
}

func (st *statement) names(action string) bool {
	for _, pattern := range st.actions {
		if matchFold(pattern, action) {
			return true
		}
	}
	return false
}

func (st *statement) covers(r *Request) bool {
	for i := range st.resources {
		if st.resources[i].covers(r.Account, r.Resource) {
			return true
		}
	}
	return false
}
