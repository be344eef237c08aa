package agent

import (
	"regexp"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// matcher returns a test of whether a pattern names a URL. What cannot be
// known from a URL alone, a tag, matches nothing: a wrong guess would cancel
// work that nobody wanted cancelled.
func matcher(sel freshet.Selector) func(url string) bool {
	never := func(string) bool { return false }
	switch sel.Kind {
	case freshet.SelectExact:
		return func(url string) bool { return slices.Contains(sel.URLs, url) }
	case freshet.SelectPrefix:
		return func(url string) bool { return anchored(sel, url) && strings.HasPrefix(url, sel.Pattern) }
	case freshet.SelectRegex:
		re, err := regexp.Compile(sel.Pattern)
		if err != nil {
			return never
		}
		return func(url string) bool { return anchored(sel, url) && re.MatchString(url) }
	case freshet.SelectTag:
	}
	return never
}

// anchored reports whether a URL is on a host that the pattern is bound to.
func anchored(sel freshet.Selector, url string) bool {
	if len(sel.Hosts) == 0 {
		return true
	}
	host, _ := freshet.SplitURL(url)
	return slices.Contains(sel.Hosts, host)
}

func sameSelector(a, b freshet.Selector) bool {
	return a.Kind == b.Kind && a.Pattern == b.Pattern && slices.Equal(a.URLs, b.URLs) && slices.Equal(a.Hosts, b.Hosts)
}

// selectorSize estimates what a selector takes in memory.
func selectorSize(sel freshet.Selector) int {
	n := 200 + len(sel.Pattern)
	for _, u := range sel.URLs {
		n += len(u) + 16
	}
	return n
}
