package nginx

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/freshet-vod/freshet"
)

// The variables that a key may hold, by what they stand for.
const (
	varScheme  = "scheme"
	varHost    = "host"
	varHTTP    = "http_host"
	varProxy   = "proxy_host"
	varOwn     = "freshet_host"
	varRequest = "request_uri"
	varOwnURI  = "freshet_uri"
	varURI     = "uri"
	varIsArgs  = "is_args"
	varArgs    = "args"
	varMethod  = "request_method"
	varSlice   = "slice_range"
	varVariant = "freshet_variant"
)

// shape says what the value of a variable looks like.
func shape(variable string) (pattern string, ok bool) {
	switch variable {
	case varScheme:
		return `https?`, true
	case varHost, varHTTP, varProxy, varOwn:
		return `[0-9A-Za-z._\-:\[\]]+`, true
	case varRequest, varOwnURI, varURI:
		return `/.*`, true
	case varIsArgs:
		return `\??`, true
	case varArgs:
		return `.*`, true
	case varMethod:
		return `[A-Z]+`, true
	case varSlice:
		return `(?:bytes=[0-9]+-[0-9]+)?`, true
	case varVariant:
		return `.*?`, true
	}
	return "", false
}

// template is a declared proxy_cache_key that can be read backwards.
type template struct {
	parts []part
	// A scheme may stand right before a host: "httpshop.example" can be read in
	// two ways, and the one with a host that is known holds.
	readings []*regexp.Regexp
	has      map[string]bool
}

// part is a literal, or a variable.
type part struct{ literal, variable string }

// newTemplate parses a key. The error says why it cannot be read backwards:
// then files could not be told from each other, and nothing of it may be used.
func newTemplate(key string) (*template, error) {
	t := &template{has: map[string]bool{}}
	refuse := func(format string, args ...any) (*template, error) {
		return nil, freshet.Invalid("key", "%q cannot be used: %s", key, fmt.Sprintf(format, args...))
	}
	for rest := key; rest != ""; {
		var p part
		if rest[0] != '$' {
			p.literal, rest = cutAt(rest, strings.IndexByte(rest, '$'))
			t.parts = append(t.parts, p)
			continue
		}
		p.variable, rest = cutVariable(rest[1:])
		if _, ok := shape(p.variable); !ok {
			return refuse("$%s is none of the variables that are understood", p.variable)
		}
		if t.has[p.variable] {
			return refuse("$%s occurs twice", p.variable)
		}
		t.has[p.variable] = true
		t.parts = append(t.parts, p)
	}
	if why := t.ambiguous(); why != "" {
		return refuse("%s", why)
	}
	t.readings = []*regexp.Regexp{t.compile(false)}
	if t.has[varScheme] {
		t.readings = append(t.readings, t.compile(true))
	}
	return t, nil
}

func cutAt(s string, i int) (before, after string) {
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// cutVariable cuts off the name of a variable, with or without braces.
func cutVariable(s string) (variable, rest string) {
	if inner, ok := strings.CutPrefix(s, "{"); ok {
		variable, rest, _ = strings.Cut(inner, "}")
		return variable, rest
	}
	return cutAt(s, strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}))
}

// ambiguous says why two objects could have one key, or one key be read as two
// objects.
func (t *template) ambiguous() string {
	hosts, paths := 0, 0
	for v := range t.has {
		if isHost(v) {
			hosts++
		}
		if isPath(v) {
			paths++
		}
	}
	switch {
	case hosts != 1:
		return "it needs one variable with the host"
	case paths != 1:
		return "it needs one variable with the path: $freshet_uri, $request_uri or $uri"
	case t.has[varArgs] && !t.has[varURI]:
		return "it has the query twice"
	}
	var before part
	for i, p := range t.parts {
		var after part
		if i+1 < len(t.parts) {
			after = t.parts[i+1]
		}
		if why := neighbours(before, p, after); why != "" {
			return why
		}
		before = p
	}
	return ""
}

// neighbours says why it cannot be told where a variable ends.
func neighbours(before, p, after part) string {
	last := after.variable == "" || after.variable == varSlice
	switch {
	case isHost(p.variable):
		if after.literal == "" && !isPath(after.variable) || after.literal != "" && strings.ContainsAny(after.literal[:1], hostBytes) {
			return "the end of the host cannot be told; put $freshet_uri, $request_uri or $uri behind it, or a / or |"
		}
	case p.variable == varArgs && before.variable != varIsArgs && !strings.HasSuffix(before.literal, "?"):
		return "$args needs $is_args or ? before it"
	case p.variable == varURI && after.variable == varIsArgs:
	case isPath(p.variable) || p.variable == varArgs:
		if !last {
			return "the end of the path cannot be told; put a | behind it"
		}
	case p.variable == varVariant && !last, p.variable == varMethod && after.variable != "":
		return "the end of $" + p.variable + " cannot be told; put a | behind it"
	}
	return ""
}

