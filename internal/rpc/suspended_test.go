package rpc_test

import (
	"context"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// suspending is an Authenticator to whom every account is disabled.
type suspending struct{}

func (suspending) Vendor(context.Context, *auth.Request) (auth.Identity, error) {
	return auth.Identity{}, &auth.Fault{Kind: auth.Suspended}
}

func (suspending) Remember(context.Context, uint64, time.Time) error { return nil }

func TestContract_3_1_OperationDeniedSuspended(t *testing.T) {
	t.Parallel()
	f := setup(t, func(o *rpc.Options) { o.Auth = suspending{} })
	f.call("GetMediaRefreshJobs", "MediaRefreshJobId", jobID).refused(t, 403, "OperationDenied.Suspended", "Your VOD service is suspended.")
}
