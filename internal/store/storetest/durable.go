package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Place is where a store is kept, so that it can be opened again.
type Place struct {
	// Open opens the store that is there.
	Open func(t *testing.T) Everything
	// Crash makes the place look as after a crash of a process that has it
	// open, and returns that place. The store that is open may go on.
	Crash func(t *testing.T) Place
}

// RunDurable runs the tests of what must survive a restart, a crash and a
// restored backup. Each subtest has a place of its own.
func RunDurable(t *testing.T, place func(t *testing.T) Place) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Place){
		"P1_WhatWasAcceptedSurvivesACrash":           survivesCrash,
		"WhatWasPaidAndAuditedSurvivesACrash":        paidSurvivesCrash,
		"NoRowIsLostWithItsWorker":                   noRowIsLost,
		"TheLogGoesOnAfterARestart":                  logGoesOn,
		"EvidenceGoesOnAfterARestart":                evidenceGoesOn,
		"P3_ARestoredStoreComesAfterWhatAgentsKnow":  restoredStore,
		"AClosedStoreRefuses":                        closedStore,
		"P1_RowsOfOneMediaStayInOrderOverRestarts":   orderOverRestarts,
		"ARepeatIsRecognisedOverCrashesAndMidnights": repeatOverCrashes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, place(t))
		})
	}
}

func survivesCrash(t *testing.T, p Place) {
	s := p.Open(t)
	enrol(t, s, "p1")
	var want []*freshet.Job
	for i := range 20 {
		j := newJob("a", fmt.Sprintf("j%02d", i), "m1", fmt.Sprintf("m%d", i))
		ok(t, s.Accept(t.Context(), j, store.Nonce{Fingerprint: 1, Expires: day0().Add(time.Hour)}))
		want = append(want, j)
	}
	row := claim(t, s, "w", day0(), 1)[0]
	plan := planned(row, purge("a", "j00", 0, 4))
	plan.Remember = []string{"http://h/1"}
	ok(t, s.SavePlan(t.Context(), plan))
	want[0].Rows[0] = plan.Row
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1")}))
	ok(t, s.PutKey(t.Context(), store.Key{ID: "k", Account: "a"}))
	msg := message("p1", 1, day0(), 4, plan.Entries[0].At)
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{msg}))
	ok(t, s.SaveDeadline(t.Context(), store.Deadline{POP: "p1"}))
	invite(t, s, "p1", "token")
	enrolled, err := exchange(s, t, "p1", "token", "K1")
	ok(t, err)

	s = p.Crash(t).Open(t)
	for _, j := range want {
		got, err := s.Job(t.Context(), "a", j.ID)
		ok(t, err)
		same(t, got, j)
	}
	n, err := s.Unplanned(t.Context())
	ok(t, err)
	same(t, n, 39)
	got, err := s.Entry(t.Context(), plan.Entries[0].At)
	ok(t, err)
	same(t, got, plan.Entries[0])
	same(t, evidenceSinceAll(t, s, store.EvidenceCursor{}), []*store.Received{msg})
	same(t, remembered(t, s, time.Time{}), []string{"http://h/1"})
	have, err := s.HaveMedia(t.Context(), "a", []string{"m1"})
	ok(t, err)
	same(t, have, []bool{true})
	_, err = s.Key(t.Context(), "k")
	ok(t, err)
	nonces, err := s.Nonces(t.Context(), day0())
	ok(t, err)
	same(t, len(nonces), 1)
	deadlines, err := s.Deadlines(t.Context())
	ok(t, err)
	same(t, len(deadlines), 1)
	same(t, listed(t, s), []store.POP{enrolled})
}

// noRowIsLost: a row that a worker held when the process died goes to another,
// at the latest when its lease ends. A store that knows that no worker outlived
// the process may hand it out sooner.
func noRowIsLost(t *testing.T, p Place) {
	s := p.Open(t)
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1", "m2"), store.Nonce{}))
	ok(t, s.Accept(t.Context(), newJob("a", "j2", "m1"), store.Nonce{}))
	held := claim(t, s, "w1", day0(), 1)
	ok(t, s.Close())
	s = p.Open(t)
	got := append(claim(t, s, "w2", day0().Add(59*time.Second), 9), claim(t, s, "w3", day0().Add(time.Minute), 9)...)
	same(t, sorted(rowNames(got)), []string{"j1/0", "j1/1"})
	wantCode(t, s.SavePlan(t.Context(), planned(held[0])), freshet.CodeConflict)
	for _, c := range got {
		ok(t, s.SavePlan(t.Context(), planned(c)))
	}
	same(t, rowNames(claim(t, s, "w4", day0().Add(time.Minute), 9)), []string{"j2/0"})
}

