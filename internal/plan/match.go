package plan

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// wanted is one pattern of a job, ready to be matched.
type wanted struct {
	pattern freshet.Pattern
	domain  freshet.Domain
	re      *regexp.Regexp
	group   int
	found   int
}

// match resolves the patterns of a job into the URLs that are known and match
// them: an expression of a tenant's never runs inside a cache that others share.
// One that matches nothing leaves a mark, so that its task is found, and found
// Complete.
func (p *Planner) match(ctx context.Context, d *draft) error {
	if d.job.Direct == nil || len(d.job.Direct.Patterns) == 0 {
		return nil
	}
	list := d.wanted(d.job.Direct.Patterns)
	if len(list) == 0 {
		return nil
	}
	found := 0
	for urls, err := range p.catalog.KnownURLs(ctx, d.job.Account, time.Now().Add(-p.limits.Remember)) {
		if err != nil {
			return fmt.Errorf("reading known URLs: %w", err)
		}
		for _, u := range urls {
			found += d.matchURL(list, u)
		}
		if found > 4*p.limits.URLs { // known more than once, for the most part; dedupe looks again
			d.end(faultInternal, "The patterns match more than %d URLs, the limit for one job (limit urls).", p.limits.URLs)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	for _, w := range list {
		if w.found == 0 {
			d.roots = append(d.roots, root{url: w.pattern.String(), domain: w.domain, kind: kindNoMatch, group: w.group})
		}
	}
	return nil
}

// wanted checks the patterns of a job.
func (d *draft) wanted(patterns []freshet.Pattern) []*wanted {
	var list []*wanted
	for _, pattern := range patterns {
		re, err := pattern.Compile()
		dom, known := freshet.FindDomain(d.domains, pattern.Domain)
		switch {
		case !d.purge():
			d.problem(pattern.String(), "a prefetch needs URLs; what a pattern covers is not known")
			d.refuse(faultInput, "A prefetch takes URLs only, not the pattern %s.", pattern)
		case err != nil:
			d.problem(pattern.String(), "%v", err)
			d.refuse(faultInput, "The pattern %s cannot be used: %v.", pattern, err)
		case !known:
			d.problem(pattern.String(), "host %s is not a domain of the account", pattern.Domain)
			d.refuse(faultDomain, textDomain)
		case !dom.Serves() && !d.mayReach(dom):
			d.problem(pattern.String(), "%v", idle(dom))
			d.refuse(faultOffline, textOffline)
		default:
			list = append(list, &wanted{pattern: pattern, domain: dom, re: re, group: d.groups.take(dom.Name)})
		}
	}
	return list
}

// matchURL takes a known URL for every pattern that it matches, and returns how
// many those are.
func (d *draft) matchURL(list []*wanted, u string) int {
	n := 0
	for _, w := range list {
		path, ok := strings.CutPrefix(u, "http://"+w.domain.Name)
		if !ok || !w.re.MatchString(path) {
			continue
		}
		addressed, _, err := d.named(u) // the domain's rules may have changed since
		if err != nil {
			d.problem(u, "known, but left out: %v", err)
			continue
		}
		d.roots = append(d.roots, root{url: addressed, domain: w.domain, kind: kindRegex, group: w.group})
		w.found++
		n++
	}
	return n
}
