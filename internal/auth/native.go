package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"
)

// Native authenticates a request of the native API: the V3 signature with the
// real path, or HTTP Basic over TLS or loopback. The body is what was read of
// r.Body, nil for none. The error is a [*freshet.Error].
func (a *Auth) Native(r *http.Request, body []byte) (Identity, error) {
	id, err := a.native(r, body)
	if err != nil {
		return Identity{}, reword(err)
	}
	return id, nil
}

func (a *Auth) native(r *http.Request, body []byte) (Identity, error) {
	header := r.Header.Get("Authorization")
	switch scheme, _, _ := strings.Cut(header, " "); {
	case strings.HasPrefix(scheme, "ACS3-"):
		params, err := ParseParams(r.URL.RawQuery, "")
		if err != nil {
			return Identity{}, err
		}
		view := &Request{
			Method: r.Method, Path: r.URL.EscapedPath(), Host: r.Host, Params: params,
			Header: r.Header, Body: body, Write: r.Method != http.MethodGet && r.Method != http.MethodHead,
			Remote: r.RemoteAddr, TLS: r.TLS != nil,
		}
		c, err := readV3(view, []string{headerDate, headerNonce, headerBodyHash}, a.otherHosts)
		if err != nil {
			return Identity{}, err
		}
		return a.verify(r.Context(), c, view)
	case strings.EqualFold(scheme, "Basic"):
		keyID, secret, err := Basic(r)
		if err != nil {
			return Identity{}, err
		}
		id, err := a.basic(r.Context(), keyID, secret)
		id.Facts = a.facts(r.Header, r.RemoteAddr, r.TLS != nil, time.Now())
		return id, err
	case strings.EqualFold(scheme, "Bearer"), header == "" && r.Header.Get(headerBearer) != "":
		if len(a.bearers) == 0 {
			return Identity{}, &Fault{Kind: Unsupported, Param: "a bearer token"}
		}
		_, token, _ := strings.Cut(header, " ")
		return a.byBearer(r.Context(), cmp.Or(strings.TrimSpace(token), r.Header.Get(headerBearer)), origin{r.Header, r.RemoteAddr, r.TLS != nil})
	case header != "":
		return Identity{}, &Fault{Kind: Unsupported, Param: shown(scheme)}
	}
	return Identity{}, &Fault{Kind: NoCredentials}
}

// basic checks a key ID and its secret. An unknown key and a wrong secret look
// the same: with Basic a caller could otherwise collect key IDs.
func (a *Auth) basic(ctx context.Context, keyID, secret string) (Identity, error) {
	key, err := a.keys.get(ctx, keyID)
	if err != nil {
		return Identity{}, err
	}
	want, got := sha256.Sum256([]byte(key.Secret)), sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return Identity{}, &Fault{Kind: UnknownKey}
	}
	if key.Disabled {
		return Identity{}, &Fault{Kind: DisabledKey}
	}
	if key.suspended {
		return Identity{}, &Fault{Kind: Suspended}
	}
	a.keys.note(key, time.Now())
	return Identity{Account: key.Account, KeyID: key.ID, Policies: key.policies}, nil
}

// Basic takes the key ID and secret out of a request with HTTP Basic
// credentials, if nobody but its two ends could read them: it came over TLS,
// or from this machine. A request that a local proxy forwards counts by what
// the proxy says of its client's connection.
func Basic(r *http.Request) (keyID, secret string, err error) {
	keyID, secret, ok := r.BasicAuth()
	if !ok {
		return "", "", &Fault{Kind: Incomplete}
	}
	if !onLoopback(r.Header, r.RemoteAddr, r.TLS != nil) {
		return "", "", &Fault{Kind: Insecure}
	}
	return keyID, secret, nil
}

// onLoopback tells whether nobody but its two ends could read a request.
func onLoopback(h http.Header, remote string, tls bool) bool {
	if tls {
		return true
	}
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return false
	}
	if forwarded := h.Get("X-Forwarded-For") != "" || h.Get("Forwarded") != "" || h.Get("Via") != ""; forwarded {
		return strings.EqualFold(h.Get("X-Forwarded-Proto"), "https")
	}
	return true
}
