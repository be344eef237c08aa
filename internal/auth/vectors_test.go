package auth_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet/internal/auth"
)

func TestContract_1_8_VectorsOfV1(t *testing.T) {
	t.Parallel()
	n := 0
	for name, v := range vectors(t) {
		if v.Signature == "" {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			toSign := auth.StringToSignV1(v.Method, params(t, encode(v.Params)))
			if d := cmp.Diff(v.StringToSign, toSign); d != "" {
				t.Errorf("string to sign (-want +got):\n%s", d)
			}
			if got := auth.SignatureV1(v.Secret, toSign); got != v.Signature {
				t.Errorf("signature %q, want %q", got, v.Signature)
			}
		})
	}
	if n != 4 {
		t.Errorf("%d vectors of V1, want 4", n)
	}
}

// TestContract_1_8_V1IsTheSameFromQueryAndForm: it does not matter where a
// parameter travels.
func TestContract_1_8_V1IsTheSameFromQueryAndForm(t *testing.T) {
	t.Parallel()
	for name, v := range vectors(t) {
		if v.Signature == "" {
			continue
		}
		p, err := auth.ParseParams("", encode(v.Params))
		if err != nil {
			t.Fatal(err)
		}
		if got := auth.StringToSignV1(v.Method, p); got != v.StringToSign {
			t.Errorf("%s: string to sign differs when all is in the body", name)
		}
	}
}

func TestContract_1_8_VectorsOfV3(t *testing.T) {
	t.Parallel()
	n := 0
	for name, v := range vectors(t) {
		if v.Authorization == "" {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			for k, x := range v.Headers {
				header.Set(k, x)
			}
			_, rest, _ := strings.Cut(v.Authorization, "SignedHeaders=")
			list, signature, _ := strings.Cut(rest, ",Signature=")
			r := &auth.Request{Method: v.Method, Path: "/", Params: params(t, encode(v.Query)), Header: header}
			canonical := auth.CanonicalV3(r, v.Headers["host"], strings.Split(list, ";"), v.Headers["x-acs-content-sha256"])
			if d := cmp.Diff(v.CanonicalRequest, canonical); d != "" {
				t.Errorf("canonical request (-want +got):\n%s", d)
			}
			toSign := auth.StringToSignV3(canonical)
			if toSign != v.StringToSign {
				t.Errorf("string to sign %q, want %q", toSign, v.StringToSign)
			}
			if got := auth.SignatureV3(v.Secret, toSign); got != signature {
				t.Errorf("signature %q, want %q", got, signature)
			}
		})
	}
	if n != 4 {
		t.Errorf("%d vectors of V3, want 4", n)
	}
}

// TestContract_1_8_SignV3MakesTheVectors: the client's signer and the SDKs
// agree byte for byte.
func TestContract_1_8_SignV3MakesTheVectors(t *testing.T) {
	t.Parallel()
	for name, v := range vectors(t) {
		if v.Authorization == "" {
			continue
		}
		req, err := http.NewRequestWithContext(t.Context(), v.Method, "http://"+v.Headers["host"]+"/?"+encode(v.Query), bytes.NewReader([]byte(v.Body)))
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range v.Headers {
			if k != "host" {
				req.Header.Set(k, x)
			}
		}
		at, err := time.Parse(layout, v.Headers["x-acs-date"])
		if err != nil {
			t.Fatal(err)
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(v.Authorization, "ACS3-HMAC-SHA256 Credential="), ",")
		auth.SignV3(req, id, v.Secret, []byte(v.Body), at, v.Headers["x-acs-signature-nonce"])
		if d := cmp.Diff(v.Authorization, req.Header.Get("Authorization")); d != "" {
			t.Errorf("%s: authorization (-want +got):\n%s", name, d)
		}
	}
}
