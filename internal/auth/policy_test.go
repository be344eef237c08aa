package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/store"
)

const readOnly = `{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:Get*","Resource":"*"}]}`

// basic makes a request of the native API from 127.0.0.1.
func basic(t *testing.T, key string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/pops", nil)
	r.RemoteAddr = "127.0.0.1:9"
	r.SetBasicAuth(key, secret)
	return r
}

func TestPolicy_IsTheKeys(t *testing.T) {
	t.Parallel()
	keys := newKeys()
	keys.keys["reader"] = store.Key{ID: "reader", Secret: secret, Account: account, Policy: readOnly}
	a, err := auth.New(t.Context(), auth.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.Native(basic(t, "reader"), nil)
	if err != nil || !id.May("vod:GetPlayInfo", policy.Account()) || id.May("vod:DeleteVideo", policy.Media("m")) {
		t.Errorf("%+v, %v", id, err)
	}
	id, err = a.Native(basic(t, keyID), nil)
	if err != nil || !id.May("vod:DeleteVideo", policy.Media("m")) {
		t.Errorf("a key without a policy: %+v, %v", id, err)
	}
	// A change counts from the moment in which it was made.
	if err := a.PutKey(t.Context(), store.Key{ID: keyID, Secret: secret, Account: account, Policy: readOnly}); err != nil {
		t.Fatal(err)
	}
	id, err = a.Native(basic(t, keyID), nil)
	if err != nil || id.May("vod:DeleteVideo", policy.Media("m")) {
		t.Errorf("after the change: %+v, %v", id, err)
	}
}

func TestPolicy_OneThatIsNotUnderstoodLetsNobodyIn(t *testing.T) {
	t.Parallel()
	keys := newKeys()
	keys.keys["odd"] = store.Key{ID: "odd", Secret: secret, Account: account, Policy: `{"Version":"2"}`}
	a, err := auth.New(t.Context(), auth.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Native(basic(t, "odd"), nil); freshet.ErrorCode(err) != freshet.CodeInternal {
		t.Errorf("error %v", err)
	}
	err = a.PutKey(t.Context(), store.Key{ID: "new", Secret: secret, Account: account, Policy: `{"Version":"2"}`})
	if freshet.ErrorCode(err) != freshet.CodeInvalid {
		t.Errorf("storing it: %v", err)
	}
}

func TestFacts_OfARequest(t *testing.T) {
	t.Parallel()
	keys := newKeys()
	a, err := auth.New(t.Context(), auth.Options{Keys: keys, TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, from string
		forwarded  []string
		proto      string
		ip         string // "" = not known
		secure     bool
	}{
		{"no proxy", "192.0.2.1:9", nil, "", "192.0.2.1", false},
		{"IPv6", "[2001:db8::1]:9", nil, "", "2001:db8::1", false},
		{"whoever is no proxy of ours cannot lie", "192.0.2.1:9", []string{"203.0.113.5"}, "https", "192.0.2.1", false},
		{"a proxy's client", "127.0.0.1:9", []string{"203.0.113.5"}, "https", "203.0.113.5", true},
		{"two proxies", "127.0.0.1:9", []string{"203.0.113.5, 10.0.0.1"}, "http", "203.0.113.5", false},
		{"what a client says of itself", "127.0.0.1:9", []string{"198.51.100.7, 203.0.113.5"}, "https", "203.0.113.5", true},
		{"in two headers", "127.0.0.1:9", []string{"198.51.100.7", "203.0.113.5", "10.0.0.1"}, "https", "203.0.113.5", true},
		{"a proxy that says nothing", "127.0.0.1:9", nil, "https", "127.0.0.1", true},
		{"only proxies", "127.0.0.1:9", []string{"10.0.0.2"}, "https", "10.0.0.2", true},
		{"unreadable", "127.0.0.1:9", []string{"203.0.113.5:80"}, "https", "", true},
		{"no address", "pipe", []string{"203.0.113.5"}, "", "", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/pops", nil)
		r.RemoteAddr = c.from
		r.Header["X-Forwarded-For"] = c.forwarded
		r.Header.Set("X-Forwarded-Proto", c.proto)
		auth.SignV3(r, keyID, secret, nil, time.Now(), c.name)
		id, err := a.Native(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		ip := ""
		if id.Facts.SourceIP.IsValid() {
			ip = id.Facts.SourceIP.String()
		}
		if ip != c.ip || id.Facts.Secure != c.secure || time.Since(id.Facts.Time) > time.Minute {
			t.Errorf("%s: %+v", c.name, id.Facts)
		}
	}
}
