package rpc_test

import (
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
)

// TestContract_3_1_Row has a subtest, named after the code, for each row of §3.1
// that needs more than a spoilt request of V1; the others are in
// TestContract_3_1_GatewayErrors. Each is asked for as JSON and as XML: an error
// comes in the format that the call asked for.
func TestContract_3_1_Row(t *testing.T) {
	t.Parallel()
	const mismatch = "Specified signature is not matched with our calculation. server string to sign is:"
	type ask func(t *testing.T, f *fixture, format string) answer
	fails := func(err error) ask {
		return func(t *testing.T, f *fixture, format string) answer {
			t.Helper()
			f.engine.fail = err
			return f.do(signed(t, v1As(keyID, "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh", "Format", format)))
		}
	}
	v3 := func(change func(*http.Request)) ask {
		return func(t *testing.T, f *fixture, format string) answer {
			t.Helper()
			r := v3Request(t, "GetMediaRefreshJobs", "Format="+format+"&MediaRefreshJobId="+jobID, "", "")
			change(r)
			return f.do(r)
		}
	}
	signedBy := func(key string, at time.Duration) ask {
		return v3(func(r *http.Request) { auth.SignV3(r, key, secret, nil, time.Now().Add(at), nonce()) })
	}
	header := func(name, value string) ask { return v3(func(r *http.Request) { r.Header.Set(name, value) }) }
	for _, c := range []struct {
		row     string // its code, and what is special
		ask     ask
		status  int
		message string // how it begins
	}{
		{"SignatureDoesNotMatch, V1", func(t *testing.T, f *fixture, format string) answer {
			t.Helper()
			p := v1As(keyID, "GetMediaRefreshJobs", "MediaRefreshJobId", jobID, "Format", format)
			p.Set("MediaId", "unsigned")
			return f.do(signed(t, p))
		}, 400, mismatch + "POST&%2F&AccessKeyId%3D"},
		{"SignatureDoesNotMatch, V3", header("X-Acs-Signature-Nonce", "another"), 400, mismatch + "ACS3-HMAC-SHA256"},
		{"SignatureNonceUsed, V3", func(t *testing.T, f *fixture, format string) answer {
			t.Helper()
			r := v3Request(t, "GetMediaRefreshJobs", "Format="+format+"&MediaRefreshJobId="+jobID, "", "")
			if a := f.do(r); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			return f.do(r)
		}, 400, "Specified signature nonce was used already."},
		{"InvalidTimeStamp.Expired, too old", signedBy(keyID, -16*time.Minute), 400, "Specified time stamp or date value is expired."},
		{"InvalidTimeStamp.Expired, too new", signedBy(keyID, 16*time.Minute), 400, "Specified time stamp or date value is expired."},
		{"InvalidTimeStamp.Format, V3", header("X-Acs-Date", "2026-01-02 03:04:05"), 400, "Specified time stamp or date value is not well formatted."},
		{"InvalidAccessKeyId.NotFound, V3", signedBy("nobody", 0), 404, "Specified access key is not found."},
		{"InvalidAccessKeyId.Inactive, V3", signedBy("off", 0), 400, "Specified access key is disabled."},
		{"InvalidVersion, V3", header("X-Acs-Version", "2014-05-26"), 400, "Specified parameter Version is not valid."},
		{"InvalidAction.NotFound, V3", header("X-Acs-Action", "RunInstances"), 404, "Specified api is not found, please check your url and method."},
		{"UnsupportedOperation, V3", v3(func(r *http.Request) {
			r.Header.Set("X-Acs-Action", "GetVideoPlayAuth")
			auth.SignV3(r, keyID, secret, nil, time.Now(), nonce())
		}), 400, "The specified action is not supported."},
		{"Throttling.User", fails(&freshet.Error{Code: freshet.CodeLimited, RetryAfter: time.Second}), 400, "Request was denied due to user flow control."},
		{"Forbidden", fails(&freshet.Error{Code: freshet.CodeForbidden}), 403, "User not authorized to operate on the specified resource."},
		{"InternalError", fails(&freshet.Error{Code: freshet.CodeInternal, Message: "private"}), 500, "The request processing has failed due to some unknown error."},
		{"ServiceUnavailable", fails(&freshet.Error{Code: freshet.CodeUnavailable, Message: "private"}), 503, "The request has failed due to a temporary failure of the server."},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			code, _, _ := strings.Cut(c.row, ",")
			a := c.ask(t, setup(t), "JSON")
			a.refused(t, c.status, code, "")
			if m := *a.json(t).Message; !strings.HasPrefix(m, c.message) {
				t.Errorf("message %q, want %q", m, c.message)
			}
			a = c.ask(t, setup(t), "XML")
			var b struct {
				XMLName                  xml.Name `xml:"Error"`
				RequestID                string   `xml:"RequestId"`
				HostID                   string   `xml:"HostId"`
				Code, Message, Recommend string
			}
			if err := xml.Unmarshal([]byte(a.body), &b); err != nil {
				t.Fatalf("%v in %s", err, a.body)
			}
			if a.status != c.status || b.Code != code || !strings.HasPrefix(b.Message, c.message) || b.RequestID != a.header.Get("X-Acs-Request-Id") || b.HostID == "" {
				t.Errorf("%d %+v", a.status, b)
			}
		})
	}
}
