package rpc_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/rpc"
)

func TestContract_3_4_MediaRefreshJobIdAbsent(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.call("GetMediaRefreshJobs").refused(t, 400, "MissingParameter", missingText("MediaRefreshJobId"))
	f.call("GetMediaRefreshJobs", "MediaRefreshJobId", " ", "MediaId", "m1").refused(t, 400, "MissingParameter", missingText("MediaRefreshJobId"))
}

func TestContract_4_2_RowsOfAJob(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := *f.call("RefreshMediaPlayUrls", "MediaIds", "m2,m1,gone", "TaskType", "Preload").ok(t).MediaRefreshJobID
	rows := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", id).ok(t).MediaRefreshJobs
	at := f.engine.jobs[id].Created.UTC().Format("2006-01-02T15:04:05Z")
	policy := `{"ResultType":"Single","SliceFlag":false}`
	want := []jobRow{
		{
			MediaRefreshJobID: id, MediaID: "m2", TaskType: "Preload", FilterPolicy: policy, Status: "success",
			SuccessPlayURLs: "http://plain.example.com/m2.mp4", TaskIDs: "1000000001", GmtCreate: at, GmtModified: at,
		},
		{ // U15: https by the domain; U11: position i belongs to position i, a comma in a URL is %2C
			MediaRefreshJobID: id, MediaID: "m1", TaskType: "Preload", FilterPolicy: policy, Status: "success",
			SuccessPlayURLs: "https://vod.example.com/m1/hd.m3u8,https://vod.example.com/m1/a%2Cb.mp4",
			TaskIDs:         "1000000002,1000000003", GmtCreate: at, GmtModified: at,
		},
	}
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	one := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", id, "MediaId", "m1").ok(t).MediaRefreshJobs
	if d := cmp.Diff(want[1:], one); d != "" {
		t.Errorf("one row (-want +got):\n%s", d)
	}
	if f.engine.waited != time.Second {
		t.Errorf("waited %s for the rows, want 1s (U8)", f.engine.waited)
	}
}

func TestContract_4_2_UnknownIsEmptyNotAnError(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := *f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").ok(t).MediaRefreshJobID
	for _, a := range []answer{
		f.call("GetMediaRefreshJobs", "MediaRefreshJobId", "ffffffffffffffff"),
		f.call("GetMediaRefreshJobs", "MediaRefreshJobId", id, "MediaId", "m2"),
	} {
		if rows := a.ok(t).MediaRefreshJobs; rows == nil || len(rows) != 0 {
			t.Errorf("%s, want an empty array", a.body)
		}
	}
}

func TestP8_RowsOfAnotherAccountAreInvisible(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := *f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").ok(t).MediaRefreshJobID
	r := signed(t, v1As("second", "GetMediaRefreshJobs", "MediaRefreshJobId", id))
	if rows := f.do(r).ok(t).MediaRefreshJobs; rows == nil || len(rows) != 0 {
		t.Errorf("rows %+v", rows)
	}
	for _, task := range f.do(signed(t, v1As("second", "DescribeVodRefreshTasks"))).ok(t).Tasks.Task {
		t.Errorf("task %+v", task)
	}
}

func TestContract_4_1_U8_ProcessingIsShownUntilPlanned(t *testing.T) {
	t.Parallel()
	for _, state := range []freshet.RowState{freshet.RowAccepted, freshet.RowPlanning} {
		f := setup(t, func(o *rpc.Options) { o.WaitPlanned = time.Millisecond })
		f.engine.state = state
		id := *f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").ok(t).MediaRefreshJobID
		rows := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", id).ok(t).MediaRefreshJobs
		if len(rows) != 1 || rows[0].Status != "processing" || rows[0].SuccessPlayURLs != "" || rows[0].TaskIDs != "" {
			t.Errorf("%s: %+v", state, rows)
		}
	}
}

// TestContract_4_2_NativeJobsHaveAFilterPolicyToo: clients read the text as
// JSON.
func TestContract_4_2_NativeJobsHaveAFilterPolicyToo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter freshet.Filter
		want   string
	}{
		{freshet.Filter{Everything: true}, `{"ResultType":"Multiple","SliceFlag":true}`},
		{freshet.Filter{Formats: []freshet.Format{"mp4"}}, `{"Formats":"mp4","ResultType":"Single","SliceFlag":false}`},
	} {
		f := setup(t)
		id := *f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").ok(t).MediaRefreshJobID
		f.engine.jobs[id].Policy, f.engine.jobs[id].Filter = "", c.filter
		if got := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", id).ok(t).MediaRefreshJobs[0].FilterPolicy; got != c.want {
			t.Errorf("%+v: %s, want %s", c.filter, got, c.want)
		}
	}
}

func TestContract_4_1_U10_FailedRow(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.engine.state = freshet.RowFailed
	id := *f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").ok(t).MediaRefreshJobID
	r := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", id).ok(t).MediaRefreshJobs[0]
	if r.Status != "fail" || r.ErrorCode == nil || *r.ErrorCode != "InvalidVideo.NoneStream" || r.ErrorMessage == nil ||
		r.SuccessPlayURLs != "" || r.TaskIDs != "" {
		t.Errorf("%+v", r)
	}
}

// TestContract_4_1_U9_PartialFailureListsWhatWasAccepted: a failed row may
// have tasks.
func TestContract_4_1_U9_PartialFailureListsWhatWasAccepted(t *testing.T) {
	t.Parallel()
	f := setup(t)
	id := *f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").ok(t).MediaRefreshJobID
	row := &f.engine.jobs[id].Rows[0]
	row.State, row.Fault, row.Message = freshet.RowFailed, "InternalError", "The playlist cannot be read."
	r := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", id).ok(t).MediaRefreshJobs[0]
	if r.Status != "fail" || r.TaskIDs != "1000000001,1000000002" {
		t.Errorf("%+v", r)
	}
}

// TestJobsByURLAreNotShown: their row has no media.
func TestJobsByURLAreNotShown(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.engine.jobs["0000000000000001"] = &freshet.Job{
		Account: account, ID: "0000000000000001", Type: freshet.Purge, Rows: []freshet.Row{{State: freshet.RowPlanned}},
	}
	if rows := f.call("GetMediaRefreshJobs", "MediaRefreshJobId", "0000000000000001").ok(t).MediaRefreshJobs; len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}
