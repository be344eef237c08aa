package freshet

// ErrorKind narrows a [Code] down where what to do about it differs. The zero
// ErrorKind is the code's own case. Each has a line in docs/errors.md.
type ErrorKind string

// The closed list of kinds, by the code that they belong to.
const (
	// Of CodeInvalid.
	KindMethod ErrorKind = "method_not_allowed" // the path takes other methods

	// Of CodeUnauthenticated.
	KindNoCredentials  ErrorKind = "no_credentials"  // nothing says who calls
	KindBadCredentials ErrorKind = "bad_credentials" // they cannot be read
	KindUnknownKey     ErrorKind = "unknown_key"     // there is no such access key, or its secret is another
	KindDisabledKey    ErrorKind = "disabled_key"    // somebody disabled it
	KindWrongSignature ErrorKind = "wrong_signature" // the server computes another one
	KindClock          ErrorKind = "clock"           // the request's time is far from the server's
	KindNonceUsed      ErrorKind = "nonce_used"      // the request was seen before
	KindBadToken       ErrorKind = "bad_token"       // a temporary credential whose token does not fit
	KindTokenExpired   ErrorKind = "token_expired"   // a temporary credential whose time is over
	KindInsecure       ErrorKind = "insecure"        // a secret would cross the network in clear

	// Of CodeForbidden.
	KindSuspended ErrorKind = "account_disabled" // the key is good, its account is not
	KindPolicy    ErrorKind = "policy"           // the key's policy does not allow it
	KindOperator  ErrorKind = "operator_only"    // the operator's account alone may
	KindTemporary ErrorKind = "temporary"        // not with a temporary credential

	// Of CodeConflict.
	KindTraffic ErrorKind = "may_get_traffic" // a POP that viewers may reach, or of which nobody can see whether they do

	// Of CodeLimited.
	KindQuota         ErrorKind = "quota_exceeded"      // the account had its share of the day
	KindPrefetchQueue ErrorKind = "prefetch_queue_full" // the account's prefetches wait already
	KindImports       ErrorKind = "imports_busy"        // as many imports run as may
	KindNonces        ErrorKind = "nonces_full"         // more requests than can be remembered

	// Of CodeUnavailable.
	KindQueue       ErrorKind = "queue_full"        // too much waits to be planned
	KindDisk        ErrorKind = "disk_low"          // the data folder's disk is nearly full
	KindStore       ErrorKind = "store_unavailable" // the store cannot be read or written
	KindUnreachable ErrorKind = "unreachable"       // no server answers; only clients know it
)

// Of says what kind of its code an error is, and returns it.
func (e *Error) Of(kind ErrorKind) *Error {
	e.Kind = kind
	return e
}
