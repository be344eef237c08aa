package rpc_test

import (
	"context"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// refusing is an Authenticator that lets nobody in.
type refusing struct{ fault *auth.Fault }

func (r refusing) Vendor(context.Context, *auth.Request) (auth.Identity, error) {
	return auth.Identity{}, r.fault
}

func (refusing) Remember(context.Context, uint64, time.Time) error { return nil }

// TestContract_3_1_CredentialFaults holds the row of each fault of credentials:
// its code, status and text.
func TestContract_3_1_CredentialFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault   auth.Fault
		status  int
		code    string
		message string
	}{
		{auth.Fault{Kind: auth.Malformed, Param: "Timestamp"}, 400, "InvalidParameter", invalidText("Timestamp")},
		{auth.Fault{Kind: auth.NoCredentials}, 400, "MissingParameter", missingText("AccessKeyId")},
		{auth.Fault{Kind: auth.Missing, Param: "Signature"}, 400, "MissingParameter", missingText("Signature")},
		{auth.Fault{Kind: auth.MissingToken}, 400, "MissingSecurityToken", "SecurityToken is mandatory for this action."},
		{auth.Fault{Kind: auth.TokenMalformed}, 400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."},
		{auth.Fault{Kind: auth.TokenMismatch}, 400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey."},
		{auth.Fault{Kind: auth.TokenExpired}, 400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."},
		{auth.Fault{Kind: auth.Unsupported, Param: "BearerToken"}, 400, "UnsupportedParameter", `The parameter "BearerToken" is not supported.`},
		{auth.Fault{Kind: auth.UnsupportedMethod, Param: "SignatureVersion"}, 400, "InvalidParamater", `The specified parameter "SignatureVersion" is not supported.`},
		{auth.Fault{Kind: auth.Incomplete, StringToSign: "s"}, 400, "IncompleteSignature", "The request signature does not conform to Aliyun standards. server string to sign is:s"},
		{auth.Fault{Kind: auth.UnknownKey}, 404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."},
		{auth.Fault{Kind: auth.DisabledKey}, 400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled."},
		{auth.Fault{Kind: auth.TimeFormat}, 400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted."},
		{auth.Fault{Kind: auth.Expired}, 400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired."},
		{auth.Fault{Kind: auth.Mismatch, StringToSign: "s"}, 400, "SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server string to sign is:s"},
		{auth.Fault{Kind: auth.NonceUsed}, 400, "SignatureNonceUsed", "Specified signature nonce was used already."},
		{auth.Fault{Kind: auth.Insecure}, 403, "InvalidProtocol.NeedSsl", "Your request is denied as lack of ssl protect."},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			f := setup(t, func(o *rpc.Options) { o.Auth = refusing{&c.fault} })
			f.call("GetMediaRefreshJobs", "MediaRefreshJobId", jobID).refused(t, c.status, c.code, c.message)
		})
	}
}
