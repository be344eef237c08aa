package hls

import (
	"errors"
	"net/url"
	"strings"
)

// resolve makes a reference absolute. Only http and https name objects that a
// cache could hold.
func resolve(base *url.URL, raw string) (string, error) {
	if raw == "" {
		return "", errors.New("the URI is empty")
	}
	ref, err := url.Parse(raw)
	if err != nil && colonInName(raw) {
		// "12:30.ts" is a relative name to players, a fault to net/url.
		ref, err = url.Parse("./" + raw)
	}
	if err != nil {
		return "", errors.New("the URI is malformed")
	}
	if base != nil {
		ref = base.ResolveReference(ref)
	}
	switch {
	case ref.Scheme == "":
		return "", errors.New("the URI is relative and the playlist has no address")
	case ref.Scheme != "http" && ref.Scheme != "https":
		return "", errors.New("the URI has the scheme " + quote(ref.Scheme) + ", which no cache serves")
	case ref.Host == "":
		return "", errors.New("the URI has no host")
	}
	ref.Fragment, ref.RawFragment = "", ""
	whole := ref.String()
	// net/url takes some hosts that it does not take back, such as "a::".
	if strings.ContainsAny(ref.Host, ":[]%") {
		if _, err := url.Parse(whole); err != nil {
			return "", errors.New("the URI is malformed")
		}
	}
	return whole, nil
}

// simple reports whether a reference is a plain name below the playlist's own
// folder, such as "seg-00001.ts" or "720p/index.m3u8": nearly all are, and
// resolving one takes longer than reading the rest of its line.
func simple(raw string) bool {
	for i := range len(raw) {
		c := raw[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		case (c == '.' || c == '/') && i > 0 && raw[i-1] != '/':
		default:
			return false
		}
	}
	return raw != ""
}

// colonInName reports whether the first path segment has a colon but cannot be
// a scheme, which begins with a letter.
func colonInName(raw string) bool {
	first, _, _ := strings.Cut(raw, "/")
	c := raw[0] | 0x20
	return strings.Contains(first, ":") && raw[0] != ':' && (c < 'a' || c > 'z')
}

// inline reports whether a URI holds its own data.
func inline(raw string) bool {
	return len(raw) >= 5 && strings.EqualFold(raw[:5], "data:")
}