func orderOverRestarts(t *testing.T, p Place) {
	const jobs = 12
	for i := range jobs {
		s := p.Open(t)
		ok(t, s.Accept(t.Context(), newJob("a", fmt.Sprintf("j%02d", i), "m"), store.Nonce{}))
		if i%3 == 1 {
			claim(t, s, fmt.Sprintf("dead-%d", i), day0(), 1) // and never heard of again
		}
		ok(t, s.Close())
	}
	for i := range jobs {
		s := p.Open(t)
		rows := claim(t, s, fmt.Sprintf("w-%d", i), day0().Add(time.Hour), 9)
		same(t, rowNames(rows), []string{fmt.Sprintf("j%02d/0", i)})
		ok(t, s.SavePlan(t.Context(), planned(rows[0])))
		ok(t, s.Close())
	}
}

func logGoesOn(t *testing.T, p Place) {
	s := p.Open(t)
	enrol(t, s, "p1")
	first := purge("a", "j1", 0, 3)
	logged(t, s, "a", "j1", first)
	ok(t, s.RaiseEpoch(t.Context(), freshet.Position{Epoch: 5}, 2_000_000_000))
	ok(t, s.Close())
	s = p.Open(t)
	second, fetch := purge("a", "j2", 0, 3), prefetch("b", "j3", 0, 1)
	logged(t, s, "a", "j2", second)
	ok(t, s.Close())
	s = p.Open(t)
	logged(t, s, "b", "j3", fetch)
	same(t, second.At, freshet.Position{Epoch: 6, Pos: 1})
	same(t, fetch.At, freshet.Position{Epoch: 6, Pos: 2})
	same(t, fetch.LastPurge, second.At)
	same(t, []uint64{second.FirstTask, fetch.FirstTask}, []uint64{2_000_000_001, 2_000_000_001})
	same(t, fetch.Targets, []string{"p1"})
	refs, err := s.FindURL(t.Context(), "a", first.Selector.URLs[2], time.Time{})
	ok(t, err)
	same(t, refs, []store.TaskRef{{At: first.At, Item: 2}})
}

func evidenceGoesOn(t *testing.T, p Place) {
	var all []*store.Received
	for i := range 8 {
		s := p.Open(t)
		m := message("p1", uint64(i)+1, day0().AddDate(0, 0, i/2), 3, at(4), at(5))
		repeat := message("p1", uint64(i), day0().AddDate(0, 0, i/2), 3, at(4))
		ok(t, s.SaveEvidence(t.Context(), []*store.Received{m, repeat}))
		same(t, []bool{m.Duplicate, repeat.Duplicate}, []bool{false, i > 0})
		if i == 0 { // number 0 was new
			all = append(all, m, repeat)
		} else {
			all = append(all, m)
		}
		same(t, evidenceSinceAll(t, s, store.EvidenceCursor{}), all)
		ok(t, s.Close())
	}
	s := p.Open(t)
	same(t, len(evidenceOfAll(t, s, at(4))), 9)
	same(t, len(evidenceOfAll(t, s, at(5))), 8)
}

func repeatOverCrashes(t *testing.T, p Place) {
	for i := range 6 {
		s := p.Open(t)
		now := day0().AddDate(0, 0, i)
		for n := range uint64(i + 1) {
			m := message("p1", n+1, now, 1, at(1))
			ok(t, s.SaveEvidence(t.Context(), []*store.Received{m}))
			same(t, m.Duplicate, n != uint64(i))
		}
		p = p.Crash(t)
	}
}

// restoredStore goes back to an older copy while an agent has seen more.
func restoredStore(t *testing.T, p Place) {
	s := p.Open(t)
	enrol(t, s, "p1")
	logged(t, s, "a", "j1", purge("a", "j1", 0, 3))
	backup := p.Crash(t)
	lost := purge("a", "j2", 0, 50)
	logged(t, s, "a", "j2", lost)
	known, knownTask := lost.At, lost.FirstTask+49

	s = backup.Open(t)
	ok(t, s.RaiseEpoch(t.Context(), known, knownTask))
	ok(t, s.RaiseEpoch(t.Context(), known, knownTask))
	next, other := purge("a", "j3", 0, 1), purge("new", "j4", 0, 1)
	logged(t, s, "a", "j3", next)
	logged(t, s, "new", "j4", other)
	if !known.Before(next.At) || next.FirstTask <= knownTask || other.FirstTask <= knownTask {
		t.Fatalf("after %v and task %d came %v with task %d and %d", known, knownTask, next.At, next.FirstTask, other.FirstTask)
	}
	got, err := s.Read(t.Context(), freshet.SubjectPurge, known, 9, 1<<20)
	ok(t, err)
	same(t, got, []*freshet.Entry{next, other})
}

func closedStore(t *testing.T, p Place) {
	s := p.Open(t)
	ok(t, s.Close())
	ok(t, s.Close())
	wantCode(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{}), freshet.CodeUnavailable)
	wantCode(t, s.SaveEvidence(t.Context(), []*store.Received{message("p1", 1, day0(), 1, at(1))}), freshet.CodeUnavailable)
	if _, err := s.Job(t.Context(), "a", "j1"); err == nil {
		t.Fatal("a closed store answered")
	}
}
