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

func runEvidence(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"FactsKeepEveryField":              evidenceKeepsEveryField,
		"ARepeatIsADuplicate":              evidenceRepeat,
		"ARepeatAfterMidnightIsOneToo":     evidenceRepeatMidnight,
		"WhatCameLateIsNoDuplicate":        evidenceLate,
		"EvidenceOfHoldsOneEntryOnly":      evidenceOfOneEntry,
		"SinceGoesOnWhereItStopped":        evidenceSince,
		"SinceGoesOverDays":                evidenceDays,
		"ManyMessagesAreWhole":             evidenceMany,
		"ConcurrentSavesLoseNothing":       evidenceConcurrent,
		"NonsenseIsRefusedInWhole":         evidenceNonsense,
		"ALoopOverEvidenceMayAskTheStore":  evidenceNested,
		"TheCursorOfADuplicateNeverRevert": evidenceDuplicateCursor,
	})
}

// fact makes a fact with every field set.
func fact(item int) freshet.Fact {
	at := day0().Add(time.Duration(item) * time.Millisecond)
	return freshet.Fact{
		Item: item, Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect, Attempts: 1 + item%3, ExecutedAt: at,
		Rounds: 1 + item%3, Window: time.Duration(item*item) * time.Millisecond,
		Before: freshet.Copy{
			FetchedAt: at.Add(-time.Hour), Generation: freshet.Position{Epoch: 1, Pos: 3}, Validator: fmt.Sprintf(`"v%d"`, item), Size: 1000 + int64(item),
		},
	}
}

// message makes evidence with facts about items of entries.
func message(pop string, number uint64, received time.Time, items int, at ...freshet.Position) *store.Received {
	m := &store.Received{
		Evidence:   freshet.Evidence{POP: pop, Stream: 1_700_000_000_000_000_000, Number: number, Incarnation: "inc-1"},
		ReceivedAt: received,
	}
	for _, p := range at {
		f := freshet.EntryFacts{At: p}
		for i := range items {
			f.Facts = append(f.Facts, fact(i))
		}
		m.Entries = append(m.Entries, f)
	}
	return m
}

func at(pos uint64) freshet.Position { return freshet.Position{Epoch: 1, Pos: pos} }

func evidenceSinceAll(t *testing.T, s Everything, after store.EvidenceCursor) []*store.Received {
	t.Helper()
	var list []*store.Received
	for m, err := range s.EvidenceSince(t.Context(), after) {
		ok(t, err)
		list = append(list, m)
	}
	return list
}

func evidenceOfAll(t *testing.T, s Everything, p freshet.Position) []*store.Received {
	t.Helper()
	var list []*store.Received
	for m, err := range s.EvidenceOf(t.Context(), p) {
		ok(t, err)
		list = append(list, m)
	}
	return list
}

func evidenceKeepsEveryField(t *testing.T, s Everything) {
	m := message("p1", 1, day0(), 5, at(4), at(9))
	f := &m.Entries[0].Facts[1]
	f.Outcome, f.Reason, f.Verified = freshet.OutcomeFailed, freshet.ReasonOrigin5xx, freshet.VerifiedProbe
	f.After = freshet.Copy{FetchedAt: day0(), Generation: at(4), Validator: "w", Size: 5}
	f.Rounds, f.Window = 4, 26*time.Hour+time.Millisecond
	f = &m.Entries[1].Facts[2]
	*f = freshet.Fact{Item: 2, Outcome: freshet.OutcomeCovered, CoveredBy: at(12)}
	second := message("p2", 7, day0().Add(time.Second), 5, at(4)) // shares the validators
	second.Incarnation = ""
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{m, second}))
	same(t, []bool{m.Duplicate, second.Duplicate}, []bool{false, false})
	same(t, evidenceSinceAll(t, s, store.EvidenceCursor{}), []*store.Received{m, second})
}

