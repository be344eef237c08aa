package rpc_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// TestP10_AFullDiskIsServiceUnavailableWithAHint holds what callers of the
// vendor's API see of a full disk, and that reading goes on.
func TestP10_AFullDiskIsServiceUnavailableWithAHint(t *testing.T) {
	t.Parallel()
	f, m := audited(t, func(o *rpc.Options) {
		o.Room = func() error {
			return &freshet.Error{Code: freshet.CodeUnavailable, Kind: freshet.KindDisk, RetryAfter: 1500 * time.Millisecond, Message: "Full."}
		}
	})
	for _, c := range [][]string{
		{"RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh"},
		{"RefreshVodObjectCaches", "ObjectPath", "http://vod.example.com/a"},
		{"PreloadVodObjectCaches", "ObjectPath", "http://vod.example.com/a"},
	} {
		a := f.call(c[0], c[1:]...)
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, `"ServiceUnavailable"`) || a.header.Get("Retry-After") != "2" {
			t.Errorf("%s is answered %d %s, %v", c[0], a.status, a.body, a.header)
		}
	}
	if len(f.engine.subs) != 0 || len(m.records) != 0 {
		t.Errorf("%d submissions and %d records were left", len(f.engine.subs), len(m.records))
	}
	if a := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", jobID); a.status == http.StatusServiceUnavailable {
		t.Errorf("reading is answered %s", a.body)
	}
}
