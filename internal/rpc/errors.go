package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
)

// kind is an error of the vendor's API that we answer.
type kind uint16

const (
	internalError kind = iota
	missingParameter
	invalidParameter
	unsupportedParameter
	unsupportedAlgorithm
	invalidVersion
	actionNotFound
	unsupportedOperation
	unsupportedHTTPMethod
	keyNotFound
	keyInactive
	missingSecurityToken
	signatureMismatch
	incompleteSignature
	nonceUsed
	timestampExpired
	timestampFormat
	forbidden
	throttled
	serviceUnavailable
	requestTooLarge
	mediaIDsExceededMax
	taskIDMalformed
)

// row is one line of the error table.
type row struct {
	code    string
	status  int
	message string // %s stands for the fault's name
}

// groupTables are the parts of the error table that belong to groups of
// operations (contract §3.2, §3.3). Each has kinds of its own, from a hundred of
// its own.
func groupTables() []func(kind) (row, bool) {
	return []func(kind) (row, bool){
		objectTable,
		domainTable,
		domainListTable,
		accountErrors,
		mediaTable,
		limitTable,
	}
}

// table is the error table (contract §3.1, §3.4), with the groups' parts: the
// only place that knows codes, statuses and texts. Users search for the texts: they stay
// as the vendor words them, with its spelling mistakes.
func table(k kind) row {
	const bad = http.StatusBadRequest
	switch k { //nolint:exhaustive // the kinds of other groups are theirs
	case missingParameter:
		return row{"MissingParameter", bad, `The input parameter "%s" that is mandatory for processing this request is not supplied.`}
	case invalidParameter:
		return row{"InvalidParameter", bad, `The specified parameter "%s" is not valid.`}
	case unsupportedParameter:
		return row{"UnsupportedParameter", bad, `The parameter "%s" is not supported.`}
	case unsupportedAlgorithm:
		return row{"InvalidParamater", bad, `The specified parameter "%s" is not supported.`}
	case invalidVersion:
		return row{"InvalidVersion", bad, "Specified parameter Version is not valid."}
	case actionNotFound:
		return row{"InvalidAction.NotFound", http.StatusNotFound, "Specified api is not found, please check your url and method."}
	case unsupportedOperation:
		return row{"UnsupportedOperation", bad, "The specified action is not supported."}
	case unsupportedHTTPMethod:
		return row{"UnsupportedHTTPMethod", http.StatusForbidden, "This http method is not supported"}
	case keyNotFound:
		return row{"InvalidAccessKeyId.NotFound", http.StatusNotFound, "Specified access key is not found."}
	case keyInactive:
		return row{"InvalidAccessKeyId.Inactive", bad, "Specified access key is disabled."}
	case missingSecurityToken:
		return row{"MissingSecurityToken", bad, "SecurityToken is mandatory for this action."}
	case signatureMismatch:
		// The colon keeps the Python SDK alive; the Go and Java SDKs compare
		// what follows with their own string (contract §2.3).
		return row{"SignatureDoesNotMatch", bad, "Specified signature is not matched with our calculation. server string to sign is:%s"}
	case incompleteSignature:
		return row{"IncompleteSignature", bad, "The request signature does not conform to Aliyun standards. server string to sign is:%s"}
	case nonceUsed:
		return row{"SignatureNonceUsed", bad, "Specified signature nonce was used already."}
	case timestampExpired:
		return row{"InvalidTimeStamp.Expired", bad, "Specified time stamp or date value is expired."}
	case timestampFormat:
		return row{"InvalidTimeStamp.Format", bad, "Specified time stamp or date value is not well formatted."}
	case forbidden:
		return row{"Forbidden", http.StatusForbidden, "User not authorized to operate on the specified resource."}
	case throttled:
		return row{"Throttling.User", bad, "Request was denied due to user flow control."}
	case serviceUnavailable:
		return row{"ServiceUnavailable", http.StatusServiceUnavailable, "The request has failed due to a temporary failure of the server."}
	case requestTooLarge:
		return row{"RequestTooLarge", http.StatusRequestEntityTooLarge, "The body of the request is larger than %s bytes."}
	case mediaIDsExceededMax:
		return row{"MediaIdsExceededMax", bad, "The MediaIds exceeded maximum."}
	case taskIDMalformed:
		return row{"InvalidTaskId.Malformed", bad, "Specified TaskId is malformed."}
	case internalError:
	}
	return groupRow(k)
}

