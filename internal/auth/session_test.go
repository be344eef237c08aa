package auth_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/seal"
	"github.com/freshet-vod/freshet/internal/store"
)

func boxOf(t *testing.T, fill byte) *seal.Box {
	t.Helper()
	b, err := seal.New(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// issuing makes an Auth that makes temporary credentials.
func issuing(t *testing.T) (*auth.Auth, *fakeAccounts) {
	t.Helper()
	f := &fakeAccounts{keys: newKeys(), accounts: map[string]store.Account{account: {Name: account}}}
	a, err := auth.New(t.Context(), auth.Options{Keys: f.keys, Accounts: f, Box: boxOf(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return a, f
}

func issue(t *testing.T, a *auth.Auth, document string) auth.Session {
	t.Helper()
	s, err := a.IssueToken(t.Context(), account, keyID, time.Hour, document)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sessionV1 makes a call that a temporary credential signs with V1.
func sessionV1(t *testing.T, s auth.Session) *auth.Request {
	t.Helper()
	p := url.Values{"Action": {"X"}, "SecurityToken": {s.SecurityToken}}
	auth.SignV1(http.MethodPost, p, s.AccessKeyID, s.AccessKeySecret, time.Now(), newNonce())
	return &auth.Request{Method: http.MethodPost, Params: params(t, p.Encode()), Header: http.Header{}}
}

// sessionV3 makes a native call that a temporary credential signs with V3.
func sessionV3(t *testing.T, s auth.Session) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/x", nil)
	r.Header.Set("X-Acs-Accesskey-Id", s.AccessKeyID)
	r.Header.Set("X-Acs-Security-Token", s.SecurityToken)
	auth.SignV3(r, s.AccessKeyID, s.AccessKeySecret, nil, time.Now(), newNonce())
	return r
}

func TestSession_IsLetInByBothSchemes(t *testing.T) {
	t.Parallel()
	a, f := issuing(t)
	s := issue(t, a, "")
	if !strings.HasPrefix(s.AccessKeyID, "STS.") || strings.Contains(s.SecurityToken, s.AccessKeySecret) {
		t.Errorf("%+v", s)
	}
	for range 2 { // the second call finds the token opened
		id, err := a.Vendor(t.Context(), sessionV1(t, s))
		if err != nil || id.Account != account || id.KeyID != keyID+"/"+s.AccessKeyID || !id.Temporary || !id.May("vod:X", policy.Account()) {
			t.Errorf("V1: %+v, %v", id, err)
		}
		if id, err = a.Native(sessionV3(t, s), nil); err != nil || !id.Temporary || id.Account != account {
			t.Errorf("V3: %+v, %v", id, err)
		}
	}
	// Another server, or the same one after a restart, knows it too.
	again, err := auth.New(t.Context(), auth.Options{Keys: f.keys, Accounts: f, Box: boxOf(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Vendor(t.Context(), sessionV1(t, s)); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestContract_3_1_InvalidSecurityToken(t *testing.T) {
	t.Parallel()
	a, f := issuing(t)
	s, other := issue(t, a, ""), issue(t, a, "")
	f.keys.keys["second"] = store.Key{ID: "second", Secret: "another", Account: account}
	foreign, err := a.IssueToken(t.Context(), "", "second", time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	// The claims of one key's token, said to be another's.
	_, sealed, _ := strings.Cut(strings.TrimPrefix(foreign.SecurityToken, "st1."), ".")
	owner, _, _ := strings.Cut(strings.TrimPrefix(s.SecurityToken, "st1."), ".")
	forger, err := auth.New(t.Context(), auth.Options{Keys: newKeys(), Box: boxOf(t, 2)})
	if err != nil {
		t.Fatal(err)
	}
	forged := issue(t, forger, "")
	for _, c := range []struct {
		name    string
		session auth.Session
		want    auth.Kind
	}{
		{"none of ours", auth.Session{AccessKeyID: s.AccessKeyID, AccessKeySecret: s.AccessKeySecret, SecurityToken: "CAIS"}, auth.TokenMalformed},
		{"changed", auth.Session{AccessKeyID: s.AccessKeyID, AccessKeySecret: s.AccessKeySecret, SecurityToken: s.SecurityToken[:len(s.SecurityToken)-4] + "AAAA"}, auth.TokenMalformed},
		{"moved to another key", auth.Session{AccessKeyID: foreign.AccessKeyID, AccessKeySecret: foreign.AccessKeySecret, SecurityToken: "st1." + owner + "." + sealed}, auth.TokenMalformed},
		{"of another server", forged, auth.TokenMalformed},
		{"of another temporary key", auth.Session{AccessKeyID: s.AccessKeyID, AccessKeySecret: s.AccessKeySecret, SecurityToken: other.SecurityToken}, auth.TokenMismatch},
		{"with a wrong secret", auth.Session{AccessKeyID: s.AccessKeyID, AccessKeySecret: "x", SecurityToken: s.SecurityToken}, auth.Mismatch},
		{"missing", auth.Session{AccessKeyID: s.AccessKeyID, AccessKeySecret: s.AccessKeySecret}, auth.MissingToken},
	} {
		if _, err := a.Vendor(t.Context(), sessionV1(t, c.session)); kind(t, err) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSession_EndsWithItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := issuing(t)
		s := issue(t, a, "")
		<-time.After(59 * time.Minute)
		if _, err := a.Vendor(t.Context(), sessionV1(t, s)); err != nil {
			t.Error(err)
		}
		<-time.After(time.Minute)
		if _, err := a.Vendor(t.Context(), sessionV1(t, s)); kind(t, err) != auth.TokenExpired {
			t.Errorf("after its time: %v", err)
		}
	})
}

func TestSession_EndsWithItsKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(*auth.Auth) error
		want auth.Kind
	}{
		"disabled": {func(a *auth.Auth) error {
			_, err := a.ChangeKey(t.Context(), "", keyID, func(k *store.Key) { k.Disabled = true })
			return err
		}, auth.DisabledKey},
		"deleted": {func(a *auth.Auth) error { return a.DeleteKey(t.Context(), "", keyID) }, auth.UnknownKey},
		"given another secret": {func(a *auth.Auth) error {
			_, err := a.ChangeKey(t.Context(), "", keyID, func(k *store.Key) { k.Secret = "changed" })
			return err
		}, auth.TokenMalformed},
		"of a disabled account": {func(a *auth.Auth) error {
			_, err := a.SetAccount(t.Context(), account, true)
			return err
		}, auth.Suspended},
	} {
		a, _ := issuing(t)
		s := issue(t, a, "")
		if _, err := a.Vendor(t.Context(), sessionV1(t, s)); err != nil {
			t.Fatal(err)
		}
		if err := c.end(a); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Vendor(t.Context(), sessionV1(t, s)); kind(t, err) != c.want {
			t.Errorf("its key is %s: %v", name, err)
		}
	}
}

// A session may do what both its key's policy and its own allow.
func TestSession_PoliciesIntersect(t *testing.T) {
	t.Parallel()
	a, _ := issuing(t)
	s := issue(t, a, `{"Version":"1","Statement":[{"Effect":"Allow","Action":["vod:GetPlayInfo","vod:DeleteVideo"],"Resource":"*"}]}`)
	may := func(action string) bool {
		id, err := a.Vendor(t.Context(), sessionV1(t, s))
		if err != nil {
			t.Fatal(err)
		}
		return id.May(action, policy.Account())
	}
	if !may("vod:DeleteVideo") || may("vod:SearchMedia") {
		t.Error("the session's policy does not count")
	}
	if _, err := a.ChangeKey(t.Context(), "", keyID, func(k *store.Key) { k.Policy = readOnly }); err != nil {
		t.Fatal(err)
	}
	if !may("vod:GetPlayInfo") || may("vod:DeleteVideo") || may("vod:GetVideoInfo") {
		t.Error("the key's policy does not count")
	}
	for _, bad := range []struct {
		account, key, document string
		lasts                  time.Duration
		code                   freshet.Code
	}{
		{account, keyID, `{"Version":"2"}`, time.Hour, freshet.CodeInvalid},
		{account, keyID, "", time.Second, freshet.CodeInvalid},
		{account, keyID, "", 37 * time.Hour, freshet.CodeInvalid},
		{"other", keyID, "", time.Hour, freshet.CodeNotFound},
		{account, "nobody", "", time.Hour, freshet.CodeNotFound},
		{account, "off", "", time.Hour, freshet.CodeConflict},
	} {
		if _, err := a.IssueToken(t.Context(), bad.account, bad.key, bad.lasts, bad.document); freshet.ErrorCode(err) != bad.code {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// The token must be signed: or a thief of one request could put another's in.
func TestContract_1_5_TheTokenIsSigned(t *testing.T) {
	t.Parallel()
	a, _ := issuing(t)
	s := issue(t, a, "")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/x", nil)
	auth.SignV3(r, s.AccessKeyID, s.AccessKeySecret, nil, time.Now(), newNonce())
	r.Header.Set("X-Acs-Security-Token", s.SecurityToken) // after the signature
	if _, err := a.Native(r, nil); nativeKind(t, err) != auth.Mismatch {
		t.Errorf("an unsigned token: %v", err)
	}
	r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/x", nil)
	r.Header.Set("X-Acs-Security-Token", s.SecurityToken)
	r.Header.Set("X-Acs-Accesskey-Id", keyID)
	auth.SignV3(r, s.AccessKeyID, s.AccessKeySecret, nil, time.Now(), newNonce())
	if _, err := a.Native(r, nil); nativeKind(t, err) != auth.Malformed {
		t.Errorf("two keys: %v", err)
	}
	r = sessionV3(t, s)
	r.Header.Del("X-Acs-Security-Token")
	if _, err := a.Native(r, nil); nativeKind(t, err) != auth.MissingToken {
		t.Errorf("no token: %v", err)
	}
}
