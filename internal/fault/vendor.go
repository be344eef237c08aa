package fault

import "net/http"

// vendor are the errors of the vendor's API. Means is the vendor's own text,
// which users search for, mistakes and all; … stands for what it names.
func vendor() []Entry { return append(vendorCalls(), vendorObjects()...) }

// vendorCalls are those of every call, and of calls about media.
func vendorCalls() []Entry {
	const bad, forbidden, absent = http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound
	return []Entry{
		{"", "MissingParameter", bad, `The input parameter "…" that is mandatory for processing this request is not supplied.`, "Send the parameter that is named. `AccessKeyId` means that nothing says who calls."},
		{"", "InvalidParameter", bad, `The specified parameter "…" is not valid.`, "docs/vendor-api.md says what the parameter takes. A parameter that stands there twice is not valid either."},
		{"", "UnsupportedParameter", bad, `The parameter "…" is not supported.`, "Sign with an access key (V1 or V3); other schemes are not built, bearer tokens only where `auth.bearer_tokens` has them."},
		{"", "InvalidParamater", bad, `The specified parameter "…" is not supported.`, "Use HMAC-SHA1 with SignatureVersion 1.0, or ACS3-HMAC-SHA256: the SDKs' defaults."},
		{"", "InvalidVersion", bad, "Specified parameter Version is not valid.", "Send Version=2017-03-21."},
		{"", "InvalidAction.NotFound", absent, "Specified api is not found, please check your url and method.", "Check the spelling of Action, and that the path is `/`."},
		{"", "UnsupportedOperation", bad, "The specified action is not supported.", "The operation exists and is not built here; docs/vendor-api.md lists those that are."},
		{"", "UnsupportedHTTPMethod", forbidden, "This http method is not supported", "Use GET or POST."},
		{"", "InvalidAccessKeyId.NotFound", absent, "Specified access key is not found.", "Compare the ID with `freshet key list`; a key of the vendor's cloud is not known here."},
		{"", "InvalidAccessKeyId.Inactive", bad, "Specified access key is disabled.", "Use another key, or enable it: `freshet key enable`."},
		{"", "MissingSecurityToken", bad, "SecurityToken is mandatory for this action.", "The key is a temporary one: send its token, too."},
		{"", "InvalidSecurityToken.Malformed", bad, "Specified SecurityToken is malformed.", "Get a new temporary credential, and send its three parts together."},
		{"", "InvalidSecurityToken.MismatchWithAccessKey", bad, "Specified SecurityToken mismatch with the AccessKey.", "Send the token that came with this key."},
		{"", "InvalidSecurityToken.Expired", bad, "Specified SecurityToken is expired.", "Get a new temporary credential."},
		{"", "InvalidProtocol.NeedSsl", forbidden, "Your request is denied as lack of ssl protect.", "A bearer token needs TLS, or sign with an access key."},
		{"", "SignatureDoesNotMatch", bad, "Specified signature is not matched with our calculation. server string to sign is:…", "Check the secret; compare the string with yours. If a proxy rewrites the host, name that of the clients in `public_endpoints`."},
		{"", "IncompleteSignature", bad, "The request signature does not conform to Aliyun standards. server string to sign is:…", "The header Authorization is not whole; a proxy may have changed it."},
		{"", "SignatureNonceUsed", bad, "Specified signature nonce was used already.", "Sign each request anew, repeats included."},
		{"", "InvalidTimeStamp.Expired", bad, "Specified time stamp or date value is expired.", "Set the clocks of both machines: 15 minutes are allowed between them."},
		{"", "InvalidTimeStamp.Format", bad, "Specified time stamp or date value is not well formatted.", "Write it as 2006-01-02T15:04:05Z."},
		{"", "Forbidden", forbidden, "User not authorized to operate on the specified resource.", "Use a key of the account that owns it."},
		{"", "Forbidden.RAM", forbidden, "User not authorized to operate on the specified resource, or this API doesn't support RAM.", "The key's policy does not allow it: add the action (`freshet policy set`)."},
		{"", "OperationDenied.Suspended", forbidden, "Your VOD service is suspended.", "The account is disabled; the operator enables it: `freshet account enable`."},
		{"", "Throttling.User", bad, "Request was denied due to user flow control.", "Wait for the milliseconds in `X-Acs-Retry-After`; SDKs do so if retries are on. Operators: `limits.own.calls_per_second`."},
		{"", "ServiceUnavailable", http.StatusServiceUnavailable, "The request has failed due to a temporary failure of the server.", "Nothing was done: send it again after the time in `Retry-After`. Operators: the server's log and `/readyz` say whether the queue is full, the disk is low or the store does not answer."},
		{"", "RequestTooLarge", http.StatusRequestEntityTooLarge, "The body of the request is larger than … bytes.", "Name less in one call."},
		{"", "InternalError", http.StatusInternalServerError, "The request processing has failed due to some unknown error.", "A fault of Freshet: look for the RequestId in the server's log, and report what stands there."},
		{"", "MediaIdsExceededMax", bad, "The MediaIds exceeded maximum.", "Name at most 20 media in one call."},
		{"", "VideoIdsExceededMax", bad, "The VideoIds exceeded maximum.", "Name at most 20 videos in one call."},
		{"", "JobIdsExceededMax", bad, "The JobIds exceeded maximum.", "Name at most 20 jobs in one call."},
		{"", "SortByExceededMax", bad, "The SortBy exceeded maximum.", "Sort by at most three fields."},
		{"", "InvalidVideo.NotFound", absent, "The video does not exist.", "Check the ID, and whose key you use; `freshet media import` takes media in."},
		{"", "InvalidVideo.NoneStream", absent, "The video has no stream to play for the request parameter '…'.", "Leave out a filter, or import the media's streams."},
		{"", "InvalidStream.NotFound", absent, "The stream does not exist.", "Check the JobIds against GetPlayInfo."},
		{"", "Forbidden.IllegalStatus", forbidden, "Status of the video is illegal. Current Status is ….", "The video is blocked or not ready: change its status first, or lift its takedown."},
		{"", "Forbidden.AliyunVoDEncryption", forbidden, "There is only AliyunVoDEncryption stream exist, you must use Aliyun player to play or set the value of ResultType to Multiple.", "Ask with ResultType=Multiple."},
		{"", "ErrorMatchSyntax", bad, "The parameter Match.… has an error syntax, please check it.", "docs/vendor-api.md has the grammar of Match."},
		{"", "InvalidScrollToken.Expired", bad, "The ScrollToken is expired.", "Search again from the first page."},
	}
}

