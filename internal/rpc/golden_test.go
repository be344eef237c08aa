package rpc_test

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestContract_2_1_Envelopes compares whole answers with files. Only the
// request ID is cut out.
func TestContract_2_1_Envelopes(t *testing.T) {
	t.Parallel()
	at := time.Date(2022, 5, 20, 8, 23, 22, 7e8, time.UTC)
	for _, format := range []string{"json", "xml"} {
		f := setup(t)
		f.engine.jobs["41d465e31957abcd"] = &freshet.Job{
			Account: account, ID: "41d465e31957abcd", Type: freshet.Prefetch, Created: at, UserData: `{"Extend":"<&>"}`,
			Policy: `{"ResultType":"Single","SliceFlag":false}`,
			Rows: []freshet.Row{
				{Job: "41d465e31957abcd", Media: "m1", State: freshet.RowPlanned, Modified: at},
				{Job: "41d465e31957abcd", Media: "m2", State: freshet.RowFailed, Fault: "PreloadQueueFull", Message: "Preload queue is full, please try again later!", Modified: at},
			},
		}
		f.engine.tasks = []freshet.Task{
			{Account: account, ID: 7042212345, Job: "41d465e31957abcd", Media: "m1", URL: "http://vod.example.com/a.m3u8?x=1&y=2", ObjectType: "preload", Status: freshet.TaskComplete, Final: 1, Targets: 1, Created: at},
			{Account: account, ID: 9524123456, Job: "41d465e31957abcd", Media: "m1", URL: "http://vod.example.com/b,c.mp4", ObjectType: "preload", Status: freshet.TaskFailed, Final: 1, Targets: 3, Reason: freshet.ReasonTimeout, Description: "failed at edge-1", Created: at},
		}
		for name, kv := range map[string][]string{
			"refresh":    {"RefreshMediaPlayUrls", "MediaIds", "gone,forbidden1", "TaskType", "Preload"},
			"jobs":       {"GetMediaRefreshJobs", "MediaRefreshJobId", "41d465e31957abcd"},
			"jobs-none":  {"GetMediaRefreshJobs", "MediaRefreshJobId", "0"},
			"tasks":      {"DescribeVodRefreshTasks"},
			"tasks-none": {"DescribeVodRefreshTasks", "TaskId", "1"},
			"error":      {"RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "x"},
		} {
			a := f.call(kv[0], append(kv[1:], "Format", format)...)
			got := strings.Replace(a.body, a.header.Get("X-Acs-Request-Id"), "REQUEST-ID", 1) + "\n"
			path := filepath.Join("testdata", name+"."+format)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("%s (-want +got):\n%s", path, d)
			}
			if name != "error" && (a.status != http.StatusOK || strings.Contains(a.body, "REQUEST-ID")) {
				t.Errorf("%s: status %d", path, a.status)
			}
		}
	}
}
