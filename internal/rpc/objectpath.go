package rpc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/freshet-vod/freshet"
)

// maxObjectPath bounds what follows the host in a line of ObjectPath, in bytes
// (contract §4.3).
const maxObjectPath = 1024

// objectLine is one line of ObjectPath.
type objectLine struct {
	number int // from 1, blank lines counted
	text   string
}

// objectLines reads ObjectPath: one URL a line, blank lines skipped.
func objectLines(c *call, limit int) ([]objectLine, error) {
	var out []objectLine
	number := 0
	for text := range strings.SplitSeq(c.params.Get("ObjectPath"), "\n") {
		number++
		text = strings.Trim(text, " \t\r")
		if text == "" {
			continue
		}
		if out = append(out, objectLine{number, text}); len(out) > limit {
			return nil, tooManyObjects(limit)
		}
	}
	if len(out) == 0 {
		return nil, missing("ObjectPath")
	}
	return out, nil
}

func tooManyObjects(limit int) *fault {
	return &fault{kind: objectPathTooMany, name: strconv.Itoa(limit)}
}

func (l objectLine) malformed(format string, args ...any) *fault {
	return &fault{kind: objectPathMalformed, name: fmt.Sprintf(" (line %d: %s)", l.number, fmt.Sprintf(format, args...))}
}

// objectRule says what is wrong with a path, without its query, for some kind
// of object; "" if nothing is.
type objectRule func(path string, query bool) string

func fileRule(string, bool) string { return "" }

func directoryRule(path string, query bool) string {
	if query || !strings.HasSuffix(path, "/") {
		return "a directory ends with / and has no query"
	}
	return ""
}

func bareRule(_ string, query bool) string {
	if query {
		return "a URL of IgnoreParams has no query"
	}
	return ""
}

func preloadRule(path string, _ bool) string {
	if strings.HasSuffix(path, "/") {
		return "a directory cannot be prefetched"
	}
	return ""
}

// locatePatterns puts regular expressions under domains of the caller, as locate
// does with URLs.
func (s *server) locatePatterns(ctx context.Context, c *call, lines []objectLine) ([]freshet.Pattern, []namedObject, error) {
	domains, err := s.Engine.Domains(ctx, c.identity.Account)
	if err != nil {
		return nil, nil, fmt.Errorf("reading domains: %w", err)
	}
	var patterns []freshet.Pattern
	var list []namedObject
	for _, l := range lines {
		if host, _, _ := strings.Cut(l.text, "/"); strings.HasPrefix(host, "*") || strings.HasPrefix(host, ".") {
			return nil, nil, &fault{kind: objectDomainExtensive}
		}
		p, domain, err := freshet.ParsePattern(l.text, domains)
		switch {
		case err != nil:
			return nil, nil, l.malformed("%v", err)
		case p.Domain == "":
			return nil, nil, &fault{kind: objectDomainNotFound}
		case domain.Unapproved:
			return nil, nil, &fault{kind: domainBusy}
		case domain.Offline:
			return nil, nil, &fault{kind: objectDomainOffline}
		case !slices.Contains(patterns, p):
			patterns = append(patterns, p)
			list = append(list, namedObject{url: p.String(), domain: p.Domain})
		}
	}
	return patterns, list, nil
}

// locate puts every line under a domain of the caller. The first line that is
// wrong refuses all of them (contract §4.3). What another account has and what
// nobody has look alike: only the caller's domains are read.
func (s *server) locate(ctx context.Context, c *call, lines []objectLine, rule objectRule) ([]namedObject, error) {
	domains, err := s.Engine.Domains(ctx, c.identity.Account)
	if err != nil {
		return nil, fmt.Errorf("reading domains: %w", err)
	}
	seen := make(map[string]bool, len(lines))
	list := make([]namedObject, 0, len(lines))
	for _, l := range lines {
		o, err := l.locate(domains, rule)
		if err != nil {
			return nil, err
		}
		if !seen[o.url] {
			seen[o.url] = true
			list = append(list, o)
		}
	}
	return list, nil
}

func (l objectLine) locate(domains []freshet.Domain, rule objectRule) (namedObject, error) {
	base, rest, err := l.split()
	if err != nil {
		return namedObject{}, err
	}
	path, _, query := strings.Cut(rest, "?")
	if fault := rule(path, query); fault != "" {
		return namedObject{}, l.malformed("%s", fault)
	}
	raw := base + rest
	if _, err := freshet.Canonical(raw, nil); err != nil {
		return namedObject{}, l.malformed("%v", err)
	}
	u, domain, err := freshet.Address(raw, domains)
	switch {
	case err != nil:
		return namedObject{}, &fault{kind: objectDomainNotFound, cause: err}
	case domain.Unapproved:
		return namedObject{}, &fault{kind: domainBusy}
	case domain.Offline:
		return namedObject{}, &fault{kind: objectDomainOffline}
	}
	return namedObject{url: u, domain: domain.Name}, nil
}

// split cuts a line into scheme and host, and the rest without its fragment,
// which begins with a slash. A line without a scheme is http.
func (l objectLine) split() (base, rest string, err error) {
	if strings.ContainsFunc(l.text, unicode.IsControl) {
		return "", "", l.malformed("it holds a control character")
	}
	scheme, after := "http", l.text
	if i := strings.Index(l.text, "://"); i >= 0 && !strings.ContainsAny(l.text[:i], "/?#") {
		scheme, after = strings.ToLower(l.text[:i]), l.text[i+3:]
	}
	if scheme != "http" && scheme != "https" {
		return "", "", l.malformed("URL does not begin with http:// or https://")
	}
	host := after
	if i := strings.IndexAny(after, "/?#"); i >= 0 {
		host, rest = after[:i], after[i:]
	}
	rest, _, _ = strings.Cut(rest, "#")
	switch {
	case len(rest) > maxObjectPath:
		return "", "", l.malformed("the path is longer than %d bytes", maxObjectPath)
	case strings.Contains(host, "*") || strings.HasPrefix(host, "."):
		return "", "", &fault{kind: objectDomainExtensive}
	}
	if !strings.HasPrefix(rest, "/") {
		rest = "/" + rest
	}
	return scheme + "://" + host, rest, nil
}
