package rpc

import "net/http"

// The errors of operations by URL (contract §3.3).
const (
	objectPathMalformed kind = 200 + iota
	objectPathTooMany
	objectTypeUnsupported
	objectDomainNotFound
	objectDomainOffline
	objectDomainExtensive
)

// objectTable words them.
func objectTable(k kind) (row, bool) {
	const bad = http.StatusBadRequest
	switch k { //nolint:exhaustive // the kinds of other groups are theirs
	case objectPathMalformed:
		return row{"InvalidObjectPath.Malformed", bad, "The specific value of parameter ObjectPath is malformed.%s"}, true
	case objectPathTooMany:
		return row{"InvalidObjectPath.Size.Malformed", bad, "The size of ObjectPath is bigger than %s."}, true
	case objectTypeUnsupported:
		return row{"InvalidObjectType.ValueNotSupported", bad, `The specified value of "ObjectType" is not supported.`}, true
	case objectDomainNotFound:
		return row{"InvalidDomain.NotFound", http.StatusNotFound, "The domain provided does not belong to you."}, true
	case objectDomainOffline:
		return row{"InvalidDomain.Offline", http.StatusNotFound, "The domain provided is offline."}, true
	case objectDomainExtensive:
		return row{"InvalidExtensiveDomain.ValueNotSupported", bad, "Extensive domain not supported."}, true
	}
	return row{}, false
}
