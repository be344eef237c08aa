package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runJobs(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"AcceptKeepsEveryField":              acceptKeepsEveryField,
		"AcceptRefusesAnIDThatExists":        acceptRefusesAnIDThatExists,
		"AConflictCostsOthersNothing":        aConflictCostsOthersNothing,
		"AcceptWithoutRowsIsDone":            acceptWithoutRows,
		"P1_SixtyFourCallersLoseNothing":     sixtyFourCallers,
		"UnknownJobIsNotFound":               unknownJob,
		"ListGivesNewestFirst":               listGivesNewestFirst,
		"ACancelledCallerLearnsTheTruth":     aCancelledCallerLearnsTheTruth,
		"OutcomeKeepsEveryField":             outcomeKeepsEveryField,
		"SavePlanRefusesARowThatIsNotFinal":  savePlanRefusesUnfinished,
		"SavePlanRefusesAnotherAccountsWork": savePlanRefusesForeign,
	})
}

func acceptKeepsEveryField(t *testing.T, s Everything) {
	full := newJob("acct", "00112233aabbccdd", "m1", "m2", "m3")
	full.Type, full.UserData, full.Policy, full.Native = freshet.Prefetch, "päckchen", `{"a":1}`, true
	full.FinishBy = day0().Add(3 * time.Hour)
	full.Filter = freshet.Filter{
		Formats: []freshet.Format{"mp4", "m3u8"}, Definitions: []freshet.Definition{"HD"},
		StreamTypes: []freshet.StreamType{freshet.StreamVideo}, Multiple: true, Slices: true, SliceCount: 7, Everything: true,
	}
	direct := newJob("acct", "not-hex", "")
	direct.Direct = &freshet.Direct{URLs: []string{"http://a/b"}, Prefixes: []string{"http://a/c/"}, Tags: []string{"t"}}
	upper := newJob("acct", "00112233AABBCCDD", "m1") // not the same ID
	for _, j := range []*freshet.Job{full, direct, upper} {
		ok(t, s.Accept(t.Context(), j, store.Nonce{}))
		got, err := s.Job(t.Context(), "acct", j.ID)
		ok(t, err)
		same(t, got, j)
	}
}

func acceptRefusesAnIDThatExists(t *testing.T, s Everything) {
	first := newJob("a", "j1", "m1")
	ok(t, s.Accept(t.Context(), first, store.Nonce{}))
	wantCode(t, s.Accept(t.Context(), newJob("a", "j1", "m2"), store.Nonce{Fingerprint: 9, Expires: day0().Add(time.Hour)}), freshet.CodeConflict)
	got, err := s.Job(t.Context(), "a", "j1")
	ok(t, err)
	same(t, got, first)
	n, err := s.Unplanned(t.Context())
	ok(t, err)
	same(t, n, 1)
	nonces, err := s.Nonces(t.Context(), day0())
	ok(t, err)
	same(t, nonces, []store.Nonce(nil)) // what was refused left nothing behind
}

// aConflictCostsOthersNothing mixes calls that fail into groups of calls that
// share a commit.
func aConflictCostsOthersNothing(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "taken", "m"), store.Nonce{}))
	var wg sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		id := fmt.Sprintf("job-%d", i)
		if i%4 == 0 {
			id = "taken"
		}
		wg.Go(func() { errs[i] = s.Accept(t.Context(), newJob("a", id, "m"), store.Nonce{}) })
	}
	wg.Wait()
	for i, err := range errs {
		if i%4 == 0 {
			wantCode(t, err, freshet.CodeConflict)
			continue
		}
		ok(t, err)
		_, err = s.Job(t.Context(), "a", fmt.Sprintf("job-%d", i))
		ok(t, err)
	}
	n, err := s.Unplanned(t.Context())
	ok(t, err)
	same(t, n, 49)
}

func acceptWithoutRows(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1"), store.Nonce{}))
	n, err := s.Unplanned(t.Context())
	ok(t, err)
	same(t, n, 0)
	same(t, rowNames(claim(t, s, "w", day0(), 5)), []string(nil))
}

func sixtyFourCallers(t *testing.T, s Everything) {
	const callers, each = 64, 5
	var wg sync.WaitGroup
	errs := make(chan error, callers*each)
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				job := newJob("a", fmt.Sprintf("%08x%08x", c, i), "m1", fmt.Sprintf("m%d", c))
				errs <- s.Accept(t.Context(), job, store.Nonce{Fingerprint: uint64(c*each + i + 1), Expires: day0().Add(time.Hour)}) //nolint:gosec // small
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		ok(t, err)
	}
	jobs, err := s.ListJobs(t.Context(), "a", time.Time{}, 1000)
	ok(t, err)
	same(t, len(jobs), callers*each)
	n, err := s.Unplanned(t.Context())
	ok(t, err)
	same(t, n, 2*callers*each)
	nonces, err := s.Nonces(t.Context(), day0())
	ok(t, err)
	same(t, len(nonces), callers*each)
}

