package auth_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
)

// TestNativeAcceptsV3WithTheRealPath sends requests over a real connection, so
// that what the client signs and what the server sees are two things.
func TestNativeAcceptsV3WithTheRealPath(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, err := a.Native(r, body); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
		}
	}))
	defer srv.Close()
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v1/jobs", ""},
		{"GET", "/v1/media/a%2Fb%20c*~/x?limit=3&after=%E4%B8%AD+x&tag=b&tag=a", ""},
		{"POST", "/v1/jobs", `{"type":"purge","media":["a"]}`},
		{"DELETE", "/v1/keys/" + keyID, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, srv.URL+c.path, bytes.NewReader([]byte(c.body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		auth.SignV3(req, keyID, secret, []byte(c.body), time.Now(), newNonce())
		if status, text := do(t, srv, req); status != http.StatusOK {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
		}
		req.Body = io.NopCloser(strings.NewReader(c.body))
		if status, text := do(t, srv, req); status == http.StatusOK || !strings.Contains(text, "received before") {
			t.Errorf("%s %s repeated: %d %s", c.method, c.path, status, text)
		}
		auth.SignV3(req, keyID, secret, []byte(c.body), time.Now(), newNonce())
		req.Body = io.NopCloser(strings.NewReader(c.body))
		req.URL.Path += "x"
		req.URL.RawPath = ""
		if status, _ := do(t, srv, req); status == http.StatusOK {
			t.Errorf("%s %s: accepted for another path", c.method, c.path)
		}
	}
}

func do(t *testing.T, srv *httptest.Server, req *http.Request) (int, string) {
	t.Helper()
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestNativeBasicNeedsAPrivateConnection(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, remote string
		tls          bool
		header       map[string]string
		id, secret   string
		want         string // part of the message, "" = accepted
	}{
		{name: "loopback", remote: "127.0.0.1:5", id: keyID, secret: secret},
		{name: "loopback, IPv6", remote: "[::1]:5", id: keyID, secret: secret},
		{name: "TLS", remote: "203.0.113.1:5", tls: true, id: keyID, secret: secret},
		{name: "a local proxy with TLS", remote: "127.0.0.1:5", header: map[string]string{"X-Forwarded-For": "203.0.113.1", "X-Forwarded-Proto": "https"}, id: keyID, secret: secret},
		{name: "a local proxy without TLS", remote: "127.0.0.1:5", header: map[string]string{"X-Forwarded-For": "203.0.113.1"}, id: keyID, secret: secret, want: "TLS or loopback"},
		{name: "a stranger", remote: "203.0.113.1:5", id: keyID, secret: secret, want: "TLS or loopback"},
		{name: "a stranger who claims TLS", remote: "203.0.113.1:5", header: map[string]string{"X-Forwarded-Proto": "https"}, id: keyID, secret: secret, want: "TLS or loopback"},
		{name: "a wrong secret", remote: "127.0.0.1:5", id: keyID, secret: "no", want: "its secret is wrong"},
		{name: "an unknown key", remote: "127.0.0.1:5", id: "nobody", secret: secret, want: "its secret is wrong"},
		{name: "a disabled key", remote: "127.0.0.1:5", id: "off", secret: secret, want: "disabled"},
		{name: "no address", remote: "", id: keyID, secret: secret, want: "TLS or loopback"},
	} {
		a, _ := newAuth(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/jobs", nil)
		r.RemoteAddr = c.remote
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		r.SetBasicAuth(c.id, c.secret)
		id, err := a.Native(r, nil)
		switch {
		case c.want == "" && (err != nil || id.Account != account || id.KeyID != keyID || id.Nonce != 0):
			t.Errorf("%s: %+v, %v", c.name, id, err)
		case c.want != "" && (freshet.ErrorCode(err) != freshet.CodeUnauthenticated || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestNativeNamesWhatItDoesNotTake(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	for header, want := range map[string]string{
		"":                   "no credentials",
		"Bearer abc":         "bearer token",
		"Digest x=y":         "Digest",
		"Basic %%%":          "malformed",
		"ACS3-RSA x":         "ACS3-RSA",
		"ACS3-HMAC-SHA256 x": "malformed",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/jobs", nil)
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		_, err := a.Native(r, nil)
		if freshet.ErrorCode(err) != freshet.CodeUnauthenticated || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", header, err, want)
		}
	}
}
