package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runQuotas(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"AJobPaysWithItsAcceptance":   quotaAccept,
		"ARowPaysWithItsPlan":         quotaPlan,
		"ARefusedCallPaysNothing":     quotaRefused,
		"ANewDayBeginsAnew":           quotaDays,
		"ConcurrentCallsNeverPassIt":  quotaConcurrent,
		"P8_AccountsAreCountedApart":  quotaTenants,
		"ManyChargesAreTakenOrNone":   quotaMany,
		"AFailedBatchChargesNobody":   quotaConflicts,
		"ALoweredLimitRefusesTheRest": quotaLowered,
	})
}

func price(account string, kind freshet.QuotaKind, day int64, n, limit int) store.Charge {
	return store.Charge{Account: account, Kind: kind, Day: day, N: n, Limit: limit}
}

// used returns what an account was charged of URLs on a day.
func used(t *testing.T, s Everything, account string, day int64) int {
	t.Helper()
	m, err := s.QuotaUsed(t.Context(), account, day)
	ok(t, err)
	return m[freshet.QuotaURLs]
}

func exceeded(t *testing.T, err error) {
	t.Helper()
	wantCode(t, err, freshet.CodeLimited)
	if !errors.Is(err, freshet.ErrQuotaExceeded) {
		t.Fatalf("%v does not say that the quota is spent", err)
	}
}

func quotaAccept(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 7, 10)))
	same(t, used(t, s, "a", 5), 7)
	ok(t, s.Accept(t.Context(), newJob("a", "j2", "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 3, 10)))
	same(t, used(t, s, "a", 5), 10)
	exceeded(t, s.Accept(t.Context(), newJob("a", "j3", "m"), store.Nonce{Fingerprint: 9, Expires: day0()}, price("a", freshet.QuotaURLs, 5, 1, 10)))
	same(t, used(t, s, "a", 5), 10)
	_, err := s.Job(t.Context(), "a", "j3")
	wantCode(t, err, freshet.CodeNotFound)
}

func quotaPlan(t *testing.T, s Everything) {
	enrol(t, s, "p")
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m1", "m2"), store.Nonce{}))
	rows := claim(t, s, "w", day0(), 2)
	first := planned(rows[0], purge("a", "j1", 0, 4))
	first.Charges = []store.Charge{price("a", freshet.QuotaURLs, 5, 4, 6)}
	ok(t, s.SavePlan(t.Context(), first))
	wantCode(t, s.SavePlan(t.Context(), first), freshet.CodeConflict) // the row is final: nothing happens twice
	same(t, used(t, s, "a", 5), 4)
	second := planned(rows[1], purge("a", "j1", 1, 4))
	second.Charges = []store.Charge{price("a", freshet.QuotaURLs, 5, 4, 6)}
	exceeded(t, s.SavePlan(t.Context(), second))
	same(t, used(t, s, "a", 5), 4)
	second = planned(rows[1]) // the claim holds: the row can end as refused
	second.Row.State, second.Row.Fault = freshet.RowFailed, "QuotaExceeded.Refresh"
	ok(t, s.SavePlan(t.Context(), second))
	same(t, len(heads(t, s, store.TaskQuery{Account: "a"})), 1)
}

func quotaRefused(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{}))
	err := s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 7, 10))
	wantCode(t, err, freshet.CodeConflict)
	same(t, used(t, s, "a", 5), 0)
}

func quotaDays(t *testing.T, s Everything) {
	n := 0
	charge := func(day int64, count int) error {
		n++
		return s.Accept(t.Context(), newJob("a", fmt.Sprintf("j%d", n), "m"), store.Nonce{}, price("a", freshet.QuotaURLs, day, count, 10))
	}
	ok(t, charge(5, 10))
	exceeded(t, charge(5, 1))
	ok(t, charge(6, 4))
	same(t, used(t, s, "a", 6), 4)
	ok(t, charge(5, 6)) // the clock went back: what was counted stays counted
	exceeded(t, charge(5, 1))
	same(t, used(t, s, "a", 5), 10)
	same(t, used(t, s, "a", 6), 10)
	same(t, used(t, s, "a", 7), 0)
}

