package nginx

import (
	"net/url"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// keys returns the keys that an object may have: one per way in which viewers
// may write it, declared variant and slice, without doubles.
func (t *template) keys(canonical string, domains []freshet.Domain, variants, ranges []string) []string {
	host, path := freshet.SplitURL(canonical)
	out := []string{""}
	for _, p := range t.parts {
		values := []string{p.literal}
		if p.variable != "" {
			values = t.values(p.variable, host, path, domains)
		}
		switch p.variable {
		case varVariant:
			values = variants
		case varSlice:
			values = ranges
		}
		out = cross(out, values)
	}
	if !t.has[varSlice] && t.parts[len(t.parts)-1].variable == varVariant {
		out = cross(out, ranges)
	}
	return out
}

// cross appends each of the values to each of the texts.
func cross(texts, values []string) []string {
	if len(values) == 1 {
		for i := range texts {
			texts[i] += values[0]
		}
		return texts
	}
	out := make([]string, 0, len(texts)*len(values))
	for _, s := range texts {
		for _, v := range values {
			out = append(out, s+v)
		}
	}
	return out
}

// values returns what a variable may be in the keys of an object.
func (t *template) values(variable, host, path string, domains []freshet.Domain) []string {
	p, query, _ := strings.Cut(path, "?")
	switch variable {
	case varScheme:
		return []string{"http", "https"}
	case varOwn:
		return []string{host}
	case varHost, varHTTP:
		names := []string{host}
		if d, ok := freshet.FindDomain(domains, host); ok {
			names = append([]string{d.Name}, d.Aliases...)
		}
		if variable == varHost {
			for i := range names {
				names[i] = portless(names[i])
			}
			slices.Sort(names)
			names = slices.Compact(names)
		}
		return names
	case varProxy:
		if d, ok := freshet.FindDomain(domains, host); ok {
			return []string{originHost(d)}
		}
		return []string{host}
	case varRequest, varOwnURI:
		return []string{path}
	case varURI:
		return []string{nginxPath(p)}
	case varIsArgs:
		if query != "" {
			return []string{"?"}
		}
		return []string{""}
	case varArgs:
		return []string{query}
	case varMethod:
		return []string{"GET", "HEAD"}
	}
	return []string{""}
}

// nginxPath is a path as $uri has it: decoded, with runs of slashes merged.
func nginxPath(escaped string) string {
	p, err := url.PathUnescape(escaped)
	if err != nil {
		p = escaped
	}
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

// lastIsVariant reports whether slices can be told without $slice_range: the
// supplied configuration has it behind the variant.
func (t *template) lastIsVariant() bool { return t.parts[len(t.parts)-1].variable == varVariant }
