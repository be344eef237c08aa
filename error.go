package freshet

import (
	"errors"
	"fmt"
	"time"
)

// Code is the class of an [Error]; each interface maps it to its own status.
type Code string

// The closed list of codes.
const (
	CodeInvalid         Code = "invalid"         // the caller's input is wrong; repeating it is useless
	CodeUnauthenticated Code = "unauthenticated" // who the caller is could not be established
	CodeForbidden       Code = "forbidden"       // the caller is known and may not
	CodeNotFound        Code = "not_found"       // what was named does not exist for this caller
	CodeConflict        Code = "conflict"        // it clashes with what exists
	CodeTooLarge        Code = "too_large"       // over a limit that the message names
	CodeLimited         Code = "limited"         // too much at the moment; RetryAfter says when
	CodeUnavailable     Code = "unavailable"     // a part that is needed does not answer; try again
	CodeInternal        Code = "internal"        // a fault of Freshet; details are in the log only
)

// Error is the one error type that reaches a user. Message is a full sentence
// for them: it names the field, the problem and, where there is one, the limit.
// It never holds a secret.
type Error struct {
	Code       Code
	Kind       ErrorKind     // which case of the code, if it is one of its own
	Field      string        // the parameter or key at fault, if one is
	Message    string        // for the user
	Remedy     string        // what to do, where the server said so; docs/errors.md knows it of every kind
	RetryAfter time.Duration // with CodeLimited and CodeUnavailable, if known
	Sub        []Sub         // faults of single items, such as lines of an import
	Err        error         // the cause, for the log only
}

// Sub is the fault of one item inside a larger request.
type Sub struct {
	Line    int    // 1-based, if the item was a line
	ID      string // the item's ID, if it had one
	Message string
}

// Error implements error. It includes the cause and is meant for logs; users
// are shown Message.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error with a formatted Message. A %w in the format becomes
// the cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Invalid makes a CodeInvalid Error about one field.
func Invalid(field, format string, args ...any) *Error {
	e := Errorf(CodeInvalid, format, args...)
	e.Field = field
	return e
}

// ErrorCode returns the code of err: the code of the first Error in its chain,
// CodeInternal for a stranger, and "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// Retryable reports whether the same call may succeed later.
func Retryable(err error) bool {
	switch ErrorCode(err) {
	case CodeLimited, CodeUnavailable:
		return true
	case CodeInvalid, CodeUnauthenticated, CodeForbidden, CodeNotFound, CodeConflict, CodeTooLarge, CodeInternal, "":
	}
	return false
}
