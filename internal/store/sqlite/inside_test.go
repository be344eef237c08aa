package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// TestAFaultCostsTheOthersNothing: an op that fails after it wrote something
// is rolled back, alone, whatever shares its transaction.
func TestAFaultCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	if err := s.Accept(t.Context(), &freshet.Job{Account: "a", ID: "first", Rows: []freshet.Row{{Media: "m"}}}, store.Nonce{}); err != nil {
		t.Fatal(err)
	}
	stranger := errors.New("a fault")
	release := s.Stall(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 40)
	for i := range errs {
		wg.Go(func() {
			id := fmt.Sprintf("j%d", i)
			switch i % 4 {
			case 0:
				errs[i] = s.Accept(t.Context(), &freshet.Job{Account: "a", ID: id, Rows: []freshet.Row{{Media: "m"}}}, store.Nonce{})
			case 1: // says no, but only after a write
				errs[i] = s.Write(t.Context(), freshet.Errorf(freshet.CodeConflict, "No."), `INSERT INTO member (pop) VALUES ('no`+id+`')`)
			case 2:
				errs[i] = s.Write(t.Context(), stranger, `INSERT INTO member (pop) VALUES ('bad`+id+`')`)
			case 3: // moves the queue, which is read again after a rollback
				_, errs[i] = s.Claim(t.Context(), store.Claim{Worker: id, Now: time.Unix(1e9+int64(i)*3600, 0), Lease: time.Minute, Limit: 1})
			}
		})
	}
	await(t, func() bool { return s.Queued() == len(errs) })
	release()
	wg.Wait()
	for i, err := range errs {
		switch i % 4 {
		case 0, 3:
			if err != nil {
				t.Errorf("write %d: %v", i, err)
			}
		case 1:
			if freshet.ErrorCode(err) != freshet.CodeConflict {
				t.Errorf("write %d: %v", i, err)
			}
		case 2:
			if !errors.Is(err, stranger) {
				t.Errorf("write %d: %v", i, err)
			}
		}
	}
	// Nothing of what failed is there, and the order of rows survived.
	e := &freshet.Entry{Kind: freshet.EntryMembership, Membership: freshet.Membership{Change: freshet.MemberEnrol, POP: "p"}}
	if err := s.Append(t.Context(), time.Unix(1e9, 0), e); err != nil || len(e.Targets) != 1 {
		t.Fatalf("targets are %v (%v)", e.Targets, err)
	}
	later := time.Unix(2e9, 0)
	for want := 11; want > 0; want-- {
		if n, err := s.Unplanned(t.Context()); err != nil || n != want {
			t.Fatalf("%d rows wait (%v), want %d", n, err, want)
		}
		rows, err := s.Claim(t.Context(), store.Claim{Worker: "end", Now: later, Lease: time.Minute, Limit: 9})
		if err != nil || len(rows) != 1 || want == 11 && rows[0].Job.ID != "first" {
			t.Fatalf("claimed %v: %v", rows, err)
		}
		row := rows[0].Row
		row.State = freshet.RowPlanned
		if err := s.SavePlan(t.Context(), &store.Plan{Claim: rows[0], Row: row, Now: later}); err != nil {
			t.Fatal(err)
		}
	}
}

// await polls until a condition holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("it never came to hold")
		case <-tick.C:
		}
	}
}

// TestCloseFinishesWhatIsQueued: a caller gets the truth, whichever side of
// the end its write fell.
func TestCloseFinishesWhatIsQueued(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	release := s.Stall(t.Context())
	errs := make([]error, 50)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = s.Accept(t.Context(), &freshet.Job{Account: "a", ID: fmt.Sprint(i)}, store.Nonce{}) })
	}
	await(t, func() bool { return s.Queued() > 10 })
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	release()
	wg.Wait()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	done := 0
	for i, err := range errs {
		_, found := s.Job(t.Context(), "a", fmt.Sprint(i))
		switch {
		case err == nil && found == nil:
			done++
		case freshet.ErrorCode(err) == freshet.CodeUnavailable && freshet.ErrorCode(found) == freshet.CodeNotFound:
		default:
			t.Errorf("job %d: answered %v, and then %v", i, err, found)
		}
	}
	if done < 10 {
		t.Errorf("%d of those that were queued were done", done)
	}
}

