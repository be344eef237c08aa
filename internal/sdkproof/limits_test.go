package sdkproof_test

import (
	"testing"

	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

// TestContract_2_4_EveryClientSeesThatItIsThrottled holds that a call too many
// surfaces with its code, status and request ID.
func TestContract_2_4_EveryClientSeesThatItIsThrottled(t *testing.T) {
	t.Parallel()
	twoASecond := func(c *config.Config) { c.Limits.Own.CallsPerSecond = 2 }
	everyClient(t, twoASecond, func(c rpctest.Client, _ map[string]string) {
		params := map[string]string{"MediaRefreshJobId": "41d465e31957abcd"}
		const most = 50 // calls, which are made within a second
		for n := range most {
			answer, failure := c.Call("GetMediaRefreshJobs", params)
			if failure == nil {
				if id := answer.Field("RequestId"); !matches(id, anyRequestID) {
					t.Errorf("%s: request ID %q", c.Name(), id)
				}
				continue
			}
			if n < 2 {
				t.Errorf("%s: call %d is throttled", c.Name(), n)
			}
			r := run{client: c, row: row{fault: &fault{"Throttling.User", 400, "Request was denied due to user flow control."}}}
			r.refused(t, failure)
			return
		}
		t.Errorf("%s: %d calls, and none throttled", c.Name(), most)
	})
}
