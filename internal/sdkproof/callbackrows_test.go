package sdkproof_test

// callbackRows are about where events go (contract §4.7 to §4.9).
func callbackRows() []row {
	const (
		url = "https://example.com/cb?a=1&b=%2F"
		app = "app-1000077"
	)
	rule := func(name string) string { return "MessageCallback." + name }
	return []row{
		{
			action: "GetMessageCallback", about: "of an application without a rule", params: params{"AppId": app},
			want: fields{"RequestId": anyRequestID, rule("AppId"): app, rule("CallbackURL"): "", rule("AuthKey"): ""},
		},
		{
			action: "SetMessageCallback", about: "a signed rule of HTTP",
			params: params{
				"AppId": app, "CallbackType": "HTTP", "CallbackURL": url, "AuthSwitch": "on", "AuthKey": "Abc123",
				"EventTypeList": "SubmitMediaRefreshComplete, DeleteMediaComplete", "CallbackSwitch": "on",
			},
			want: fields{"RequestId": anyRequestID},
		},
		{
			action: "GetMessageCallback", about: "of HTTP", params: params{"AppId": app},
			want: fields{
				"RequestId": anyRequestID, rule("AppId"): app, rule("CallbackType"): "HTTP", rule("CallbackURL"): url,
				rule("EventTypeList"): "SubmitMediaRefreshComplete,DeleteMediaComplete", rule("AuthSwitch"): "on", rule("AuthKey"): "Abc123",
			},
		},
		{
			action: "SetMessageCallback", about: "a rule of MNS in its place",
			params: params{"AppId": app, "CallbackType": "MNS", "MnsEndpoint": "http://1.mns.example.com/", "MnsQueueName": "q", "EventTypeList": "ALL"},
			want:   fields{"RequestId": anyRequestID},
		},
		{
			action: "GetMessageCallback", about: "of MNS", params: params{"AppId": app},
			want: fields{
				rule("CallbackType"): "MNS", rule("MnsEndpoint"): "http://1.mns.example.com/", rule("MnsQueueName"): "q",
				rule("EventTypeList"): "ALL", rule("CallbackURL"): "", rule("AuthKey"): "",
			},
		},
		{action: "DeleteMessageCallback", about: "of the application", params: params{"AppId": app}, want: fields{"RequestId": anyRequestID}},
		{action: "DeleteMessageCallback", about: "again", params: params{"AppId": app}, want: fields{"RequestId": anyRequestID}},
		{
			action: "GetMessageCallback", about: "of the deleted rule", params: params{"AppId": app},
			want: fields{rule("AppId"): app, rule("CallbackType"): ""},
		},
		{action: "SetMessageCallback", about: "no URL", params: params{"AppId": app}, fault: missing("CallbackURL")},
		{action: "SetMessageCallback", about: "no URL of HTTP", params: params{"CallbackURL": "ftp://example.com/"}, fault: invalid("CallbackURL")},
		{action: "SetMessageCallback", about: "an unknown event", params: params{"CallbackURL": url, "EventTypeList": "Everything"}, fault: invalid("EventTypeList")},
		{action: "SetMessageCallback", about: "a weak key", params: params{"CallbackURL": url, "AuthSwitch": "on", "AuthKey": "abc"}, fault: invalid("AuthKey")},
		{action: "GetMessageCallback", about: "a bad application", params: params{"AppId": "a b"}, fault: invalid("AppId")},
		{action: "DeleteMessageCallback", about: "a bad application", params: params{"AppId": "a b"}, fault: invalid("AppId")},
	}
}