func evidenceRepeat(t *testing.T, s Everything) {
	first := message("p1", 1, day0(), 2, at(4))
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{first}))
	repeat, twin := message("p1", 1, day0(), 2, at(4)), message("p1", 2, day0(), 2, at(5))
	other, stream := message("p2", 1, day0(), 2, at(4)), message("p1", 1, day0(), 2, at(4))
	stream.Stream++
	again := message("p1", 2, day0(), 2, at(5)) // twice in one call
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{repeat, twin, other, stream, again}))
	same(t, []bool{repeat.Duplicate, twin.Duplicate, other.Duplicate, stream.Duplicate, again.Duplicate},
		[]bool{true, false, false, false, true})
	same(t, evidenceSinceAll(t, s, store.EvidenceCursor{}), []*store.Received{first, twin, other, stream})
}

func evidenceRepeatMidnight(t *testing.T, s Everything) {
	for n := range uint64(4) {
		ok(t, s.SaveEvidence(t.Context(), []*store.Received{message("p1", n+1, day0(), 1, at(4))}))
	}
	for days := 1; days < 5; days++ {
		now := day0().AddDate(0, 0, days)
		repeat, old := message("p1", 4, now, 1, at(4)), message("p1", 1, now, 1, at(4))
		next := message("p1", uint64(4+days), now, 1, at(4))
		ok(t, s.SaveEvidence(t.Context(), []*store.Received{repeat, next, old}))
		same(t, []bool{repeat.Duplicate, next.Duplicate, old.Duplicate}, []bool{days > 0, false, true})
	}
	same(t, len(evidenceSinceAll(t, s, store.EvidenceCursor{})), 8)
}

// evidenceLate: a message may overtake another, over midnight too.
func evidenceLate(t *testing.T, s Everything) {
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{message("p1", 5, day0(), 1, at(4)), message("p1", 2, day0(), 1, at(4))}))
	for i, n := range []uint64{3, 1, 4, 6} {
		m := message("p1", n, day0().AddDate(0, 0, i), 1, at(4))
		ok(t, s.SaveEvidence(t.Context(), []*store.Received{m}))
		same(t, m.Duplicate, false)
	}
	for n := range uint64(6) {
		m := message("p1", n+1, day0().AddDate(0, 0, 9), 1, at(4))
		ok(t, s.SaveEvidence(t.Context(), []*store.Received{m}))
		same(t, m.Duplicate, true)
	}
}

func evidenceOfOneEntry(t *testing.T, s Everything) {
	m1, m2, m3 := message("p1", 1, day0(), 3, at(4), at(5)), message("p2", 1, day0(), 3, at(5)), message("p1", 2, day0().AddDate(0, 0, 1), 3, at(5), at(6))
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{m1, m2}))
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{m3}))
	m1.Entries, m3.Entries = m1.Entries[1:], m3.Entries[:1]
	same(t, evidenceOfAll(t, s, at(5)), []*store.Received{m1, m2, m3})
	for _, none := range []freshet.Position{{}, at(3), at(7), {Epoch: 2, Pos: 5}, {Epoch: math.MaxUint32, Pos: math.MaxUint64}} {
		same(t, len(evidenceOfAll(t, s, none)), 0)
	}
}

func evidenceSince(t *testing.T, s Everything) {
	same(t, len(evidenceSinceAll(t, s, store.EvidenceCursor{})), 0)
	var all []*store.Received
	for n := range uint64(5) {
		m := message("p1", n+1, day0(), 1, at(n+1))
		ok(t, s.SaveEvidence(t.Context(), []*store.Received{m}))
		all = append(all, m)
	}
	for i, m := range all {
		same(t, evidenceSinceAll(t, s, m.Cursor), all[i+1:])
	}
}