const hostBytes = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-:[]"

func isPath(variable string) bool {
	return variable == varRequest || variable == varOwnURI || variable == varURI
}

func isHost(variable string) bool {
	return variable == varHost || variable == varHTTP || variable == varProxy || variable == varOwn
}

// compile makes the expression that reads keys. Lazy reads the shortest scheme.
func (t *template) compile(lazy bool) *regexp.Regexp {
	var b strings.Builder
	b.WriteString(`^(?s:`)
	for i, p := range t.parts {
		if p.variable == "" {
			b.WriteString(regexp.QuoteMeta(p.literal))
			continue
		}
		s, _ := shape(p.variable)
		if p.variable == varScheme && lazy {
			s = `https??`
		}
		if p.variable == varURI && (t.has[varIsArgs] || t.has[varArgs]) {
			s = `/[^?]*`
		}
		if i+1 < len(t.parts) && t.parts[i+1].variable == varSlice && strings.HasSuffix(s, "*") {
			s += "?" // as short as the slice allows
		}
		fmt.Fprintf(&b, "(?P<%s>%s)", p.variable, s)
	}
	if !t.has[varSlice] && t.parts[len(t.parts)-1].variable == varVariant {
		// The supplied configuration adds it everywhere; it is empty unless the
		// location is sliced.
		fmt.Fprintf(&b, "(?P<%s>(?:bytes=[0-9]+-[0-9]+)?)", varSlice)
	}
	b.WriteString(`)$`)
	return regexp.MustCompile(b.String())
}

// closed reports whether every key of an object can be computed: the host and
// the path are the supplied configuration's own, so that nothing that a viewer
// writes makes another one.
func (t *template) closed() bool {
	return t.has[varOwn] && t.has[varOwnURI] && t.has[varVariant] && !t.has[varScheme] && !t.has[varMethod]
}

// reading is a key read backwards.
type reading struct {
	url     string // canonical
	variant string
	slice   string
}

// read reads a key backwards. False: it is not of this template.
func (t *template) read(key string, domains []freshet.Domain) (reading, bool) {
	var first reading
	found := false
	for _, re := range t.readings {
		m := re.FindStringSubmatch(key)
		if m == nil {
			continue
		}
		r, known := t.fold(re, m, domains)
		if r.url == "" {
			continue
		}
		if known {
			return r, true
		}
		if !found {
			first, found = r, true
		}
	}
	return first, found
}

// fold makes a reading of a match, and reports whether its host is known.
func (t *template) fold(re *regexp.Regexp, m []string, domains []freshet.Domain) (r reading, known bool) {
	var host, path, query string
	for i, n := range re.SubexpNames() {
		switch n {
		case varHost, varHTTP, varProxy, varOwn:
			host = strings.ToLower(m[i])
		case varRequest, varOwnURI:
			path, query, _ = strings.Cut(m[i], "?")
		case varURI:
			path = (&url.URL{Path: m[i]}).EscapedPath()
		case varArgs:
			query = m[i]
		case varVariant:
			r.variant = m[i]
		case varSlice:
			r.slice = m[i]
		}
	}
	d, known := t.domain(host, domains)
	if known {
		host = d.Name
	}
	c, err := freshet.Canonical("http://"+host+freshet.CanonicalPath(path, query, d.IgnoreParams), nil)
	if err != nil {
		return reading{}, false
	}
	r.url = c
	return r, known
}

// domain finds the domain that a key's host stands for.
func (t *template) domain(host string, domains []freshet.Domain) (freshet.Domain, bool) {
	if !t.has[varProxy] {
		host = strings.TrimSuffix(freshet.Host("http", host), ":443")
		if d, ok := freshet.FindDomain(domains, host); ok || !t.has[varHost] {
			return d, ok
		}
		// $host has no port.
		for _, d := range domains {
			if slices.ContainsFunc(append([]string{d.Name}, d.Aliases...), func(n string) bool { return portless(n) == host }) {
				return d, true
			}
		}
		return freshet.Domain{}, false
	}
	for _, d := range domains {
		if originHost(d) == host {
			return d, true
		}
	}
	return freshet.Domain{}, false
}

func originHost(d freshet.Domain) string {
	u, err := url.Parse(d.Origin)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}

func portless(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		return host[:i]
	}
	return host
}
