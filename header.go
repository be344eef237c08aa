package freshet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of the header that a prefetch may have.
const (
	MaxHeaderValue    = 256 // bytes of one value
	MaxHeaderVariants = 8   // requests for one URL
)

// PrefetchFields lists the fields that a prefetch may set: those by which origins
// choose a representation. Everything else would change what the cache does with
// the answer (Range, Cookie, Authorization, If-*), name another object (Host,
// X-Forwarded-*), or speak to parts of the cache that nobody outside may speak to.
func PrefetchFields() []string {
	return []string{"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Origin", "Referer", "Save-Data", "User-Agent"}
}

// HeaderVariants returns every combination of the values of some fields, as
// Entry.Header has them: "Name: value" a line, in the order of names. A field with
// several values is asked for with each of them.
func HeaderVariants(fields map[string][]string) ([]string, error) {
	byName := map[string][]string{}
	for name, values := range fields {
		known, ok := ParseOne(name, PrefetchFields())
		switch {
		case !ok:
			return nil, fmt.Errorf("the field %.64q may not be set; those that may are %s", name, strings.Join(PrefetchFields(), ", "))
		case byName[known] != nil:
			return nil, fmt.Errorf("the field %s is set twice", known)
		case len(values) == 0:
			return nil, fmt.Errorf("the field %s has no value", known)
		case len(values) > 4*MaxHeaderVariants: // comparing them with each other would cost more than their number
			return nil, fmt.Errorf("the fields make more than %d requests for each URL", MaxHeaderVariants)
		}
		for _, v := range values {
			v = strings.TrimSpace(v)
			if v == "" || len(v) > MaxHeaderValue || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
				return nil, fmt.Errorf("a value of the field %s must have 1 to %d printable ASCII characters", known, MaxHeaderValue)
			}
			if !slices.Contains(byName[known], v) {
				byName[known] = append(byName[known], v)
			}
		}
	}
	out := []string{""}
	for _, name := range PrefetchFields() {
		var next []string
		for _, v := range byName[name] {
			for _, lines := range out {
				next = append(next, strings.TrimPrefix(lines+"\n", "\n")+name+": "+v)
			}
		}
		if len(next) > MaxHeaderVariants {
			return nil, fmt.Errorf("the fields make more than %d requests for each URL", MaxHeaderVariants)
		}
		if len(next) > 0 {
			out = next
		}
	}
	return out, nil
}

var errHeader = errors.New("a header is not written as it should be")

// ParseHeader reads what HeaderVariants wrote into fields and their values.
func ParseHeader(text string) (map[string][]string, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no header is no fault
	}
	out := map[string][]string{}
	for line := range strings.SplitSeq(text, "\n") {
		name, value, ok := strings.Cut(line, ": ")
		if !ok || !slices.Contains(PrefetchFields(), name) || out[name] != nil || value == "" ||
			strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, errHeader
		}
		out[name] = []string{value}
	}
	return out, nil
}
