package urlsign

import (
	"crypto/md5" //nolint:gosec // the scheme's own; contract §8
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// Verdict is what Verify finds.
type Verdict uint8

// The verdicts. All but Valid are reasons to refuse.
const (
	Valid     Verdict = iota
	Missing           // the URL carries no signature of the domain's type
	Malformed         // it carries one that cannot be read, or two
	Expired           // its time and the validity are over
	Mismatch          // no key of the domain made it for this path
)

// String returns the word for a header.
func (v Verdict) String() string {
	return [...]string{"valid", "missing", "malformed", "expired", "mismatch"}[v]
}

// signature is what a URL carries.
type signature struct {
	stamp
	uri string // what was signed
	md5 string
	at  time.Time
}

// Verify checks the signature of a request for a path, with its escapes as
// they came, and its raw query. Both keys count. A wrong signature is told
// apart from an expired one only by who can make a right one: the MD5 is
// compared first. It takes no longer for a near miss than for any other.
func Verify(a freshet.URLAuth, escapedPath, rawQuery string, now time.Time) Verdict {
	s, v := read(a, escapedPath, rawQuery)
	if v != Valid {
		return v
	}
	var have [md5.Size]byte
	if _, err := hex.Decode(have[:], []byte(s.md5)); err != nil {
		return Malformed
	}
	var buf [inputSize]byte
	ok := false
	for _, key := range [...]freshet.AuthKey{a.MainKey, a.BackupKey} {
		if key == "" {
			continue // whoever leaves a key out is not signed for
		}
		want := md5.Sum(input(buf[:0], string(key), a.Type, s.uri, s.stamp)) //nolint:gosec // as above
		if subtle.ConstantTimeCompare(want[:], have[:]) == 1 {
			ok = true
		}
	}
	switch {
	case !ok:
		return Mismatch
	case now.After(s.at.Add(a.Validity())):
		return Expired
	}
	return Valid
}

// read takes a signature apart.
func read(a freshet.URLAuth, path, query string) (signature, Verdict) {
	switch a.Type {
	case freshet.AuthA:
		return readA(path, query)
	case freshet.AuthB:
		bare, ok := a.CutSignature(path)
		if !ok {
			return signature{}, Missing
		}
		ts, mac, _ := strings.Cut(path[1:len(path)-len(bare)], "/")
		at, err := time.Parse(layoutB, ts)
		if err != nil || twice(a, bare) {
			return signature{}, Malformed
		}
		return signature{stamp: stamp{time: ts}, uri: bare, md5: mac, at: at.Add(-china)}, Valid
	case freshet.AuthC, freshet.AuthCQuery:
		if bare, ok := a.CutSignature(path); ok {
			if twice(a, bare) {
				return signature{}, Malformed
			}
			mac, ts, _ := strings.Cut(path[1:len(path)-len(bare)], "/")
			return ofHex(signature{uri: bare, md5: mac}, ts)
		}
		return readCQuery(path, query)
	}
	return signature{}, Missing
}

// twice reports whether a signature stands behind another: then the object is
// not the one that was signed.
func twice(a freshet.URLAuth, bare string) bool {
	_, again := a.CutSignature(bare)
	return again
}

func readA(path, query string) (signature, Verdict) {
	value, n := param(query, freshet.SignatureParam)
	switch {
	case n == 0:
		return signature{}, Missing
	case n > 1:
		return signature{}, Malformed
	}
	ts, rest, _ := strings.Cut(value, "-")
	rand, rest, _ := strings.Cut(rest, "-")
	uid, mac, _ := strings.Cut(rest, "-")
	sec, err := strconv.ParseUint(ts, 10, 40)
	if err != nil || sec > maxDecimal || !GoodPart(rand) || !GoodPart(uid) || !freshet.IsMD5(mac) {
		return signature{}, Malformed
	}
	return signature{stamp: stamp{ts, rand, uid}, uri: orRoot(path), md5: mac, at: time.Unix(int64(sec), 0)}, Valid
}

func readCQuery(path, query string) (signature, Verdict) {
	mac, n := param(query, freshet.SignatureParamC)
	ts, m := param(query, freshet.SignatureTimeParamC)
	switch {
	case n == 0 && m == 0:
		return signature{}, Missing
	case n != 1 || m != 1 || !freshet.IsMD5(mac) || len(ts) != len("55ce8100"):
		return signature{}, Malformed
	}
	return ofHex(signature{uri: orRoot(path), md5: mac}, ts)
}

func ofHex(s signature, ts string) (signature, Verdict) {
	sec, err := strconv.ParseUint(ts, 16, 32)
	if err != nil {
		return signature{}, Malformed
	}
	s.time, s.at = ts, time.Unix(int64(sec), 0)
	return s, Valid
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// param returns the raw value of a query parameter, and how often it stands
// there.
func param(query, name string) (value string, n int) {
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		if paramName(part) != name {
			continue
		}
		n++
		_, value, _ = strings.Cut(part, "=")
	}
	return value, n
}
