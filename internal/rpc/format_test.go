package rpc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
)

func TestContract_1_7_Format(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format, accept string
		v3, xml              bool
	}{
		{"V1 default", "", "", false, true},
		{"V1 accepts JSON", "", "text/html, application/json", false, false},
		{"V1 json", "json", "", false, false},
		{"V1 xml", "xml", "application/json", false, true},
		{"V1 XML", "XML", "", false, true},
		{"V3 default", "", "*/*", true, false},
		{"V3 accepts JSON", "", "application/json", true, false},
		{"V3 XML", "XML", "", true, true},
	} {
		for _, fail := range []bool{false, true} { // errors come in the same format
			f := setup(t)
			p := url.Values{"Action": {"GetMediaRefreshJobs"}, "Version": {"2017-03-21"}}
			if !fail {
				p.Set("MediaRefreshJobId", jobID)
			}
			if c.format != "" {
				p.Set("Format", c.format)
			}
			var r *http.Request
			if c.v3 {
				r = v3Request(t, "GetMediaRefreshJobs", p.Encode(), "", "")
			} else {
				auth.SignV1(http.MethodPost, p, keyID, secret, time.Now(), nonce())
				r = signed(t, p)
			}
			r.Header.Set("Accept", c.accept)
			a := f.do(r)
			want := "application/json;charset=utf-8"
			if c.xml {
				want = "text/xml;charset=utf-8"
			}
			if got := a.header.Get("Content-Type"); got != want || strings.HasPrefix(a.body, "<") != c.xml || (a.status != 200) != fail {
				t.Errorf("%s: status %d, type %q, body %s", c.name, a.status, got, a.body)
			}
		}
	}
}

func TestContract_1_7_ActionAndVersionFromTheOtherPlace(t *testing.T) {
	t.Parallel()
	f := setup(t)
	p := url.Values{"MediaRefreshJobId": {jobID}, "Format": {"JSON"}}
	auth.SignV1(http.MethodPost, p, keyID, secret, time.Now(), nonce())
	r := signed(t, p)
	r.Header.Set("X-Acs-Action", "GetMediaRefreshJobs")
	r.Header.Set("X-Acs-Version", "2017-03-21")
	f.do(r).ok(t)
}