func evidenceDays(t *testing.T, s Everything) {
	var all []*store.Received
	for i := range 6 {
		m := message("p1", uint64(i)+1, day0().AddDate(0, 0, i/2), 2, at(8))
		ok(t, s.SaveEvidence(t.Context(), []*store.Received{m}))
		all = append(all, m)
	}
	for i, m := range all {
		same(t, evidenceSinceAll(t, s, m.Cursor), all[i+1:])
	}
	same(t, evidenceSinceAll(t, s, store.EvidenceCursor{Day: "2025-12-31", Row: 99}), all)
	same(t, evidenceOfAll(t, s, at(8)), all)
}

func evidenceMany(t *testing.T, s Everything) {
	const n = 300
	msgs := make([]*store.Received, n)
	for i := range msgs {
		msgs[i] = message(fmt.Sprintf("p%d", i%7), uint64(i)+1, day0(), 3, at(1), at(uint64(i)+2))
	}
	ok(t, s.SaveEvidence(t.Context(), msgs[:200]))
	ok(t, s.SaveEvidence(t.Context(), msgs[200:]))
	same(t, evidenceSinceAll(t, s, store.EvidenceCursor{}), msgs)
	same(t, len(evidenceOfAll(t, s, at(1))), n)
	same(t, len(evidenceOfAll(t, s, at(77))), 1)
}

func evidenceConcurrent(t *testing.T, s Everything) {
	var wg sync.WaitGroup
	errs := make(chan error, 16*8)
	for p := range 16 {
		wg.Go(func() {
			for n := range uint64(8) {
				errs <- s.SaveEvidence(t.Context(), []*store.Received{message(fmt.Sprintf("p%d", p), n+1, day0(), 2, at(n+1))})
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		ok(t, err)
	}
	last := map[string]uint64{}
	for _, m := range evidenceSinceAll(t, s, store.EvidenceCursor{}) {
		same(t, m.Number, last[m.POP]+1)
		last[m.POP]++
	}
	same(t, len(last), 16)
	same(t, last["p0"], uint64(8))
}

func evidenceNonsense(t *testing.T, s Everything) {
	huge, timeless, far := message("p1", math.MaxUint64, day0(), 1, at(1)), message("p1", 2, time.Time{}, 1, at(1)), message("p1", 3, day0(), 1, at(math.MaxUint64))
	for _, bad := range []*store.Received{huge, timeless, far} {
		wantCode(t, s.SaveEvidence(t.Context(), []*store.Received{message("p1", 1, day0(), 1, at(1)), bad}), freshet.CodeInvalid)
	}
	same(t, len(evidenceSinceAll(t, s, store.EvidenceCursor{})), 0)
	ok(t, s.SaveEvidence(t.Context(), nil))
}

func evidenceNested(t *testing.T, s Everything) {
	var msgs []*store.Received
	for n := range uint64(100) {
		msgs = append(msgs, message("p1", n+1, day0(), 1, at(1)))
	}
	ok(t, s.SaveEvidence(t.Context(), msgs))
	seen := 0
	for m, err := range s.EvidenceOf(t.Context(), at(1)) {
		ok(t, err)
		seen++
		for _, err := range s.EvidenceSince(t.Context(), m.Cursor) {
			ok(t, err)
			break
		}
		if seen%40 == 0 {
			ok(t, s.SaveEvidence(t.Context(), []*store.Received{message("p2", m.Number, day0().AddDate(0, 0, 1), 1, at(2))}))
		}
	}
	same(t, seen, 100)
}

// evidenceDuplicateCursor: whoever folds up to the cursor of the last message
// of a call must not fold less than before.
func evidenceDuplicateCursor(t *testing.T, s Everything) {
	first, second := message("p1", 1, day0(), 1, at(1)), message("p1", 2, day0(), 1, at(1))
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{first, second}))
	repeat := message("p1", 1, day0(), 1, at(1))
	ok(t, s.SaveEvidence(t.Context(), []*store.Received{repeat}))
	same(t, repeat.Cursor, second.Cursor)
}
