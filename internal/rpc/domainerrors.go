package rpc

import "net/http"

// The errors of operations about domains (contract §3.2, §3.3).
const (
	domainNameMalformed kind = 300 + iota
	domainSourcesMalformed
	domainSourceTypeMalformed
	domainScopeMalformed
	domainPrioritiesMalformed
	domainResourceGroupMalformed
	domainParameter
	domainExists
	domainExtensive
	domainOverLimit
	domainNotFound
	domainBusy
	domainPageNumber
	domainPageSize
	domainStatusValue
	domainSearchType
)

// domainTable words them. "Invaild" is the vendor's own spelling.
func domainTable(k kind) (row, bool) {
	const bad = http.StatusBadRequest
	switch k { //nolint:exhaustive // the kinds of other groups are theirs
	case domainNameMalformed:
		return row{"InvalidDomainName.Malformed", bad, "The specified domain name is malformed."}, true
	case domainSourcesMalformed:
		return row{"InvalidSources.Malformed", bad, "The specified Sources is malformed."}, true
	case domainSourceTypeMalformed:
		return row{"InvalidSourceType.Malformed", bad, "The specified SourceType is malformed."}, true
	case domainScopeMalformed:
		return row{"InvalidScope.Malformed", bad, "The specified Scope is malformed."}, true
	case domainPrioritiesMalformed:
		return row{"InvalidPriorities.Malformed", bad, "The specified Priorities is malformed."}, true
	case domainResourceGroupMalformed:
		return row{"InvalidResourceGroupId.Malformed", bad, "The specified resource group ID is malformed."}, true
	case domainParameter:
		return row{"InvaildParameter", bad, `The specified parameter "%s" is invalid.`}, true
	case domainExists:
		return row{"DomainAlreadyExist", bad, "This domain name is exist already"}, true
	case domainExtensive:
		return row{"CdnTypeNotSupportExtensiveDomain", bad, "The CdnType does not support extensive domain."}, true
	case domainOverLimit:
		return row{"DomainOverLimit", http.StatusForbidden, "The number of domains exceeds the limit."}, true
	case domainNotFound:
		return row{"InvalidDomain.NotFound", http.StatusNotFound, "The domain provided does not belong to you."}, true
	case domainBusy:
		return row{"ServiceBusy", http.StatusForbidden, "The specified Domain is configuring, please retry later."}, true
	}
	return row{}, false
}

// domainListTable words the errors of DescribeVodUserDomains.
func domainListTable(k kind) (row, bool) {
	var name string
	switch k { //nolint:exhaustive // the kinds of other groups are theirs
	case domainPageNumber:
		name = "PageNumber"
	case domainPageSize:
		name = "PageSize"
	case domainStatusValue:
		name = "DomainStatus"
	case domainSearchType:
		name = "DomainSearchType"
	default:
		return row{}, false
	}
	return row{"Invalid" + name + ".ValueNotSupported", http.StatusBadRequest, "The specified value of parameter " + name + " is not supported."}, true
}
