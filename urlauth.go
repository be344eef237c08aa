package freshet

import (
	"slices"
	"strings"
	"time"
)

// AuthType says how the playback URLs of a domain are signed (contract §8).
// The empty type means not at all.
type AuthType string

// The types. B and C put the signature before the path; CQuery is C with the
// signature in the query, and a domain of either takes both.
const (
	AuthA      AuthType = "A"       // ?auth_key=timestamp-rand-uid-md5
	AuthB      AuthType = "B"       // /YYYYMMDDHHMM/md5/path
	AuthC      AuthType = "C"       // /md5/hexTimestamp/path
	AuthCQuery AuthType = "C-query" // ?KEY1=md5&KEY2=hexTimestamp
)

// AuthTypes lists every way of signing.
func AuthTypes() []AuthType { return []AuthType{AuthA, AuthB, AuthC, AuthCQuery} }

// The query parameters of a signature of type C.
const (
	SignatureParamC     = "KEY1" // the MD5
	SignatureTimeParamC = "KEY2" // the time
)

// AuthKey is a key that signs URLs. It has no form in which it could get into
// a log or an answer: whoever needs it converts it to a string.
type AuthKey string

const hiddenKey = "(hidden)"

// String hides the key.
func (AuthKey) String() string { return hiddenKey }

// GoString hides the key.
func (AuthKey) GoString() string { return hiddenKey }

// MarshalText hides the key.
func (AuthKey) MarshalText() ([]byte, error) { return []byte(hiddenKey), nil }

// URLAuth says how a domain's playback URLs are signed, and whether the
// built-in cache refuses those that are not. Its keys are never part of JSON.
type URLAuth struct {
	Type      AuthType `json:"type,omitempty"`
	MainKey   AuthKey  `json:"-"` // signs; 6 to 128 printable characters
	BackupKey AuthKey  `json:"-"` // accepted as well while keys are changed; may be empty
	// ValiditySeconds is how long a URL works after the time that it carries.
	ValiditySeconds int  `json:"validity_seconds,omitempty"`
	Enforce         bool `json:"enforce,omitempty"` // the built-in cache answers 403 without a valid signature
	// Open are the objects that need no signature though Enforce is set: file
	// name extensions (".ts") and path prefixes ("/public/").
	Open []string `json:"open,omitempty"`
}

// DefaultAuthValidity is the validity of signatures unless a domain says
// otherwise, in seconds (contract §8, type B).
const DefaultAuthValidity = 1800

// The bounds of URLAuth.
const (
	MaxAuthValidity = 365 * 24 * 3600 // seconds
	MinAuthKey      = 6               // characters
	MaxAuthKey      = 128
	MaxAuthOpen     = 32
)

// DefaultOpen are the segments of HLS and DASH: a playlist names them without
// a signature, so a player that follows it asks without one.
func DefaultOpen() []string { return []string{".ts", ".m4s", ".cmfv", ".cmfa", ".vtt"} }

// Signs reports whether playback URLs carry a signature.
func (a URLAuth) Signs() bool { return a.Type != "" && a.MainKey != "" }

// Enforced reports whether the built-in cache asks for signatures.
func (a URLAuth) Enforced() bool { return a.Enforce && a.Type != "" }

// Same reports whether two settings are the same, keys included.
func (a URLAuth) Same(b URLAuth) bool {
	return a.Type == b.Type && a.MainKey == b.MainKey && a.BackupKey == b.BackupKey && a.ValiditySeconds == b.ValiditySeconds &&
		a.Enforce == b.Enforce && slices.Equal(a.Open, b.Open)
}

// Validity returns ValiditySeconds, or the default.
func (a URLAuth) Validity() time.Duration {
	if a.ValiditySeconds <= 0 {
		return DefaultAuthValidity * time.Second
	}
	return time.Duration(a.ValiditySeconds) * time.Second
}

// Opens reports whether the object at a canonical path needs no signature. A
// query does not count.
func (a URLAuth) Opens(path string) bool {
	path, _, _ = strings.Cut(path, "?")
	for _, o := range a.Open {
		if strings.HasPrefix(o, "/") && strings.HasPrefix(path, o) {
			return true
		}
		if n := len(path) - len(o); strings.HasPrefix(o, ".") && n > 0 && path[n-1] != '/' && strings.EqualFold(path[n:], o) {
			return true
		}
	}
	return false
}

