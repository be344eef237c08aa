package freshet

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// MaxURL bounds the length of a URL in bytes, as given and in canonical form.
const MaxURL = 4096

// SignatureParam is the query parameter of a signed playback URL. It never
// takes part in an object's name.
const SignatureParam = "auth_key"

// EveryParam stands for all parameters among those that a domain ignores: no
// query tells its objects apart.
const EveryParam = "*"

// Canonical returns the one spelling under which an object is stored, purged
// and reported: scheme http, lower-case host without the default port, a path
// without dot segments, escapes in RFC 3986 §6.2.2 normal form, the query
// without auth_key and the parameters in ignore, no fragment. The order of the
// other parameters stays. Two URLs name the same object if and only if their
// canonical forms are equal.
//
// The scheme is dropped because a cache holds one object for http and https
// (RFC 8007 §4.8 ignores it too).
func Canonical(raw string, ignore []string) (string, error) {
	if len(raw) > MaxURL {
		return "", fmt.Errorf("URL is longer than %d bytes", MaxURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("URL is malformed")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("URL does not begin with http:// or https://")
	case strings.Trim(u.Hostname(), ".") == "":
		return "", errors.New("URL has no host")
	case u.User != nil:
		return "", errors.New("URL holds user information")
	case strings.ContainsFunc(u.Host, notInHost):
		return "", errors.New("URL has a host with characters other than letters, digits and -._:[]")
	}
	c := "http://" + Host(u.Scheme, u.Host) + CanonicalPath(u.EscapedPath(), u.RawQuery, ignore)
	if len(c) > MaxURL { // escaping made it longer
		return "", fmt.Errorf("URL is longer than %d bytes once it is escaped", MaxURL)
	}
	return c, nil
}

// notInHost holds for what no host name or address has. International names
// are written in their ASCII form.
func notInHost(r rune) bool {
	return r >= 0x80 || !isAlnum(byte(r)) && !strings.ContainsRune("-._:[]", r) //nolint:gosec // below 0x80
}

// Host returns host[:port] in lower case, without trailing dots and without
// the port that the scheme implies.
func Host(scheme, host string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.TrimRight(host, ".")
}

// CanonicalPath returns the path-and-query part of [Canonical]. It never
// fails: what is not a valid escape is kept and escaped.
func CanonicalPath(escapedPath, rawQuery string, ignore []string) string {
	p := removeDots(normalEscapes(escapedPath))
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	if q := canonicalQuery(rawQuery, ignore); q != "" {
		p += "?" + q
	}
	return p
}

func canonicalQuery(raw string, ignore []string) string {
	if raw == "" || slices.Contains(ignore, EveryParam) {
		return ""
	}
	kept := make([]string, 0, 4)
	for part := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(part, "=")
		if n, err := url.QueryUnescape(name); err == nil {
			name = n
		}
		if part == "" || name == SignatureParam || slices.Contains(ignore, name) {
			continue
		}
		kept = append(kept, normalEscapes(part))
	}
	return strings.Join(kept, "&")
}

// normalEscapes decodes escapes of unreserved bytes, writes the others in
// upper case, and escapes bytes that may not stand in a URL. The common case,
// nothing to do, allocates nothing.
func normalEscapes(s string) string {
	i := 0
	for i < len(s) && s[i] != '%' && allowed(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.WriteString(s[:i])
	for ; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
			if unreserved(c) {
				b.WriteByte(c)
				continue
			}
		} else if c != '%' && allowed(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// removeDots removes "." and ".." segments (RFC 3986 §5.2.4). Empty segments
// stay: to a cache "/a//b" and "/a/b" are two objects.
func removeDots(p string) string {
	if !strings.Contains(p, "/.") {
		return p
	}
	segs := strings.Split(strings.TrimPrefix(p, "/"), "/")
	out := make([]string, 0, len(segs))
	for i, s := range segs {
		last := i == len(segs)-1
		switch s {
		case ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, s)
			continue
		}
		if last {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}

func unreserved(c byte) bool { return isAlnum(c) || strings.IndexByte("-._~", c) >= 0 }

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// allowed holds for bytes that may stand unescaped in a path or query (RFC
// 3986 pchar, "/" and "?").
func allowed(c byte) bool {
	return unreserved(c) || strings.IndexByte("!$&'()*+,;=:@/?", c) >= 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// Address returns the canonical form of raw under the domain that its host
// names, by its own name or an alias, and that domain (design: an object is
// named by its domain, whatever alias a viewer used). The error names the
// host if none of the domains has it.
func Address(raw string, domains []Domain) (string, Domain, error) {
	c, err := Canonical(raw, nil)
	if err != nil {
		return "", Domain{}, err
	}
	host, rest := SplitURL(c)
	d, ok := FindDomain(domains, host)
	if !ok {
		return "", Domain{}, fmt.Errorf("host %s is not a domain of the account", host)
	}
	p, q, _ := strings.Cut(rest, "?")
	return "http://" + d.Name + d.CanonicalPath(p, q), d, nil
}

// SplitURL splits a canonical URL into host and path-with-query.
func SplitURL(canonical string) (host, path string) {
	s := strings.TrimPrefix(canonical, "http://")
	i := strings.IndexByte(s, '/')
	if i < 0 {
		return s, "/"
	}
	return s[:i], s[i:]
}
