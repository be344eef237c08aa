package freshet

import (
	"net"
	"strconv"
	"strings"
)

// DomainStatus is the state of a domain, in the vendor's words (contract
// §4.15).
type DomainStatus string

// The states. A domain of Freshet is never configuring and never
// configure_failed: caches follow a change as soon as they hear of it.
const (
	DomainOnline          DomainStatus = "online"
	DomainOffline         DomainStatus = "offline"
	DomainConfiguring     DomainStatus = "configuring"
	DomainConfigureFailed DomainStatus = "configure_failed"
	DomainChecking        DomainStatus = "checking"
	DomainCheckFailed     DomainStatus = "check_failed"
)

// DomainStatuses lists every DomainStatus.
func DomainStatuses() []DomainStatus {
	return []DomainStatus{DomainOnline, DomainOffline, DomainConfiguring, DomainConfigureFailed, DomainChecking, DomainCheckFailed}
}

// Status returns the state of the domain.
func (d Domain) Status() DomainStatus {
	switch {
	case d.Unapproved:
		return DomainChecking
	case d.Offline:
		return DomainOffline
	}
	return DomainOnline
}

// Serves reports whether caches serve the domain: it is neither stopped nor
// waiting for approval.
func (d Domain) Serves() bool { return d.Status() == DomainOnline }

// Scope is where a domain is accelerated.
type Scope string

// ScopeGlobal is everywhere.
const ScopeGlobal Scope = "global"

// Scopes lists every Scope; the first is the default.
func Scopes() []Scope { return []Scope{"domestic", "overseas", ScopeGlobal} }

// OrDefault returns the scope that holds if none is set.
func (s Scope) OrDefault() Scope {
	if s == "" {
		return Scopes()[0]
	}
	return s
}

// SourceType is a kind of origin.
type SourceType string

// The kinds: an address, a host name, the host name of a bucket.
const (
	SourceIP     SourceType = "ipaddr"
	SourceDomain SourceType = "domain"
	SourceOSS    SourceType = "oss"
)

// SourceTypes lists every SourceType.
func SourceTypes() []SourceType { return []SourceType{SourceIP, SourceDomain, SourceOSS} }

// Source is an origin as the vendor's API describes one.
type Source struct {
	Content  string     `json:"content"` // host name or IP address
	Type     SourceType `json:"type"`
	Port     int        `json:"port"`     // 443 is asked over https, any other over http
	Priority string     `json:"priority"` // "20" primary, "30" backup
}

// The priorities of a Source.
const (
	PriorityPrimary = "20"
	PriorityBackup  = "30"
)

// URL returns the base URL of the source.
func (s Source) URL() string {
	host := s.Content
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	switch s.Port {
	case 80, 0:
		return "http://" + host
	case 443:
		return "https://" + host
	}
	return "http://" + net.JoinHostPort(s.Content, strconv.Itoa(s.Port))
}

// SourceOf describes the base URL of an origin as a Source. The path of the URL
// has no place there.
func SourceOf(origin string) Source {
	scheme, rest, _ := strings.Cut(origin, "://")
	host, _, _ := strings.Cut(rest, "/")
	s := Source{Content: host, Type: SourceDomain, Port: 80, Priority: PriorityPrimary}
	if scheme == "https" {
		s.Port = 443
	}
	if h, p, err := net.SplitHostPort(host); err == nil {
		s.Content = h
		if n, err := strconv.Atoi(p); err == nil {
			s.Port = n
		}
	}
	s.Content = strings.Trim(s.Content, "[]")
	if net.ParseIP(s.Content) != nil {
		s.Type = SourceIP
	}
	return s
}

// Replacing returns what is stored when d is declared in the place of old: a
// declaration says nothing of whether the domain is stopped and how its URLs
// are signed, and takes no approval away. With signing of its own it has the
// last word on that.
func (d Domain) Replacing(old Domain) Domain {
	d.Created = old.Created
	d.Offline = d.Offline || old.Offline
	d.Unapproved = d.Unapproved && old.Unapproved
	if d.URLAuth.Type == "" {
		d.URLAuth = old.URLAuth
	}
	if d.Sources == nil && d.Origin == old.Origin {
		d.Sources = old.Sources
	}
	return d
}

// The bounds of a domain's tags: how many, and the bytes of a key or value.
const (
	MaxTags = 20
	MaxTag  = 128
)

// ValidTag reports whether a tag may have the key and the value.
func ValidTag(key, value string) bool {
	return key != "" && len(key) <= MaxTag && len(value) <= MaxTag
}

// ValidHost reports whether s is a host[:port] that is its own canonical form:
// objects are named by it, so two spellings would be two names.
func ValidHost(s string) bool {
	if s == "" || len(s) > 253 || strings.HasPrefix(s, ".") || strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-._:[]", c)
	}) {
		return false
	}
	c, err := Canonical("http://"+s+"/", nil)
	return err == nil && c == "http://"+s+"/"
}
