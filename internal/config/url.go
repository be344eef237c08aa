package config

import (
	"errors"
	"net/url"
	"strings"
)

// URL is an absolute URL without user information, query or fragment.
type URL string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (u *URL) UnmarshalText(b []byte) error {
	p, err := url.Parse(string(b))
	switch {
	case err != nil || p.Scheme == "" || p.Hostname() == "" || p.Opaque != "":
		return errors.New("is not a URL such as http://HOST:PORT")
	case p.User != nil:
		return errors.New("holds user information; secrets belong in files")
	case p.RawQuery != "" || p.ForceQuery || p.Fragment != "":
		return errors.New("holds a query or a fragment")
	}
	*u = URL(b)
	return nil
}

// Scheme returns the URL's scheme in lower case.
func (u URL) Scheme() string {
	s, _, _ := strings.Cut(string(u), ":")
	return strings.ToLower(s)
}
