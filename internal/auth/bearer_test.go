package auth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/store"
)

// nativeKind returns what is wrong with a native request's credentials.
func nativeKind(t *testing.T, err error) auth.Kind {
	t.Helper()
	f, ok := errors.AsType[*auth.Fault](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	return f.Kind
}

func withBearers(t *testing.T) (*auth.Auth, *fakeAccounts) {
	t.Helper()
	only, err := policy.Parse([]byte(readOnly))
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeAccounts{keys: newKeys(), accounts: map[string]store.Account{account: {Name: account}, "other": {Name: "other"}}}
	a, err := auth.New(t.Context(), auth.Options{Keys: f.keys, Accounts: f, Bearers: []auth.Bearer{
		{Name: "ci", Account: account, Token: "swordfish-swordfish"},
		{Name: "reader", Account: "other", Token: "haddock-haddock-haddock", Policy: only},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return a, f
}

// bearerCall makes a call of one of the forms in contract §1.6.
func bearerCall(t *testing.T, query, header string) *auth.Request {
	t.Helper()
	r := &auth.Request{Method: http.MethodPost, Params: params(t, query), Header: http.Header{}, Remote: "127.0.0.1:9"}
	if header != "" {
		r.Header.Set("X-Acs-Bearer-Token", header)
	}
	return r
}

func TestContract_1_6_EveryFormOfABearerToken(t *testing.T) {
	t.Parallel()
	a, f := withBearers(t)
	const kind = "&SignatureType=BEARERTOKEN"
	for name, r := range map[string]*auth.Request{
		"V3, new SDK":          bearerCall(t, "x=1"+kind, "swordfish-swordfish"),
		"V1, new SDK":          bearerCall(t, "BearerToken=swordfish-swordfish"+kind, ""),
		"V1, old Go SDK":       bearerCall(t, "BearerToken=swordfish-swordfish&Signature=abc&SignatureMethod=HMAC-SHA1"+kind, ""),
		"V1, old Java SDK":     bearerCall(t, "BearerToken=swordfish-swordfish&Signature=abc"+kind, "swordfish-swordfish"),
		"without its kind":     bearerCall(t, "BearerToken=swordfish-swordfish", ""),
		"in lower case, by V3": bearerCall(t, "SignatureType=bearertoken", "swordfish-swordfish"),
	} {
		id, err := a.Vendor(t.Context(), r)
		if err != nil || id.Account != account || id.KeyID != "bearer/ci" || id.Nonce != 0 || !id.May("vod:X", policy.Account()) {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
	id, err := a.Vendor(t.Context(), bearerCall(t, "BearerToken=haddock-haddock-haddock", ""))
	if err != nil || id.Account != "other" || !id.May("vod:GetPlayInfo", policy.Account()) || id.May("vod:X", policy.Account()) {
		t.Errorf("a token with a policy: %+v, %v", id, err)
	}
	if err := f.PutAccount(t.Context(), store.Account{Name: "other", Disabled: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Vendor(t.Context(), bearerCall(t, "BearerToken=haddock-haddock-haddock", "")); kindOf(err) != auth.Suspended {
		t.Errorf("a token of a disabled account: %v", err)
	}
}

func kindOf(err error) auth.Kind {
	if f, ok := errors.AsType[*auth.Fault](err); ok {
		return f.Kind
	}
	return 0
}

func TestContract_1_6_BearerFaults(t *testing.T) {
	t.Parallel()
	a, _ := withBearers(t)
	far := bearerCall(t, "BearerToken=swordfish-swordfish", "")
	far.Remote = "192.0.2.1:9"
	overTLS := bearerCall(t, "BearerToken=swordfish-swordfish", "")
	overTLS.Remote, overTLS.TLS = "192.0.2.1:9", true
	for _, c := range []struct {
		name string
		r    *auth.Request
		want auth.Kind
	}{
		{"wrong", bearerCall(t, "BearerToken=swordfish", ""), auth.UnknownKey},
		{"empty", bearerCall(t, "BearerToken=", ""), auth.Missing},
		{"two tokens", bearerCall(t, "BearerToken=swordfish-swordfish", "haddock-haddock-haddock"), auth.Malformed},
		{"another kind", bearerCall(t, "BearerToken=swordfish-swordfish&SignatureType=PRIVATEKEY", ""), auth.UnsupportedMethod},
		{"in clear", far, auth.Insecure},
		{"over TLS", overTLS, 0},
	} {
		if _, err := a.Vendor(t.Context(), c.r); kindOf(err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	off, _ := newAuth(t)
	if _, err := off.Vendor(t.Context(), bearerCall(t, "BearerToken=swordfish-swordfish", "")); kindOf(err) != auth.Unsupported {
		t.Errorf("no tokens are configured: %v", err)
	}
}

func TestBearer_Native(t *testing.T) {
	t.Parallel()
	a, _ := withBearers(t)
	for header, want := range map[string]auth.Kind{
		"Bearer swordfish-swordfish": 0, "bearer  swordfish-swordfish": 0, "Bearer x": auth.UnknownKey, "Bearer": auth.UnknownKey,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/pops", nil)
		r.RemoteAddr = "127.0.0.1:9"
		r.Header.Set("Authorization", header)
		id, err := a.Native(r, nil)
		if kindOf(err) != want || err == nil && id.Account != account {
			t.Errorf("%q: %+v, %v", header, id, err)
		}
		r.RemoteAddr = "192.0.2.1:9"
		if _, err := a.Native(r, nil); kindOf(err) != auth.Insecure {
			t.Errorf("%q in clear: %v", header, err)
		}
	}
}

// FuzzToken sends anything as a security token and as a bearer token.
func FuzzToken(f *testing.F) {
	f.Add("st1.dGVzdGlk.sealed1.AAAA")
	f.Add("st1..")
	f.Fuzz(func(t *testing.T, token string) {
		a, _ := issuing(t)
		p := url.Values{
			"Action": {"X"}, "SecurityToken": {token}, "AccessKeyId": {"STS.x"}, "Signature": {"x"}, "SignatureNonce": {"x"},
			"SignatureMethod": {"HMAC-SHA1"}, "SignatureVersion": {"1.0"}, "Timestamp": {"2026-01-02T03:04:05Z"},
		}
		list, err := auth.ParseParams(p.Encode(), "")
		if err != nil {
			return
		}
		if id, err := a.Vendor(t.Context(), &auth.Request{Method: http.MethodPost, Params: list, Header: http.Header{}}); kindOf(err) == 0 {
			t.Errorf("%q: %+v, %v", token, id, err)
		}
		b, _ := withBearers(t)
		if id, err := b.Vendor(t.Context(), bearerCall(t, "BearerToken="+url.QueryEscape(token), "")); kindOf(err) == 0 && token != "swordfish-swordfish" && token != "haddock-haddock-haddock" {
			t.Errorf("%q: %+v, %v", token, id, err)
		}
	})
}