// vendorObjects are those of calls about URLs, domains and tasks.
func vendorObjects() []Entry {
	const bad, forbidden, absent = http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound
	return []Entry{
		{"", "InvalidTaskId.Malformed", bad, "Specified TaskId is malformed.", "Send a TaskId as it was returned: digits."},
		{"", "InvalidObjectPath.Malformed", bad, "The specific value of parameter ObjectPath is malformed.…", "One URL a line, with or without http://; a directory ends with `/`."},
		{"", "InvalidObjectPath.Size.Malformed", bad, "The size of ObjectPath is bigger than ….", "Make several calls with fewer lines."},
		{"", "InvalidObjectType.ValueNotSupported", bad, `The specified value of "ObjectType" is not supported.`, "Use File, Directory, Regex or IgnoreParams."},
		{"", "InvalidDomain.NotFound", absent, "The domain provided does not belong to you.", "Check the host; `freshet domain list` shows those of the account, `freshet domain add` adds one."},
		{"", "InvalidDomain.Offline", absent, "The domain provided is offline.", "Start it: `freshet domain start`, or BatchStartVodDomain."},
		{"", "InvalidExtensiveDomain.ValueNotSupported", bad, "Extensive domain not supported.", "Name the host itself, without a wildcard."},
		{"", "InvalidDomainName.Malformed", bad, "The specified domain name is malformed.", "Use a host name in lower case, without scheme or path."},
		{"", "InvalidSources.Malformed", bad, "The specified Sources is malformed.", "docs/vendor-api.md has the form; a source may not lie in a private network unless `sources.allow` has it."},
		{"", "InvalidSourceType.Malformed", bad, "The specified SourceType is malformed.", "Use `ipaddr`, `domain` or `oss`."},
		{"", "InvalidScope.Malformed", bad, "The specified Scope is malformed.", "Use `domestic`, `overseas` or `global`."},
		{"", "InvalidPriorities.Malformed", bad, "The specified Priorities is malformed.", "Use `20` (main) or `30` (backup)."},
		{"", "InvalidResourceGroupId.Malformed", bad, "The specified resource group ID is malformed.", "Leave it out: there are no resource groups here."},
		{"", "InvaildParameter", bad, `The specified parameter "…" is invalid.`, "docs/vendor-api.md says what the parameter takes."},
		{"", "DomainAlreadyExist", bad, "This domain name is exist already", "Change it instead of adding it, or take another name."},
		{"", "CdnTypeNotSupportExtensiveDomain", bad, "The CdnType does not support extensive domain.", "Add each host by itself."},
		{"", "DomainOverLimit", forbidden, "The number of domains exceeds the limit.", "Delete domains that are not used; an account has at most 1,000."},
		{"", "ServiceBusy", forbidden, "The specified Domain is configuring, please retry later.", "Wait until its status is online or offline, then call again."},
		{"", "InvalidPageNumber.ValueNotSupported", bad, "The specified value of parameter PageNumber is not supported.", "Pages count from 1."},
		{"", "InvalidPageSize.ValueNotSupported", bad, "The specified value of parameter PageSize is not supported.", "docs/vendor-api.md has the largest page of the call."},
		{"", "InvalidDomainStatus.ValueNotSupported", bad, "The specified value of parameter DomainStatus is not supported.", "Use a status that DescribeVodUserDomains returns."},
		{"", "InvalidDomainSearchType.ValueNotSupported", bad, "The specified value of parameter DomainSearchType is not supported.", "Use `fuzzy_match`, `pre_match`, `suf_match` or `full_match`."},
		{"", "QuotaExceeded.Refresh", bad, "You've exceeded the prescribed refresh limits.", "The account had its share of the day (prefetches are told with the same code): wait for the next, or have `limits.accounts` raised."},
		{"", "PreloadQueueFull", forbidden, "Preload queue is full, please try again later!", "Wait until some prefetches are done, or have `preload_queue` raised."},
	}
}
