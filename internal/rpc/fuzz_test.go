package rpc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
)

// sound checks what every answer must be, whatever was asked.
func sound(t *testing.T, a answer) {
	t.Helper()
	if a.status >= 500 || a.body == "" || a.header.Get("X-Acs-Request-Id") == "" {
		t.Errorf("status %d, body %q", a.status, a.body)
	}
	switch a.header.Get("Content-Type") {
	case "application/json;charset=utf-8":
		a.json(t)
	case "text/xml;charset=utf-8":
		if !strings.HasPrefix(a.body, `<?xml version="1.0" encoding="UTF-8"?><`) {
			t.Errorf("body %q", a.body)
		}
	default:
		t.Errorf("content type %q", a.header.Get("Content-Type"))
	}
}

// FuzzCall sends anything as query, form and V3 header.
func FuzzCall(f *testing.F) {
	f.Add("Action=RefreshMediaPlayUrls&Version=2017-03-21&Format=JSON", "MediaIds=a", "")
	f.Add("Action=GetMediaRefreshJobs&Version=2017-03-21&AccessKeyId=testid&Signature=x", "", "")
	f.Add("", "", "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders=host,Signature=00")
	f.Fuzz(func(t *testing.T, query, form, authorization string) {
		fx := setup(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		a := fx.do(r)
		sound(t, a)
		if a.status == http.StatusOK {
			t.Error("accepted without a signature")
		}
	})
}

// FuzzBusiness sends anything as business parameters of a call that is signed.
func FuzzBusiness(f *testing.F) {
	f.Add(0, "MediaIds=m1&TaskType=Refresh&SliceFlag=true&SliceCount=3&Formats=mp4, m3u8&Definitions=HD", true)
	f.Add(1, "MediaRefreshJobId=41d465e31957abcd&MediaId=m1", false)
	f.Add(2, "TaskId=1,2&ObjectPath=a/b%2Cc&ObjectType=file&StartTime=2026-01-02T03:04:05Z&PageSize=3", true)
	f.Fuzz(func(t *testing.T, op int, query string, xml bool) {
		fx := setup(t)
		p, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		actions := []string{"RefreshMediaPlayUrls", "GetMediaRefreshJobs", "DescribeVodRefreshTasks"}
		p.Set("Action", actions[uint(op)%3])
		p.Set("Version", "2017-03-21")
		p.Set("Format", map[bool]string{false: "JSON", true: "XML"}[xml])
		p.Del("BearerToken")
		auth.SignV1(http.MethodPost, p, keyID, secret, time.Now(), nonce())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
		r.URL.RawQuery = p.Encode()
		sound(t, fx.do(r))
	})
}

func FuzzUserData(f *testing.F) {
	f.Add(`{"MessageCallback":{"CallbackURL":"http://example.com"},"Extend":{"a":"b"}}`)
	f.Add(`{"MessageCallback":"{}","Extend":"x"}`)
	f.Add(`{"Extend":null`)
	f.Fuzz(func(t *testing.T, text string) {
		fx := setup(t)
		a := fx.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh", "UserData", text)
		sound(t, a)
		if a.status == http.StatusOK && fx.engine.last(t).UserData != text {
			t.Errorf("%q became %q", text, fx.engine.last(t).UserData)
		}
	})
}
