package rpc_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
)

const describe = "DescribeVodRefreshTasks"

// withTasks is a fixture with m1 and m2 purged: tasks 1000000001 to 3.
func withTasks(t *testing.T) *fixture {
	t.Helper()
	f := setup(t)
	f.call("RefreshMediaPlayUrls", "MediaIds", "m1,m2", "TaskType", "Refresh").ok(t)
	return f
}

func found(t *testing.T, a answer) []string {
	t.Helper()
	b := a.ok(t)
	if b.Tasks == nil || b.Tasks.Task == nil {
		t.Fatalf("Tasks is not wrapped, or null: %s", a.body)
	}
	out := []string{}
	for _, x := range b.Tasks.Task {
		out = append(out, x.TaskID)
	}
	return out
}

func TestContract_4_5_Fields(t *testing.T) {
	t.Parallel()
	f := withTasks(t)
	b := f.call(describe, "TaskId", "1000000002").ok(t)
	at := f.engine.tasks[0].Created.UTC().Format("2006-01-02T15:04:05Z")
	want := []taskRow{{
		TaskID: "1000000002", ObjectPath: "https://vod.example.com/m1/a,b.mp4", ObjectType: "file", Process: "100%",
		Status: "Complete", CreationTime: at,
	}}
	if d := cmp.Diff(want, b.Tasks.Task); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if *b.PageNumber != 1 || *b.PageSize != 20 || *b.TotalCount != 1 {
		t.Errorf("page %d size %d total %d", *b.PageNumber, *b.PageSize, *b.TotalCount)
	}
}

func TestContract_4_5_TaskId(t *testing.T) {
	t.Parallel()
	f := withTasks(t)
	if d := cmp.Diff([]string{"1000000001", "1000000003"}, found(t, f.call(describe, "TaskId", "1000000001, 1000000003,,1000000003,77"))); d != "" {
		t.Error(d)
	}
	for _, v := range []string{"abc", "1,abc", "-1", "+1", "1.5", "0x1", "99999999999999999999999"} {
		f.call(describe, "TaskId", v).refused(t, 400, "InvalidTaskId.Malformed", "Specified TaskId is malformed.")
	}
	list := make([]string, 101)
	for i := range list {
		list[i] = strconv.Itoa(i + 1)
	}
	f.call(describe, "TaskId", strings.Join(list[:100], ",")).ok(t)
	f.call(describe, "TaskId", strings.Join(list, ",")).refused(t, 400, "InvalidParameter", invalidText("TaskId"))
	if got := found(t, f.call(describe, "TaskId", "77")); len(got) != 0 {
		t.Errorf("an unknown task: %v", got)
	}
}

