package sdkproof_test

// domainRows are about acceleration domains (contract §4.15), with the extension
// that stops and starts them.
func domainRows() []row {
	const (
		sources = `[{"content":"origin.example.com","type":"domain","priority":"20","port":8080},{"content":"192.0.2.7","type":"ipaddr","priority":"30"}]`
		first   = "Domains.PageData[0]."
		name    = "new.example.com"
		refresh = "http://" + name + "/a.mp4"
	)
	unsupported := func(name string) *fault {
		return &fault{"Invalid" + name + ".ValueNotSupported", 400, "The specified value of parameter " + name + " is not supported."}
	}
	add := func(about string, p params, f *fault) row {
		for k, v := range (params{"DomainName": "other.example.com", "Sources": sources}) {
			if _, set := p[k]; !set {
				p[k] = v
			}
		}
		return row{action: "AddVodDomain", about: about, params: p, fault: f}
	}
	status := func(about, is string) row {
		return row{
			action: "DescribeVodUserDomains", about: about, params: params{"DomainName": name, "DomainSearchType": "full_match", "DomainStatus": is},
			want: fields{"TotalCount": "1", "Domains.PageData.#": "1", first + "DomainStatus": is},
		}
	}
	names := params{"DomainNames": name}
	gone := &fault{"InvalidDomain.NotFound", 404, "The domain provided does not belong to you."}
	return []row{
		{
			action: "AddVodDomain", about: "with two sources",
			params: params{
				"DomainName": name, "Sources": sources, "CheckUrl": "http://" + name + "/check.html", "Scope": "overseas", "TopLevelDomain": "example.com",
				"Tag.1.Key": "team", "Tag.1.Value": "film",
			},
			want: fields{"RequestId": anyRequestID},
		},
		{
			action: "DescribeVodUserDomains", about: "every field",
			params: params{
				"DomainName": "NEW.", "DomainSearchType": "pre_match", "DomainStatus": "online", "PageNumber": "1", "PageSize": "5",
				"Tag.1.Key": "team", "Tag.1.Value": "film",
			},
			want: fields{
				"RequestId": anyRequestID, "PageNumber": "1", "PageSize": "5", "TotalCount": "1", "Domains.PageData.#": "1",
				first + "DomainName": name, first + "Cname": "", first + "Description": "", first + "DomainStatus": "online",
				first + "GmtCreated": anyTime, first + "GmtModified": anyTime, first + "Sandbox": "normal", first + "SslProtocol": "off",
				first + "Sources.Source.#": "2", first + "Sources.Source[0].Content": "origin.example.com", first + "Sources.Source[0].Port": "8080",
				first + "Sources.Source[0].Priority": "20", first + "Sources.Source[0].Type": "domain",
				first + "Sources.Source[1].Content": "192.0.2.7", first + "Sources.Source[1].Port": "80",
				first + "Sources.Source[1].Priority": "30", first + "Sources.Source[1].Type": "ipaddr",
			},
		},
		{
			action: "DescribeVodUserDomains", about: "the second of all", params: params{"PageNumber": "2", "PageSize": "1"},
			want: fields{"TotalCount": "2", "Domains.PageData.#": "1", first + "DomainName": "vod.example.com"},
		},
		{
			action: "DescribeVodUserDomains", about: "none", params: params{"DomainName": "example.org", "DomainSearchType": "suf_match"},
			want: fields{"TotalCount": "0", "Domains.PageData.#": "0"},
		},
		{action: "BatchStopVodDomain", about: "one", params: names, want: fields{"RequestId": anyRequestID}},
		status("a stopped one", "offline"),
		{
			action: "RefreshVodObjectCaches", about: "of a stopped domain", params: params{"ObjectPath": refresh},
			fault: &fault{"InvalidDomain.Offline", 404, "The domain provided is offline."},
		},
		{action: "BatchStartVodDomain", about: "one", params: names, want: fields{"RequestId": anyRequestID}},
		status("a started one", "online"),
		{action: "RefreshVodObjectCaches", about: "of a started domain", params: params{"ObjectPath": refresh}, want: fields{"RefreshTaskId": anyTask}},
		{action: "BatchStopVodDomain", about: "an unknown one", params: params{"DomainNames": name + ",elsewhere.example.com"}, fault: gone},
		{action: "BatchStartVodDomain", about: "no name", fault: missing("DomainNames")},

		add("one that exists", params{"DomainName": name}, &fault{"DomainAlreadyExist", 400, "This domain name is exist already"}),
		{action: "AddVodDomain", about: "no name", params: params{"Sources": sources}, fault: missing("DomainName")},
		{action: "AddVodDomain", about: "no source", params: params{"DomainName": "other.example.com"}, fault: missing("Sources")},
		add("a bad name", params{"DomainName": "a b"}, &fault{"InvalidDomainName.Malformed", 400, ""}),
		add("a wildcard", params{"DomainName": ".example.com"}, &fault{"CdnTypeNotSupportExtensiveDomain", 400, ""}),
		add("no JSON", params{"Sources": "origin.example.com"}, &fault{"InvalidSources.Malformed", 400, ""}),
		add("a bad type", params{"Sources": `[{"content":"a.example.com","type":"ftp"}]`}, &fault{"InvalidSourceType.Malformed", 400, ""}),
		add("a bad priority", params{"Sources": `[{"content":"a.example.com","type":"domain","priority":"1"}]`}, &fault{"InvalidPriorities.Malformed", 400, ""}),
		add("a bad scope", params{"Scope": "moon"}, &fault{"InvalidScope.Malformed", 400, ""}),
		add("a bad check", params{"CheckUrl": "a b"}, &fault{"InvaildParameter", 400, "CheckUrl"}),
		{action: "DescribeVodUserDomains", about: "a bad page", params: params{"PageNumber": "0"}, fault: unsupported("PageNumber")},
		{action: "DescribeVodUserDomains", about: "a page too large", params: params{"PageSize": "51"}, fault: unsupported("PageSize")},
		{action: "DescribeVodUserDomains", about: "a bad status", params: params{"DomainStatus": "gone"}, fault: unsupported("DomainStatus")},
		{action: "DescribeVodUserDomains", about: "a bad search", params: params{"DomainSearchType": "regex"}, fault: unsupported("DomainSearchType")},
		{action: "DescribeVodUserDomains", about: "a bad name", params: params{"DomainName": "a b"}, fault: &fault{"InvalidDomainName.Malformed", 400, ""}},
	}
}
