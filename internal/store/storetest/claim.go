package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runClaim(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"OldestFirstAndFull":                  claimOldestFirst,
		"P3_OneMediaIsPlannedInJobOrder":      claimOneMediaInOrder,
		"RowsWithoutMediaAreSerialised":       claimWithoutMedia,
		"ALeaseThatEndedGoesToAnother":        claimAfterLease,
		"TheLastHolderMayFinishLate":          claimFinishLate,
		"ALostClaimChangesNothing":            claimLost,
		"AReleasedRowIsFreeAtOnce":            claimReleased,
		"AReleaseOfALostClaimChangesNothing":  claimReleasedLate,
		"OneMediaOfManyJobsBlocksNobodyElse":  claimManyBlocked,
		"P3_EightWorkersWithCrashesKeepOrder": claimWithCrashes,
	})
	t.Run("P3_AnyInterleavingKeepsOrder", func(t *testing.T) {
		t.Parallel()
		claimProperty(t, open(t))
	})
}

func claimOldestFirst(t *testing.T, s Everything) {
	j := newJob("a", "j1", "m1", "m2")
	j.Filter, j.UserData, j.Native = freshet.Filter{Slices: true}, "u", true
	ok(t, s.Accept(t.Context(), j, store.Nonce{}))
	ok(t, s.Accept(t.Context(), newJob("b", "j2", "m1"), store.Nonce{}))
	first := claim(t, s, "w1", day0(), 2)
	same(t, rowNames(first), []string{"j1/0", "j1/1"})
	head := *j
	head.Rows = nil
	same(t, first[1], store.Claimed{Job: &head, Worker: "w1", Row: freshet.Row{
		Job: "j1", Index: 1, Media: "m2", State: freshet.RowPlanning, Modified: day0(),
	}})
	same(t, rowNames(claim(t, s, "w2", day0(), 0)), []string(nil))
	same(t, rowNames(claim(t, s, "w2", day0(), 9)), []string{"j2/0"})
	same(t, rowNames(claim(t, s, "w3", day0(), 9)), []string(nil))
}

func claimOneMediaInOrder(t *testing.T, s Everything) {
	for i := range 3 {
		ok(t, s.Accept(t.Context(), newJob("a", fmt.Sprintf("j%d", i), "m1", fmt.Sprintf("own%d", i)), store.Nonce{}))
	}
	first := claim(t, s, "w1", day0(), 9)
	same(t, rowNames(first), []string{"j0/0", "j0/1", "j1/1", "j2/1"})
	same(t, rowNames(claim(t, s, "w2", day0(), 9)), []string(nil))
	ok(t, s.SavePlan(t.Context(), planned(first[0])))
	second := claim(t, s, "w2", day0(), 9)
	same(t, rowNames(second), []string{"j1/0"})
	failed := planned(second[0])
	failed.Row.State = freshet.RowFailed
	ok(t, s.SavePlan(t.Context(), failed))
	same(t, rowNames(claim(t, s, "w1", day0(), 9)), []string{"j2/0"})
}

func claimWithoutMedia(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", ""), store.Nonce{}))
	ok(t, s.Accept(t.Context(), newJob("a", "j2", ""), store.Nonce{}))
	ok(t, s.Accept(t.Context(), newJob("b", "j3", ""), store.Nonce{}))
	first := claim(t, s, "w", day0(), 9)
	same(t, rowNames(first), []string{"j1/0", "j3/0"})
	ok(t, s.SavePlan(t.Context(), planned(first[0])))
	same(t, rowNames(claim(t, s, "w", day0(), 9)), []string{"j2/0"})
}

func claimAfterLease(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1"), store.Nonce{}))
	same(t, len(claim(t, s, "w1", day0(), 1)), 1)
	same(t, len(claim(t, s, "w2", day0().Add(59*time.Second), 1)), 0)
	same(t, rowNames(claim(t, s, "w2", day0().Add(time.Minute), 1)), []string{"j1/0"})
	same(t, len(claim(t, s, "w3", day0().Add(time.Minute), 1)), 0) // leased anew
}

