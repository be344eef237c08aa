package nginx

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
)

const (
	// A fill that nobody could wait for may end long after the purge; by then a
	// fence must still stand. Patterns: as long as a fill may hold its lock.
	exactYoung   = 10 * time.Minute
	patternYoung = time.Hour
	// maxExact and maxPatterns bound the fences; the oldest go first.
	maxExact    = 100_000
	maxPatterns = 256
	maxPattern  = 4096 // bytes of a pattern
)

// fences remember what was purged lately: what lands later and was fetched
// earlier is removed. Exact purges wait for the fills that they can know of;
// for them this is a second line. For patterns and flushes it is the only one.
type fences struct {
	mu       sync.Mutex
	exact    map[string]time.Time
	swept    time.Time
	patterns []patternFence
	flushed  time.Time
}

// patternFence is a pattern and when it was carried out. It is kept in the
// cache's folder.
type patternFence struct {
	Kind    freshet.SelectorKind `json:"kind"`
	Pattern string               `json:"pattern"`
	Hosts   []string             `json:"hosts,omitempty"`
	At      time.Time            `json:"at"`

	match func(url string) bool
}

// newPattern checks a selector that is no list of URLs. A pattern that is
// anchored to no host would reach into other tenants' objects and is refused.
func newPattern(sel freshet.Selector) (patternFence, error) {
	p := patternFence{Kind: sel.Kind, Pattern: sel.Pattern, Hosts: sel.Hosts}
	if p.Pattern == "" || len(p.Pattern) > maxPattern {
		return p, fmt.Errorf("the pattern must have 1 to %d bytes", maxPattern)
	}
	switch sel.Kind {
	case freshet.SelectPrefix:
		rest, ok := strings.CutPrefix(p.Pattern, "http://")
		host, _, slash := strings.Cut(rest, "/")
		if !ok || !slash || host == "" {
			return p, fmt.Errorf("the prefix %q does not begin with http://host/", p.Pattern)
		}
		if len(p.Hosts) > 0 && !slices.Contains(p.Hosts, host) {
			return p, fmt.Errorf("the prefix %q is outside its hosts", p.Pattern)
		}
		p.match = func(url string) bool { return strings.HasPrefix(url, p.Pattern) }
	case freshet.SelectRegex:
		re, err := regexp.Compile(p.Pattern)
		if err != nil {
			return p, fmt.Errorf("compile pattern: %w", err)
		}
		if len(p.Hosts) == 0 {
			return p, fmt.Errorf("the pattern is anchored to no host")
		}
		p.match = func(url string) bool {
			host, _ := freshet.SplitURL(url)
			return slices.Contains(p.Hosts, host) && re.MatchString(url)
		}
	case freshet.SelectExact, freshet.SelectTag:
		return p, fmt.Errorf("the selector is no prefix and no regular expression")
	default:
		return p, fmt.Errorf("the selector's kind %d is unknown", sel.Kind)
	}
	return p, nil
}

// raise notes exact purges.
func (f *fences) raise(urls []string, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.exact == nil {
		f.exact = map[string]time.Time{}
	}
	if len(f.exact)+len(urls) > maxExact {
		f.prune(at)
	}
	for _, u := range urls {
		if f.exact[u].Before(at) {
			f.exact[u] = at
		}
	}
}

// prune drops what is old, and if that is not enough, everything but the last
// minute's.
func (f *fences) prune(now time.Time) {
	for _, young := range []time.Duration{exactYoung, time.Minute, 0} {
		for u, at := range f.exact {
			if now.Sub(at) > young {
				delete(f.exact, u)
			}
		}
		if len(f.exact) < maxExact/2 {
			return
		}
	}
}

// raisePattern notes a pattern's purge and returns those that must be kept.
func (f *fences) raisePattern(p patternFence) []patternFence {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.patterns = slices.DeleteFunc(f.patterns, func(q patternFence) bool {
		return p.At.Sub(q.At) > patternYoung || q.Kind == p.Kind && q.Pattern == p.Pattern && slices.Equal(q.Hosts, p.Hosts)
	})
	f.patterns = append(f.patterns, p)
	if len(f.patterns) > maxPatterns {
		f.patterns = slices.Delete(f.patterns, 0, len(f.patterns)-maxPatterns)
	}
	return slices.Clone(f.patterns)
}

// raiseFlush notes a flush.
func (f *fences) raiseFlush(before time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flushed.Before(before) {
		f.flushed = before
	}
}

// restore takes in what was kept.
func (f *fences) restore(patterns []patternFence, flushed time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flushed = flushed
	f.patterns = f.patterns[:0]
	for _, p := range patterns {
		q, err := newPattern(freshet.Selector{Kind: p.Kind, Pattern: p.Pattern, Hosts: p.Hosts})
		if err == nil && time.Since(p.At) < patternYoung {
			q.At = p.At
			f.patterns = append(f.patterns, q)
		}
	}
}

// bound returns the time up to which copies of a URL are too old; zero if there
// is none.
func (f *fences) bound(url string) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.flushed
	if at := f.exact[url]; at.After(b) {
		b = at
	}
	if url == "" {
		return b
	}
	for _, p := range f.patterns {
		if p.At.After(b) && p.match(url) {
			b = p.At
		}
	}
	return b
}

// young reports whether something may still land that must go, and forgets
// what is old: after exact purges, and after others, where nobody waits for
// fills.
func (f *fences) young(now time.Time) (exact, others bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.swept) > time.Minute {
		f.swept = now
		for u, at := range f.exact {
			if now.Sub(at) > exactYoung {
				delete(f.exact, u)
			}
		}
		f.patterns = slices.DeleteFunc(f.patterns, func(p patternFence) bool { return now.Sub(p.At) > patternYoung })
	}
	return len(f.exact) > 0, len(f.patterns) > 0 || now.Sub(f.flushed) < patternYoung
}
