package auth

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxParams bounds the parameters of one request. The largest legal call has
// about forty; without a bound, 4 MB of "a&a&a" would become 100 MB of slices.
const maxParams = 1024

// maxShown bounds how much of a caller's text a fault repeats.
const maxShown = 64

// Param is one decoded parameter.
type Param struct {
	Name, Value string
	Form        bool // it came from the body
}

// Params are the parameters of a request, sorted by name and value.
type Params []Param

// ParseParams decodes a raw query and a raw form body into one list. Unlike
// [net/url.ParseQuery] it refuses what it cannot decode instead of dropping
// it: what is dropped would not be signed. The error is a Malformed [Fault].
func ParseParams(query, form string) (Params, error) {
	n := strings.Count(query, "&") + strings.Count(form, "&") + 2
	if n > maxParams+2 {
		return nil, &Fault{Kind: Malformed, Param: "query"}
	}
	p, err := appendParams(make(Params, 0, n), query, false)
	if err != nil {
		return nil, err
	}
	if p, err = appendParams(p, form, true); err != nil {
		return nil, err
	}
	slices.SortFunc(p, func(a, b Param) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
	return p, nil
}

func appendParams(p Params, raw string, form bool) (Params, error) {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, okN := unescape(name)
		v, okV := unescape(value)
		if !okN || !okV {
			return nil, &Fault{Kind: Malformed, Param: shown(name)}
		}
		p = append(p, Param{Name: n, Value: v, Form: form})
	}
	return p, nil
}

// Get returns the value of a parameter, "" if there is none.
func (p Params) Get(name string) string {
	v, _ := p.Lookup(name)
	return v
}

// Lookup returns the value of a parameter and whether it is there.
func (p Params) Lookup(name string) (string, bool) {
	i, ok := slices.BinarySearchFunc(p, name, func(q Param, n string) int { return strings.Compare(q.Name, n) })
	if !ok {
		return "", false
	}
	return p[i].Value, true
}

// Twice returns a name that stands there more than once, if there is one.
func (p Params) Twice() (string, bool) {
	for i := 1; i < len(p); i++ {
		if p[i].Name == p[i-1].Name {
			return shown(p[i].Name), true
		}
	}
	return "", false
}

// unescape decodes form encoding. Text that is not UTF-8 is refused: it could
// not be repeated in an answer, and signers disagree about it.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, utf8.ValidString(s)
	}
	var b strings.Builder
	b.Grow(max(0, len(s)-2*strings.Count(s, "%"))) // negative: more signs than escapes, refused below
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi > 15 || lo > 15 {
				return "", false
			}
			c = hi<<4 | lo
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String(), utf8.ValidString(b.String())
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// shown is s as it may stand in a message.
func shown(s string) string {
	if len(s) > maxShown {
		s = s[:maxShown]
	}
	return strings.ToValidUTF8(s, "?")
}