func claimFinishLate(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1"), store.Nonce{}))
	ok(t, s.Accept(t.Context(), newJob("a", "j2", "m1"), store.Nonce{}))
	ok(t, s.Accept(t.Context(), newJob("a", "j3", "m3"), store.Nonce{}))
	first := claim(t, s, "w1", day0(), 1)
	later := day0().Add(time.Hour)
	// The lease has ended, but nobody took the row: w2 takes another first.
	other := claim(t, s, "w2", later, 1)
	same(t, rowNames(other), []string{"j1/0"})
	wantCode(t, s.SavePlan(t.Context(), planned(first[0])), freshet.CodeConflict)
	third := claim(t, s, "w3", later, 1)
	same(t, rowNames(third), []string{"j3/0"})
	same(t, len(claim(t, s, "w4", later, 1)), 0)
	// Now both leases end, and both holders finish all the same.
	ok(t, s.SavePlan(t.Context(), planned(other[0])))
	ok(t, s.SavePlan(t.Context(), planned(third[0])))
	same(t, rowNames(claim(t, s, "w5", later.Add(time.Hour), 9)), []string{"j2/0"})
}

func claimLost(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1"), store.Nonce{}))
	first := claim(t, s, "w1", day0(), 1)
	second := claim(t, s, "w2", day0().Add(time.Hour), 1)
	p := planned(first[0], purge("a", "j1", 0, 2))
	p.Remember = []string{"http://vod.example.com/x"}
	wantCode(t, s.SavePlan(t.Context(), p), freshet.CodeConflict)
	entries, err := s.Read(t.Context(), freshet.SubjectPurge, freshet.Position{}, 9, 1<<20)
	ok(t, err)
	same(t, len(entries), 0)
	urls, err := s.Remembered(t.Context(), "a", "m1", time.Time{})
	ok(t, err)
	same(t, len(urls), 0)
	won := planned(second[0], purge("a", "j1", 0, 2))
	ok(t, s.SavePlan(t.Context(), won))
	wantCode(t, s.SavePlan(t.Context(), planned(second[0])), freshet.CodeConflict) // once only
	same(t, won.Entries[0].FirstTask, uint64(1_000_000_000))                       // the lost plan took none
}

func claimReleased(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1"), store.Nonce{}))
	first := claim(t, s, "w1", day0(), 1)
	ok(t, s.Release(t.Context(), first[0]))
	job, err := s.Job(t.Context(), "a", "j1")
	ok(t, err)
	same(t, job.Rows[0].State, freshet.RowAccepted)
	wantCode(t, s.SavePlan(t.Context(), planned(first[0])), freshet.CodeConflict)
	same(t, rowNames(claim(t, s, "w2", day0(), 1)), []string{"j1/0"})
}

func claimReleasedLate(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1"), store.Nonce{}))
	first := claim(t, s, "w1", day0(), 1)
	second := claim(t, s, "w2", day0().Add(time.Hour), 1)
	ok(t, s.Release(t.Context(), first[0]))
	same(t, len(claim(t, s, "w3", day0().Add(time.Hour), 1)), 0)
	ok(t, s.SavePlan(t.Context(), planned(second[0])))
	ok(t, s.Release(t.Context(), second[0]))
	same(t, len(claim(t, s, "w3", day0().Add(9*time.Hour), 1)), 0)
}

func claimManyBlocked(t *testing.T, s Everything) {
	for i := range 300 {
		ok(t, s.Accept(t.Context(), newJob("a", fmt.Sprintf("j%d", i), "hot"), store.Nonce{}))
	}
	ok(t, s.Accept(t.Context(), newJob("a", "last", "cold"), store.Nonce{}))
	same(t, rowNames(claim(t, s, "w", day0(), 9)), []string{"j0/0", "last/0"})
}

