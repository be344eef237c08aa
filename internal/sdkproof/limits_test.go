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

// TestContract_3_3_EveryClientSeesThatItsQuotaIsSpent holds that quotas count the
// URLs of all operations together, are told, and surface when they are spent: as
// an answer, and in the row of a media.
func TestContract_3_3_EveryClientSeesThatItsQuotaIsSpent(t *testing.T) {
	t.Parallel()
	few := func(c *config.Config) {
		c.Limits.Own = config.Figures{URLsPerDay: 5, DirectoriesPerDay: 1, PreloadsPerDay: 1}
	}
	everyClient(t, few, func(c rpctest.Client, kept map[string]string) { runTable(t, c, spentRows(), kept) })
}

func spentRows() []row {
	const file = "vod.example.com/film/audio.mp3"
	refresh := &fault{"QuotaExceeded.Refresh", 400, "You've exceeded the prescribed refresh limits."}
	return []row{
		{
			action: "DescribeVodRefreshQuota", about: "a new day",
			want: fields{
				"UrlQuota": "5", "UrlRemain": "5", "DirQuota": "1", "DirRemain": "1", "PreloadQuota": "1", "PreloadRemain": "1",
				"BlockQuota": "1000000000", "blockRemain": "1000000000",
			},
		},
		{action: "RefreshVodObjectCaches", about: "two files", params: params{"ObjectPath": file + "\n" + file + "?v=2"}, want: fields{"RefreshTaskId": anyTask}},
		{
			action: "RefreshVodObjectCaches", about: "more than is left", fault: refresh,
			params: params{"ObjectPath": file + "?v=1\n" + file + "?v=2\n" + file + "?v=3\n" + file + "?v=4"},
		},
		{
			action: "RefreshMediaPlayUrls", about: "two URLs", params: params{"MediaIds": sound, "TaskType": "Refresh"},
			want: fields{"MediaRefreshJobId": anyJob}, keep: params{"paid": "MediaRefreshJobId"},
		},
		{
			action: "GetMediaRefreshJobs", about: "what was paid for", params: params{"MediaRefreshJobId": "{paid}"}, soon: true,
			want: fields{"MediaRefreshJobs[0].Status": "success", "MediaRefreshJobs[0].TaskIds": `/^\d+,\d+$/`},
		},
		{
			action: "RefreshMediaPlayUrls", about: "two URLs of which one is left", params: params{"MediaIds": sound, "TaskType": "Refresh"},
			want: fields{"MediaRefreshJobId": anyJob}, keep: params{"unpaid": "MediaRefreshJobId"},
		},
		{
			action: "GetMediaRefreshJobs", about: "what was not", params: params{"MediaRefreshJobId": "{unpaid}"}, soon: true,
			want: fields{
				"MediaRefreshJobs[0].Status": "fail", "MediaRefreshJobs[0].ErrorCode": refresh.code, "MediaRefreshJobs[0].ErrorMessage": refresh.message,
				"MediaRefreshJobs[0].TaskIds": "",
			},
		},
		{action: "RefreshVodObjectCaches", about: "a directory", params: params{"ObjectPath": "vod.example.com/film/", "ObjectType": "Directory"}, want: fields{"RefreshTaskId": anyTask}},
		{action: "RefreshVodObjectCaches", about: "another directory", params: params{"ObjectPath": "vod.example.com/clip/", "ObjectType": "Directory"}, fault: refresh},
		{action: "PreloadVodObjectCaches", about: "a file", params: params{"ObjectPath": file}, want: fields{"PreloadTaskId": anyTask}},
		{
			action: "PreloadVodObjectCaches", about: "another file", params: params{"ObjectPath": file + "?v=2"},
			fault: &fault{"QuotaExceeded.Refresh", 400, "preload limits"},
		},
		{
			action: "DescribeVodRefreshQuota", about: "what is left", want: fields{"UrlRemain": "1", "DirRemain": "0", "PreloadRemain": "0", "UrlQuota": "5"},
		},
		{
			action: "DescribeVodRefreshQuota", about: "another account spends its own", as: key("neighbour"),
			want: fields{"UrlRemain": "5", "DirRemain": "1", "PreloadRemain": "1"},
		},
	}
}

// TestContract_3_3_EveryClientSeesThatTheQueueIsFull holds that more prefetches
// than may wait are refused.
func TestContract_3_3_EveryClientSeesThatTheQueueIsFull(t *testing.T) {
	t.Parallel()
	one := func(c *config.Config) { c.Limits.Own.PreloadQueue = 1 }
	everyClient(t, one, func(c rpctest.Client, kept map[string]string) {
		runTable(t, c, []row{{
			action: "PreloadVodObjectCaches", about: "two where one may wait",
			params: params{"ObjectPath": "vod.example.com/film/audio.mp3\nvod.example.com/film/original.mp4"},
			fault:  &fault{"PreloadQueueFull", 403, "Preload queue is full, please try again later!"},
		}}, kept)
	})
}
