package edge

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// maxPattern bounds the text of a regular expression, prefix or tag.
const maxPattern = freshet.MaxURL

// fence tells the generation of a fetch that begins now: which purges it is
// certain to come after. It remembers the purges above the cursor; at or below
// the cursor every purge was executed.
type fence struct {
	cursor   freshet.Position
	exact    map[string]freshet.Position // canonical URL → last purge executed
	patterns []*pattern                  // copied on write: flights keep the slice of their start
}

// pattern is a purge of many objects that was executed. It never changes.
type pattern struct {
	at    freshet.Position
	kind  freshet.SelectorKind
	text  string
	hosts []string
	re    *regexp.Regexp // with SelectRegex
}

// newPattern checks a selector and compiles it. A pattern that is anchored to
// no host would reach into other tenants' objects and is refused.
func newPattern(at freshet.Position, sel freshet.Selector) (*pattern, error) {
	p := &pattern{at: at, kind: sel.Kind, text: sel.Pattern, hosts: slices.Clone(sel.Hosts)}
	slices.Sort(p.hosts)
	if p.text == "" || len(p.text) > maxPattern {
		return nil, fmt.Errorf("pattern must have 1 to %d bytes", maxPattern)
	}
	switch sel.Kind {
	case freshet.SelectPrefix:
		host, _, ok := strings.Cut(strings.TrimPrefix(p.text, "http://"), "/")
		if !strings.HasPrefix(p.text, "http://") || !ok || host == "" {
			return nil, fmt.Errorf("prefix %q does not begin with http://host/", p.text)
		}
		if len(p.hosts) > 0 && !slices.Contains(p.hosts, host) {
			return nil, fmt.Errorf("prefix %q is outside its hosts", p.text)
		}
		p.hosts = []string{host}
	case freshet.SelectRegex:
		re, err := regexp.Compile(p.text)
		if err != nil {
			return nil, fmt.Errorf("compile pattern: %w", err)
		}
		p.re = re
	case freshet.SelectTag:
	case freshet.SelectExact:
		return nil, fmt.Errorf("an exact selector is no pattern")
	default:
		return nil, fmt.Errorf("selector kind %d is unknown", sel.Kind)
	}
	if len(p.hosts) == 0 {
		return nil, fmt.Errorf("pattern %q is anchored to no host", p.text)
	}
	return p, nil
}

// matchURL reports whether the pattern names the object by its URL.
func (p *pattern) matchURL(host, url string) bool {
	if !slices.Contains(p.hosts, host) {
		return false
	}
	switch p.kind {
	case freshet.SelectPrefix:
		return strings.HasPrefix(url, p.text)
	case freshet.SelectRegex:
		return p.re.MatchString(url)
	case freshet.SelectExact, freshet.SelectTag:
	}
	return false
}

// matchTags reports whether the pattern names the object by one of its tags.
func (p *pattern) matchTags(host string, tags []string) bool {
	return p.kind == freshet.SelectTag && slices.Contains(p.hosts, host) && slices.Contains(tags, p.text)
}

// key tells patterns apart that differ in more than their position.
func (p *pattern) key() string {
	return fmt.Sprint(p.kind, "\x00", p.text, "\x00", strings.Join(p.hosts, ","))
}

// generation returns the generation of a fetch of the object that begins now,
// and the highest purge executed for that very object above the cursor.
func (f *fence) generation(host, url string) (gen, own freshet.Position) {
	own = f.exact[url]
	for _, p := range f.patterns {
		if own.Before(p.at) && p.matchURL(host, url) {
			own = p.at
		}
	}
	return freshet.Later(f.cursor, own), own
}

// tagged raises gen by the tag purges that were executed before a fetch began;
// which tags the object carries is known only once its header has come.
func tagged(gen freshet.Position, before []*pattern, host string, tags []string) freshet.Position {
	for _, p := range before {
		if gen.Before(p.at) && p.matchTags(host, tags) {
			gen = p.at
		}
	}
	return gen
}

// raise records a purge of one object; false if the fence was as high already.
func (f *fence) raise(url string, at freshet.Position) bool {
	if !f.cursor.Before(at) || !f.exact[url].Before(at) {
		return false
	}
	f.exact[url] = at
	return true
}

// raisePattern records a purge by pattern; false if there is nothing to
// record.
func (f *fence) raisePattern(p *pattern) bool {
	if !f.cursor.Before(p.at) {
		return false
	}
	next := make([]*pattern, 0, len(f.patterns)+1)
	for _, q := range f.patterns {
		if q.key() != p.key() {
			next = append(next, q)
		} else if !q.at.Before(p.at) {
			return false
		}
	}
	f.patterns = append(next, p)
	return true
}

// advance moves the cursor and forgets the purges that it covers.
func (f *fence) advance(at freshet.Position) {
	f.cursor = at
	for url, p := range f.exact {
		if !at.Before(p) {
			delete(f.exact, url)
		}
	}
	var kept []*pattern
	for _, p := range f.patterns {
		if at.Before(p.at) {
			kept = append(kept, p)
		}
	}
	f.patterns = kept
}
