package auth_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
)

func TestGoodSignaturesNameTheAccount(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	for name, r := range map[string]*auth.Request{
		"V1": v1(t, keyID, time.Now()), "V3": v3(t, keyID, time.Now(), ""), "V3 with a body": v3(t, keyID, time.Now(), "a=b"),
	} {
		id, err := a.Vendor(t.Context(), r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if id.Account != account || id.KeyID != keyID || id.Nonce == 0 || time.Until(id.NonceExpires) < 29*time.Minute {
			t.Errorf("%s: identity %+v", name, id)
		}
	}
}

// flip changes one character of a parameter after signing.
func setParam(r *auth.Request, name string, change func(string) string) {
	for i := range r.Params {
		if r.Params[i].Name == name {
			r.Params[i].Value = change(r.Params[i].Value)
		}
	}
}

func flip(s string) string {
	c := byte('A')
	if s[5] == 'A' {
		c = 'B'
	}
	return s[:5] + string(c) + s[6:]
}

func drop(r *auth.Request, name string) {
	kept := r.Params[:0]
	for _, p := range r.Params {
		if p.Name != name {
			kept = append(kept, p)
		}
	}
	r.Params = kept
}

func TestContract_1_8_NegativeTable(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cases := []struct {
		name string
		req  func(*testing.T) *auth.Request
		want auth.Kind
	}{
		{"V1 one character of the signature", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v1(t, keyID, now)
			setParam(r, "Signature", flip)
			return r
		}, auth.Mismatch},
		{"V1 a signature that is no base64", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v1(t, keyID, now)
			setParam(r, "Signature", func(string) string { return "@@@" })
			return r
		}, auth.Mismatch},
		{"V3 one character of the signature", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v3(t, keyID, now, "")
			h := r.Header.Get("Authorization")
			i := len(h) - 64
			r.Header.Set("Authorization", h[:i]+flip(h[i:]))
			return r
		}, auth.Mismatch},
		{"V1 signed as GET, sent as POST", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v1(t, keyID, now)
			r.Method = "POST"
			return r
		}, auth.Mismatch},
		{"V1 key without its ampersand", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v1(t, keyID, now)
			toSign := auth.StringToSignV1("GET", r.Params)
			setParam(r, "Signature", func(string) string { return auth.SignatureV1(strings.TrimSuffix(secret, "t"), toSign) })
			return r
		}, auth.Mismatch},
		{"V1 a parameter changed", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v1(t, keyID, now)
			setParam(r, "MediaRefreshJobId", func(string) string { return "41d465e31957abce" })
			return r
		}, auth.Mismatch},
		{"V3 a body byte changed", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v3(t, keyID, now, "SliceCount=3")
			r.Body = []byte("SliceCount=4")
			return r
		}, auth.Mismatch},
		{"V3 a parameter changed", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v3(t, keyID, now, "")
			setParam(r, "TaskType", func(string) string { return "Preload" })
			return r
		}, auth.Mismatch},
		{"V3 another host", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v3(t, keyID, now, "")
			r.Host = "elsewhere:8080"
			return r
		}, auth.Mismatch},
		{"V1 the time one hour old", func(t *testing.T) *auth.Request { t.Helper(); return v1(t, keyID, now.Add(-time.Hour)) }, auth.Expired},
		{"V1 the time one hour ahead", func(t *testing.T) *auth.Request { t.Helper(); return v1(t, keyID, now.Add(time.Hour)) }, auth.Expired},
		{"V3 the time one hour old", func(t *testing.T) *auth.Request { t.Helper(); return v3(t, keyID, now.Add(-time.Hour), "") }, auth.Expired},
		{"V1 an unknown key", func(t *testing.T) *auth.Request { t.Helper(); return v1(t, "nobody", now) }, auth.UnknownKey},
		{"V3 an unknown key", func(t *testing.T) *auth.Request { t.Helper(); return v3(t, "nobody", now, "") }, auth.UnknownKey},
		{"V1 a disabled key", func(t *testing.T) *auth.Request { t.Helper(); return v1(t, "off", now) }, auth.DisabledKey},
		{"V3 a disabled key", func(t *testing.T) *auth.Request { t.Helper(); return v3(t, "off", now, "") }, auth.DisabledKey},
		{"V1 a temporary key without its token", func(t *testing.T) *auth.Request { t.Helper(); return v1(t, "STS.testid", now) }, auth.MissingToken},
		{"V3 a temporary key without its token", func(t *testing.T) *auth.Request { t.Helper(); return v3(t, "STS.testid", now, "") }, auth.MissingToken},
		{"V1 a temporary key with a token that is none of ours", func(t *testing.T) *auth.Request {
			t.Helper()
			return v1(t, "STS.testid", now, func(p url.Values) { p.Set("SecurityToken", "CAIS+token/with=chars") })
		}, auth.TokenMalformed},
		{"V1 a lasting key with a token, which is ignored", func(t *testing.T) *auth.Request {
			t.Helper()
			return v1(t, keyID, now, func(p url.Values) { p.Set("SecurityToken", "CAIS+token/with=chars") })
		}, 0},
		{"V3 an algorithm that is not built", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v3(t, keyID, now, "")
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "SHA256", "SM3", 1))
			return r
		}, auth.Unsupported},
		{"V3 blanks after the commas", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v3(t, keyID, now, "")
			r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ",", ", "))
			return r
		}, 0},
		{"V3 without Signature", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v3(t, keyID, now, "")
			h, _, _ := strings.Cut(r.Header.Get("Authorization"), ",Signature")
			r.Header.Set("Authorization", h)
			return r
		}, auth.Incomplete},
		{"V3 with two Credentials", func(t *testing.T) *auth.Request {
			t.Helper()
			r := v3(t, keyID, now, "")
			r.Header.Set("Authorization", r.Header.Get("Authorization")+",Credential=other")
			return r
		}, auth.Incomplete},
		{"a bearer token parameter", func(t *testing.T) *auth.Request {
			t.Helper()
			return &auth.Request{Params: params(t, "BearerToken=x&SignatureType=BEARERTOKEN"), Header: http.Header{}}
		}, auth.Unsupported},
		{"a bearer token header", func(t *testing.T) *auth.Request {
			t.Helper()
			return &auth.Request{Header: http.Header{"X-Acs-Bearer-Token": {"x"}}}
		}, auth.Unsupported},
		{"nothing", func(t *testing.T) *auth.Request { t.Helper(); return &auth.Request{Header: http.Header{}} }, auth.NoCredentials},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, _ := newAuth(t)
			_, err := a.Vendor(t.Context(), c.req(t))
			if got := kind(t, err); got != c.want {
				t.Errorf("kind %d (%v), want %d", got, err, c.want)
			}
		})
	}
}

