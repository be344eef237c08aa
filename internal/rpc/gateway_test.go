package rpc_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// v1As returns parameters signed by a key for POST.
func v1As(key, action string, kv ...string) url.Values {
	p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}}
	for i := 0; i < len(kv); i += 2 {
		p.Set(kv[i], kv[i+1])
	}
	auth.SignV1(http.MethodPost, p, key, secret, time.Now(), nonce())
	return p
}

// resign signs parameters again after a change.
func resign(p url.Values) url.Values {
	p.Del("Signature")
	q, err := auth.ParseParams(p.Encode(), "")
	if err != nil {
		panic(err)
	}
	p.Set("Signature", auth.SignatureV1(secret, auth.StringToSignV1(http.MethodPost, q)))
	return p
}

func signed(t *testing.T, p url.Values) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?"+p.Encode(), nil)
}

// v3Request makes a call that is signed with V3.
func v3Request(t *testing.T, action, query, body, contentType string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:8080/?"+query, strings.NewReader(body))
	r.Header.Set("Accept", "application/json")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("X-Acs-Action", action)
	r.Header.Set("X-Acs-Version", "2017-03-21")
	auth.SignV3(r, keyID, secret, []byte(body), time.Now(), nonce())
	return r
}

const jobID = "41d465e31957abcd"

func good() url.Values { return v1As(keyID, "GetMediaRefreshJobs", "MediaRefreshJobId", jobID) }