func quotaConcurrent(t *testing.T, s Everything) {
	const calls, limit = 60, 100
	done := make(chan int)
	for i := range calls {
		go func() {
			n := 1 + i%5
			err := s.Accept(t.Context(), newJob("a", fmt.Sprintf("j%d", i), "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, n, limit))
			switch {
			case err == nil:
				done <- n
			case errors.Is(err, freshet.ErrQuotaExceeded):
				done <- 0
			default:
				t.Error(err)
				done <- 0
			}
		}()
	}
	sum := 0
	for range calls {
		sum += <-done
	}
	if sum > limit || sum <= limit-5 {
		t.Errorf("%d of %d were let in", sum, limit)
	}
	same(t, used(t, s, "a", 5), sum)
}

func quotaTenants(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 7, 10)))
	for _, other := range []string{"b", "A", "a ", "", "%"} {
		same(t, used(t, s, other, 5), 0)
		ok(t, s.Accept(t.Context(), newJob(other, "j-"+other, "m"), store.Nonce{}, price(other, freshet.QuotaURLs, 5, 10, 10)))
	}
	same(t, used(t, s, "a", 5), 7)
}

func quotaMany(t *testing.T, s Everything) {
	exceeded(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{},
		price("a", freshet.QuotaURLs, 5, 3, 10), price("a", freshet.QuotaDirectories, 5, 2, 1)))
	same(t, used(t, s, "a", 5), 0)
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{},
		price("a", freshet.QuotaURLs, 5, 3, 10), price("a", freshet.QuotaDirectories, 5, 1, 1)))
	m, err := s.QuotaUsed(t.Context(), "a", 5)
	ok(t, err)
	same(t, m, map[freshet.QuotaKind]int{freshet.QuotaURLs: 3, freshet.QuotaDirectories: 1})
}

// quotaConflicts has callers of the same job at once, so that a transaction
// holds charges of some that are refused after they paid.
func quotaConflicts(t *testing.T, s Everything) {
	const calls = 48
	errs := make(chan error)
	for i := range calls {
		go func() {
			errs <- s.Accept(t.Context(), newJob("a", fmt.Sprintf("j%d", i/4), "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 2, 1000))
		}()
	}
	accepted := 0
	for range calls {
		if <-errs == nil {
			accepted++
		}
	}
	same(t, accepted, calls/4)
	same(t, used(t, s, "a", 5), 2*accepted)
}

func quotaLowered(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 8, 10)))
	exceeded(t, s.Accept(t.Context(), newJob("a", "j2", "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 1, 5)))
	ok(t, s.Accept(t.Context(), newJob("a", "j3", "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 6, 1, 5)))
}

// paidSurvivesCrash: what a call cost and its audit record are on disk with it,
// and what was refused left neither.
func paidSurvivesCrash(t *testing.T, p Place) {
	s := p.Open(t)
	var want []freshet.AuditRecord
	for i := range 12 {
		r := record("a", i)
		r.Outcome = ""
		err := s.Accept(carried(t, r), newJob("a", fmt.Sprintf("j%d", i), "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 1, 10))
		if i < 10 {
			ok(t, err)
			want = append(want, *r)
		} else {
			exceeded(t, err)
		}
	}
	s = p.Crash(t).Open(t)
	same(t, used(t, s, "a", 5), 10)
	same(t, trail(t, s, freshet.AuditQuery{Oldest: true}), want)
	for i, r := range want {
		same(t, r.Job, fmt.Sprintf("j%d", i))
	}
	exceeded(t, s.Accept(t.Context(), newJob("a", "later", "m"), store.Nonce{}, price("a", freshet.QuotaURLs, 5, 1, 10)))
}
