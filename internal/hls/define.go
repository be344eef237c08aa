package hls

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// define handles EXT-X-DEFINE. A variable that cannot be had is a problem of
// its own and of each reference that uses it, not of the whole playlist.
func (p *parser) define(value, line string) error {
	a, err := p.attributes(value)
	if err != nil {
		return p.refuse(line, err)
	}
	if p.out.Variables == nil {
		p.out.Variables = map[string]string{}
	}
	switch {
	case a["NAME"] != "":
		v, ok := a["VALUE"]
		if !ok {
			return p.problem(line, "EXT-X-DEFINE has a NAME but no VALUE")
		}
		return p.variable(a["NAME"], v)
	case a["IMPORT"] != "":
		v, ok := p.imports[a["IMPORT"]]
		if !ok {
			return p.problem(line, "the multivariant playlist defines no variable "+quote(a["IMPORT"])+" to import")
		}
		return p.variable(a["IMPORT"], v)
	case a["QUERYPARAM"] != "":
		if p.query == nil && p.base != nil {
			p.query = p.base.Query()
		}
		if !p.query.Has(a["QUERYPARAM"]) {
			return p.problem(line, "the playlist's address has no query parameter "+quote(a["QUERYPARAM"]))
		}
		return p.variable(a["QUERYPARAM"], p.query.Get(a["QUERYPARAM"]))
	}
	return p.problem(line, "EXT-X-DEFINE has neither NAME, IMPORT nor QUERYPARAM")
}

func (p *parser) variable(name, value string) error {
	if _, ok := p.out.Variables[name]; ok {
		return p.errorf("variable %s is defined twice", quote(name))
	}
	if len(p.out.Variables) >= p.limits.Refs {
		return p.tooMuch("Refs", "the playlist has more variables", p.limits.Refs)
	}
	p.out.Variables[strings.Clone(name)] = strings.Clone(value) // they outlive the body
	return nil
}

// expand replaces {$name}. Values are put in as they are and not expanded
// again; what all of them come to is bounded, because a value may be long and
// a chain of definitions multiplies.
func (p *parser) expand(s string) (string, error) {
	if !strings.Contains(s, "{$") {
		return s, nil
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "{$")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("{$" + rest)
			return b.String(), nil
		}
		v, ok := p.out.Variables[name]
		if !ok {
			return "", fmt.Errorf("variable %s is not defined", quote(name))
		}
		if p.expanded += len(v); p.expanded > p.limits.Expansion {
			return "", p.tooMuch("Expansion", "variables expand to more bytes", p.limits.Expansion)
		}
		if b.Len()+len(v) > p.limits.Line {
			return "", p.tooMuch("Line", "with its variables the line has more bytes", p.limits.Line)
		}
		b.WriteString(v)
		s = after
	}
}

// refuse turns an error of one line into a problem, unless it ends the reading.
func (p *parser) refuse(line string, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return p.problem(line, err.Error())
}

func quote(s string) string { return strconv.Quote(shorten(s, 60)) }
