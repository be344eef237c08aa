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

// Endpoint is a listener of a cache: http://HOST:PORT, or unix:/PATH.
type Endpoint string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (e *Endpoint) UnmarshalText(b []byte) error {
	if path, ok := strings.CutPrefix(string(b), "unix:"); ok {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "\x00\r\n") {
			return errors.New("is not of the form unix:/PATH")
		}
		*e = Endpoint(b)
		return nil
	}
	var u URL
	if err := u.UnmarshalText(b); err != nil || u.Scheme() != "http" {
		return errors.New("is neither http://HOST:PORT nor unix:/PATH")
	}
	*e = Endpoint(b)
	return nil
}
