package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Kind is the class of an [Error].
type Kind string

// The closed list of kinds.
const (
	KindAddress     Kind = "address"     // the origin or object has no usable address; nothing was asked
	KindStatus      Kind = "status"      // the origin answered something other than 200
	KindTimeout     Kind = "timeout"     // the origin did not answer, or not in full, in time
	KindTooLarge    Kind = "too_large"   // the answer is over the limit
	KindSlow        Kind = "slow"        // the answer came more slowly than the limit
	KindUnreachable Kind = "unreachable" // no connection, or no HTTP on it
	KindRedirect    Kind = "redirect"    // the origin redirected further or elsewhere than allowed
	KindTruncated   Kind = "truncated"   // the connection ended before the answer did
	KindEncoding    Kind = "encoding"    // the answer is compressed in a way that cannot be read
	KindGuarded     Kind = "guarded"     // the origin has an address that a tenant's domain may not have
)

var errGuarded = errors.New("the address is not allowed")

// Error says why an object could not be read.
type Error struct {
	Kind   Kind
	Status int    // of the answer, with KindStatus and KindRedirect
	URL    string // canonical
	Limit  int64  // that was exceeded: bytes, bytes a second, nanoseconds or redirects
	Err    error  // the cause, for the log: it may name addresses of the operator's network

	compressed bool // the limit is that of compressed answers
}

// Error implements error. It is for logs; users are shown Reason.
func (e *Error) Error() string {
	s := "fetching " + e.URL + ": " + e.Reason()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Reason says in a few words, for a user, what went wrong. It names no address.
func (e *Error) Reason() string {
	switch e.Kind {
	case KindAddress:
		return "its address cannot be asked for"
	case KindStatus:
		return "the origin answered " + strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
	case KindTimeout:
		return "the origin did not answer in full within " + time.Duration(e.Limit).String()
	case KindTooLarge:
		if e.compressed {
			return fmt.Sprintf("the origin's answer is larger than the limit of %d bytes for compressed ones", e.Limit)
		}
		return fmt.Sprintf("the origin's answer is larger than the limit of %d bytes", e.Limit)
	case KindSlow:
		return fmt.Sprintf("the origin sends less than the limit of %d bytes a second", e.Limit)
	case KindUnreachable:
		return "the origin could not be reached"
	case KindRedirect:
		return fmt.Sprintf("the origin redirected (%d) where it may not be followed", e.Status)
	case KindTruncated:
		return "the origin's answer broke off"
	case KindEncoding:
		if e.Limit > 0 {
			return fmt.Sprintf("the origin's answer is longer compressed than it is, by more than the limit of %d bytes", e.Limit)
		}
		if unknown, ok := errors.AsType[*encodingError](e.Err); ok {
			return fmt.Sprintf("the origin's answer has the content encoding %q; gzip and none can be read", unknown.name)
		}
		return "the origin's answer is compressed in a way that cannot be read"
	case KindGuarded:
		return "the origin has an address in a network that the domain may not fetch from"
	}
	return "it could not be fetched"
}

// Transient reports whether the same request may succeed at once. A timeout is
// not: trying again would double the time that a slow origin can take.
func (e *Error) Transient() bool {
	switch e.Kind {
	case KindUnreachable, KindTruncated:
		return true
	case KindStatus:
		return e.Status >= 500 || e.Status == http.StatusTooManyRequests
	case KindAddress, KindTimeout, KindTooLarge, KindSlow, KindRedirect, KindEncoding, KindGuarded:
	}
	return false
}

// fault classifies an error of one attempt, whose context is ctx.
func (c *Client) fault(ctx context.Context, t target, err error) *Error {
	e := &Error{Kind: KindUnreachable, URL: t.address(), Err: err}
	large, tooLarge := errors.AsType[*tooLargeError](err)
	timeout, slow := errors.AsType[net.Error](err)
	switch {
	case tooLarge:
		e.Kind, e.Limit, e.Err = KindTooLarge, large.limit, nil
		e.compressed = large.compressed
	case errors.Is(err, errGuarded):
		e.Kind, e.Err = KindGuarded, nil
	case errors.Is(err, errAhead):
		e.Kind, e.Limit = KindEncoding, packedAhead
	case errors.Is(err, errEncoding):
		e.Kind = KindEncoding
	case errors.Is(context.Cause(ctx), errSlow):
		e.Kind, e.Limit, e.Err = KindSlow, c.options.MinRate, nil
	case ctx.Err() != nil:
		e.Kind, e.Limit = KindTimeout, int64(c.options.Timeout)
	case slow && timeout.Timeout():
		e.Kind, e.Limit = KindTimeout, int64(c.options.HeaderTimeout)
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Kind = KindTruncated
	}
	return e
}
