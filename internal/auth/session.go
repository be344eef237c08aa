package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/seal"
)

// The bounds of a session.
const (
	MinSession = time.Minute
	MaxSession = 36 * time.Hour
)

// Session is a temporary credential, as the vendor's STS makes them.
type Session struct {
	AccessKeyID     string // begins with "STS."
	AccessKeySecret string
	SecurityToken   string
	Expires         time.Time // whole seconds
}

// claims are what a security token carries, sealed. So nothing is stored about a
// session, and nothing but its time and its key ends it.
type claims struct {
	ID      string `json:"i"`
	Secret  string `json:"s"`
	Expires int64  `json:"e"` // Unix seconds
	Policy  string `json:"p,omitempty"`
}

// tokenMark begins every security token. Then comes the key that it was made
// with, so that what it is sealed to is known, and the sealed claims.
const tokenMark = "st1."

// sessionPlace binds a token to its key and the key's secret: a token ends with
// either, and the server's sealing key alone is not enough to forge one.
func sessionPlace(keyID, secret string) string {
	sum := sha256.Sum256([]byte("freshet session\x00" + secret))
	return "session/" + hex.EncodeToString(sum[:]) + "/" + keyID
}

// IssueToken makes a temporary credential of a key of the account (of any
// account with ""). It may do what the key may, and of that what the document,
// unless it is "", allows too. It ends with its time, and when the key is
// disabled or deleted.
func (a *Auth) IssueToken(ctx context.Context, account, keyID string, lasts time.Duration, document string) (Session, error) {
	if a.box == nil {
		return Session{}, freshet.Errorf(freshet.CodeUnavailable, "This server makes no temporary credentials.")
	}
	if lasts < MinSession || lasts > MaxSession {
		return Session{}, freshet.Invalid("duration", "A temporary credential lasts %s to %s.", MinSession, MaxSession)
	}
	if document != "" {
		if _, err := policy.Parse([]byte(document)); err != nil {
			return Session{}, err
		}
	}
	key, err := a.Key(ctx, account, keyID)
	if err != nil {
		return Session{}, err
	}
	if key.Disabled {
		return Session{}, &freshet.Error{Code: freshet.CodeConflict, Field: "id", Message: "The access key is disabled."}
	}
	var id, secret [20]byte
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(secret[:])
	c := claims{
		ID: temporaryMark + hex.EncodeToString(id[:]), Secret: hex.EncodeToString(secret[:]),
		Expires: time.Now().Add(lasts).Unix(), Policy: document,
	}
	body, err := json.Marshal(c) //nolint:gosec // it is sealed below
	if err != nil {
		return Session{}, fmt.Errorf("packing a token: %w", err)
	}
	return Session{
		AccessKeyID: c.ID, AccessKeySecret: c.Secret, Expires: time.Unix(c.Expires, 0).UTC(),
		SecurityToken: tokenMark + base64.RawURLEncoding.EncodeToString([]byte(key.ID)) + "." +
			a.box.Seal(sessionPlace(key.ID, key.Secret), string(body)),
	}, nil
}

// maxSessions bounds the tokens that are kept opened.
const maxSessions = 10_000

// sessions keeps tokens that were opened, since that takes as long as a
// signature.
type sessions struct {
	mu   sync.Mutex // guards open
	open map[string]opened
}

// opened is a token that opened with its key's secret.
type opened struct {
	claims
	with     string // the key's secret
	policies policy.Set
}

// session returns the temporary key that a token is about.
func (a *Auth) session(ctx context.Context, keyID, token string) (known, error) {
	malformed := &Fault{Kind: TokenMalformed}
	rest, ok := strings.CutPrefix(token, tokenMark)
	parentID, sealed, dotted := strings.Cut(rest, ".")
	name, err := base64.RawURLEncoding.Strict().DecodeString(parentID)
	if !ok || !dotted || err != nil || a.box == nil {
		return known{}, malformed
	}
	parent, err := a.keys.get(ctx, string(name))
	if err != nil {
		return known{}, err // of a key that is gone, too
	}
	o, err := a.open(parent, token, sealed)
	switch {
	case errors.Is(err, seal.ErrBroken) || errors.Is(err, seal.ErrKey):
		return known{}, malformed
	case err != nil:
		return known{}, err
	case !equal(o.ID, keyID):
		return known{}, &Fault{Kind: TokenMismatch}
	}
	temporary := parent
	temporary.ID, temporary.Secret, temporary.policies = o.ID, o.Secret, append(slices.Clip(parent.policies), o.policies...)
	temporary.expires, temporary.parent = time.Unix(o.Expires, 0), &parent
	return temporary, nil
}

// open opens a token, or finds it among those that were.
func (a *Auth) open(parent known, token, sealed string) (opened, error) {
	a.sessions.mu.Lock()
	o, ok := a.sessions.open[token]
	a.sessions.mu.Unlock()
	if ok && o.with == parent.Secret {
		return o, nil
	}
	body, err := a.box.Open(sessionPlace(parent.ID, parent.Secret), sealed)
	if err != nil {
		return opened{}, err
	}
	o = opened{with: parent.Secret}
	if err := json.Unmarshal([]byte(body), &o.claims); err != nil {
		return opened{}, fmt.Errorf("unpacking a token: %w", err)
	}
	if o.Policy != "" {
		p, err := policy.Parse([]byte(o.Policy))
		if err != nil {
			return opened{}, fmt.Errorf("the policy of a token: %w", err)
		}
		o.policies = policy.Set{p}
	}
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	if len(a.sessions.open) >= maxSessions {
		clear(a.sessions.open)
	}
	a.sessions.open[token] = o
	return o, nil
}

// note marks the use of a key, and that of the key behind a temporary one.
func (a *Auth) note(key known, now time.Time) {
	if key.parent != nil {
		key = *key.parent
	}
	a.keys.note(key, now)
}

// name is the key as records show it: of a temporary one, also the key that it
// was made with, since nothing is stored about it.
func (k *known) name() string {
	if k.parent != nil {
		return k.parent.ID + "/" + k.ID
	}
	return k.ID
}
