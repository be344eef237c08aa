package storetest

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runLog(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"EntriesKeepEveryField":         logKeepsEveryField,
		"PositionsAreContiguous":        logPositionsAreContiguous,
		"LastPurgeIsTheOneBefore":       logLastPurge,
		"TargetsAreFrozen":              logTargetsAreFrozen,
		"DownPOPsStayTargets":           logDownStays,
		"ReadFollowsOneSubject":         logReadFollowsOneSubject,
		"ReadStopsAtItsLimits":          logReadLimits,
		"UnknownEntryIsNotFound":        logUnknownEntry,
		"MembersAreInOrder":             logMembers,
		"TasksAreContiguousPerEntry":    logTasksContiguous,
		"ConcurrentPlansShareOneOrder":  logConcurrentPlans,
		"AnUnknownKindIsRefusedInWhole": logUnknownKind,
	})
}

func readAll(t *testing.T, s Everything, subject string) []*freshet.Entry {
	t.Helper()
	entries, err := s.Read(t.Context(), subject, freshet.Position{}, 10_000, 1<<30)
	ok(t, err)
	return entries
}

func logKeepsEveryField(t *testing.T, s Everything) {
	enrol(t, s, "p2", "p1")
	var want []*freshet.Entry
	exact := purge("a", "00112233aabbccdd", 0, 200)
	exact.Selector.URLs[7] = "http://vod.example.com/%C3%A4?x=1&y=2"
	exact.Selector.URLs[8] = exact.Selector.URLs[9] // repeats are the caller's business
	want = append(want, exact, prefetch("a", "00112233aabbccdd", 3, 5))
	for _, sel := range []freshet.Selector{
		{Kind: freshet.SelectPrefix, Pattern: "http://vod.example.com/x/"},
		{Kind: freshet.SelectRegex, Pattern: `^http://vod\.example\.com/.*\.ts$`, Hosts: []string{"vod.example.com", "b"}},
		{Kind: freshet.SelectTag, Pattern: "film-7", Hosts: []string{"vod.example.com"}},
	} {
		e := purge("a", "00112233aabbccdd", 1, 0)
		e.Selector = sel
		want = append(want, e)
	}
	logged(t, s, "a", "00112233aabbccdd", want...)
	for _, w := range want {
		if w.At.IsZero() || w.FirstTask < 1_000_000_000 {
			t.Fatalf("entry got position %v and task %d", w.At, w.FirstTask)
		}
		same(t, w.Targets, []string{"p1", "p2"})
		got, err := s.Entry(t.Context(), w.At)
		ok(t, err)
		same(t, got, w)
	}
	undated := membership(freshet.MemberEnrol, "p3")
	undated.Created = time.Time{}
	ok(t, s.Append(t.Context(), day0().Add(time.Second+3*time.Microsecond), undated))
	got, err := s.Entry(t.Context(), undated.At)
	ok(t, err)
	same(t, got, undated)
	same(t, got.Created, day0().Add(time.Second))
	same(t, got.FirstTask, uint64(0))
}

func logPositionsAreContiguous(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	logged(t, s, "a", "j1", purge("a", "j1", 0, 1), prefetch("a", "j1", 0, 1))
	logged(t, s, "b", "j2", purge("b", "j2", 0, 1))
	for i := range 4 {
		_, err := s.Entry(t.Context(), freshet.Position{Epoch: 1, Pos: uint64(i) + 1})
		ok(t, err)
	}
	heads, err := s.Heads(t.Context())
	ok(t, err)
	same(t, heads, map[string]freshet.Position{
		freshet.SubjectPurge: {Epoch: 1, Pos: 4}, freshet.SubjectPrefetch: {Epoch: 1, Pos: 3},
	})
}

func logLastPurge(t *testing.T, s Everything) {
	early := prefetch("a", "j0", 0, 1)
	logged(t, s, "a", "j0", early)
	same(t, early.LastPurge, freshet.Position{})
	p1, f1 := purge("a", "j1", 0, 1), prefetch("a", "j1", 0, 1)
	logged(t, s, "a", "j1", p1, f1)
	same(t, f1.LastPurge, p1.At)
	enrol(t, s, "pop") // a change of membership is no purge
	f2, f3 := prefetch("b", "j2", 0, 1), prefetch("b", "j2", 0, 1)
	logged(t, s, "b", "j2", f2, f3)
	same(t, []freshet.Position{f2.LastPurge, f3.LastPurge}, []freshet.Position{p1.At, p1.At}) // in any account
	got, err := s.Entry(t.Context(), f3.At)
	ok(t, err)
	same(t, got.LastPurge, p1.At)
}

