package rpc_test

import (
	"context"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// refusing is an Authenticator who finds the same fault with every call.
type refusing struct{ kind auth.Kind }

func (r refusing) Vendor(context.Context, *auth.Request) (auth.Identity, error) {
	return auth.Identity{}, &auth.Fault{Kind: r.kind}
}

func (refusing) Remember(context.Context, uint64, time.Time) error { return nil }

func TestContract_3_1_FaultsOfAccountsAndTokens(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind          auth.Kind
		status        int
		code, message string
	}{
		{auth.Suspended, 403, "OperationDenied.Suspended", "Your VOD service is suspended."},
		{auth.TokenMalformed, 400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."},
		{auth.TokenMismatch, 400, "InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken mismatch with the AccessKey."},
		{auth.TokenExpired, 400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."},
		{auth.Insecure, 403, "InvalidProtocol.NeedSsl", "Your request is denied as lack of ssl protect."},
	} {
		f := setup(t, func(o *rpc.Options) { o.Auth = refusing{c.kind} })
		f.call("GetMediaRefreshJobs", "MediaRefreshJobId", jobID).refused(t, c.status, c.code, c.message)
	}
}
