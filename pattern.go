package freshet

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
)

// MaxPattern bounds the text of a pattern in bytes.
const MaxPattern = 1024

// maxPatternSize bounds the instructions that a pattern compiles to: short texts
// can compile to very many.
const maxPatternSize = 20_000

// Pattern is a regular expression over the URLs of one domain. It is matched by
// Freshet against the URLs that it knows, and never inside a cache.
type Pattern struct {
	Domain string `json:"domain"` // its own name
	Expr   string `json:"expr"`   // RE2, over path-with-query in canonical form, from its beginning; it begins with a slash
}

// String returns the pattern as it is shown.
func (p Pattern) String() string { return "http://" + p.Domain + p.Expr }

// Compile returns the expression, which is to be matched against the path with
// query of canonical URLs of the domain. It has the time and memory of RE2: linear
// in the URL.
func (p Pattern) Compile() (*regexp.Regexp, error) {
	switch {
	case !strings.HasPrefix(p.Expr, "/"):
		return nil, errors.New("the expression does not begin with / after the host")
	case len(p.Expr) > MaxPattern:
		return nil, fmt.Errorf("the expression is longer than %d bytes", MaxPattern)
	}
	tree, err := syntax.Parse(p.Expr, syntax.Perl)
	if err != nil {
		if e, ok := errors.AsType[*syntax.Error](err); ok {
			return nil, fmt.Errorf("the expression is not understood: %s", e.Code)
		}
		return nil, errors.New("the expression is not understood")
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > maxPatternSize {
		return nil, fmt.Errorf("the expression unfolds to more than %d steps", maxPatternSize)
	}
	re, err := regexp.Compile("^(?:" + p.Expr + ")")
	if err != nil {
		return nil, errors.New("the expression is not understood")
	}
	return re, nil
}

// ParsePattern splits a line, with or without a scheme, into a host and the
// expression after it, and puts it under the domain that the host names. Dots
// of the host may be escaped; otherwise the host is no expression, so that a
// pattern can never reach into another domain (promise P8). If none of the domains
// has the host, the result has no Domain and the error is nil.
func ParsePattern(line string, domains []Domain) (Pattern, Domain, error) {
	if strings.ContainsFunc(line, unicode.IsControl) {
		return Pattern{}, Domain{}, errors.New("it holds a control character")
	}
	rest := line
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(line) >= len(scheme) && strings.EqualFold(line[:len(scheme)], scheme) {
			rest = line[len(scheme):]
		}
	}
	host, expr, ok := strings.Cut(rest, "/")
	if !ok || host == "" || strings.HasSuffix(host, ":") {
		return Pattern{}, Domain{}, errors.New("a regular expression begins with a host and /")
	}
	host = strings.ReplaceAll(host, `\.`, ".")
	if strings.ContainsFunc(host, notInHost) {
		return Pattern{}, Domain{}, errors.New("the host is an expression; it must be a name")
	}
	p := Pattern{Expr: "/" + expr}
	if _, err := p.Compile(); err != nil {
		return Pattern{}, Domain{}, err
	}
	d, found := FindDomain(domains, Host("http", host))
	if !found {
		d, found = FindDomain(domains, Host("https", host))
	}
	if !found {
		return Pattern{}, Domain{}, nil
	}
	p.Domain = d.Name
	return p, d, nil
}