// groupRow finds a kind of a group of operations; anything else is a fault of
// ours.
func groupRow(k kind) row {
	for _, group := range groupTables() {
		if r, ok := group(k); ok {
			return r
		}
	}
	return row{"InternalError", http.StatusInternalServerError, "The request processing has failed due to some unknown error."}
}

// fault is an error as the vendor's API answers it.
type fault struct {
	kind  kind
	name  string        // what the message names
	retry time.Duration // with throttled and serviceUnavailable, if it is known
	cause error         // for the log
}

// Error implements error.
func (f *fault) Error() string {
	s := table(f.kind).code
	if f.name != "" {
		s += " (" + f.name + ")"
	}
	if f.cause != nil {
		s += ": " + f.cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (f *fault) Unwrap() error { return f.cause }

// message returns the text for the user.
func (f *fault) message() string {
	text := table(f.kind).message
	if strings.Contains(text, "%s") {
		return fmt.Sprintf(text, f.name)
	}
	return text
}

func missing(name string) *fault { return &fault{kind: missingParameter, name: name} }

func invalid(name string) *fault { return &fault{kind: invalidParameter, name: name} }

// faultOf turns any error into what the vendor's API answers.
func faultOf(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	if f, ok := errors.AsType[*auth.Fault](err); ok {
		return ofAuth(f)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &fault{kind: serviceUnavailable, cause: err}
	}
	if e, ok := errors.AsType[*freshet.Error](err); ok {
		return ofEngine(e)
	}
	return &fault{kind: internalError, cause: err}
}

// ofAuth words what is wrong with credentials.
func ofAuth(f *auth.Fault) *fault {
	switch f.Kind {
	case auth.Malformed:
		return invalid(f.Param)
	case auth.NoCredentials:
		return missing("AccessKeyId")
	case auth.Missing:
		return missing(f.Param)
	case auth.MissingToken:
		return &fault{kind: missingSecurityToken}
	case auth.Unsupported:
		return &fault{kind: unsupportedParameter, name: f.Param}
	case auth.UnsupportedMethod:
		return &fault{kind: unsupportedAlgorithm, name: f.Param}
	case auth.Incomplete:
		return &fault{kind: incompleteSignature, name: f.StringToSign}
	case auth.UnknownKey:
		return &fault{kind: keyNotFound}
	case auth.DisabledKey:
		return &fault{kind: keyInactive}
	case auth.TimeFormat:
		return &fault{kind: timestampFormat}
	case auth.Expired:
		return &fault{kind: timestampExpired}
	case auth.Mismatch:
		return &fault{kind: signatureMismatch, name: f.StringToSign}
	case auth.NonceUsed:
		return &fault{kind: nonceUsed}
	case auth.Suspended:
		return &fault{kind: accountSuspended}
	case auth.TokenMalformed:
		return &fault{kind: tokenMalformed}
	case auth.TokenMismatch:
		return &fault{kind: tokenMismatch}
	case auth.TokenExpired:
		return &fault{kind: tokenExpired}
	case auth.Insecure:
		return &fault{kind: needTLS}
	}
	return &fault{kind: internalError, cause: f}
}

// ofEngine words an error of the core. A CodeNotFound that an operation did
// not expect is a fault of ours.
func ofEngine(e *freshet.Error) *fault {
	switch e.Code {
	case freshet.CodeInvalid, freshet.CodeTooLarge, freshet.CodeConflict:
		return &fault{kind: invalidParameter, name: e.Field, cause: e}
	case freshet.CodeForbidden, freshet.CodeUnauthenticated:
		return &fault{kind: forbidden, cause: e}
	case freshet.CodeLimited:
		if k, ok := spent(e); ok {
			return &fault{kind: k, cause: e}
		}
		return &fault{kind: throttled, retry: e.RetryAfter, cause: e}
	case freshet.CodeUnavailable:
		return &fault{kind: serviceUnavailable, retry: e.RetryAfter, cause: e}
	case freshet.CodeNotFound, freshet.CodeInternal:
	}
	return &fault{kind: internalError, cause: e}
}
