package rpc

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
)

// sourceJSON is one member of the parameter Sources. Programs write numbers
// with and without quotes.
type sourceJSON struct {
	Content  string `json:"content"`
	Type     string `json:"type"`
	Port     word   `json:"port"`
	Priority word   `json:"priority"`
}

// word is a JSON string or number, as text.
type word string

// UnmarshalJSON implements [json.Unmarshaler].
func (w *word) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(w))
	}
	var n json.Number
	err := json.Unmarshal(b, &n)
	*w = word(n)
	return err
}

// readSources reads the parameter Sources (contract §4.15).
func readSources(text string) ([]freshet.Source, error) {
	var raw []sourceJSON
	if err := decodeJSON(text, &raw, maxSources); err != nil {
		return nil, &fault{kind: domainSourcesMalformed, cause: err}
	}
	if len(raw) == 0 || len(raw) > maxSources {
		return nil, &fault{kind: domainSourcesMalformed}
	}
	out := make([]freshet.Source, len(raw))
	for i, r := range raw {
		s := freshet.Source{Content: strings.ToLower(strings.TrimSpace(r.Content)), Port: 80, Priority: string(r.Priority)}
		var ok bool
		if s.Type, ok = freshet.ParseOne(r.Type, freshet.SourceTypes()); !ok {
			return nil, &fault{kind: domainSourceTypeMalformed}
		}
		if r.Port != "" {
			n, err := strconv.ParseUint(string(r.Port), 10, 16)
			if err != nil || n == 0 {
				return nil, &fault{kind: domainSourcesMalformed, cause: err}
			}
			s.Port = int(n)
		}
		switch s.Priority {
		case "":
			s.Priority = freshet.PriorityPrimary
		case freshet.PriorityPrimary, freshet.PriorityBackup:
		default:
			return nil, &fault{kind: domainPrioritiesMalformed}
		}
		if !validSource(s) {
			return nil, &fault{kind: domainSourcesMalformed}
		}
		out[i] = s
	}
	return out, nil
}

// validSource reports whether the content of a source is what its type says.
func validSource(s freshet.Source) bool {
	a, err := netip.ParseAddr(s.Content)
	if s.Type == freshet.SourceIP {
		return err == nil && a.Zone() == ""
	}
	return err != nil && !strings.Contains(s.Content, ":") && freshet.ValidHost(s.Content)
}

// primary returns the source that caches ask: the first primary one.
func primary(list []freshet.Source) freshet.Source {
	for _, s := range list {
		if s.Priority == freshet.PriorityPrimary {
			return s
		}
	}
	return list[0]
}

// domainFilter is what DescribeVodUserDomains asks for.
type domainFilter struct {
	page, size   int
	name, search string
	status       freshet.DomainStatus
	tags         []tag
}

// The values of DomainSearchType.
const (
	searchFuzzy = "fuzzy_match"
	searchPre   = "pre_match"
	searchSuf   = "suf_match"
	searchFull  = "full_match"
)

// readDomainFilter reads the parameters in the order of contract §4.15.
func readDomainFilter(c *call) (f domainFilter, err error) {
	if f.page, err = c.integer("PageNumber", 1, maxPageNumber); err != nil {
		return f, &fault{kind: domainPageNumber}
	}
	if f.size, err = c.integer("PageSize", defaultPageSize, maxPageSize); err != nil {
		return f, &fault{kind: domainPageSize}
	}
	f.name = strings.ToLower(c.text("DomainName"))
	if len(f.name) > 253 || strings.ContainsFunc(f.name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:[]*", r)
	}) {
		return f, &fault{kind: domainNameMalformed}
	}
	if f.search, err = enum(c, "DomainSearchType", searchFuzzy, searchPre, searchSuf, searchFull); err != nil {
		return f, &fault{kind: domainSearchType}
	}
	if f.status, err = enum(c, "DomainStatus", freshet.DomainStatuses()...); err != nil {
		return f, &fault{kind: domainStatusValue}
	}
	f.tags, err = readTags(c)
	return f, err
}

// takes reports whether a domain is asked for.
func (f *domainFilter) takes(d freshet.Domain) bool {
	if f.status != "" && d.Status() != f.status {
		return false
	}
	for _, t := range f.tags {
		if v, ok := d.Tags[t.key]; !ok || t.value != "" && v != t.value {
			return false
		}
	}
	switch f.search {
	case searchPre:
		return strings.HasPrefix(d.Name, f.name)
	case searchSuf:
		return strings.HasSuffix(d.Name, f.name)
	case searchFull:
		return f.name == "" || d.Name == f.name
	}
	return strings.Contains(d.Name, f.name)
}
