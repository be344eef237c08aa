package rpc_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/limits"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// limited returns a fixture whose account has these shares.
func limited(t *testing.T, s shares) *fixture {
	t.Helper()
	if s.Throttle == nil {
		s.Throttle = limits.NewThrottle(limits.Rules{})
	}
	return setup(t, func(o *rpc.Options) { o.Limits = s })
}

// TestContract_4_6_DescribeVodRefreshQuota holds that every value is a text,
// and that blockRemain begins with a small letter.
func TestContract_4_6_DescribeVodRefreshQuota(t *testing.T) {
	t.Parallel()
	f := limited(t, shares{quota: freshet.Quota{
		URLs: freshet.Share{Quota: 2000, Left: 1996}, Directories: freshet.Share{Quota: 100, Left: 99}, Preloads: freshet.Share{Quota: 500, Left: 500},
	}})
	a := f.call("DescribeVodRefreshQuota", "SecurityToken", "ignored", "OwnerId", "1")
	if a.status != 200 {
		t.Fatal(a.body)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"UrlQuota": "2000", "UrlRemain": "1996", "DirQuota": "100", "DirRemain": "99", "PreloadQuota": "500", "PreloadRemain": "500",
		"BlockQuota": "1000000000", "blockRemain": "1000000000", "RequestId": a.header.Get("X-Acs-Request-Id"),
	}
	if len(got) != len(want) {
		t.Errorf("the answer is %s", a.body)
	}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s is %v, want %v", name, got[name], v)
		}
	}
	x := f.call("DescribeVodRefreshQuota", "Format", "XML")
	var doc struct {
		XMLName     xml.Name `xml:"DescribeVodRefreshQuotaResponse"`
		URLRemain   string   `xml:"UrlRemain"`
		BlockRemain string   `xml:"blockRemain"`
	}
	if err := xml.Unmarshal([]byte(x.body), &doc); err != nil || doc.URLRemain != "1996" || doc.BlockRemain == "" {
		t.Errorf("%v: %s", err, x.body)
	}
}

func TestContract_6_1_WithoutLimitsEveryQuotaIsVeryLarge(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*fixture{
		"no limits": setup(t), "no figures": setup(t, func(o *rpc.Options) {
			o.Limits = struct {
				*limits.Throttle
				*limits.Quotas
			}{limits.NewThrottle(limits.Rules{}), limits.NewQuotas(limits.Rules{}, 0, nothingUsed{})}
		}),
	} {
		a := f.call("DescribeVodRefreshQuota")
		if a.status != 200 || strings.Count(a.body, `"1000000000"`) != 8 {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

func TestContract_3_3_SharesThatAreSpent(t *testing.T) {
	t.Parallel()
	spent := func(kind freshet.QuotaKind) error {
		return &freshet.Error{Code: freshet.CodeLimited, Field: string(kind), Err: freshet.ErrQuotaExceeded, Message: "No."}
	}
	full := &freshet.Error{Code: freshet.CodeLimited, Err: freshet.ErrQueueFull, Message: "No."}
	for _, c := range []struct {
		err    error
		status int
		code   string
		text   string
	}{
		{spent(freshet.QuotaURLs), 400, "QuotaExceeded.Refresh", "You've exceeded the prescribed refresh limits."},
		{spent(freshet.QuotaDirectories), 400, "QuotaExceeded.Refresh", "You've exceeded the prescribed refresh limits."},
		{spent(freshet.QuotaPreloads), 400, "QuotaExceeded.Refresh", "You've exceeded the prescribed preload limits."},
		{full, 403, "PreloadQueueFull", "Preload queue is full, please try again later!"},
	} {
		f := setup(t)
		f.engine.fail = c.err
		for _, op := range []string{refreshObjects, "PreloadVodObjectCaches"} {
			a := f.call(op, "ObjectPath", "vod.example.com/a")
			a.refused(t, c.status, c.code, c.text)
			if a.header.Get("X-Acs-Retry-After") != "" {
				t.Errorf("%s is told as throttling", c.code) // contract §2.4: in no other case
			}
		}
	}
}

func TestContract_6_1_URLsPerCall(t *testing.T) {
	t.Parallel()
	f := limited(t, shares{refresh: 3, preload: 2})
	f.call(refreshObjects, "ObjectPath", manyLines(3, "")).ok(t)
	f.call(refreshObjects, "ObjectPath", manyLines(4, "")).refused(t, 400, "InvalidObjectPath.Size.Malformed", "The size of ObjectPath is bigger than 3.")
	f.call("PreloadVodObjectCaches", "ObjectPath", manyLines(2, "")).ok(t)
	f.call("PreloadVodObjectCaches", "ObjectPath", manyLines(3, "")).refused(t, 400, "InvalidObjectPath.Size.Malformed", "The size of ObjectPath is bigger than 2.")
	wide := limited(t, shares{refresh: 5000, preload: 5000})
	wide.call(refreshObjects, "ObjectPath", manyLines(1000, "")).ok(t)
	wide.call(refreshObjects, "ObjectPath", manyLines(1001, "")).refused(t, 400, "InvalidObjectPath.Size.Malformed", "")
	wide.call("PreloadVodObjectCaches", "ObjectPath", manyLines(1000, "")).ok(t)
	wide.call("PreloadVodObjectCaches", "ObjectPath", manyLines(1001, "")).refused(t, 400, "InvalidObjectPath.Size.Malformed", "")
}

func TestContract_4_6_AStoreThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	limited(t, shares{err: errors.New("gone")}).call("DescribeVodRefreshQuota").refused(t, 500, "InternalError", "")
}

// nothingUsed is a store.Quotas on a fresh day.
type nothingUsed struct{}

func (nothingUsed) QuotaUsed(context.Context, string, int64) (map[freshet.QuotaKind]int, error) {
	return nil, nil
}
