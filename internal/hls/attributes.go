package hls

import (
	"errors"
	"fmt"
	"strings"
)

var (
	errUnclosed  = errors.New("a quoted attribute value is not closed")
	errAttribute = errors.New("the attribute list is malformed")
)

// attributes reads NAME=value,NAME="value, with commas",… and expands the
// variables in quoted values. Of a name that stands twice the first counts.
// Blanks around names and behind values are tolerated: packagers write them. The
// map is good until the next tag.
func (p *parser) attributes(s string) (map[string]string, error) {
	if p.attrs == nil {
		p.attrs = make(map[string]string, 8)
	}
	out, n := p.attrs, 0
	clear(out)
	for s = strings.TrimSpace(s); s != ""; {
		name, rest, ok := strings.Cut(s, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, `",`) {
			return nil, errAttribute
		}
		var value string
		if quoted, ok := strings.CutPrefix(strings.TrimLeft(rest, " \t"), `"`); ok {
			inner, after, closed := strings.Cut(quoted, `"`)
			if !closed {
				return nil, errUnclosed
			}
			var err error
			if value, err = p.expand(inner); err != nil {
				return nil, err
			}
			rest = strings.TrimLeft(after, " \t")
			if rest != "" && rest[0] != ',' {
				return nil, errAttribute
			}
		} else {
			value, _, _ = strings.Cut(rest, ",")
			rest = rest[len(value):]
			value = strings.TrimSpace(value)
		}
		if n++; n > p.limits.Attrs {
			return nil, fmt.Errorf("the tag has more attributes than the limit of %d", p.limits.Attrs)
		}
		if _, twice := out[name]; !twice {
			out[name] = value
		}
		s = strings.TrimSpace(strings.TrimPrefix(rest, ","))
	}
	return out, nil
}
