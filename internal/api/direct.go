package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// maxRegexes bounds the regular expressions of a job.
const maxRegexes = 20

// directs returns how many objects the request names without media.
func (r *JobRequest) directs() int {
	return len(r.URLs) + len(r.Prefixes) + len(r.Tags) + len(r.Regexes)
}

func (r *JobRequest) direct(domains []freshet.Domain) (*freshet.Direct, error) {
	if err := r.checkDirect(); err != nil {
		return nil, err
	}
	d := &freshet.Direct{Tags: r.Tags, Soft: r.Soft, Area: r.Area, ParentsOnly: r.ParentsOnly}
	var err error
	if d.URLs, err = addresses("urls", r.URLs, domains); err != nil {
		return nil, err
	}
	if d.Prefixes, err = addresses("prefixes", r.Prefixes, domains); err != nil {
		return nil, err
	}
	if d.Patterns, err = patterns(r.Regexes, domains); err != nil {
		return nil, err
	}
	if len(r.Headers) > 0 {
		if d.Headers, err = freshet.HeaderVariants(r.Headers); err != nil {
			return nil, freshet.Invalid("headers", "headers: %w.", err)
		}
	}
	if r.IgnoreParams {
		if i := slices.IndexFunc(d.URLs, func(u string) bool { return strings.Contains(u, "?") }); i >= 0 {
			return nil, freshet.Invalid(fmt.Sprintf("urls[%d]", i), "%q has a query, which ignore_params leaves no meaning.", clip(r.URLs[i]))
		}
		d.Bare, d.URLs = d.URLs, nil
	}
	if len(d.Tags) > 0 && len(domains) == 0 {
		return nil, freshet.Errorf(freshet.CodeNotFound, "The account has no domain, so a tag names nothing.")
	}
	return d, nil
}

// checkDirect checks what needs no domain.
func (r *JobRequest) checkDirect() error {
	switch n := r.directs(); {
	case n > freshet.MaxDirectPerJob:
		return &freshet.Error{
			Code: freshet.CodeTooLarge, Field: "urls",
			Message: fmt.Sprintf("A job takes at most %d URLs, prefixes, tags and regexes; make several.", freshet.MaxDirectPerJob),
		}
	case r.Filters != nil:
		return freshet.Invalid("filters", "filters belong to media.")
	case r.Type == freshet.Prefetch && len(r.Prefixes)+len(r.Tags)+len(r.Regexes) > 0:
		return freshet.Invalid("prefixes", "Only URLs can be prefetched: nobody knows what a prefix, tag or regex covers before it is cached.")
	case r.IgnoreParams && (r.Type == freshet.Prefetch || len(r.URLs) == 0):
		return freshet.Invalid("ignore_params", "ignore_params belongs to a purge of urls.")
	case r.Soft && (r.Type == freshet.Prefetch || len(r.Prefixes)+len(r.Tags) == 0 && !r.IgnoreParams):
		return freshet.Invalid("soft", "soft belongs to a purge of prefixes or tags, or with ignore_params.")
	case len(r.Regexes) > maxRegexes:
		return freshet.Invalid("regexes", "A job takes at most %d regexes; make several.", maxRegexes)
	}
	for i, tag := range r.Tags {
		if tag == "" || len(tag) > maxTag || strings.ContainsFunc(tag, func(c rune) bool { return c <= ' ' || c > '~' || c == ',' }) {
			return freshet.Invalid(fmt.Sprintf("tags[%d]", i), "A tag is 1 to %d printable characters without blanks and commas.", maxTag)
		}
	}
	return nil
}

// checkRoute checks what only a prefetch of URLs has.
func (r *JobRequest) checkRoute() error {
	if len(r.Headers) == 0 && r.Area == "" && !r.ParentsOnly {
		return nil
	}
	if r.Type != freshet.Prefetch || len(r.URLs) == 0 {
		return freshet.Invalid("urls", "headers, area and parents_only belong to a prefetch of urls.")
	}
	if r.Area != "" && !slices.Contains(freshet.Scopes(), r.Area) {
		return freshet.Invalid("area", "area must be domestic, overseas or global.")
	}
	return nil
}

// patterns reads regular expressions.
func patterns(lines []string, domains []freshet.Domain) ([]freshet.Pattern, error) {
	var out []freshet.Pattern
	for i, line := range lines {
		p, _, err := freshet.ParsePattern(line, domains)
		field := fmt.Sprintf("regexes[%d]", i)
		if err != nil {
			return nil, freshet.Invalid(field, "%q: %w.", clip(line), err)
		}
		if p.Domain == "" {
			e := freshet.Invalid(field, "%q: its host is not a domain of the account.", clip(line))
			e.Code = freshet.CodeNotFound
			return nil, e
		}
		out = append(out, p)
	}
	return out, nil
}

// addresses returns URLs in their canonical form. One whose host is not the
// account's is as unknown as a media that does not exist.
func addresses(name string, urls []string, domains []freshet.Domain) ([]string, error) {
	var out []string
	for i, raw := range urls {
		u, _, err := freshet.Address(raw, domains)
		if err != nil {
			e := freshet.Invalid(fmt.Sprintf("%s[%d]", name, i), "%q: %w.", clip(raw), err)
			if _, malformed := freshet.Canonical(raw, nil); malformed == nil {
				e.Code = freshet.CodeNotFound
			}
			return nil, e
		}
		out = append(out, u)
	}
	return out, nil
}

// clip keeps what is echoed to the caller short.
func clip(s string) string { return shorten(s, 200) }

func shorten(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
