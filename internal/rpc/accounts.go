package rpc

import "net/http"

// The errors about who calls and what they may do (contract §3.1).
const (
	forbiddenRAM kind = 600 + iota
	accountSuspended
	tokenMalformed
	tokenMismatch
	tokenExpired
	needTLS
)

func accountErrors(k kind) (row, bool) {
	switch k { //nolint:exhaustive // the kinds of this group
	case forbiddenRAM:
		return row{"Forbidden.RAM", http.StatusForbidden, "User not authorized to operate on the specified resource, or this API doesn't support RAM."}, true
	case accountSuspended:
		return row{"OperationDenied.Suspended", http.StatusForbidden, "Your VOD service is suspended."}, true
	case tokenMalformed:
		return row{"InvalidSecurityToken.Malformed", http.StatusBadRequest, "Specified SecurityToken is malformed."}, true
	case tokenMismatch:
		return row{"InvalidSecurityToken.MismatchWithAccessKey", http.StatusBadRequest, "Specified SecurityToken mismatch with the AccessKey."}, true
	case tokenExpired:
		return row{"InvalidSecurityToken.Expired", http.StatusBadRequest, "Specified SecurityToken is expired."}, true
	case needTLS:
		return row{"InvalidProtocol.NeedSsl", http.StatusForbidden, "Your request is denied as lack of ssl protect."}, true
	}
	return row{}, false
}

// refused is the answer to a caller whose policy does not allow the call.
func refused() *fault { return &fault{kind: forbiddenRAM} }
