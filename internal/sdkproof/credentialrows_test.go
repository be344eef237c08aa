package sdkproof_test

import "github.com/freshet-vod/freshet/internal/rpc/rpctest"

// key is a key of makeKeys.
func key(name string) *rpctest.Credentials {
	return &rpctest.Credentials{KeyID: "{" + name + " key}", Secret: "{" + name + " secret}"}
}

// credentialRows are about who calls (contract §3.1), what a policy allows, and
// what another account sees.
func credentialRows() []row {
	as := func(about string, c *rpctest.Credentials, f *fault) row {
		return row{action: "GetMediaRefreshJobs", about: about, params: params{"MediaRefreshJobId": "{job}"}, as: c, fault: f}
	}
	good := func(about string, c *rpctest.Credentials) row {
		r := as(about, c, nil)
		r.want = fields{"RequestId": anyRequestID, "MediaRefreshJobs.#": "1", "MediaRefreshJobs[0].MediaRefreshJobId": "{job}"}
		return r
	}
	temporary := func(token string) *rpctest.Credentials {
		return &rpctest.Credentials{KeyID: "{temporary key}", Secret: "{temporary secret}", Token: token}
	}
	ram := &fault{"Forbidden.RAM", 403, "User not authorized to operate on the specified resource, or this API doesn't support RAM."}
	bound, neighbour := key("bound"), key("neighbour")
	return []row{
		as("an unknown key", &rpctest.Credentials{KeyID: "nobody", Secret: secret}, &fault{"InvalidAccessKeyId.NotFound", 404, "Specified access key is not found."}),
		as("a disabled key", key("off"), &fault{"InvalidAccessKeyId.Inactive", 400, "Specified access key is disabled."}),
		as("a disabled account", key("closed"), &fault{"OperationDenied.Suspended", 403, "Your VOD service is suspended."}),
		as("a wrong secret", &rpctest.Credentials{KeyID: keyID, Secret: secret + "x"}, &fault{
			"SignatureDoesNotMatch", 400, "Specified signature is not matched with our calculation. server string to sign is:",
		}),

		good("a temporary key", temporary("{temporary token}")),
		as("a temporary key without its token", temporary(""), &fault{"MissingSecurityToken", 400, "SecurityToken is mandatory for this action."}),
		as("a temporary key with another's token", temporary("{second temporary token}"), &fault{
			"InvalidSecurityToken.MismatchWithAccessKey", 400, "Specified SecurityToken mismatch with the AccessKey.",
		}),
		as("a temporary key with no token of ours", temporary("CAIS+token/with=chars"), &fault{"InvalidSecurityToken.Malformed", 400, "Specified SecurityToken is malformed."}),
		good("a bearer token", &rpctest.Credentials{Bearer: bearerToken}),
		as("an unknown bearer token", &rpctest.Credentials{Bearer: bearerToken + "x"}, &fault{"InvalidAccessKeyId.NotFound", 404, "Specified access key is not found."}),

		{
			action: "RefreshMediaPlayUrls", about: "media that the key may not touch", as: bound,
			params: params{"MediaIds": film + "," + sound + "," + absent, "TaskType": "Refresh"},
			want:   fields{"MediaRefreshJobId": anyJob, "ForbiddenMediaIds": film, "NonExistMediaIds": absent},
		},
		{action: "DescribeVodRefreshTasks", about: "what a policy denies", as: bound, fault: ram},
		{
			action: "AddVodDomain", about: "what a policy denies", as: bound, fault: ram,
			params: params{"DomainName": "more.example.com", "Sources": `[{"content":"origin.example.com","type":"domain"}]`},
		},

		{
			action: "RefreshMediaPlayUrls", about: "media of another account do not exist", as: neighbour,
			params: params{"MediaIds": film + "," + absent, "TaskType": "Refresh"},
			want:   fields{"MediaRefreshJobId": "", "NonExistMediaIds": film + "," + absent, "ForbiddenMediaIds": ""},
		},
		{
			action: "GetMediaRefreshJobs", about: "another account's job", as: neighbour, params: params{"MediaRefreshJobId": "{job}"},
			want: fields{"MediaRefreshJobs.#": "0"},
		},
		{
			action: "DescribeVodRefreshTasks", about: "another account's tasks", as: neighbour, params: params{"TaskId": "{tasks}"},
			want: fields{"TotalCount": "0"},
		},
		{
			action: "RefreshVodObjectCaches", about: "another account's domain", as: neighbour, params: params{"ObjectPath": "vod.example.com/film/audio.mp3"},
			fault: &fault{"InvalidDomain.NotFound", 404, "The domain provided does not belong to you."},
		},
		{
			action: "GetVideoInfo", about: "another account's media", as: neighbour, params: params{"VideoId": film},
			fault: &fault{"InvalidVideo.NotFound", 404, "The video does not exist."},
		},
		{
			action: "GetVideoInfos", about: "another account's media", as: neighbour, params: params{"VideoIds": film + "," + sound},
			fault: &fault{"InvalidVideo.NotFound", 404, "The video does not exist."},
		},
		{
			action: "GetPlayInfo", about: "another account's media", as: neighbour, params: params{"VideoId": film},
			fault: &fault{"InvalidVideo.NotFound", 404, "The video does not exist."},
		},
		{
			action: "DescribeVodUserDomains", about: "another account's domains", as: neighbour,
			want: fields{"TotalCount": "0", "Domains.PageData.#": "0"},
		},
		{
			action: "AddVodDomain", about: "a name that another account has", as: neighbour,
			params: params{"DomainName": "vod.example.com", "Sources": `[{"content":"origin.example.com","type":"domain"}]`},
			fault:  &fault{"DomainAlreadyExist", 400, "This domain name is exist already"},
		},
		{
			action: "AddVodDomain", about: "a private source in another account", as: neighbour,
			params: params{"DomainName": "theirs.example.com", "Sources": `[{"content":"127.0.0.1","type":"ipaddr"}]`},
			fault:  &fault{"InvalidSources.Malformed", 400, ""},
		},
		{
			action: "AddVodDomain", about: "in another account", as: neighbour,
			params: params{"DomainName": "theirs.example.com", "Sources": `[{"content":"origin.example.com","type":"domain"}]`},
			want:   fields{"RequestId": anyRequestID},
		},
		{
			action: "DescribeVodUserDomains", about: "a domain that waits for approval", as: neighbour,
			want: fields{
				"TotalCount": "1", "Domains.PageData[0].DomainName": "theirs.example.com", "Domains.PageData[0].DomainStatus": "checking",
			},
		},
		{
			action: "BatchStopVodDomain", about: "a domain that waits for approval", as: neighbour, params: params{"DomainNames": "theirs.example.com"},
			fault: &fault{"ServiceBusy", 403, "The specified Domain is configuring, please retry later."},
		},
	}
}