func TestJobsSurvivePacking(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ms := rapid.Custom(func(rt *rapid.T) time.Time { return time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(rt, "ms")).UTC() })
		id := rapid.OneOf(rapid.StringMatching(`[0-9a-f]{16}`), rapid.String()).Draw(rt, "id")
		want := &freshet.Job{
			Account: "a", ID: id, Type: rapid.SampledFrom([]freshet.TaskType{freshet.Purge, freshet.Prefetch}).Draw(rt, "type"),
			UserData: rapid.String().Draw(rt, "data"), Policy: rapid.String().Draw(rt, "policy"), Native: rapid.Bool().Draw(rt, "native"),
			Created: ms.Draw(rt, "created"), Rows: []freshet.Row{},
			Filter: freshet.Filter{SliceCount: rapid.IntRange(0, 20).Draw(rt, "n"), Everything: rapid.Bool().Draw(rt, "all")},
		}
		if rapid.Bool().Draw(rt, "direct") {
			want.Direct = &freshet.Direct{URLs: rapid.SliceOfN(rapid.String(), 1, 5).Draw(rt, "urls")}
		}
		if rapid.Bool().Draw(rt, "finish") {
			want.FinishBy = ms.Draw(rt, "by")
		}
		for i, m := range rapid.SliceOf(rapid.String()).Draw(rt, "media") {
			want.Rows = append(want.Rows, freshet.Row{Job: id, Index: i, Media: m, State: freshet.RowAccepted, Modified: ms.Draw(rt, "modified")})
		}
		b, err := sqlite.EncodeJob(want)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := sqlite.DecodeJob(b, id, "a", want.Created.UnixMilli())
		if err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatal(d)
		}
		if back := sqlite.JobID(sqlite.JobKey(id)); back != id {
			rt.Fatalf("ID %q came back as %q", id, back)
		}
	})
}

func FuzzDecodeJob(f *testing.F) {
	b, err := sqlite.EncodeJob(&freshet.Job{
		Filter: freshet.Filter{Slices: true}, Direct: &freshet.Direct{Tags: []string{"t"}}, Rows: []freshet.Row{{Media: "m"}, {}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := sqlite.DecodeJob(b, "x", "a", 1)
		if err == nil && len(j.Rows) > len(b) {
			t.Fatalf("%d bytes became %d rows", len(b), len(j.Rows))
		}
	})
}

func TestNumbersBecomeRuns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		numbers := rapid.SliceOf(rapid.Int64Range(0, 30)).Draw(rt, "numbers")
		have := map[int64]bool{}
		for _, n := range numbers {
			have[n] = true
		}
		last := int64(-2)
		for _, run := range sqlite.Spans(numbers...) {
			if run[0] <= last+1 || run[1] < run[0] {
				rt.Fatalf("run %v after %d", run, last)
			}
			for n := run[0]; n <= run[1]; n++ {
				if !have[n] {
					rt.Fatalf("%d was never added", n)
				}
				delete(have, n)
			}
			last = run[1]
		}
		if len(have) != 0 {
			rt.Fatalf("%v got lost", have)
		}
	})
}

// TestP1_OnlyBriefWritesAreNotSynced: whatever came before, and whoever shares
// the transaction.
func TestP1_OnlyBriefWritesAreNotSynced(t *testing.T) {
	t.Parallel()
	const normal, full = 1, 2
	s := open(t, t.TempDir())
	want := func(brief bool, level int) {
		t.Helper()
		if got, err := s.Level(t.Context(), brief); err != nil || got != level {
			t.Fatalf("brief %v: level %d (%v), want %d", brief, got, err, level)
		}
	}
	want(false, full)
	want(true, normal)
	want(true, normal)
	want(false, full)
	want(true, normal)
	release := s.Stall(t.Context())
	var wg sync.WaitGroup
	levels := make([]int, 10)
	for i := range levels {
		wg.Go(func() { levels[i], _ = s.Level(t.Context(), i != 4) })
	}
	await(t, func() bool { return s.Queued() == len(levels) })
	release()
	wg.Wait()
	for i, got := range levels {
		if got != full {
			t.Errorf("write %d shares its transaction with one that lasts, at level %d", i, got)
		}
	}
}

// TestAudit_WithoutARecordThereIsNoWrite: a store that cannot take the record
// refuses what it is about, and what shares its transaction is done all the
// same.
func TestAudit_WithoutARecordThereIsNoWrite(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	if err := s.Write(t.Context(), nil, `DROP TABLE audit`); err != nil {
		t.Fatal(err)
	}
	release := s.Stall(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = store.WithRide(ctx, &store.Ride{Record: &freshet.AuditRecord{Account: "a"}})
			}
			errs[i] = s.Accept(ctx, &freshet.Job{Account: "a", ID: fmt.Sprintf("j%d", i), Rows: []freshet.Row{{Media: "m"}}}, store.Nonce{})
		})
	}
	await(t, func() bool { return s.Queued() == len(errs) })
	release()
	wg.Wait()
	for i, err := range errs {
		_, missing := s.Job(t.Context(), "a", fmt.Sprintf("j%d", i))
		if refused := i%2 == 0; (err != nil) != refused || (missing != nil) != refused {
			t.Errorf("write %d: %v; its job: %v", i, err, missing)
		}
	}
}
