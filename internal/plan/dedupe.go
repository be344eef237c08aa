package plan

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// dedupe keeps the first mention of each object, in order. A tag and a URL of
// the same text are two things.
func (p *Planner) dedupe(_ context.Context, d *draft) error {
	type name struct {
		kind  freshet.SelectorKind
		url   string
		group int // each group tells of all of its objects
		head  string
	}
	seen := make(map[name]bool, len(d.urls))
	urls := d.urls[:0]
	for _, u := range d.urls {
		n := name{selectorKind(u.Kind), u.URL, u.Group, u.Header}
		if !seen[n] {
			seen[n] = true
			urls = append(urls, u)
		}
	}
	d.urls = urls
	kept := make(map[string]bool, len(d.remembered))
	remembered := d.remembered[:0]
	for _, u := range d.remembered {
		if !kept[u] {
			kept[u] = true
			remembered = append(remembered, u)
		}
	}
	d.remembered = remembered
	if len(d.urls) > p.limits.URLs {
		d.end(faultInternal, "The media has %d URLs, more than the limit of %d for one media (limit urls).", len(d.urls), p.limits.URLs)
	}
	return nil
}

func selectorKind(kind string) freshet.SelectorKind {
	switch kind {
	case kindPrefix, kindBareQuery:
		return freshet.SelectPrefix
	case kindNoMatch:
		return freshet.SelectRegex
	case kindTag:
		return freshet.SelectTag
	}
	return freshet.SelectExact
}

// typeOf is the object type under which a planned URL's task is shown, where the
// entry does not say it by itself.
func typeOf(kind string) string {
	switch kind {
	case kindRegex, kindNoMatch:
		return freshet.TypeRegex
	case kindBare, kindBareQuery:
		return freshet.TypeIgnoreParams
	}
	return ""
}
