// Package enrol lets POPs join, and ends it: one-time tokens that operators
// hand out, the credentials that POPs make of them, and their revocation.
//
// It must not know how connections are made (bus/natsbus asks a Book who may
// connect) nor what the log holds (the engine is told who joined). Package app
// makes a Book and a Desk on the control plane, and calls Join in a POP's
// process; the native API calls the Desk. If it is wrong, a stranger speaks as
// a POP, and evidence is worth nothing.
//
// A POP's credential is an Ed25519 key pair. Its secret half never leaves the
// POP's data folder: the POP shows the public half once, with its one-time
// token, and from then on signs a nonce for each connection.
package enrol

import (
	"crypto/rand"
	"crypto/sha256"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-vod/freshet/internal/store"
)

// The bounds of a token's life.
const (
	DefaultTTL = time.Hour
	MinTTL     = time.Minute
	MaxTTL     = 7 * 24 * time.Hour
)

// tokenPrefix begins every one-time token, so that it is not mistaken for the
// token that all POPs share. The number is the version of the form.
const tokenPrefix = "fp1."

// Token is a one-time token: fp1.POP.EXPIRES.SECRET. The name and the time are
// there for people and for the POP's own log; the control plane believes what
// it stored, and compares the digest of the whole.
type Token struct {
	POP     string
	Expires time.Time
	text    string
}

// newToken makes a token of 130 random bits.
func newToken(pop string, expires time.Time) Token {
	return Token{POP: pop, Expires: expires, text: tokenPrefix + pop + "." + strconv.FormatInt(expires.Unix(), 10) + "." + rand.Text()}
}

// ParseToken reads a token; false if text is none, such as a token that all
// POPs share.
func ParseToken(text string) (Token, bool) {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 3 || parts[0] == "" || len(parts[2]) < 16 {
		return Token{}, false
	}
	unix, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || unix < 0 || unix > 1<<40 {
		return Token{}, false
	}
	return Token{POP: parts[0], Expires: time.Unix(unix, 0).UTC(), text: text}, true
}

// IsToken reports whether text is meant to be a one-time token, whole or not.
func IsToken(text string) bool { return strings.HasPrefix(text, tokenPrefix) }

// Text returns the token as it is shown once and stored nowhere.
func (t Token) Text() string { return t.text }

// String keeps the secret out of logs.
func (t Token) String() string { return "one-time token of " + t.POP }

// digestOf is what the control plane keeps of a token.
func digestOf(text string) store.Digest { return sha256.Sum256([]byte(text)) }