// finished records the order in which rows became final, per media.
type finished struct {
	mu    sync.Mutex // guards what follows
	media map[string][]string
}

// save ends a claimed row, and notes that if its claim was not lost. It does
// both under the lock: otherwise the notes could be in another order than the
// commits.
func (f *finished) save(t *testing.T, s Everything, c store.Claimed) error {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	err := s.SavePlan(t.Context(), planned(c))
	if err == nil {
		f.media[c.Row.Media] = append(f.media[c.Row.Media], name(c))
	}
	if freshet.ErrorCode(err) == freshet.CodeConflict {
		return nil
	}
	return err
}

// claimWithCrashes lets workers forget some of what they hold, as a crash
// would; the clock runs on so that those leases end.
func claimWithCrashes(t *testing.T, s Everything) {
	const jobs, workers = 60, 8
	want := map[string][]string{}
	for i := range jobs {
		id := fmt.Sprintf("j%03d", i)
		media := []string{fmt.Sprintf("m%d", i%7), fmt.Sprintf("m%d", 7+i%3)}
		for k, m := range media {
			want[m] = append(want[m], fmt.Sprintf("%s/%d", id, k))
		}
		ok(t, s.Accept(t.Context(), newJob("a", id, media...), store.Nonce{}))
	}
	done := finished{media: map[string][]string{}}
	errs := make(chan error, workers)
	for w := range workers {
		go func() { errs <- crashingWorker(t, s, w, &done) }()
	}
	for range workers {
		ok(t, <-errs)
	}
	same(t, done.media, want)
	left, err := s.Unplanned(t.Context())
	ok(t, err)
	same(t, left, 0)
}

func crashingWorker(t *testing.T, s Everything, w int, done *finished) error {
	for round := 0; ; round++ {
		left, err := s.Unplanned(t.Context())
		if err != nil || left == 0 {
			return err
		}
		// Every round is a minute later, so that a lease of 90 s ends soon.
		now := day0().Add(time.Duration(round) * time.Minute)
		worker := fmt.Sprintf("w%d-%d", w, round)
		rows, err := s.Claim(t.Context(), store.Claim{Worker: worker, Now: now, Lease: 90 * time.Second, Limit: 3})
		if err != nil {
			return err
		}
		for i, r := range rows {
			if (w+round+i)%5 == 0 {
				continue // crashed
			}
			if err := done.save(t, s, r); err != nil {
				return err
			}
		}
	}
}

// claimModel is what the store must agree with: the rows of each media in
// order, and who holds what.
type claimModel struct {
	chains map[string][]string // rows that are not final
	holder map[string]string
	until  map[string]time.Time
}

func (m *claimModel) canClaim(row string, now time.Time) bool {
	return m.holder[row] == "" || !now.Before(m.until[row])
}

