package auth

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the scheme is HMAC-SHA1; HMAC does not need collision resistance
	"encoding/base64"
	"net/url"
	"strings"
	"time"
)

// The names of the V1 system parameters that are needed more than once.
const (
	paramKeyID     = "AccessKeyId"
	paramSignature = "Signature"
	paramMethod    = "SignatureMethod"
	paramVersion   = "SignatureVersion"
	paramNonce     = "SignatureNonce"
	paramTime      = "Timestamp"
)

// timeLayout is the one form of time in both schemes: UTC, whole seconds.
const timeLayout = "2006-01-02T15:04:05Z"

// StringToSignV1 returns the string that V1 signs: the method and every
// parameter but Signature, wherever it stood (contract §1.4).
func StringToSignV1(method string, p Params) string { return string(toSignV1(method, p)) }

// toSignV1 makes no copies: a call may have 4 MB of parameters.
func toSignV1(method string, p Params) []byte {
	n := len(method) + 16
	for i := range p {
		n += lenTwice(p[i].Name) + lenTwice(p[i].Value) + 6
	}
	b := make([]byte, 0, n)
	b = append(b, method...)
	b = append(b, "&%2F&"...)
	first := true
	for i := range p {
		if p[i].Name == paramSignature {
			continue
		}
		if !first {
			b = append(b, "%26"...)
		}
		first = false
		b = appendTwice(b, p[i].Name)
		b = append(b, "%3D"...)
		b = appendTwice(b, p[i].Value)
	}
	return b
}

// maxToSign bounds the string to sign that is told to whoever got it wrong: a
// stranger can make one of 20 MB, and nobody compares that much.
const maxToSign = 64 << 10

// SignatureV1 signs a string to sign.
func SignatureV1(secret, toSign string) string { return signatureV1(secret, []byte(toSign)) }

func signatureV1(secret string, toSign []byte) string {
	h := hmac.New(sha1.New, append([]byte(secret), '&'))
	_, _ = h.Write(toSign) // a hash never fails
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// SignV1 adds the system parameters of V1 to p and signs it for a call with
// method. It is what the vendor's older SDKs do.
func SignV1(method string, p url.Values, keyID, secret string, now time.Time, nonce string) {
	p.Del(paramSignature)
	p.Set(paramKeyID, keyID)
	p.Set(paramMethod, "HMAC-SHA1")
	p.Set(paramVersion, "1.0")
	p.Set(paramNonce, nonce)
	p.Set(paramTime, now.UTC().Format(timeLayout))
	sorted, err := ParseParams(p.Encode(), "")
	if err != nil {
		return // not UTF-8: it stays unsigned and the server refuses it
	}
	p.Set(paramSignature, SignatureV1(secret, StringToSignV1(method, sorted)))
}

// readV1 takes the credentials out of a V1 request.
func readV1(r *Request) (credentials, error) {
	p := r.Params
	for _, name := range [...]string{paramKeyID, paramSignature, paramMethod, paramVersion, paramNonce, paramTime} {
		if p.Get(name) == "" {
			return credentials{}, &Fault{Kind: Missing, Param: name}
		}
	}
	if !strings.EqualFold(p.Get(paramMethod), "HMAC-SHA1") {
		return credentials{}, &Fault{Kind: UnsupportedMethod, Param: paramMethod}
	}
	if p.Get(paramVersion) != "1.0" {
		return credentials{}, &Fault{Kind: UnsupportedMethod, Param: paramVersion}
	}
	c := credentials{keyID: p.Get(paramKeyID), time: p.Get(paramTime), nonce: p.Get(paramNonce), token: p.Get("SecurityToken")}
	if isTemporary(c.keyID) && c.token == "" {
		return c, &Fault{Kind: MissingToken}
	}
	c.check = func(secret string) *Fault {
		toSign := toSignV1(r.Method, p)
		if !equal(signatureV1(secret, toSign), p.Get(paramSignature)) {
			return &Fault{Kind: Mismatch, StringToSign: string(toSign[:min(len(toSign), maxToSign)])}
		}
		return nil
	}
	return c, nil
}

// isTemporary reports whether a key ID is one of the vendor's temporary keys,
// which are useless without their token.
func isTemporary(keyID string) bool { return strings.HasPrefix(keyID, temporaryMark) }

// temporaryMark begins the IDs of temporary keys.
const temporaryMark = "STS."

func equal(want, got string) bool { return hmac.Equal([]byte(want), []byte(got)) }
