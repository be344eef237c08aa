package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
)

// TestP10_AFullDiskRefusesEveryRouteThatStores goes through the whole table: a
// route that writes either says that it is answered all the same, or is refused
// before anything, the audit record included, is written.
func TestP10_AFullDiskRefusesEveryRouteThatStores(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	f.Full = &freshet.Error{
		Code: freshet.CodeUnavailable, Kind: freshet.KindDisk, RetryAfter: 90 * time.Second,
		Message: "The server's disk is nearly full, so that it accepts nothing new: 1 MiB are free and 64 MiB are needed.",
	}
	refused, frees := 0, 0
	for _, r := range api.RoutePolicies() {
		method, path, _ := strings.Cut(r.Pattern, " ")
		path = strings.NewReplacer("{id}", "x", "{name}", "x.example.com").Replace(path)
		var before int
		f.Update(func() { before = len(f.AuditList) })
		resp := c.do(method, path, "")
		var left int
		f.Update(func() { left = len(f.AuditList) - before })
		full := resp.StatusCode == http.StatusServiceUnavailable
		if full != (r.Writes && !r.Frees) {
			t.Errorf("%s is answered %d", r.Pattern, resp.StatusCode)
			continue
		}
		if r.Frees {
			frees++
		}
		if !full {
			continue
		}
		refused++
		p := c.problem(resp)
		if p.Kind != freshet.KindDisk || !strings.Contains(p.Detail, "1 MiB are free and 64 MiB are needed") || resp.Header.Get("Retry-After") != "90" || left != 0 {
			t.Errorf("%s: %+v, %v, %d records", r.Pattern, p, resp.Header, left)
		}
	}
	if refused < 15 || frees < 8 || len(f.Submitted) != 0 {
		t.Errorf("%d routes are refused, %d make room, %d jobs came through", refused, frees, len(f.Submitted))
	}
}
