package store

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

// POPs keeps how each POP proves who it is, and the POPs that were added by a
// call and not by the configuration. Who is a member is not told here but in
// the log.
type POPs interface {
	// InvitePOP gives a POP a one-time token in place of the one that it may
	// have, and makes its record if there is none. The credential of the POP,
	// if it has one, holds until the token is exchanged.
	InvitePOP(ctx context.Context, i Invitation) (POP, error)
	// EnrolPOP exchanges a one-time token for a credential. The same token and
	// key may come again while the token lasts, because an answer may get lost.
	// A token that the POP does not have (any more) is a CodeForbidden error,
	// one whose time is over CodeUnauthenticated, one that was exchanged for
	// another key CodeConflict.
	EnrolPOP(ctx context.Context, e Enrolment) (POP, error)
	// RevokePOP ends a POP's credential and token, until it enrols again; it
	// makes a record if there is none, for a POP that has only the token that
	// all share. With forget the POP counts as added no more.
	RevokePOP(ctx context.Context, id string, now time.Time, forget bool) (POP, error)
	// ListPOPs returns every record in order of ID.
	ListPOPs(ctx context.Context) ([]POP, error)
}

// Digest is the SHA-256 of a one-time token. Tokens are random and long: no
// slower hash would make them harder to guess.
type Digest [sha256.Size]byte

// Equal compares in constant time.
func (d Digest) Equal(other Digest) bool { return subtle.ConstantTimeCompare(d[:], other[:]) == 1 }

// POP is what is kept about one POP's proof of itself.
type POP struct {
	ID      string
	Added   bool      // by a call; false: it is, or was, declared
	Parents []string  // with Added
	Key     string    // the public key of its credential; empty: it never had one
	Since   time.Time // when it enrolled
	Revoked time.Time // zero: it is not
	Token   Digest    // of its last one-time token; zero: none
	Expires time.Time // of that token
	Spent   string    // the key that the token was exchanged for; empty: it was not
}

// Invitation is a one-time token for a POP.
type Invitation struct {
	ID      string
	Added   bool     // the POP is not declared; false leaves that as it is
	Parents []string // with Added
	Token   Digest
	Expires time.Time
}

// Enrolment is a one-time token with the key that it is to be exchanged for.
type Enrolment struct {
	ID    string
	Token Digest
	Key   string
	Now   time.Time
}