func TestContract_3_1_GatewayErrors(t *testing.T) {
	t.Parallel()
	without := func(name string) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request {
			t.Helper()
			p := good()
			p.Del(name)
			return signed(t, p)
		}
	}
	with := func(name, value string) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request {
			t.Helper()
			p := good()
			p.Set(name, value)
			return signed(t, resign(p))
		}
	}
	method := func(m string) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request { t.Helper(); r := signed(t, good()); r.Method = m; return r }
	}
	raw := func(query string) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request {
			t.Helper()
			return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, nil)
		}
	}
	notFound := "Specified api is not found, please check your url and method."
	for _, c := range []struct {
		name    string
		req     func(*testing.T) *http.Request
		status  int
		code    string
		message string
	}{
		{"MissingParameter Action", without("Action"), 400, "MissingParameter", missingText("Action")},
		{"MissingParameter Version", without("Version"), 400, "MissingParameter", missingText("Version")},
		{"MissingParameter AccessKeyId", without("AccessKeyId"), 400, "MissingParameter", missingText("AccessKeyId")},
		{"MissingParameter Signature", without("Signature"), 400, "MissingParameter", missingText("Signature")},
		{"MissingParameter SignatureMethod", without("SignatureMethod"), 400, "MissingParameter", missingText("SignatureMethod")},
		{"MissingParameter SignatureVersion", without("SignatureVersion"), 400, "MissingParameter", missingText("SignatureVersion")},
		{"MissingParameter SignatureNonce", without("SignatureNonce"), 400, "MissingParameter", missingText("SignatureNonce")},
		{"MissingParameter Timestamp", without("Timestamp"), 400, "MissingParameter", missingText("Timestamp")},
		{"no credentials at all", raw("Action=GetMediaRefreshJobs&Version=2017-03-21&Format=JSON"), 400, "MissingParameter", missingText("AccessKeyId")},
		{"InvalidVersion", with("Version", "2018-01-01"), 400, "InvalidVersion", "Specified parameter Version is not valid."},
		{"InvalidAction.NotFound", with("Action", "PurgeEverything"), 404, "InvalidAction.NotFound", notFound},
		{"Action is case-sensitive", with("Action", "getmediarefreshjobs"), 404, "InvalidAction.NotFound", notFound},
		{"UnsupportedOperation", with("Action", "GetPlayInfo"), 400, "UnsupportedOperation", "The specified action is not supported."},
		{"UnsupportedHTTPMethod PUT", method("PUT"), 403, "UnsupportedHTTPMethod", "This http method is not supported"},
		{"UnsupportedHTTPMethod DELETE", method("DELETE"), 403, "UnsupportedHTTPMethod", "This http method is not supported"},
		{"InvalidParameter Format", with("Format", "YAML"), 400, "InvalidParameter", invalidText("Format")},
		{"InvalidAccessKeyId.NotFound", with("AccessKeyId", "nobody"), 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."},
		{"InvalidAccessKeyId.Inactive", with("AccessKeyId", "off"), 400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled."},
		{"MissingSecurityToken", with("AccessKeyId", "STS.x"), 400, "MissingSecurityToken", "SecurityToken is mandatory for this action."},
		{"InvalidTimeStamp.Expired", with("Timestamp", time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05Z")), 400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."},
		{"InvalidTimeStamp.Format", with("Timestamp", "now"), 400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."},
		{"InvalidParamater (sic)", with("SignatureMethod", "HMAC-MD5"), 400, "InvalidParamater", `The specified parameter "SignatureMethod" is not supported.`},
		{"bearer is off", raw("Action=GetMediaRefreshJobs&Version=2017-03-21&Format=JSON&BearerToken=x&SignatureType=BEARERTOKEN"), 400, "UnsupportedParameter", `The parameter "BearerToken" is not supported.`},
		{"IncompleteSignature", func(t *testing.T) *http.Request {
			t.Helper()
			r := v3Request(t, "GetMediaRefreshJobs", "", "", "")
			r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=testid")
			return r
		}, 400, "IncompleteSignature", "The request signature does not conform to Aliyun standards. server string to sign is:"},
		{"an algorithm of V3 that is not built", func(t *testing.T) *http.Request {
			t.Helper()
			r := v3Request(t, "GetMediaRefreshJobs", "", "", "")
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "HMAC-SHA256", "RSA-SHA256", 1))
			return r
		}, 400, "UnsupportedParameter", `The parameter "ACS3-RSA-SHA256" is not supported.`},
		{"V3 header missing", func(t *testing.T) *http.Request {
			t.Helper()
			r := v3Request(t, "GetMediaRefreshJobs", "", "", "")
			r.Header.Del("X-Acs-Date")
			return r
		}, 400, "MissingParameter", missingText("x-acs-date")},
		{"a parameter twice in the query", func(t *testing.T) *http.Request {
			t.Helper()
			r := signed(t, good())
			r.URL.RawQuery += "&MediaId=a&MediaId=a"
			return r
		}, 400, "InvalidParameter", invalidText("MediaId")},
		{"a parameter that cannot be decoded", raw("Format=JSON&Action=GetMediaRefreshJobs&MediaId=%zz"), 400, "InvalidParameter", invalidText("MediaId")},
		{"a parameter that is not UTF-8", raw("Format=JSON&Action=GetMediaRefreshJobs&MediaId=%ff"), 400, "InvalidParameter", invalidText("MediaId")},
		{"2000 parameters", raw("Format=JSON" + strings.Repeat("&a=b", 2000)), 400, "InvalidParameter", invalidText("query")},
		{"another path", func(t *testing.T) *http.Request { t.Helper(); r := signed(t, good()); r.URL.Path = "/api"; return r }, 404, "InvalidAction.NotFound", notFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := c.req(t)
			r.Header.Set("Accept", "application/json")
			setup(t).do(r).refused(t, c.status, c.code, c.message)
		})
	}
}

func TestContract_1_2_TheSameNameInQueryAndForm(t *testing.T) {
	t.Parallel()
	p := good()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?"+p.Encode(), strings.NewReader("Action=RefreshMediaPlayUrls"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	setup(t).do(r).refused(t, 400, "InvalidParameter", invalidText("Action"))
}

