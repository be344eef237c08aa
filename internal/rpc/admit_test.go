package rpc_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/audit"
	"github.com/freshet-vod/freshet/internal/limits"
	"github.com/freshet-vod/freshet/internal/rpc"
)

// memTrail is a store of audit records.
type memTrail struct {
	mu      sync.Mutex
	records []freshet.AuditRecord
	fail    error
}

func (m *memTrail) PutAudit(_ context.Context, r *freshet.AuditRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.records = append(m.records, *r)
	r.ID = uint64(len(m.records))
	return nil
}

func (m *memTrail) AmendAudit(_ context.Context, r *freshet.AuditRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records[r.ID-1] = *r
	return m.fail
}

func (*memTrail) AuditPage(context.Context, freshet.AuditQuery) (freshet.AuditPage, error) {
	return freshet.AuditPage{}, nil
}
func (*memTrail) PruneAudit(context.Context, time.Time) (int, error) { return 0, nil }

// newest returns the newest record, and how many there are.
func (m *memTrail) newest() (freshet.AuditRecord, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.records) == 0 {
		return freshet.AuditRecord{}, 0
	}
	return m.records[len(m.records)-1], len(m.records)
}

// shares are limits in which the test says what is left.
type shares struct {
	*limits.Throttle
	quota            freshet.Quota
	refresh, preload int
	err              error
}

func (s shares) PerCall(string) (refresh, preload int) { return s.refresh, s.preload }

func (s shares) Quota(_ context.Context, acc string) (freshet.Quota, error) {
	if acc != account {
		return freshet.Quota{}, s.err
	}
	return s.quota, s.err
}

func audited(t *testing.T, change ...func(*rpc.Options)) (*fixture, *memTrail) {
	t.Helper()
	m := &memTrail{}
	return setup(t, append(change, func(o *rpc.Options) { o.Audit = audit.New(m) })...), m
}

func TestAudit_AWriteIsWrittenDown(t *testing.T) {
	t.Parallel()
	f, m := audited(t)
	r := request("RefreshMediaPlayUrls", "MediaIds", "m1, m2", "TaskType", "Refresh", "UserData", `{"Extend":"geheim"}`)
	r.Header.Set("User-Agent", "sdk/1")
	r.RemoteAddr = "192.0.2.9:4711"
	before := time.Now()
	a := f.do(r)
	got, n := m.newest()
	id := a.header.Get("X-Acs-Request-Id")
	if at := got.Time; n != 1 || at.Before(before.Add(-time.Millisecond)) || at.After(time.Now()) {
		t.Errorf("%d records; the time is %s", n, at)
	}
	got.Time, got.ID = time.Time{}, 0
	want := freshet.AuditRecord{
		Account: account, KeyID: keyID, Address: "192.0.2.9", UserAgent: "sdk/1", Action: "RefreshMediaPlayUrls",
		Object: "Refresh m1, m2", Outcome: freshet.AuditOK, RequestID: id,
	}
	if got != want {
		t.Errorf("the record is %+v", got)
	}
}

