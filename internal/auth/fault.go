package auth

import (
	"fmt"

	"github.com/freshet-vod/freshet"
)

// Kind says what is wrong with a request's credentials.
type Kind uint8

// The closed list of kinds, in the order in which they are looked for
// (contract §3.1).
const (
	Malformed         Kind = iota + 1 // a parameter cannot be decoded, or stands there twice; Param
	NoCredentials                     // nothing that says who calls
	Missing                           // a system parameter or header is absent; Param
	MissingToken                      // a temporary key without its token
	Unsupported                       // a scheme or algorithm that is not built; Param
	UnsupportedMethod                 // SignatureMethod or SignatureVersion has another value; Param
	Incomplete                        // the Authorization header cannot be read
	UnknownKey                        // no such access key
	DisabledKey                       // the access key was disabled
	TokenMalformed                    // a security token that is none of ours, or damaged
	TokenMismatch                     // a security token of another temporary key
	TokenExpired                      // a security token whose time is over
	TimeFormat                        // the time cannot be read
	Expired                           // the time is too far from ours, in either direction
	Mismatch                          // the signature is wrong; StringToSign
	NonceUsed                         // the request was seen before
	Suspended                         // the key is good and its account is disabled
	Insecure                          // HTTP Basic or a bearer token over a connection that others can read
)

// Fault is why a request was not authenticated. It never holds a secret.
type Fault struct { //nolint:errname // "fault" is the word of this house; Error is the root's type
	Kind         Kind
	Param        string // the parameter or header at fault, if one is
	StringToSign string // with Mismatch: what the server signed
}

// Error implements error.
func (f *Fault) Error() string { return "authenticating: " + f.text() }

// text is a sentence for a person. The vendor's API does not use it: its texts
// are fixed by contract §3.1.
func (f *Fault) text() string {
	switch f.Kind {
	case Malformed:
		return fmt.Sprintf("Parameter %q is malformed, or stands there twice.", f.Param)
	case NoCredentials:
		return "The request carries no credentials. Sign it with an access key, or use HTTP Basic over TLS or loopback."
	case Missing:
		return fmt.Sprintf("%s is missing.", f.Param)
	case MissingToken:
		return "The access key is a temporary one and its security token is missing."
	case Unsupported:
		return fmt.Sprintf("%s is not supported: sign with an access key.", f.Param)
	case UnsupportedMethod:
		return fmt.Sprintf("%s has a value that is not supported.", f.Param)
	case Incomplete:
		return "The Authorization header is malformed."
	case UnknownKey:
		return "The access key is not known, or its secret is wrong."
	case DisabledKey:
		return "The access key is disabled."
	case TokenMalformed:
		return "The security token is malformed, or its access key has another secret by now."
	case TokenMismatch:
		return "The security token belongs to another temporary access key."
	case TokenExpired:
		return "The security token is expired: get another."
	case TimeFormat:
		return "The time of the request is not of the form 2006-01-02T15:04:05Z."
	case Expired:
		return "The time of the request is too far from the server's: check the clock."
	case Mismatch:
		return "The signature does not match: check the secret, and that no proxy rewrites the host or the path."
	case NonceUsed:
		return "The request was received before: every request needs a new nonce."
	case Suspended:
		return "The account is disabled."
	case Insecure:
		return "HTTP Basic and bearer tokens are accepted over TLS or loopback only: sign the request instead."
	}
	return "The request could not be authenticated."
}

// native turns a fault into the error that the native API shows.
func (f *Fault) native() *freshet.Error {
	if f.Kind == Suspended {
		return &freshet.Error{Code: freshet.CodeForbidden, Kind: freshet.KindSuspended, Message: f.text(), Err: f}
	}
	return &freshet.Error{Code: freshet.CodeUnauthenticated, Kind: f.kind(), Field: f.Param, Message: f.text(), Err: f}
}

// kind is what users look the fault up by.
func (f *Fault) kind() freshet.ErrorKind {
	switch f.Kind {
	case NoCredentials:
		return freshet.KindNoCredentials
	case Malformed, Missing, Unsupported, UnsupportedMethod, Incomplete, TimeFormat:
		return freshet.KindBadCredentials
	case UnknownKey:
		return freshet.KindUnknownKey
	case DisabledKey:
		return freshet.KindDisabledKey
	case MissingToken, TokenMalformed, TokenMismatch:
		return freshet.KindBadToken
	case TokenExpired:
		return freshet.KindTokenExpired
	case Expired:
		return freshet.KindClock
	case Mismatch:
		return freshet.KindWrongSignature
	case NonceUsed:
		return freshet.KindNonceUsed
	case Suspended:
		return freshet.KindSuspended
	case Insecure:
		return freshet.KindInsecure
	}
	return ""
}
