package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AlgorithmV3 is the only V3 algorithm built.
const AlgorithmV3 = "ACS3-HMAC-SHA256"

// The V3 headers, in the form in which net/http keeps them: looking them up
// then allocates nothing.
const (
	headerAction   = "X-Acs-Action"
	headerVersion  = "X-Acs-Version"
	headerDate     = "X-Acs-Date"
	headerNonce    = "X-Acs-Signature-Nonce"
	headerBodyHash = "X-Acs-Content-Sha256"
	headerToken    = "X-Acs-Security-Token" //nolint:gosec // the name of a header
	headerKeyID    = "X-Acs-Accesskey-Id"
	headerBearer   = "X-Acs-Bearer-Token" //nolint:gosec // the name of a header
)

// emptyHash is the SHA-256 of an empty body, which nearly every call has.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// authorization is a parsed Authorization header of V3.
type authorization struct {
	keyID     string
	signed    []string // names of the signed headers: lower case, sorted
	signature string
}

// parseAuthorization reads "ACS3-HMAC-SHA256 Credential=…,SignedHeaders=…,
// Signature=…"; blanks after commas are accepted (contract §1.5).
func parseAuthorization(header string) (authorization, *Fault) {
	algorithm, rest, _ := strings.Cut(header, " ")
	if algorithm != AlgorithmV3 {
		return authorization{}, &Fault{Kind: Unsupported, Param: shown(algorithm)}
	}
	var a authorization
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		var seen bool
		switch name {
		case "Credential":
			seen, a.keyID = a.keyID != "", value
		case "SignedHeaders":
			seen, a.signed = a.signed != nil, strings.Split(strings.ToLower(value), ";")
		case "Signature":
			seen, a.signature = a.signature != "", value
		default:
			seen = true
		}
		if seen {
			return authorization{}, &Fault{Kind: Incomplete}
		}
	}
	if a.keyID == "" || a.signature == "" || len(a.signed) == 0 || a.signed[0] == "" {
		return authorization{}, &Fault{Kind: Incomplete}
	}
	slices.Sort(a.signed)
	return a, nil
}

// CanonicalV3 returns the canonical request of V3 (contract §1.5) for a host
// and the signed headers, which are lower case and sorted.
func CanonicalV3(r *Request, host string, signed []string, bodyHash string) string {
	b := make([]byte, 0, 1024)
	b = append(b, r.Method...)
	b = append(b, '\n')
	b = appendPath(b, r.Path)
	b = append(b, '\n')
	first := true
	for i := range r.Params {
		if r.Params[i].Form { // the body is hashed, not listed
			continue
		}
		if !first {
			b = append(b, '&')
		}
		first = false
		b = appendEscaped(b, r.Params[i].Name)
		b = append(b, '=')
		b = appendEscaped(b, r.Params[i].Value)
	}
	b = append(b, '\n')
	for _, name := range signed {
		value := host
		if name != "host" {
			value = strings.TrimSpace(r.Header.Get(name))
		}
		b = append(b, name...)
		b = append(b, ':')
		b = append(b, value...)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range signed {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	b = append(b, bodyHash...)
	return string(b)
}

// appendPath appends an escaped path with each segment in the one spelling
// that is signed, so that a client may escape more or less than we do.
func appendPath(b []byte, path string) []byte {
	if path == "" || path == "/" {
		return append(b, '/')
	}
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			b = append(b, '/')
		}
		if s, err := url.PathUnescape(segment); err == nil {
			segment = s
		}
		b = appendEscaped(b, segment)
	}
	return b
}

// StringToSignV3 returns what V3 signs of a canonical request.
func StringToSignV3(canonical string) string {
	return AlgorithmV3 + "\n" + hashHex([]byte(canonical))
}

// SignatureV3 signs a string to sign.
func SignatureV3(secret, toSign string) string {
	h := hmac.New(sha256.New, []byte(secret))
	_, _ = h.Write([]byte(toSign)) // a hash never fails
	return hex.EncodeToString(h.Sum(nil))
}

func hashHex(b []byte) string {
	if len(b) == 0 {
		return emptyHash
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// SignV3 signs a request with V3: the method, the path, the query, the host,
// the body, Content-Type and every x-acs- header that is set before the call.
// The caller sets req.Body to the same bytes. The nonce must be new.
func SignV3(req *http.Request, keyID, secret string, body []byte, now time.Time, nonce string) {
	hash := hashHex(body)
	req.Header.Set(headerDate, now.UTC().Format(timeLayout))
	req.Header.Set(headerNonce, nonce)
	req.Header.Set(headerBodyHash, hash)
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	signed := []string{"host"}
	for name := range req.Header {
		if n := strings.ToLower(name); n == "content-type" || strings.HasPrefix(n, "x-acs-") {
			signed = append(signed, n)
		}
	}
	slices.Sort(signed)
	params, err := ParseParams(req.URL.RawQuery, "")
	if err != nil {
		return // it stays unsigned and the server refuses it
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	r := &Request{Method: method, Path: req.URL.EscapedPath(), Params: params, Header: req.Header}
	signature := SignatureV3(secret, StringToSignV3(CanonicalV3(r, host, signed, hash)))
	req.Header.Set("Authorization",
		AlgorithmV3+" Credential="+keyID+",SignedHeaders="+strings.Join(signed, ";")+",Signature="+signature)
}

// readV3 takes the credentials out of a V3 request. required are headers that
// must be there and signed; hosts yields the spellings of the host that count.
func readV3(r *Request, required []string, hosts func(string) []string) (credentials, error) {
	a, fault := parseAuthorization(r.Header.Get("Authorization"))
	if fault != nil {
		return credentials{}, fault
	}
	for _, name := range required {
		if r.Header.Get(name) == "" {
			return credentials{}, &Fault{Kind: Missing, Param: strings.ToLower(name)}
		}
	}
	c := credentials{keyID: a.keyID, time: r.Header.Get(headerDate), nonce: r.Header.Get(headerNonce), token: r.Header.Get(headerToken)}
	if isTemporary(c.keyID) {
		if c.token == "" {
			return c, &Fault{Kind: MissingToken}
		}
		required = append(slices.Clip(required), headerToken)
	}
	// The key stands in a header of its own too, with temporary credentials.
	if id := r.Header.Get(headerKeyID); id != "" {
		if id != c.keyID {
			return c, &Fault{Kind: Malformed, Param: strings.ToLower(headerKeyID)}
		}
		required = append(slices.Clip(required), headerKeyID)
	}
	c.check = func(secret string) *Fault { return checkV3(r, a, secret, required, hosts) }
	return c, nil
}

func checkV3(r *Request, a authorization, secret string, required []string, hosts func(string) []string) *Fault {
	hash := r.Header.Get(headerBodyHash)
	toSign := StringToSignV3(CanonicalV3(r, r.Host, a.signed, hash))
	mismatch := &Fault{Kind: Mismatch, StringToSign: toSign}
	if !slices.Contains(a.signed, "host") || !equal(hashHex(r.Body), hash) {
		return mismatch
	}
	for _, name := range required {
		if !slices.Contains(a.signed, strings.ToLower(name)) {
			return mismatch
		}
	}
	if equal(SignatureV3(secret, toSign), a.signature) {
		return nil
	}
	// A proxy in front of us may have changed the host (contract §12).
	for _, host := range hosts(r.Host) {
		toSign := StringToSignV3(CanonicalV3(r, host, a.signed, hash))
		if equal(SignatureV3(secret, toSign), a.signature) {
			return nil
		}
	}
	return mismatch
}