func logTargetsAreFrozen(t *testing.T, s Everything) {
	nobody := purge("a", "j0", 0, 1)
	logged(t, s, "a", "j0", nobody)
	enrol(t, s, "p2", "p1")
	two := purge("a", "j1", 0, 1)
	logged(t, s, "a", "j1", two)
	enrol(t, s, "p0", "p0") // twice is once
	leave := membership(freshet.MemberRemove, "p2")
	ok(t, s.Append(t.Context(), day0(), leave))
	later := purge("a", "j2", 0, 1)
	logged(t, s, "a", "j2", later)
	same(t, leave.Targets, []string{"p0", "p1"})
	for _, c := range []struct {
		e    *freshet.Entry
		want []string
	}{{nobody, nil}, {two, []string{"p1", "p2"}}, {later, []string{"p0", "p1"}}} {
		same(t, c.e.Targets, c.want)
		got, err := s.Entry(t.Context(), c.e.At)
		ok(t, err)
		same(t, got.Targets, c.want)
	}
}

func logDownStays(t *testing.T, s Everything) {
	enrol(t, s, "p1", "p2")
	ok(t, s.Append(t.Context(), day0(), membership(freshet.MemberDown, "p1"), membership(freshet.MemberDown, "stranger")))
	e := purge("a", "j1", 0, 1)
	logged(t, s, "a", "j1", e)
	same(t, e.Targets, []string{"p1", "p2"})
	ok(t, s.Append(t.Context(), day0(), membership(freshet.MemberUp, "p1"), membership(freshet.MemberUp, "stranger")))
	e = purge("a", "j2", 0, 1)
	logged(t, s, "a", "j2", e)
	same(t, e.Targets, []string{"p1", "p2"})
}

func logReadFollowsOneSubject(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	var purges, prefetches []freshet.Position
	for i := range 5 {
		job := fmt.Sprintf("j%d", i)
		p, f := purge("a", job, 0, 1), prefetch("a", job, 0, 1)
		logged(t, s, "a", job, p, f)
		purges, prefetches = append(purges, p.At), append(prefetches, f.At)
	}
	got, err := s.Read(t.Context(), freshet.SubjectPrefetch, freshet.Position{}, 100, 1<<20)
	ok(t, err)
	same(t, positions(got), prefetches)
	got, err = s.Read(t.Context(), freshet.SubjectPurge, purges[1], 2, 1<<20)
	ok(t, err)
	same(t, positions(got), purges[2:4])
	// A position between two entries of a subject, of the other one, is a
	// place to go on from as well.
	got, err = s.Read(t.Context(), freshet.SubjectPurge, prefetches[3], 9, 1<<20)
	ok(t, err)
	same(t, positions(got), purges[4:])
	for _, beyond := range []freshet.Position{
		purges[4], {Epoch: 1, Pos: math.MaxUint64}, {Epoch: 9}, {Epoch: math.MaxUint32, Pos: math.MaxUint64},
	} {
		got, err = s.Read(t.Context(), freshet.SubjectPurge, beyond, 9, 1<<20)
		ok(t, err)
		same(t, len(got), 0)
	}
}

func logReadLimits(t *testing.T, s Everything) {
	for i := range 6 {
		job := fmt.Sprintf("j%d", i)
		e := purge("a", job, 0, 0)
		for k := range 40 { // text that does not compress
			e.Selector.URLs = append(e.Selector.URLs, fmt.Sprintf("http://h/%x", uint64(i*1000+k+1)*0x9e3779b97f4a7c15))
		}
		logged(t, s, "a", job, e)
	}
	first, err := s.Read(t.Context(), freshet.SubjectPurge, freshet.Position{}, 9, 1)
	ok(t, err)
	same(t, len(first), 1) // never none: the reader would be stuck
	some, err := s.Read(t.Context(), freshet.SubjectPurge, freshet.Position{}, 9, 1500)
	ok(t, err)
	if len(some) < 2 || len(some) > 5 {
		t.Fatalf("1,500 bytes hold %d entries of some 400", len(some))
	}
	none, err := s.Read(t.Context(), freshet.SubjectPurge, freshet.Position{}, 0, 1<<20)
	ok(t, err)
	same(t, len(none), 0)
}