// claimProperty drives one store through many short histories. Each uses
// accounts of its own, so that one store serves them all.
func claimProperty(t *testing.T, s Everything) {
	history := 0
	rapid.Check(t, func(rt *rapid.T) {
		history++
		account := fmt.Sprintf("acct-%d", history)
		m := claimModel{chains: map[string][]string{}, holder: map[string]string{}, until: map[string]time.Time{}}
		held := map[string][]store.Claimed{}
		now := day0().Add(time.Duration(history) * 1000 * time.Hour)
		jobs := 0
		rt.Repeat(map[string]func(*rapid.T){
			"accept": func(rt *rapid.T) {
				jobs++
				job := newJob(account, fmt.Sprintf("h%d-%d", history, jobs), rapid.SliceOfN(rapid.SampledFrom([]string{"", "x", "y"}), 1, 3).Draw(rt, "media")...)
				must(rt, s.Accept(t.Context(), job, store.Nonce{}))
				for _, r := range job.Rows {
					m.chains[r.Media] = append(m.chains[r.Media], fmt.Sprintf("%s/%d", r.Job, r.Index))
				}
			},
			"later": func(rt *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "s")) * time.Second) },
			"claim": func(rt *rapid.T) { m.claim(t, rt, s, now, held) },
			"finish": func(rt *rapid.T) {
				c, found := anyClaim(rt, held)
				if !found {
					return
				}
				m.finish(t, rt, s, c)
			},
			"release": func(rt *rapid.T) {
				c, found := anyClaim(rt, held)
				if !found {
					return
				}
				must(rt, s.Release(t.Context(), c))
				if row := name(c); m.holder[row] == c.Worker {
					delete(m.holder, row)
				}
			},
		})
		// Leave nothing behind for the next history.
		for w := 0; len(m.chains) > 0; w++ {
			now = now.Add(time.Hour)
			m.claim(t, rt, s, now, held)
			for _, list := range held {
				for _, c := range list {
					m.finish(t, rt, s, c)
				}
			}
			if w > 10_000 {
				rt.Fatalf("rows are left that cannot be claimed: %v", m.chains)
			}
		}
	})
}

func must(rt *rapid.T, err error) {
	if err != nil {
		rt.Fatalf("unexpected error: %v", err)
	}
}

func name(c store.Claimed) string { return fmt.Sprintf("%s/%d", c.Row.Job, c.Row.Index) }

func anyClaim(rt *rapid.T, held map[string][]store.Claimed) (store.Claimed, bool) {
	var all []store.Claimed
	for _, list := range held {
		all = append(all, list...)
	}
	if len(all) == 0 {
		return store.Claimed{}, false
	}
	slices.SortFunc(all, func(a, b store.Claimed) int {
		return slices.Compare([]string{a.Worker, name(a)}, []string{b.Worker, name(b)})
	})
	return rapid.SampledFrom(all).Draw(rt, "claim"), true
}

// claim claims in the store and checks the answer: first rows of media only,
// free ones only, and every free one unless the limit was met.
func (m *claimModel) claim(t *testing.T, rt *rapid.T, s Everything, now time.Time, held map[string][]store.Claimed) {
	worker := fmt.Sprintf("w%d", len(held))
	limit := rapid.IntRange(1, 4).Draw(rt, "limit")
	rows, err := s.Claim(t.Context(), store.Claim{Worker: worker, Now: now, Lease: 30 * time.Second, Limit: limit})
	must(rt, err)
	free := 0
	for _, chain := range m.chains {
		if m.canClaim(chain[0], now) {
			free++
		}
	}
	if len(rows) != min(free, limit) {
		rt.Fatalf("claimed %v: %d rows of %d that were free, limit %d", rowNames(rows), len(rows), free, limit)
	}
	for _, r := range rows {
		row := name(r)
		if chain := m.chains[r.Row.Media]; len(chain) == 0 || chain[0] != row {
			rt.Fatalf("claimed %s of media %q out of turn: %v wait", row, r.Row.Media, chain)
		}
		if !m.canClaim(row, now) {
			rt.Fatalf("claimed %s, which %s holds until %v", row, m.holder[row], m.until[row])
		}
		m.holder[row], m.until[row] = worker, now.Add(30*time.Second)
	}
	held[worker] = rows
}

func (m *claimModel) finish(t *testing.T, rt *rapid.T, s Everything, c store.Claimed) {
	row := name(c)
	err := s.SavePlan(t.Context(), planned(c))
	if m.holder[row] != c.Worker {
		if freshet.ErrorCode(err) != freshet.CodeConflict {
			rt.Fatalf("plan of %s by %s, which had lost it, gave %v", row, c.Worker, err)
		}
		return
	}
	must(rt, err)
	delete(m.holder, row)
	if m.chains[c.Row.Media] = m.chains[c.Row.Media][1:]; len(m.chains[c.Row.Media]) == 0 {
		delete(m.chains, c.Row.Media)
	}
}
