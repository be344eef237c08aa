package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
)

// FuzzParseParams compares with net/url, which agrees wherever it accepts.
func FuzzParseParams(f *testing.F) {
	for _, s := range []string{"", "a=b&c=d", "a=%2C+x&&=y", "a=%zz", "a;b=c", "a=%ff", "MediaIds=a%2C%20b&a=1&a=2"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, query, form string) {
		p, err := auth.ParseParams(query, form)
		if err != nil {
			if _, ok := errors.AsType[*auth.Fault](err); !ok {
				t.Fatalf("error %T", err)
			}
			return
		}
		want, errQ := url.ParseQuery(query + "&" + form)
		if errQ != nil {
			return // a semicolon: net/url refuses it, the SDKs escape it
		}
		n := 0
		for name, values := range want {
			n += len(values)
			if _, ok := p.Lookup(name); !ok {
				t.Errorf("%q is lost", name)
			}
			if _, twice := p.Twice(); len(values) > 1 && !twice {
				t.Errorf("%q stands there twice and nobody says so", name)
			}
			if len(values) == 1 && p.Get(name) != values[0] {
				t.Errorf("%q is %q, want %q", name, p.Get(name), values[0])
			}
		}
		if n != len(p) {
			t.Errorf("%d parameters, want %d", len(p), n)
		}
		for _, x := range p {
			if !utf8.ValidString(x.Name + x.Value) {
				t.Errorf("%q is not UTF-8", x.Name+x.Value)
			}
		}
	})
}

func FuzzV1(f *testing.F) {
	f.Add("GET", "AccessKeyId=testid&Signature=x&SignatureMethod=HMAC-SHA1&SignatureVersion=1.0&SignatureNonce=n&Timestamp=2026-01-02T03:04:05Z")
	f.Fuzz(func(t *testing.T, method, query string) {
		a, _ := newAuth(t)
		p, err := auth.ParseParams(query, "")
		if err != nil {
			return
		}
		if _, err := a.Vendor(context.Background(), &auth.Request{Method: method, Path: "/", Params: p, Header: http.Header{}}); err == nil {
			t.Error("accepted without a signature")
		}
		// What is signed is always accepted, whatever the text.
		if _, twice := p.Twice(); twice || method == "" || strings.Contains(query, "BearerToken") || strings.Contains(query, "%") {
			return
		}
		v := url.Values{}
		for _, x := range p {
			v.Set(x.Name, x.Value)
		}
		auth.SignV1(method, v, keyID, secret, time.Now(), newNonce())
		q, err := auth.ParseParams(v.Encode(), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Vendor(context.Background(), &auth.Request{Method: method, Path: "/", Params: q, Header: http.Header{}}); err != nil {
			t.Errorf("a good signature was refused: %v", err)
		}
	})
}

func FuzzV3(f *testing.F) {
	f.Add("ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=host;x-acs-date,Signature=00", "/", "a=b", "127.0.0.1:8080")
	f.Add("ACS3-HMAC-SHA256 Credential=,SignedHeaders=;,Signature=", "/v1/%2F", "a=b&a=c", "[::1]")
	f.Fuzz(func(t *testing.T, header, path, query, host string) {
		a, _ := newAuth(t)
		p, err := auth.ParseParams(query, "")
		if err != nil {
			return
		}
		r := &auth.Request{Method: "GET", Path: path, Host: host, Params: p, Header: http.Header{
			"Authorization": {header}, "X-Acs-Date": {time.Now().UTC().Format(layout)}, "X-Acs-Signature-Nonce": {"n"},
			"X-Acs-Content-Sha256": {"x"}, "X-Acs-Action": {"A"}, "X-Acs-Version": {"V"},
		}}
		if _, err := a.Vendor(context.Background(), r); err == nil {
			t.Error("accepted without a signature")
		} else if freshet.ErrorCode(err) == "" {
			t.Error("no code")
		}
	})
}