func logUnknownEntry(t *testing.T, s Everything) {
	logged(t, s, "a", "j1", purge("a", "j1", 0, 1))
	for _, at := range []freshet.Position{
		{}, {Epoch: 1}, {Pos: 1}, {Epoch: 1, Pos: 2}, {Epoch: 2, Pos: 1}, {Epoch: 1, Pos: math.MaxUint64}, {Epoch: math.MaxUint32, Pos: 1},
	} {
		_, err := s.Entry(t.Context(), at)
		wantCode(t, err, freshet.CodeNotFound)
	}
}

func logMembers(t *testing.T, s Everything) {
	none, err := s.Members(t.Context())
	ok(t, err)
	same(t, len(none), 0)
	want := []*freshet.Entry{
		membership(freshet.MemberEnrol, "p1"), membership(freshet.MemberDown, "p1"), membership(freshet.MemberUp, "p1"),
	}
	ok(t, s.Append(t.Context(), day0(), want...))
	logged(t, s, "a", "j1", purge("a", "j1", 0, 1))
	last := membership(freshet.MemberRemove, "p1")
	ok(t, s.Append(t.Context(), day0(), last))
	got, err := s.Members(t.Context())
	ok(t, err)
	same(t, got, append(want, last))
	ok(t, s.Append(t.Context(), day0())) // nothing at all
}

func logTasksContiguous(t *testing.T, s Everything) {
	a1, a2 := purge("a", "j1", 0, 5), prefetch("a", "j1", 0, 3)
	logged(t, s, "a", "j1", a1, a2)
	b1 := purge("b", "j2", 0, 2)
	logged(t, s, "b", "j2", b1)
	a3 := purge("a", "j3", 0, 0)
	a3.Selector = freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "http://vod.example.com/"}
	a4 := purge("a", "j3", 0, 1)
	logged(t, s, "a", "j3", a3, a4)
	same(t, []uint64{a1.FirstTask, a2.FirstTask, a3.FirstTask, a4.FirstTask, b1.FirstTask},
		[]uint64{1_000_000_000, 1_000_000_005, 1_000_000_008, 1_000_000_009, 1_000_000_000})
}