func TestContract_4_5_ObjectPathIsExactInAnySpelling(t *testing.T) {
	t.Parallel()
	f := withTasks(t)
	for path, want := range map[string][]string{
		"http://vod.example.com/m1/hd.m3u8":                   {"1000000001"},
		"https://vod.example.com/m1/hd.m3u8":                  {"1000000001"},
		"vod.example.com/m1/hd.m3u8":                          {"1000000001"},
		"https://alias.example.com/m1/hd.m3u8?auth_key=1-2-3": {"1000000001"},
		"https://vod.example.com/m1/a,b.mp4":                  {"1000000002"},
		"https://vod.example.com/m1/a%2Cb.mp4":                {"1000000002"}, // U11
		"https://vod.example.com/m1/a%2cb.mp4":                {"1000000002"},
		"https://vod.example.com/m1/":                         {},
		"https://vod.example.com/m1/hd.m3u8x":                 {},
		"https://elsewhere.example.com/m1/hd.m3u8":            {},
		"::not a url::":                                       {},
	} {
		if d := cmp.Diff(want, found(t, f.call(describe, "ObjectPath", path))); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}

func TestContract_4_5_ObjectTypeIsNeededWithDomainOrStatus(t *testing.T) {
	t.Parallel()
	f := withTasks(t)
	f.call(describe, "DomainName", "vod.example.com").refused(t, 400, "MissingParameter", missingText("ObjectType"))
	f.call(describe, "Status", "Complete").refused(t, 400, "MissingParameter", missingText("ObjectType"))
	for _, d := range []string{"vod.example.com", "VOD.example.com", "alias.example.com"} {
		if got := found(t, f.call(describe, "DomainName", d, "ObjectType", "File")); len(got) != 2 {
			t.Errorf("%s: %v", d, got)
		}
	}
	if got := found(t, f.call(describe, "DomainName", "elsewhere.example.com", "ObjectType", "file")); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestContract_4_5_ValuesOfObjectTypeAndStatus(t *testing.T) {
	t.Parallel()
	f := withTasks(t)
	for _, v := range []string{"file", "directory", "preload", "regex", "ignoreparams", "tag", "PRELOAD"} {
		f.call(describe, "ObjectType", v).ok(t)
		if got := f.engine.lastFilter(t).ObjectType; got != strings.ToLower(v) {
			t.Errorf("ObjectType %q became %q", v, got)
		}
	}
	f.call(describe, "ObjectType", "block").refused(t, 400, "InvalidParameter", invalidText("ObjectType"))
	for _, v := range []freshet.TaskStatus{freshet.TaskComplete, freshet.TaskRefreshing, freshet.TaskFailed} {
		f.call(describe, "ObjectType", "file", "Status", strings.ToLower(string(v))).ok(t)
		if got := f.engine.lastFilter(t).Status; got != v {
			t.Errorf("Status %q became %q", v, got)
		}
	}
	for _, v := range []string{"Pending", "Done"} {
		f.call(describe, "ObjectType", "file", "Status", v).refused(t, 400, "InvalidParameter", invalidText("Status"))
	}
}

func TestContract_4_5_StartTimeAndEndTime(t *testing.T) {
	t.Parallel()
	f := withTasks(t)
	now := time.Now().UTC().Truncate(time.Second)
	layout := "2006-01-02T15:04:05Z"
	f.call(describe).ok(t)
	got := f.engine.lastFilter(t)
	if age := now.Sub(got.Since); age < 72*time.Hour-time.Minute || age > 72*time.Hour+time.Minute || !got.Until.IsZero() {
		t.Errorf("without a span: %s to %s", got.Since, got.Until)
	}
	start, end := now.Add(-2*time.Hour), now.Add(-time.Hour)
	f.call(describe, "StartTime", start.Format(layout), "EndTime", end.Format(layout)).ok(t)
	if got := f.engine.lastFilter(t); !got.Since.Equal(start) || got.Until.Before(end) || !got.Until.Before(end.Add(time.Second)) {
		t.Errorf("span %s to %s", got.Since, got.Until)
	}
	f.call(describe, "StartTime", now.AddDate(0, -1, 0).Format(layout)).ok(t)
	if got := f.engine.lastFilter(t); now.Sub(got.Since) > 72*time.Hour+time.Minute {
		t.Errorf("reaches back to %s", got.Since)
	}
	for _, name := range []string{"StartTime", "EndTime"} {
		for _, v := range []string{"yesterday", "2026-01-02", "2026-01-02 03:04:05", "1767323045"} {
			f.call(describe, name, v).refused(t, 400, "InvalidParameter", invalidText(name))
		}
	}
	f.call(describe, "StartTime", end.Format(layout), "EndTime", start.Format(layout)).refused(t, 400, "InvalidParameter", invalidText("EndTime"))
}

func TestContract_4_5_Pages(t *testing.T) {
	t.Parallel()
	f := withTasks(t)
	b := f.call(describe, "PageNumber", "2", "PageSize", "2").ok(t)
	if len(b.Tasks.Task) != 1 || *b.TotalCount != 3 || *b.PageNumber != 2 || *b.PageSize != 2 {
		t.Errorf("%+v", b)
	}
	if got := f.engine.lastFilter(t); got.Offset != 2 || got.Limit != 2 {
		t.Errorf("filter %+v", got)
	}
	f.call(describe, "PageSize", "50").ok(t)
	for _, c := range [][2]string{
		{"PageSize", "51"},
		{"PageSize", "0"},
		{"PageSize", "x"},
		{"PageSize", "-1"},
		{"PageNumber", "0"},
		{"PageNumber", "x"},
		{"PageNumber", "99999999999"},
	} {
		f.call(describe, c[0], c[1]).refused(t, 400, "InvalidParameter", invalidText(c[0]))
	}
}

func TestContract_6_2_ProcessAndDescription(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status         freshet.TaskStatus
		final, targets int
		description    string
		process, text  string
	}{
		{freshet.TaskPending, 0, 3, "", "0%", ""},
		{freshet.TaskRefreshing, 1, 2, "", "50%", ""},
		{freshet.TaskRefreshing, 1, 3, "", "33.33%", ""},
		{freshet.TaskRefreshing, 2, 3, "", "66.66%", ""},
		{freshet.TaskRefreshing, 1, 1600, "", "0.06%", ""},
		{freshet.TaskRefreshing, 99999, 100000, "", "99.99%", ""},
		{freshet.TaskComplete, 3, 3, "ignored", "100%", ""},
		{freshet.TaskComplete, 0, 0, "", "100%", ""},
		{freshet.TaskFailed, 3, 3, "failed at edge-1", "99.99%", "Internal Error: failed at edge-1"},
		{freshet.TaskFailed, 0, 0, "", "0%", "Internal Error"},
	} {
		f := setup(t)
		f.engine.tasks = []freshet.Task{{
			Account: account, ID: 1, URL: "http://plain.example.com/a", ObjectType: "file", Status: c.status,
			Final: c.final, Targets: c.targets, Description: c.description, Created: time.Now(),
		}}
		x := f.call(describe, "TaskId", "1").ok(t).Tasks.Task[0]
		if x.Process != c.process || x.Description != c.text || x.Status != string(c.status) {
			t.Errorf("%s %d/%d: %s %q, want %s %q", c.status, c.final, c.targets, x.Process, x.Description, c.process, c.text)
		}
	}
}

func TestContract_4_5_DescriptionHasTheVendorsWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   string
		reason freshet.Reason
		want   string
	}{
		{"preload", freshet.ReasonOrigin5xx, "Origin Return StatusCode 5XX: failed at edge-1"},
		{"preload", freshet.ReasonOrigin4xx, "Origin Return StatusCode 4XX: failed at edge-1"},
		{"preload", freshet.ReasonTimeout, "Origin Timeout: failed at edge-1"},
		{"file", freshet.ReasonTimeout, "Internal Error: failed at edge-1"},
		{"file", freshet.ReasonRefused, "Internal Error: failed at edge-1"},
	} {
		f := setup(t)
		f.engine.tasks = []freshet.Task{{
			Account: account, ID: 1, URL: "http://plain.example.com/a", ObjectType: c.kind, Status: freshet.TaskFailed,
			Final: 1, Targets: 1, Description: "failed at edge-1", Reason: c.reason, Created: time.Now(),
		}}
		if got := f.call(describe, "TaskId", "1").ok(t).Tasks.Task[0].Description; got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.kind, c.reason, got, c.want)
		}
	}
}