// Check returns what is wrong with the settings, naming the field.
func (a URLAuth) Check() error {
	if a.Type == "" {
		if a.MainKey != "" || a.BackupKey != "" || a.Enforce || a.ValiditySeconds != 0 || len(a.Open) > 0 {
			return Invalid("type", "type is missing; it must be A, B, C or C-query.")
		}
		return nil
	}
	if !slices.Contains(AuthTypes(), a.Type) {
		return Invalid("type", "type must be A, B, C or C-query.")
	}
	if !goodAuthKey(a.MainKey) {
		return Invalid("main_key", "main_key must have %d to %d printable ASCII characters without blanks.", MinAuthKey, MaxAuthKey)
	}
	if a.BackupKey != "" && !goodAuthKey(a.BackupKey) {
		return Invalid("backup_key", "backup_key must have %d to %d printable ASCII characters without blanks.", MinAuthKey, MaxAuthKey)
	}
	if a.ValiditySeconds < 0 || a.ValiditySeconds > MaxAuthValidity {
		return Invalid("validity", "validity must be from 1 second to %d days.", MaxAuthValidity/(24*3600))
	}
	if len(a.Open) > MaxAuthOpen {
		return Invalid("open", "open takes at most %d entries.", MaxAuthOpen)
	}
	for _, o := range a.Open {
		ok := len(o) <= MaxURL && (strings.HasPrefix(o, "/") || strings.HasPrefix(o, ".") && len(o) > 1 && !strings.Contains(o, "/"))
		if !ok || strings.ContainsAny(o, "?#") {
			return Invalid("open", "open takes extensions such as .ts and path prefixes such as /public/.")
		}
	}
	return nil
}

func goodAuthKey(k AuthKey) bool {
	return len(k) >= MinAuthKey && len(k) <= MaxAuthKey &&
		!strings.ContainsFunc(string(k), func(r rune) bool { return r <= ' ' || r > '~' })
}

// CanonicalPath returns the path-and-query part of the canonical URL of an
// object of the domain: as the function of that name, and without a signature
// of the domain's type. Every signed form of a URL has the same one.
func (d Domain) CanonicalPath(escapedPath, rawQuery string) string {
	return d.URLAuth.CanonicalPath(escapedPath, rawQuery, d.IgnoreParams)
}

// CanonicalPath is [Domain.CanonicalPath] with the parameters to ignore.
func (a URLAuth) CanonicalPath(escapedPath, rawQuery string, ignore []string) string {
	if rawQuery != "" && (a.Type == AuthC || a.Type == AuthCQuery) {
		ignore = append(slices.Clip(ignore), SignatureParamC, SignatureTimeParamC)
	}
	path := CanonicalPath(escapedPath, rawQuery, ignore)
	// After the other rules, and until none is left: what comes out is the same
	// when it goes in again.
	for {
		bare, ok := a.CutSignature(path)
		if !ok {
			return path
		}
		path = bare
	}
}

// The lengths of what signatures before the path are made of.
const (
	lenMD5      = 32
	lenAuthTime = len("200601021504")
	lenHexTime  = 8
)

// CutSignature returns the path behind a signature of type B or C before it.
// It looks at the form only.
func (a URLAuth) CutSignature(path string) (bare string, ok bool) {
	switch a.Type {
	case AuthB:
		return cutTwo(path, lenAuthTime, isDigits, lenMD5, IsMD5)
	case AuthC, AuthCQuery:
		return cutTwo(path, lenMD5, IsMD5, lenHexTime, isHexText)
	case AuthA:
	}
	return path, false
}

// cutTwo cuts two segments of known lengths and kinds off a path.
func cutTwo(path string, n int, first func(string) bool, m int, second func(string) bool) (rest string, ok bool) {
	if len(path) < n+m+3 || path[0] != '/' || path[n+1] != '/' || path[n+m+2] != '/' ||
		!first(path[1:n+1]) || !second(path[n+2:n+m+2]) {
		return path, false
	}
	return path[n+m+2:], true
}

// IsMD5 reports whether s has the form of an MD5 in a signature: 32 hex digits
// in lower case.
func IsMD5(s string) bool {
	return len(s) == lenMD5 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f')
	})
}

func isDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

func isHexText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 || !isHex(byte(r)) }) //nolint:gosec // below 0x80
}