func unknownJob(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1"), store.Nonce{}))
	for _, id := range []string{"", "j2", "J1", "j1 ", "0000000000000000"} {
		_, err := s.Job(t.Context(), "a", id)
		wantCode(t, err, freshet.CodeNotFound)
	}
}

func listGivesNewestFirst(t *testing.T, s Everything) {
	for i := range 5 {
		j := newJob("a", fmt.Sprintf("j%d", i), "m")
		j.Created = day0().Add(time.Duration(i) * time.Second)
		ok(t, s.Accept(t.Context(), j, store.Nonce{}))
	}
	ids := func(before time.Time, limit int) []string {
		jobs, err := s.ListJobs(t.Context(), "a", before, limit)
		ok(t, err)
		var out []string
		for _, j := range jobs {
			out = append(out, j.ID)
		}
		return out
	}
	same(t, ids(time.Time{}, 2), []string{"j4", "j3"})
	same(t, ids(day0().Add(3*time.Second), 10), []string{"j2", "j1", "j0"})
	same(t, ids(time.Time{}, 0), []string(nil))
}

// aCancelledCallerLearnsTheTruth: an error means that nothing happened, a
// cancelled context included.
func aCancelledCallerLearnsTheTruth(t *testing.T, s Everything) {
	const n = 200
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() { errs[i] = s.Accept(ctx, newJob("a", fmt.Sprintf("j%d", i), "m"), store.Nonce{}) })
		wg.Go(cancel)
	}
	wg.Wait()
	for i, err := range errs {
		_, found := s.Job(t.Context(), "a", fmt.Sprintf("j%d", i))
		switch {
		case err == nil:
			ok(t, found)
		case errors.Is(err, context.Canceled):
			wantCode(t, found, freshet.CodeNotFound)
		default:
			t.Fatalf("unexpected error: %v", err)
		}
	}
}

func outcomeKeepsEveryField(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1", "m2", "m3"), store.Nonce{}))
	rows := claim(t, s, "w", day0().Add(time.Second), 10)
	same(t, rowNames(rows), []string{"j1/0", "j1/1", "j1/2"})
	want := newJob("a", "j1", "m1", "m2", "m3")

	p := planned(rows[0], purge("a", "j1", 0, 3), purge("a", "j1", 0, 2))
	p.Row.Modified = day0().Add(2 * time.Second)
	ok(t, s.SavePlan(t.Context(), p))
	same(t, p.Row.Entries, positions(p.Entries))
	want.Rows[0] = p.Row

	f := planned(rows[1])
	f.Row.State, f.Row.Fault, f.Row.Message = freshet.RowFailed, "InvalidVideo.NotFound", "The video <x> does not exist."
	f.Row.Problems = []freshet.Problem{{URL: "http://a/b?c=d&e", Reason: "unreadable"}}
	ok(t, s.SavePlan(t.Context(), f))
	want.Rows[1] = f.Row
	want.Rows[2].State = freshet.RowPlanning

	got, err := s.Job(t.Context(), "a", "j1")
	ok(t, err)
	same(t, got, want)
	n, err := s.Unplanned(t.Context())
	ok(t, err)
	same(t, n, 1)
	list, err := s.ListJobs(t.Context(), "a", time.Time{}, 1)
	ok(t, err)
	same(t, list, []*freshet.Job{want})
}

func savePlanRefusesUnfinished(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1"), store.Nonce{}))
	p := planned(claim(t, s, "w", day0(), 1)[0])
	p.Row.State = freshet.RowPlanning
	wantCode(t, s.SavePlan(t.Context(), p), freshet.CodeInvalid)
}

func savePlanRefusesForeign(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1"), store.Nonce{}))
	c := claim(t, s, "w", day0(), 1)[0]
	wantCode(t, s.SavePlan(t.Context(), planned(c, purge("b", "j1", 0, 1))), freshet.CodeInvalid)
	heads, err := s.Heads(t.Context())
	ok(t, err)
	same(t, heads[freshet.SubjectPurge], freshet.Position{})
	ok(t, s.SavePlan(t.Context(), planned(c, purge("a", "j1", 0, 1))))
}