// logConcurrentPlans: whatever commits together, positions and task IDs have
// no gap and no repeat.
func logConcurrentPlans(t *testing.T, s Everything) {
	const workers, each = 16, 10
	var wg sync.WaitGroup
	errs := make(chan error, workers*each)
	for w := range workers {
		for i := range each {
			id := fmt.Sprintf("j%d-%d", w, i)
			ok(t, s.Accept(t.Context(), newJob("a", id, id), store.Nonce{}))
		}
	}
	for w := range workers {
		wg.Go(func() {
			for range each {
				rows, err := s.Claim(t.Context(), store.Claim{Worker: fmt.Sprint(w), Now: day0(), Lease: time.Hour, Limit: 1})
				if err == nil && len(rows) == 1 {
					j := rows[0].Job.ID
					err = s.SavePlan(t.Context(), planned(rows[0], purge("a", j, 0, 40), prefetch("a", j, 0, 2)))
				}
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		ok(t, err)
	}
	seen := map[uint64]bool{}
	purges, prefetches := readAll(t, s, freshet.SubjectPurge), readAll(t, s, freshet.SubjectPrefetch)
	same(t, len(purges)+len(prefetches), 2*workers*each)
	tasks := map[uint64]bool{}
	for _, e := range append(purges, prefetches...) {
		seen[e.At.Pos] = true
		for i := range e.Len() {
			tasks[e.FirstTask+uint64(i)] = true
		}
	}
	for i := range uint64(2 * workers * each) {
		if !seen[i+1] {
			t.Fatalf("position %d is missing", i+1)
		}
	}
	for i := range uint64(42 * workers * each) {
		if !tasks[1_000_000_000+i] {
			t.Fatalf("task %d is missing", 1_000_000_000+i)
		}
	}
}

func logUnknownKind(t *testing.T, s Everything) {
	wantCode(t, s.Append(t.Context(), day0(), membership(freshet.MemberEnrol, "p1"), &freshet.Entry{Kind: 77}), freshet.CodeInvalid)
	members, err := s.Members(t.Context())
	ok(t, err)
	same(t, len(members), 0)
}

func runEpoch(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"NothingKnownChangesNothing": epochNothingKnown,
		"APositionBeyondRaisesOnce":  epochPosition,
		"ATaskBeyondRaisesAll":       epochTask,
		"OldPositionsKeepTheirPlace": epochOldPositions,
		"NonsenseIsRefused":          epochNonsense,
		"P5_WhatWasLostIsNoted":      epochLost,
	})
}

func epochNothingKnown(t *testing.T, s Everything) {
	ok(t, s.RaiseEpoch(t.Context(), freshet.Position{}, 0))
	e := purge("a", "j1", 0, 3)
	logged(t, s, "a", "j1", e)
	ok(t, s.RaiseEpoch(t.Context(), e.At, e.FirstTask+2))
	next := purge("a", "j2", 0, 1)
	logged(t, s, "a", "j2", next)
	same(t, next.At, freshet.Position{Epoch: 1, Pos: 2})
	same(t, next.FirstTask, uint64(1_000_000_003))
}

func epochPosition(t *testing.T, s Everything) {
	logged(t, s, "a", "j1", purge("a", "j1", 0, 1))
	known := freshet.Position{Epoch: 3, Pos: 500}
	for range 3 { // each heartbeat says it again
		ok(t, s.RaiseEpoch(t.Context(), known, 1_000_000_000))
	}
	e := purge("a", "j2", 0, 1)
	logged(t, s, "a", "j2", e)
	if !known.Before(e.At) {
		t.Fatalf("position %v does not come after %v", e.At, known)
	}
	same(t, e.At.Epoch, uint32(4))
	got, err := s.Entry(t.Context(), e.At)
	ok(t, err)
	same(t, got, e)
}

func epochTask(t *testing.T, s Everything) {
	logged(t, s, "a", "j1", purge("a", "j1", 0, 1))
	const known = 1_000_777_000
	for range 3 {
		ok(t, s.RaiseEpoch(t.Context(), freshet.Position{}, known))
	}
	old, fresh := purge("a", "j2", 0, 1), purge("never-seen", "j3", 0, 1)
	logged(t, s, "a", "j2", old)
	logged(t, s, "never-seen", "j3", fresh)
	if old.FirstTask <= known || fresh.FirstTask <= known {
		t.Fatalf("tasks %d and %d are not above %d", old.FirstTask, fresh.FirstTask, known)
	}
	same(t, old.At.Epoch, uint32(2)) // one new epoch, not three
}

func epochOldPositions(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	before, fetch := purge("a", "j1", 0, 2), prefetch("a", "j1", 0, 1)
	logged(t, s, "a", "j1", before, fetch)
	ok(t, s.RaiseEpoch(t.Context(), freshet.Position{Epoch: 1, Pos: 900}, 0))
	after, fetch2 := purge("a", "j2", 0, 2), prefetch("a", "j3", 0, 1)
	gap := prefetch("a", "j2", 0, 1)
	logged(t, s, "a", "j2", gap, after, fetch2)
	same(t, gap.LastPurge, before.At)
	same(t, fetch2.LastPurge, after.At)
	for _, e := range []*freshet.Entry{before, fetch, after, fetch2} {
		got, err := s.Entry(t.Context(), e.At)
		ok(t, err)
		same(t, got, e)
	}
	// An agent that knows the lost positions goes on with the new epoch.
	for _, from := range []freshet.Position{before.At, {Epoch: 1, Pos: 900}, {Epoch: 2}, {Epoch: 2, Pos: 1}} {
		got, err := s.Read(t.Context(), freshet.SubjectPurge, from, 9, 1<<20)
		ok(t, err)
		same(t, positions(got), []freshet.Position{after.At})
	}
	_, err := s.Entry(t.Context(), freshet.Position{Epoch: 1, Pos: 4})
	wantCode(t, err, freshet.CodeNotFound)
	entry, i, err := s.TaskEntry(t.Context(), "a", after.FirstTask+1)
	ok(t, err)
	same(t, entry, after)
	same(t, i, 1)
}

func epochNonsense(t *testing.T, s Everything) {
	wantCode(t, s.RaiseEpoch(t.Context(), freshet.Position{Epoch: math.MaxUint32}, 0), freshet.CodeInvalid)
	wantCode(t, s.RaiseEpoch(t.Context(), freshet.Position{}, math.MaxUint64), freshet.CodeInvalid)
	e := purge("a", "j1", 0, 1)
	logged(t, s, "a", "j1", e)
	same(t, e.At, freshet.Position{Epoch: 1, Pos: 1})
}
