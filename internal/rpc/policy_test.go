package rpc_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

const refusedText = "User not authorized to operate on the specified resource, or this API doesn't support RAM."

// as makes a call with another key, from an address of 192.0.2.0/24.
func (f *fixture) as(t *testing.T, key, action string, kv ...string) answer {
	t.Helper()
	return f.do(signed(t, v1As(key, action, kv...)))
}

func TestContract_3_1_ForbiddenRAM(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.as(t, "reader", "DescribeVodRefreshTasks").refused(t, 403, "Forbidden.RAM", refusedText)
	// The policy comes before the operation's parameters.
	f.as(t, "reader", "DescribeVodRefreshTasks", "PageSize", "x").refused(t, 403, "Forbidden.RAM", refusedText)
	f.as(t, "reader", "GetMediaRefreshJobs", "MediaRefreshJobId", jobID).ok(t)
	// Its condition is on the caller's address.
	r := signed(t, v1As("reader", "GetMediaRefreshJobs", "MediaRefreshJobId", jobID))
	r.RemoteAddr = "198.51.100.1:1234"
	f.do(r).refused(t, 403, "Forbidden.RAM", refusedText)
	// A key without a policy may do everything in its account.
	f.as(t, "second", "DescribeVodRefreshTasks").ok(t)
}

func TestContract_3_1_ForbiddenRAM_V3(t *testing.T) {
	t.Parallel()
	f := setup(t)
	r := v3Request(t, "GetMediaRefreshJobs", "MediaRefreshJobId="+jobID, "", "")
	if a := f.do(r); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Media that the caller may not touch are listed, and no error.
func TestContract_4_1_ForbiddenMediaIds(t *testing.T) {
	t.Parallel()
	f := setup(t)
	b := f.as(t, "reader", "RefreshMediaPlayUrls", "MediaIds", "m1,m2,m9", "TaskType", "Refresh").ok(t)
	if *b.MediaRefreshJobID == "" || *b.ForbiddenMediaIDs != "m1,m9" || *b.NonExistMediaIDs != "" {
		t.Errorf("job %q, forbidden %q, non-existent %q", *b.MediaRefreshJobID, *b.ForbiddenMediaIDs, *b.NonExistMediaIDs)
	}
	b = f.as(t, "reader", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").ok(t)
	if *b.MediaRefreshJobID != "" || *b.ForbiddenMediaIDs != "m1" {
		t.Errorf("job %q, forbidden %q", *b.MediaRefreshJobID, *b.ForbiddenMediaIDs)
	}
}

// An operation that is not built says so also to those who may not do it: what
// is built is no secret.
func TestContract_3_1_UnsupportedBeforeForbidden(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	setup(t).handler.ServeHTTP(w, signed(t, v1As("reader", "GetURLUploadInfos")))
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