func TestContract_1_3_EverySystemParameterOfV1IsNeeded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"} {
		a, _ := newAuth(t)
		r := v1(t, keyID, time.Now())
		drop(r, name)
		_, err := a.Vendor(t.Context(), r)
		f, ok := errors.AsType[*auth.Fault](err)
		if !ok || f.Kind != auth.Missing || f.Param != name {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestContract_1_3_ValuesOfSystemParameters(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		want        auth.Kind
	}{
		{"SignatureMethod", "Hmac-SHA1", 0},
		{"SignatureMethod", "hmac-sha1", 0},
		{"SignatureMethod", "HMAC-SHA256", auth.UnsupportedMethod},
		{"SignatureVersion", "2.0", auth.UnsupportedMethod},
		{"Timestamp", "yesterday", auth.TimeFormat},
		{"Timestamp", "2026-01-02 03:04:05", auth.TimeFormat},
		{"SignatureType", "", 0},
	} {
		a, _ := newAuth(t)
		p := url.Values{"Action": {"X"}}
		auth.SignV1("GET", p, keyID, secret, time.Now(), newNonce())
		p.Set(c.name, c.value)
		p.Del("Signature")
		p.Set("Signature", auth.SignatureV1(secret, auth.StringToSignV1("GET", params(t, p.Encode()))))
		_, err := a.Vendor(t.Context(), &auth.Request{Method: "GET", Params: params(t, p.Encode()), Header: http.Header{}})
		if got := kind(t, err); got != c.want {
			t.Errorf("%s=%s: kind %d (%v), want %d", c.name, c.value, got, err, c.want)
		}
	}
}

// TestContract_1_5_HeadersThatMustBeSigned: each is dropped from SignedHeaders
// and the request signed again.
func TestContract_1_5_HeadersThatMustBeSigned(t *testing.T) {
	t.Parallel()
	all := []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}
	for i, dropped := range all {
		a, _ := newAuth(t)
		r := v3(t, keyID, time.Now(), "")
		list := append(append([]string{}, all[:i]...), all[i+1:]...)
		toSign := auth.StringToSignV3(auth.CanonicalV3(r, r.Host, list, r.Header.Get("X-Acs-Content-Sha256")))
		r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+keyID+",SignedHeaders="+strings.Join(list, ";")+",Signature="+auth.SignatureV3(secret, toSign))
		if _, err := a.Vendor(t.Context(), r); kind(t, err) != auth.Mismatch {
			t.Errorf("without %s: %v", dropped, err)
		}
		if dropped == "host" {
			continue
		}
		r = v3(t, keyID, time.Now(), "")
		r.Header.Del(dropped)
		if _, err := a.Vendor(t.Context(), r); kind(t, err) != auth.Missing {
			t.Errorf("%s absent: %v", dropped, err)
		}
	}
}

func TestContract_12_PublicEndpoints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		signed, received string
		want             auth.Kind
	}{
		{"vod.example.com", "vod.example.com", 0},
		{"vod.example.com:443", "vod.example.com", 0},
		{"vod.example.com", "vod.example.com:80", 0},
		{"api.example.com", "10.0.0.1:8080", 0},
		{"api.example.com:443", "10.0.0.1:8080", 0},
		{"api.example.com:8443", "10.0.0.1:8080", auth.Mismatch},
		{"[::1]", "[::1]:80", 0},
		{"evil.example.com", "10.0.0.1:8080", auth.Mismatch},
	} {
		a, _ := newAuth(t, func(o *auth.Options) { o.PublicEndpoints = []string{"https://api.example.com/"} })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.signed+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Acs-Action", "X")
		req.Header.Set("X-Acs-Version", "Y")
		auth.SignV3(req, keyID, secret, nil, time.Now(), newNonce())
		_, err = a.Vendor(t.Context(), &auth.Request{Method: "GET", Path: "/", Host: c.received, Header: req.Header})
		if got := kind(t, err); got != c.want {
			t.Errorf("signed for %s, received for %s: %v", c.signed, c.received, err)
		}
	}
}
