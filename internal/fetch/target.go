package fetch

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/freshet-vod/freshet"
)

// target is one object as its domain's origin has it.
type target struct {
	base *url.URL // of the origin; nothing else is ever asked
	host string   // the domain's name
	path string   // canonical path and query below the base
}

func newTarget(origin, canonicalURL string) (target, error) {
	base, err := url.Parse(origin)
	switch {
	case err != nil:
		return target{}, errors.New("the origin's address is malformed")
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return target{}, errors.New("the origin's address is not of the form http://host")
	case base.RawQuery != "" || base.Fragment != "" || base.User != nil:
		return target{}, errors.New("the origin's address holds more than a host and a path")
	}
	base.Host = freshet.Host(base.Scheme, base.Host)
	canonical, err := freshet.Canonical(canonicalURL, nil)
	if err != nil {
		return target{}, err
	}
	host, path := freshet.SplitURL(canonical)
	return target{base: base, host: host, path: path}, nil
}

// prefix returns the origin's own path, which stands before each object's.
func (t target) prefix() string {
	return strings.TrimSuffix(freshet.CanonicalPath(t.base.EscapedPath(), "", nil), "/")
}

// request returns the URL that is asked.
func (t target) request() string {
	return t.base.Scheme + "://" + t.base.Host + t.prefix() + t.path
}

// address returns the canonical URL of the object under its domain.
func (t target) address() string { return "http://" + t.host + t.path }

// redirected follows a Location, within the same origin only. On error it
// returns t itself.
func (t target) redirected(location string) (target, error) {
	here, err := url.Parse(t.request())
	if err != nil {
		return t, fmt.Errorf("parsing the address asked: %w", err)
	}
	if location == "" {
		return t, errors.New("the redirect names no location")
	}
	there, err := here.Parse(location)
	if err != nil {
		return t, errors.New("the redirect's location is malformed")
	}
	if there.Scheme != t.base.Scheme || freshet.Host(there.Scheme, there.Host) != t.base.Host || there.User != nil {
		return t, errors.New("the redirect leads to another origin")
	}
	// Canonical before the prefix is compared: dot segments must not lead out
	// of it afterwards.
	path, below := strings.CutPrefix(freshet.CanonicalPath(there.EscapedPath(), there.RawQuery, nil), t.prefix())
	if !below || !strings.HasPrefix(path, "/") {
		return t, errors.New("the redirect leads out of the origin's path")
	}
	t.path = path
	return t, nil
}
