package fault

import (
	"net/http"
	"slices"

	"github.com/freshet-vod/freshet"
)

// native are the problems of the native API: the codes, and the kinds of each.
func native() []Entry { return slices.Concat(nativeAsked(), nativeCaller(), nativeLater()) }

// nativeAsked are what is wrong with a request.
func nativeAsked() []Entry {
	return []Entry{
		{"", string(freshet.CodeInvalid), http.StatusBadRequest, "Something in the request or the file is wrong; repeating it is useless.", "Mend what the message names (`field` says where) and send it again."},
		{"", string(freshet.KindMethod), http.StatusMethodNotAllowed, "The path exists and takes other methods.", "Use one of those in the header `Allow`; docs/api.md lists all routes."},
		{"", string(freshet.CodeNotFound), http.StatusNotFound, "What was named does not exist for this account.", "Check the spelling and whose key you use; lists (`freshet media list`, `freshet domain list`, `freshet jobs`) show what is there. Jobs are forgotten after `keep`."},
		{"", string(freshet.CodeConflict), http.StatusConflict, "It clashes with what exists.", "Look at what is there; change it, or take another name."},
		{"", string(freshet.KindTraffic), http.StatusConflict, "The POP gets traffic, or nobody can see whether it does; nothing was done.", "`freshet pop drain ID`, wait until the load balancer has taken it out, and try again. Where that cannot be seen: cut the POP off from viewers and child POPs, and say so with `--cut-off`."},
		{"", string(freshet.CodeTooLarge), http.StatusRequestEntityTooLarge, "It is over a limit, which the message names.", "Make several of it, each below the limit; docs/limits.md lists all."},
	}
}

// nativeCaller are what is wrong with who asks.
func nativeCaller() []Entry {
	return []Entry{
		{"", string(freshet.CodeUnauthenticated), http.StatusUnauthorized, "Who calls could not be established.", "Sign with an access key that `freshet key list` shows as active."},
		{"", string(freshet.KindNoCredentials), http.StatusUnauthorized, "The request carries no credentials.", "Set FRESHET_ACCESS_KEY_ID and FRESHET_ACCESS_KEY_SECRET, or name the server's data folder with --data; other programs sign the request (docs/api.md)."},
		{"", string(freshet.KindBadCredentials), http.StatusUnauthorized, "The credentials cannot be read: a header or parameter of the signature is missing, malformed or of a kind that is not supported.", "Look at what the message names. SDKs sign right by themselves; a proxy in between may drop headers."},
		{"", string(freshet.KindUnknownKey), http.StatusUnauthorized, "There is no such access key, or its secret is another one.", "Compare the ID with `freshet key list`; keys of another server are not known here. Make one with `freshet key create`."},
		{"", string(freshet.KindDisabledKey), http.StatusUnauthorized, "Somebody disabled the access key.", "Use another key, or ask who runs the server to enable it."},
		{"", string(freshet.KindWrongSignature), http.StatusUnauthorized, "The signature is not the one that the server computes.", "Check the secret. If it is right, something rewrites the host or the path on the way: name the host that clients use in `public_endpoints`."},
		{"", string(freshet.KindClock), http.StatusUnauthorized, "The time of the request is more than 15 minutes from the server's.", "Set the clocks of both machines (NTP), and sign each request when it is sent."},
		{"", string(freshet.KindNonceUsed), http.StatusUnauthorized, "The same signed request was received before.", "Sign each request anew, repeats included; a proxy must not send one twice."},
		{"", string(freshet.KindBadToken), http.StatusUnauthorized, "A temporary credential whose token is missing, damaged or another's.", "Get a new temporary credential, and send its three parts together."},
		{"", string(freshet.KindTokenExpired), http.StatusUnauthorized, "The time of the temporary credential is over.", "Get a new one where you got this."},
		{"", string(freshet.KindInsecure), http.StatusUnauthorized, "HTTP Basic or a bearer token came over a connection that others can read.", "Use TLS (and `trusted_proxies`, if a proxy ends it), or sign the request."},
		{"", string(freshet.CodeForbidden), http.StatusForbidden, "The caller is known and may not do this.", "Ask whoever runs the server, or use another key."},
		{"", string(freshet.KindSuspended), http.StatusForbidden, "The account is disabled.", "The operator enables it again: `freshet account enable NAME`."},
		{"", string(freshet.KindPolicy), http.StatusForbidden, "The access key's policy does not allow the action that the message names.", "Use a key that may, or add the action to the policy (`freshet policy set`, docs/accounts.md)."},
		{"", string(freshet.KindOperator), http.StatusForbidden, "Only the operator's account may do this.", "Use a key of the account `default`, or ask the operator."},
		{"", string(freshet.KindTemporary), http.StatusForbidden, "A temporary credential may not make what could outlast it.", "Use the key itself."},
	}
}

// nativeLater are what may be better another time.
func nativeLater() []Entry {
	return []Entry{
		{"", string(freshet.CodeLimited), http.StatusTooManyRequests, "Too much at the moment; nothing was done.", "Send it again after the time in `Retry-After`."},
		{"", string(freshet.KindQuota), http.StatusTooManyRequests, "The account had its share of the day; nothing was done.", "Wait until the day of `limits.day_starts` begins, or ask the operator for more (`limits.accounts`). Purges by the native API and the command line are never counted."},
		{"", string(freshet.KindPrefetchQueue), http.StatusTooManyRequests, "As many prefetches of the account wait as may; nothing was done.", "Send it again when some are done (`freshet jobs`), or ask the operator for a longer queue (`preload_queue`)."},
		{"", string(freshet.KindImports), http.StatusTooManyRequests, "As many imports run as may at the same time; nothing was read.", "Send the same part again after the time in `Retry-After`; `freshet media import` does so by itself."},
		{"", string(freshet.KindNonces), http.StatusTooManyRequests, "More signed requests came of late than the server can remember.", "Wait for the time in `Retry-After`, and call less often: one `freshet job ID --wait` instead of many questions."},
		{"", string(freshet.CodeUnavailable), http.StatusServiceUnavailable, "A part that is needed does not answer; nothing was done.", "Send it again in a moment. If it goes on, look at `/readyz` and the server's log."},
		{"", string(freshet.KindQueue), http.StatusServiceUnavailable, "The queue of media that wait to be planned is full; nothing was done.", "Send it again after the time in `Retry-After`. Operators: origins that answer slowly hold up planning; raise `limits.planners`, or `limits.unplanned`."},
		{"", string(freshet.KindDisk), http.StatusServiceUnavailable, "The disk of the server's data folder is nearly full, so that nothing new is accepted; what was accepted goes on.", "Operators: make room on that disk, or lower `limits.disk_reserve`; docs/operations.md says what may go. Then send it again."},
		{"", string(freshet.KindStore), http.StatusServiceUnavailable, "The store cannot be read or written at the moment; nothing was done.", "Send it again in a moment. Operators: look at the disk of the data folder and the server's log."},
		{"", string(freshet.KindUnreachable), http.StatusServiceUnavailable, "No server answers at the endpoint, or something else does.", "Start it with `freshet serve`, or name the right one with --endpoint or FRESHET_ENDPOINT."},
		{"", string(freshet.CodeInternal), http.StatusInternalServerError, "A fault of Freshet.", "Look for the request ID in the server's log, and report it with what stands there. Repeating the call does no harm."},
	}
}
