package varnish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// maxExpression bounds a ban's text; Varnish takes headers up to 8 KiB.
const maxExpression = 4096

// uncovered is what the agent's log says of a pattern's purge without the
// optional VCL.
const uncovered = "fills in flight at that moment were not caught: freshet-xkey.vcl is not loaded"

// pattern is what bans name objects by, checked. A ban's expression is split at
// blanks and has no quotes, so that no part of it may hold one; every part is
// written by this file and regex.go, byte by byte from what they allow.
type pattern struct {
	kind   freshet.SelectorKind // 0: everything (flush)
	hosts  []string             // names of the domains, with their aliases
	prefix string               // path-with-query, with SelectPrefix
	regex  string               // PCRE, with SelectRegex
	tag    string               // with SelectTag
	since  time.Time            // what was fetched after it stays; zero: all goes
}

// newPattern checks a selector. The error says why it is refused.
func (d *Driver) newPattern(o cache.Order) (pattern, error) {
	sel := o.Selector
	p := pattern{kind: sel.Kind, since: o.Since}
	hosts := sel.Hosts
	switch sel.Kind {
	case freshet.SelectPrefix:
		rest, ok := strings.CutPrefix(sel.Pattern, "http://")
		host, path, slash := strings.Cut(rest, "/")
		if !ok || !slash || host == "" {
			return p, fmt.Errorf("the prefix %q does not begin with http://host/", sel.Pattern)
		}
		if len(hosts) > 0 && !slices.Contains(hosts, host) {
			return p, fmt.Errorf("the prefix %q is outside its hosts", sel.Pattern)
		}
		hosts, p.prefix = []string{host}, "/"+path
		if !visible(p.prefix) {
			return p, errors.New("the prefix has bytes that no URL has")
		}
	case freshet.SelectRegex:
		var err error
		if p.regex, err = toPCRE(sel.Pattern); err != nil {
			return p, err
		}
	case freshet.SelectTag:
		p.tag = sel.Pattern
		if p.tag == "" || !visible(p.tag) || strings.Contains(p.tag, ",") {
			return p, errors.New("a tag must be visible ASCII without blanks and commas")
		}
	case freshet.SelectExact:
		return p, errors.New("an exact selector is no pattern")
	default:
		return p, fmt.Errorf("selector kind %d is unknown", sel.Kind)
	}
	if len(hosts) == 0 {
		return p, errors.New("the pattern is anchored to no host")
	}
	for _, h := range hosts {
		if !hostName(h) {
			return p, fmt.Errorf("%.100q is no host name", h)
		}
		p.hosts = append(p.hosts, d.names(h)...)
	}
	slices.Sort(p.hosts)
	p.hosts = slices.Compact(p.hosts)
	for _, h := range p.hosts {
		if !hostName(h) {
			return p, fmt.Errorf("%.100q is no host name", h)
		}
	}
	return p, nil
}

func flushPattern(before time.Time) pattern { return pattern{since: before} }

// expression writes the ban for a pattern. The mark at path mark is banned with
// it: when Varnish's lurker has removed the mark, it has worked through the ban.
// Only fields of the object are asked, so that the lurker can.
func (p pattern) expression(mark string) string {
	var b strings.Builder
	and := func(parts ...string) {
		if b.Len() > 0 {
			b.WriteString(" && ")
		}
		for _, s := range parts {
			b.WriteString(s)
		}
	}
	if p.kind != 0 {
		and("obj.http.X-Freshet-Host ~ ^(?:", alternatives(p.hosts, ""), "|", quote(notesHost), ")$")
	}
	switch p.kind {
	case freshet.SelectPrefix:
		and("obj.http.X-Freshet-Url ~ ^", quote(mark), "$|^http://(?:", alternatives(p.hosts, ""), ")", quote(p.prefix))
	case freshet.SelectRegex:
		and("obj.http.X-Freshet-Url ~ ^", quote(mark), "$|(?:", p.regex, ")")
	case freshet.SelectTag:
		and(`obj.http.xkey ~ (?:^|[,\x20])(?:`, quote(notesHost+mark), "|", alternatives(p.hosts, "/"+p.tag), `)(?:[,\x20]|$)`)
	case freshet.SelectExact:
	}
	if !p.since.IsZero() || p.kind == 0 {
		// Not "older than", but "not newer than": an object without a stamp goes.
		and("obj.http.X-Freshet-Fetch !~ ^(?:", newerThan(p.since), ")")
	}
	return b.String()
}

// same tells patterns apart that differ in more than their time.
func (p pattern) same(q pattern) bool {
	return p.kind == q.kind && slices.Equal(p.hosts, q.hosts) && p.prefix == q.prefix && p.regex == q.regex && p.tag == q.tag
}

// covers reports whether p names every object that q does.
func (p pattern) covers(q pattern) bool {
	if p.kind == 0 {
		return false // by time only
	}
	if p.kind != freshet.SelectPrefix || q.kind != freshet.SelectPrefix {
		return p.same(q)
	}
	for _, h := range q.hosts {
		if !slices.Contains(p.hosts, h) {
			return false
		}
	}
	return strings.HasPrefix(q.prefix, p.prefix)
}

func alternatives(words []string, suffix string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w + suffix)
	}
	return strings.Join(quoted, "|")
}

// newerThan returns a regular expression for the stamps after t. Stamps have a
// fixed width, so that one is later if its first digit that differs is greater.
func newerThan(t time.Time) string {
	s := stamp(t)
	var out []string
	for i := range len(s) {
		switch c := s[i]; {
		case c == '8':
			out = append(out, quote(s[:i])+"9")
		case c >= '0' && c < '8':
			out = append(out, quote(s[:i])+"["+string(c+1)+"-9]")
		}
	}
	return strings.Join(out, "|")
}

// purgePattern purges by a ban, or by tag where xkey can.
func (d *Driver) purgePattern(ctx context.Context, o cache.Order) cache.Result {
	p, err := d.newPattern(o)
	if err != nil {
		return cache.Failed(freshet.ReasonRefused, err.Error())
	}
	if p.kind == freshet.SelectTag && !d.powers.Tag {
		return cache.Failed(freshet.ReasonUnsupported, "this Varnish has no xkey")
	}
	if p.kind == freshet.SelectTag && p.since.IsZero() {
		return d.purgeTag(ctx, p)
	}
	return d.bans.add(ctx, p)
}

func (d *Driver) purgeTag(ctx context.Context, p pattern) cache.Result {
	keys := make([]string, len(p.hosts))
	for i, h := range p.hosts {
		keys[i] = h + "/" + p.tag
	}
	text := strings.Join(keys, " ")
	if len(text) > maxExpression {
		return cache.Failed(freshet.ReasonRefused, "the tag and its hosts are longer than "+strconv.Itoa(maxExpression)+" bytes")
	}
	r := d.one(ctx, request{op: opXkey, host: notesHost, path: "/", text: text})
	switch {
	case r.err != nil:
		return failed(ctx, r.err)
	case r.verdict == saysUnknown:
		return cache.Failed(freshet.ReasonUnsupported, "this Varnish has no xkey: freshet-xkey.vcl is not loaded")
	case r.verdict != saysOK:
		return cache.Failed(freshet.ReasonRefused, fmt.Sprintf("Varnish answered a purge by tag with %q", r.verdict))
	}
	res := cache.Result{Outcome: freshet.OutcomeAlready, Executed: r.now, Removed: r.count}
	if r.count > 0 {
		res.Outcome = freshet.OutcomeDone
	}
	return res
}
