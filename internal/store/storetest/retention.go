package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runRetention(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"WhatIsOldAndClosedIsForgotten": retentionForgets,
		"WhatIsOpenHoldsWhatFollows":    retentionHolds,
		"APositionBoundsIt":             retentionBound,
		"JobsGoAfterTheirEntries":       retentionJobs,
		"EvidenceGoesByDays":            retentionEvidence,
		"P5_WhatIsForgottenIsKnown":     retentionTells,
		"P5_WhatLastsIsReadAlone":       retentionLasting,
	})
}

// aged logs an entry of a job that was accepted and planned at a time, and
// closes it.
func aged(t *testing.T, s Everything, job string, created time.Time, closed bool) *freshet.Entry {
	t.Helper()
	j := newJob("a", job, "")
	j.Created = created
	ok(t, s.Accept(t.Context(), j, store.Nonce{}))
	e := purge("a", job, 0, 3)
	e.Created = created
	p := planned(claim(t, s, "aged", created, 1)[0], e)
	p.Now = created
	ok(t, s.SavePlan(t.Context(), p))
	if closed {
		ok(t, s.SaveStates(t.Context(), []store.State{{At: e.At, Closed: true, Fold: []byte{1}}}, store.EvidenceCursor{}))
	}
	return e
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func retentionForgets(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	var entries []*freshet.Entry
	for i := range 5 {
		entries = append(entries, aged(t, s, fmt.Sprintf("j%d", i), day0().Add(days(i)), true))
	}
	cutoff := day0().Add(days(3))
	n, held, err := s.ForgetLog(t.Context(), cutoff, store.ForgottenAll(), 2)
	ok(t, err)
	same(t, n, 2)
	same(t, held == nil, true)
	n, held, err = s.ForgetLog(t.Context(), cutoff, store.ForgottenAll(), 2)
	ok(t, err)
	same(t, n, 1)
	same(t, held == nil, true)
	for i, e := range entries {
		_, err := s.Entry(t.Context(), e.At)
		same(t, err == nil, i >= 3)
		_, found, err := s.State(t.Context(), e.At)
		if i >= 3 {
			ok(t, err)
		}
		same(t, found, i >= 3)
		refs, err := s.FindURL(t.Context(), "a", e.URL(1), time.Time{})
		ok(t, err)
		same(t, len(refs) == 1, i >= 3)
		_, _, err = s.TaskEntry(t.Context(), "a", e.TaskID(2))
		same(t, err == nil, i >= 3)
	}
	left, err := s.Read(t.Context(), freshet.SubjectPurge, freshet.Position{}, 99, 1<<20)
	ok(t, err)
	same(t, len(left), 3) // the membership entry stays
	next := aged(t, s, "later", day0().Add(days(9)), false)
	if !entries[4].At.Before(next.At) || next.FirstTask <= entries[4].TaskID(2) {
		t.Fatalf("after %s and task %d came %s and task %d", entries[4].At, entries[4].TaskID(2), next.At, next.FirstTask)
	}
}

func retentionHolds(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	aged(t, s, "j0", day0(), true)
	open := aged(t, s, "j1", day0(), false)
	after := aged(t, s, "j2", day0(), true)
	n, held, err := s.ForgetLog(t.Context(), day0().Add(days(9)), store.ForgottenAll(), 9)
	ok(t, err)
	same(t, n, 1)
	same(t, held.At, open.At)
	_, err = s.Entry(t.Context(), after.At)
	ok(t, err)
}

func retentionBound(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	first, second := aged(t, s, "j0", day0(), true), aged(t, s, "j1", day0(), true)
	n, held, err := s.ForgetLog(t.Context(), day0().Add(days(9)), freshet.Position{}, 9)
	ok(t, err)
	same(t, n, 0)
	same(t, held.At, first.At)
	n, held, err = s.ForgetLog(t.Context(), day0().Add(days(9)), first.At, 9)
	ok(t, err)
	same(t, n, 1)
	same(t, held.At, second.At)
}

func retentionJobs(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	for i := range 3 {
		aged(t, s, fmt.Sprintf("j%d", i), day0().Add(days(10*i)), true)
	}
	waiting := newJob("a", "waits", "m")
	waiting.Created = day0().Add(days(21))
	ok(t, s.Accept(t.Context(), waiting, store.Nonce{}))
	all := day0().Add(days(99))
	n, err := s.ForgetJobs(t.Context(), all, 99)
	ok(t, err)
	same(t, n, 0) // their entries are there
	_, _, err = s.ForgetLog(t.Context(), day0().Add(days(15)), store.ForgottenAll(), 99)
	ok(t, err)
	n, err = s.ForgetJobs(t.Context(), all, 1)
	ok(t, err)
	same(t, n, 1)
	n, err = s.ForgetJobs(t.Context(), all, 99)
	ok(t, err)
	same(t, n, 1)
	_, err = s.Job(t.Context(), "a", "j1")
	wantCode(t, err, freshet.CodeNotFound)
	_, err = s.Job(t.Context(), "a", "j2")
	ok(t, err)
	_, _, err = s.ForgetLog(t.Context(), all, store.ForgottenAll(), 99)
	ok(t, err)
	n, err = s.ForgetJobs(t.Context(), all, 99)
	ok(t, err)
	same(t, n, 1)
	same(t, len(claim(t, s, "w", day0(), 9)), 1) // what waits is still planned
}

func retentionEvidence(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	var cursor store.EvidenceCursor
	var entries []*freshet.Entry
	for i := range 4 {
		e := aged(t, s, fmt.Sprintf("j%d", i), day0().Add(days(i)), true)
		m := message("p1", uint64(i+1), day0().Add(days(i)), 3, e.At)
		ok(t, s.SaveEvidence(t.Context(), []*store.Received{m}))
		cursor, entries = m.Cursor, append(entries, e)
	}
	ok(t, s.SaveStates(t.Context(), nil, cursor))
	forget := func(before time.Time) int {
		n, err := s.ForgetEvidence(t.Context(), before)
		ok(t, err)
		return n
	}
	all := day0().Add(days(99))
	same(t, forget(all), 0) // it speaks of entries that are there
	_, _, err := s.ForgetLog(t.Context(), day0().Add(days(3)), store.ForgottenAll(), 99)
	ok(t, err)
	same(t, forget(day0().Add(days(1))), 1)
	same(t, forget(all), 2)
	left := evidenceSinceAll(t, s, store.EvidenceCursor{})
	same(t, len(left), 1)
	same(t, left[0].Entries[0].At, entries[3].At)
	_, _, err = s.ForgetLog(t.Context(), all, store.ForgottenAll(), 99)
	ok(t, err)
	same(t, forget(all), 0) // the newest day stays: the next one continues it
}

// retentionTells holds that the log knows where it begins, and that its heads
// never go back.
func retentionTells(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	var entries []*freshet.Entry
	for i := range 5 {
		entries = append(entries, aged(t, s, fmt.Sprintf("j%d", i), day0().Add(days(i)), true))
	}
	const subject = freshet.SubjectPurge
	tells := func(what string, read func() (map[string]freshet.Position, error), want freshet.Position) {
		t.Helper()
		got, err := read()
		ok(t, err)
		if got[subject] != want || !got[freshet.SubjectPrefetch].IsZero() {
			t.Errorf("%s: %v, want %s", what, got, want)
		}
	}
	before := func(at time.Time) func() (map[string]freshet.Position, error) {
		return func() (map[string]freshet.Position, error) { return s.LastBefore(t.Context(), at) }
	}
	forgotten := func() (map[string]freshet.Position, error) { return s.Forgotten(t.Context()) }
	tells("at first", forgotten, freshet.Position{})
	tells("before all", before(day0()), freshet.Position{})
	for i := range entries {
		tells(fmt.Sprintf("before %d", i), before(day0().Add(days(i)+time.Hour)), entries[i].At)
	}
	_, _, err := s.ForgetLog(t.Context(), day0().Add(days(3)), store.ForgottenAll(), 2)
	ok(t, err)
	tells("two are gone", forgotten, entries[1].At)
	tells("what is gone still counts", before(day0().Add(time.Hour)), entries[1].At)
	tells("and what is left", before(day0().Add(days(3)+time.Hour)), entries[3].At)
	_, _, err = s.ForgetLog(t.Context(), day0().Add(days(99)), store.ForgottenAll(), 99)
	ok(t, err)
	tells("all are gone", forgotten, entries[4].At)
	tells("nothing is left", before(day0().Add(days(99))), entries[4].At)
	tells("the head", func() (map[string]freshet.Position, error) { return s.Heads(t.Context()) }, entries[4].At)
}

func retentionLasting(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	aged(t, s, "j0", day0(), true)
	enrol(t, s, "p2")
	purge := aged(t, s, "j1", day0(), true)
	enrol(t, s, "p3")
	names := func(after, upTo freshet.Position, limit int) (pops []string) {
		t.Helper()
		list, err := s.ReadLasting(t.Context(), freshet.SubjectPurge, after, upTo, limit, 1<<20)
		ok(t, err)
		for _, e := range list {
			pops = append(pops, e.Membership.POP)
		}
		return pops
	}
	same(t, names(freshet.Position{}, store.ForgottenAll(), 9), []string{"p1", "p2", "p3"})
	same(t, names(freshet.Position{}, store.ForgottenAll(), 2), []string{"p1", "p2"})
	same(t, names(freshet.Position{}, purge.At, 9), []string{"p1", "p2"})
	same(t, names(purge.At, store.ForgottenAll(), 9), []string{"p3"})
	none, err := s.ReadLasting(t.Context(), freshet.SubjectPrefetch, freshet.Position{}, store.ForgottenAll(), 9, 1<<20)
	ok(t, err)
	same(t, len(none), 0)
}

// epochLost notes positions that this log gave out, and others.
func epochLost(t *testing.T, s Everything) {
	note := func(known, want freshet.Position) {
		t.Helper()
		ok(t, s.NoteLost(t.Context(), known))
		lost, err := s.Lost(t.Context())
		ok(t, err)
		same(t, lost, want)
	}
	e := purge("a", "j1", 0, 3)
	logged(t, s, "a", "j1", e)
	note(freshet.Position{}, freshet.Position{})
	note(e.At, freshet.Position{})
	ahead := freshet.Position{Epoch: 1, Pos: 700}
	note(ahead, ahead)
	ok(t, s.RaiseEpoch(t.Context(), ahead, 0))
	note(freshet.Position{Epoch: 1, Pos: 600}, ahead)
	more := freshet.Position{Epoch: 1, Pos: 900}
	note(more, more)
	next := purge("a", "j2", 0, 1)
	logged(t, s, "a", "j2", next)
	note(next.At, more)
	note(e.At, more)
}
