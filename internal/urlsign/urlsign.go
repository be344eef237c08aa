// Package urlsign signs the playback URLs of a domain and checks such
// signatures: the types A, B and C of contract §8.
//
// It must not know where domains and their keys are kept, nor do I/O; package
// freshet holds the settings and cuts signatures off what objects are named by.
// GetPlayInfo, prefetches through a front door, probes and the built-in cache
// call it. If Verify said yes too easily, whoever can guess a path would see
// what a viewer has paid for.
package urlsign

import (
	"crypto/md5" //nolint:gosec // the scheme's own; contract §8
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// Request says what a signed URL is to carry.
type Request struct {
	Now time.Time
	// Lifetime is how long from now the URL works; 0 is the domain's validity.
	Lifetime time.Duration
	// Rand and UID take part in type A: letters, digits, "_", "." and "~"; empty
	// is "0".
	Rand, UID string
}

// maxPart bounds rand and uid in bytes.
const maxPart = 128

// china is how far the clock of type B is ahead of UTC.
const china = 8 * time.Hour

// Sign returns rawURL with a signature made with the main key. A signature
// that it carries already is replaced. The path is put into canonical form and
// signed with its escapes. The time in the URL is now + Lifetime − validity, and never below
// 0, so that the URL ends with its lifetime (contract §8); type B, which
// counts minutes, is rounded up.
func Sign(a freshet.URLAuth, rawURL string, r Request) (string, error) {
	if !a.Signs() {
		return "", errors.New("urlsign: the domain has no key or no type")
	}
	rand, uid := orZero(r.Rand), orZero(r.UID)
	if !GoodPart(rand) || !GoodPart(uid) {
		return "", freshet.Invalid("rand", "rand and uid take 1 to %d letters, digits, _, . and ~.", maxPart)
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return "", errors.New("urlsign: not an absolute URL") // the error would show the URL
	}
	path := freshet.CanonicalPath(u.EscapedPath(), "", nil)
	for bare, ok := a.CutSignature(path); ok; bare, ok = a.CutSignature(path) {
		path = bare
	}
	at := r.Now
	if r.Lifetime > 0 {
		at = at.Add(r.Lifetime - a.Validity())
	}
	if at.Unix() < 0 {
		at = time.Unix(0, 0)
	}
	origin, query := u.Scheme+"://"+u.Host, bareQuery(a, u.RawQuery)
	switch a.Type {
	case freshet.AuthA:
		ts := strconv.FormatInt(min(at.Unix(), maxDecimal), 10)
		value := ts + "-" + rand + "-" + uid + "-" + sum(string(a.MainKey), a.Type, path, ts, rand, uid)
		return origin + path + "?" + add(query, freshet.SignatureParam, value), nil
	case freshet.AuthB:
		ts := at.Add(china + time.Minute - 1).UTC().Format(layoutB)
		return origin + "/" + ts + "/" + sum(string(a.MainKey), a.Type, path, ts, "", "") + path + withMark(query), nil
	case freshet.AuthC, freshet.AuthCQuery:
		ts := fmt.Sprintf("%08x", min(at.Unix(), math.MaxUint32))
		mac := sum(string(a.MainKey), freshet.AuthC, path, ts, "", "")
		if a.Type == freshet.AuthC {
			return origin + "/" + mac + "/" + ts + path + withMark(query), nil
		}
		return origin + path + "?" + add(add(query, freshet.SignatureParamC, mac), freshet.SignatureTimeParamC, ts), nil
	}
	return "", fmt.Errorf("urlsign: type %q is unknown", a.Type)
}

// ForCache returns the URL under which a program of ours asks a cache for an
// object of a domain: signed where caches ask for that, else as it is. With
// inPath false only signatures of type A are made: those are what the
// configurations for other caches cut off before they name an object.
func ForCache(d freshet.Domain, canonical string, now time.Time, inPath bool) string {
	_, path := freshet.SplitURL(canonical)
	if a := d.URLAuth; !a.Enforced() || a.Opens(path) || a.Type != freshet.AuthA && !inPath {
		return canonical
	}
	signed, err := Sign(d.URLAuth, canonical, Request{Now: now})
	if err != nil {
		return canonical // a domain without its key; the cache says so
	}
	return signed
}

const (
	layoutB = "200601021504"
	// maxDecimal is the last time that type A states, of ten digits.
	maxDecimal = 9_999_999_999
)

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// GoodPart reports whether s may be the rand or uid of a signature.
func GoodPart(s string) bool {
	return s != "" && len(s) <= maxPart && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' && r != '.' && r != '~'
	})
}

func withMark(query string) string {
	if query == "" {
		return ""
	}
	return "?" + query
}

func add(query, name, value string) string {
	if query != "" {
		query += "&"
	}
	return query + name + "=" + value
}

// bareQuery leaves out the parameters that carry a signature of the type.
func bareQuery(a freshet.URLAuth, query string) string {
	if query == "" {
		return ""
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		if !carries(a.Type, paramName(part)) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// carries reports whether a query parameter is part of a signature.
func carries(t freshet.AuthType, name string) bool {
	switch t {
	case freshet.AuthC, freshet.AuthCQuery:
		return name == freshet.SignatureParamC || name == freshet.SignatureTimeParamC || name == freshet.SignatureParam
	case freshet.AuthA, freshet.AuthB:
	}
	return name == freshet.SignatureParam
}

// paramName returns the name of a query parameter, decoded as the naming of
// objects does it.
func paramName(part string) string {
	name, _, _ := strings.Cut(part, "=")
	if strings.ContainsAny(name, "%+") {
		if n, err := url.QueryUnescape(name); err == nil {
			return n
		}
	}
	return name
}

// sum is the MD5 of contract §8's table, in lower-case hex.
func sum(key string, t freshet.AuthType, uri, ts, rand, uid string) string {
	var buf [inputSize]byte
	mac := md5.Sum(input(buf[:0], key, t, uri, stamp{ts, rand, uid})) //nolint:gosec // as above
	return hex.EncodeToString(mac[:])
}

// inputSize is what the input of most MD5s fits into.
const inputSize = 512

// stamp is what of a signature goes into its MD5.
type stamp struct{ time, rand, uid string }

func input(b []byte, key string, t freshet.AuthType, uri string, s stamp) []byte {
	switch t {
	case freshet.AuthA:
		b = append(append(b, uri...), '-')
		b = append(append(b, s.time...), '-')
		b = append(append(b, s.rand...), '-')
		b = append(append(b, s.uid...), '-')
		return append(b, key...)
	case freshet.AuthB:
		return append(append(append(b, key...), s.time...), uri...)
	case freshet.AuthC, freshet.AuthCQuery:
	}
	return append(append(append(b, key...), uri...), s.time...)
}