func TestAudit_RefusedWritesAreWrittenDownToo(t *testing.T) {
	t.Parallel()
	f, m := audited(t)
	for want, call := range map[string]func() answer{
		"MissingParameter":    func() answer { return f.call("RefreshMediaPlayUrls", "MediaIds", "m1") },
		"MediaIdsExceededMax": func() answer { return f.call("RefreshMediaPlayUrls", "MediaIds", many(21), "TaskType", "Refresh") },
		"Forbidden": func() answer {
			f.engine.fail = freshet.Errorf(freshet.CodeForbidden, "No.")
			defer func() { f.engine.fail = nil }()
			return f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh")
		},
	} {
		_, before := m.newest()
		a := call()
		got, n := m.newest()
		if got.Outcome != want || n != before+1 || got.RequestID != a.header.Get("X-Acs-Request-Id") || !strings.Contains(a.body, want) {
			t.Errorf("%s left %d records, the last %+v", want, n-before, got)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("x" + strings.Repeat("y", i) + ",")
	}
	return b.String()
}

// TestP10_StrangersFillNoTrail holds that reads leave no record, nor do calls
// whose caller is not known: anybody could fill the disk.
func TestP10_StrangersFillNoTrail(t *testing.T) {
	t.Parallel()
	f, m := audited(t)
	f.call("GetMediaRefreshJobs", "MediaRefreshJobId", jobID).ok(t)
	f.call("DescribeVodRefreshTasks").ok(t)
	p := v1As(keyID, "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh")
	p.Set("Signature", "bad")
	f.do(signed(t, p))
	f.do(signed(t, v1As("nobody", "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh")))
	if got, n := m.newest(); n != 0 {
		t.Errorf("%d records were left, the last %+v", n, got)
	}
}

func TestAudit_ASuccessWithoutARecordIsNoSuccess(t *testing.T) {
	t.Parallel()
	f, m := audited(t)
	m.fail = errors.New("no space")
	f.call("RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh").refused(t, 500, "InternalError", "The request processing has failed due to some unknown error.")
	f.call("GetMediaRefreshJobs", "MediaRefreshJobId", jobID).ok(t)
}

// TestContract_3_1_ThrottleComesAfterTheSignature holds the order of the
// checks, and that a call which is refused costs no work.
func TestContract_3_1_ThrottleComesAfterTheSignature(t *testing.T) {
	t.Parallel()
	th := limits.NewThrottle(limits.Rules{Each: limits.Figures{CallsPerSecond: 3}})
	f, m := audited(t, func(o *rpc.Options) { o.Limits = shares{Throttle: th} })
	for range 10 {
		p := v1As(keyID, "RefreshMediaPlayUrls", "MediaIds", "m1", "TaskType", "Refresh")
		p.Set("Signature", "bad")
		if a := f.do(signed(t, p)); !strings.Contains(a.body, "SignatureDoesNotMatch") {
			t.Fatalf("a call with a bad signature is answered %s", a.body)
		}
	}
	var codes []string
	for range 10 {
		a := f.call("RefreshMediaPlayUrls", "MediaIds", "m1") // TaskType is missing: checked after the throttle
		switch {
		case strings.Contains(a.body, "MissingParameter"):
			codes = append(codes, "MissingParameter")
		case a.status == http.StatusBadRequest && strings.Contains(a.body, `"Throttling.User"`):
			codes = append(codes, "Throttling.User")
			if ms := a.header.Get("X-Acs-Retry-After"); ms == "" || a.header.Get("X-Ratelimit-User-Api") != "Remain:0,TimeLeft:"+ms {
				t.Errorf("headers %v", a.header)
			}
		default:
			t.Fatal(a.body)
		}
	}
	if n := slices.Index(codes, "Throttling.User"); n < 3 || len(f.engine.subs) != 0 {
		t.Errorf("answers %v, and %d submissions", codes, len(f.engine.subs))
	}
	refused := 0
	for _, r := range m.records {
		if r.Outcome == "Throttling.User" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("a run of refusals left %d records, want one", refused)
	}
	f.call("GetMediaRefreshJobs", "MediaRefreshJobId", jobID).ok(t) // another operation has a bucket of its own
}

// TestAudit_TheObjectHoldsNoSecret holds what a record says a call was about.
func TestAudit_TheObjectHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		params []string
		want   string
	}{
		{[]string{"ObjectPath", "http://vod.example.com/a?auth_key=geheim\nvod.example.com/b/", "ObjectType", "Directory"}, "Directory http://vod.example.com/a vod.example.com/b/"},
		{[]string{"RegisterMetadatas", `[{"FileURL":"http://vod.example.com/a.mp4?token=geheim","Title":"t"}]`}, "http://vod.example.com/a.mp4"},
		{[]string{"RegisterMetadatas", `{"FileURL":"http://u:geheim@vod.example.com/a.mp4"}`}, "http://vod.example.com/a.mp4"},
		{[]string{"RegisterMetadatas", `geheim`}, ""},
		{[]string{"CallbackURL", "http://example.com/?geheim", "AuthKey", "Geheim1", "AppId", "app-1"}, "app-1"},
		{[]string{"VideoId", "v", "JobIds", "j1,j2"}, "j1,j2 v"},
		{[]string{"DomainName", "new.example.com", "Sources", "[]"}, "new.example.com"},
	} {
		f, m := audited(t)
		f.call("RefreshVodObjectCaches", c.params...) // whichever it is: the parameters are told
		if got, n := m.newest(); n != 1 || got.Object != c.want {
			t.Errorf("%v left %d records about %q, want %q", c.params, n, got.Object, c.want)
		}
	}
}
