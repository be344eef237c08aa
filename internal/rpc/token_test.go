package rpc_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/seal"
)

// issuing is a fixture that makes temporary credentials and knows a bearer token.
func issuing(t *testing.T) (*fixture, *auth.Auth) {
	t.Helper()
	box, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	a, err := auth.New(t.Context(), auth.Options{
		Keys: memKeys{}, Box: box, Bearers: []auth.Bearer{{Name: "ci", Account: account, Token: "swordfish-swordfish"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return setup(t, func(o *rpc.Options) { o.Auth = a }), a
}

// sessionCall makes a call that a temporary credential signs with V1.
func sessionCall(t *testing.T, s auth.Session) *http.Request {
	t.Helper()
	p := url.Values{"Action": {"GetMediaRefreshJobs"}, "Version": {"2017-03-21"}, "Format": {"JSON"}, "MediaRefreshJobId": {jobID}, "SecurityToken": {s.SecurityToken}}
	auth.SignV1(http.MethodPost, p, s.AccessKeyID, s.AccessKeySecret, time.Now(), nonce())
	return signed(t, p)
}

func TestContract_3_1_InvalidSecurityToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := issuing(t)
		issue := func() auth.Session {
			s, err := a.IssueToken(t.Context(), account, keyID, time.Hour, "")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s, other := issue(), issue()
		f.do(sessionCall(t, s)).ok(t)
		mixed := s
		mixed.SecurityToken = other.SecurityToken
		f.do(sessionCall(t, mixed)).refused(t, 400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey.")
		mixed.SecurityToken = "CAIS"
		f.do(sessionCall(t, mixed)).refused(t, 400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
		<-time.After(time.Hour)
		f.do(sessionCall(t, s)).refused(t, 400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	})
}

func TestContract_1_6_BearerTokens(t *testing.T) {
	t.Parallel()
	f, _ := issuing(t)
	call := func(token, from string) *http.Request {
		p := url.Values{
			"Action": {"GetMediaRefreshJobs"}, "Version": {"2017-03-21"}, "MediaRefreshJobId": {jobID}, "BearerToken": {token}, "SignatureType": {"BEARERTOKEN"},
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?"+p.Encode(), nil)
		r.RemoteAddr = from
		return r
	}
	f.do(call("swordfish-swordfish", "127.0.0.1:9")).ok(t)
	f.do(call("swordfish", "127.0.0.1:9")).refused(t, 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
	f.do(call("swordfish-swordfish", "192.0.2.1:9")).refused(t, 403, "InvalidProtocol.NeedSsl", "Your request is denied as lack of ssl protect.")
}