func TestContract_2_3_SignatureDoesNotMatchTellsTheStringToSign(t *testing.T) {
	t.Parallel()
	p := good()
	p.Set("Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	q, err := auth.ParseParams(p.Encode(), "")
	if err != nil {
		t.Fatal(err)
	}
	prefix := "Specified signature is not matched with our calculation. server string to sign is:"
	setup(t).do(signed(t, p)).refused(t, 400, "SignatureDoesNotMatch", prefix+auth.StringToSignV1("POST", q))

	r := v3Request(t, "GetMediaRefreshJobs", "MediaRefreshJobId="+jobID, "", "")
	r.URL.RawQuery += "x"
	a := setup(t).do(r)
	if b := a.json(t); *b.Code != "SignatureDoesNotMatch" || !strings.HasPrefix(*b.Message, prefix+"ACS3-HMAC-SHA256\n") {
		t.Errorf("%s", a.body)
	}
}

func TestContract_1_8_SameNonceTwice(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := good()
	f.do(signed(t, p)).ok(t)
	f.do(signed(t, p)).refused(t, 400, "SignatureNonceUsed", "Specified signature nonce was used already.")
}

// TestContract_3_1_OrderOfChecks spoils everything, then mends one thing after
// the other: each mending reveals the next check.
func TestContract_3_1_OrderOfChecks(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := url.Values{
		"Format": {"JSON"}, "Action": {"Nothing"}, "Version": {"1"}, "AccessKeyId": {"nobody"},
		"SignatureMethod": {"HMAC-SHA1"}, "SignatureVersion": {"1.0"}, "Signature": {"x"}, "Timestamp": {"x"},
	}
	method := "PUT"
	step := func(status int, code string) {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, "/?"+p.Encode(), nil)
		f.do(r).refused(t, status, code, "")
	}
	step(403, "UnsupportedHTTPMethod")
	method = "POST"
	step(400, "InvalidVersion")
	p.Set("Version", "2017-03-21")
	step(404, "InvalidAction.NotFound")
	p.Set("Action", "RefreshMediaPlayUrls")
	step(400, "MissingParameter") // SignatureNonce
	used := v1As(keyID, "GetMediaRefreshJobs", "MediaRefreshJobId", jobID).Get("SignatureNonce")
	first := v1As(keyID, "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh")
	first.Set("SignatureNonce", used)
	f.do(signed(t, resign(first))).ok(t)
	p.Set("SignatureNonce", used)
	step(404, "InvalidAccessKeyId.NotFound")
	p.Set("AccessKeyId", "off")
	step(400, "InvalidAccessKeyId.Inactive")
	p.Set("AccessKeyId", keyID)
	step(400, "InvalidTimeStamp.Format")
	p.Set("Timestamp", "2017-10-10T12:02:54Z")
	step(400, "InvalidTimeStamp.Expired")
	p.Set("Timestamp", time.Now().UTC().Format("2006-01-02T15:04:05Z"))
	step(400, "SignatureDoesNotMatch")
	resign(p)
	step(400, "SignatureNonceUsed")
	p.Set("SignatureNonce", nonce())
	resign(p)
	f.engine.fail = &freshet.Error{Code: freshet.CodeLimited, Message: "Too much.", RetryAfter: time.Second}
	step(400, "MissingParameter") // MediaIds
	p.Set("MediaIds", "m1")
	p.Set("TaskType", "Refresh")
	p.Set("SignatureNonce", nonce())
	resign(p)
	step(400, "Throttling.User")
}

func TestContract_1_2_ParametersMayTravelAnywhere(t *testing.T) {
	t.Parallel()
	form := "application/x-www-form-urlencoded"
	all := func() url.Values {
		return v1As(keyID, "RefreshMediaPlayUrls", "MediaIds", "m1, m2", "TaskType", "Refresh", "RegionId", "x", "SignatureType", "")
	}
	for _, contentType := range []string{form, form + "; charset=UTF-8", "Application/X-WWW-Form-Urlencoded;charset=utf-8"} {
		f := setup(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(all().Encode()))
		r.Header.Set("Content-Type", contentType)
		f.do(r).ok(t)
		if got := f.engine.last(t).Media; len(got) != 2 {
			t.Errorf("%s: %v", contentType, got)
		}
	}
	f := setup(t) // mixed
	p, q := all(), url.Values{}
	for _, name := range []string{"MediaIds", "Signature", "Action"} {
		q.Set(name, p.Get(name))
		p.Del(name)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?"+p.Encode(), strings.NewReader(q.Encode()))
	r.Header.Set("Content-Type", form)
	f.do(r).ok(t)
	// The old Go SDK announces a form with GET and sends none.
	r = signed(t, all())
	r.Header.Set("Content-Type", form)
	f.do(r).ok(t)
	// V3: the form is hashed, and read all the same.
	f.do(v3Request(t, "RefreshMediaPlayUrls", "MediaIds=m1", "TaskType=Refresh", form)).ok(t)
	if got := f.engine.last(t); got.Type != freshet.Purge {
		t.Errorf("%+v", got)
	}
	// A body of another type is no form.
	f.do(v3Request(t, "RefreshMediaPlayUrls", "MediaIds=m1", "TaskType=Refresh", "text/plain")).refused(t, 400, "MissingParameter", missingText("TaskType"))
}

func TestEveryActionOfTheVendorThatIsNotBuiltSaysSo(t *testing.T) {
	t.Parallel()
	for _, action := range []string{
		"SetMessageCallback", "GetMessageCallback",
		"DeleteMessageCallback", "GetPlayInfo", "SearchMedia", "GetVideoInfo", "GetVideoInfos", "RegisterMedia", "DeleteVideo",
		"DeleteStream", "AddVodDomain", "DescribeVodUserDomains", "GetVideoPlayAuth", "CreateUploadVideo", "SubmitTranscodeJobs",
	} {
		setup(t).call(action).refused(t, 400, "UnsupportedOperation", "The specified action is not supported.")
	}
}

// TestErrorsOfTheEngineAreWorded: strangers become InternalError, are logged,
// and stay private.
func TestErrorsOfTheEngineAreWorded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
		logged bool
	}{
		{freshet.Invalid("MediaIds", "no"), 400, "InvalidParameter", false},
		{&freshet.Error{Code: freshet.CodeForbidden}, 403, "Forbidden", false},
		{&freshet.Error{Code: freshet.CodeUnavailable}, 503, "ServiceUnavailable", false},
		{&freshet.Error{Code: freshet.CodeInternal}, 500, "InternalError", true},
		{errors.New("disk on fire"), 500, "InternalError", true},
	} {
		var log bytes.Buffer
		f := setup(t, func(o *rpc.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		f.engine.fail = c.err
		for _, a := range []answer{f.call("RefreshMediaPlayUrls", refresh()...), f.call("GetMediaRefreshJobs", "MediaRefreshJobId", jobID), f.call(describe)} {
			a.refused(t, c.status, c.code, "")
			if strings.Contains(a.body, "fire") {
				t.Errorf("the cause was told: %s", a.body)
			}
		}
		if (log.Len() > 0) != c.logged {
			t.Errorf("%v: log %q", c.err, log.String())
		}
	}
}

func TestContract_2_4_ThrottlingSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.engine.fail = &freshet.Error{Code: freshet.CodeLimited, Message: "Too much.", RetryAfter: 1500 * time.Millisecond}
	a := f.call("RefreshMediaPlayUrls", refresh()...)
	a.refused(t, 400, "Throttling.User", "Request was denied due to user flow control.")
	if a.header.Get("x-acs-retry-after") != "1500" || a.header.Get("X-RateLimit-User-API") != "Remain:0,TimeLeft:1500" {
		t.Errorf("headers %v", a.header)
	}
	f.engine.fail = nil
	if a := f.call("Nothing"); a.header.Get("x-acs-retry-after") != "" {
		t.Error("x-acs-retry-after in another case")
	}
}

func TestP10_ABodyOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t, func(o *rpc.Options) { o.MaxBody = 10 })
	f.do(v3Request(t, "RefreshMediaPlayUrls", "MediaIds=m1", "TaskType=Refresh", "application/x-www-form-urlencoded")).
		refused(t, 413, "RequestTooLarge", "The body of the request is larger than 10 bytes.")
}

func TestHostIDIsTheHostAskedForUnlessSet(t *testing.T) {
	t.Parallel()
	if b := setup(t).call("Nothing").json(t); *b.HostID != "example.com" {
		t.Errorf("HostId %s", *b.HostID)
	}
	f := setup(t, func(o *rpc.Options) { o.HostID = "vod.freshet.example" })
	if b := f.call("Nothing").json(t); *b.HostID != "vod.freshet.example" {
		t.Errorf("HostId %s", *b.HostID)
	}
}
