package storetest

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runPOPs(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"AnInvitedPOPIsKeptWithItsParents":        popsInvited,
		"ATokenIsExchangedOnce":                   popsEnrolOnce,
		"ALostAnswerIsGivenAgain":                 popsEnrolAgain,
		"OneOfManyKeysWins":                       popsEnrolRace,
		"TheTokenEndsAtItsTime":                   popsExpire,
		"ANewTokenReplacesTheLastOne":             popsReplaced,
		"ACredentialHoldsUntilTheTokenIsUsed":     popsInvitedAgain,
		"RevokingEndsTheCredentialAndTheToken":    popsRevoked,
		"RevokingAPOPWithoutARecordMakesOne":      popsRevokedUnknown,
		"AForgottenPOPIsAddedNoMoreAndStaysOut":   popsForgotten,
		"InvitingADeclaredPOPLeavesItUndeclared":  popsDeclared,
		"NoTokenIsNotATokenThatMatchesNothingYet": popsNoToken,
	})
}

func digest(s string) store.Digest { return sha256.Sum256([]byte(s)) }

func invite(t *testing.T, s Everything, id, token string, parents ...string) store.POP {
	t.Helper()
	p, err := s.InvitePOP(t.Context(), store.Invitation{
		ID: id, Added: true, Parents: parents, Token: digest(token), Expires: day0().Add(time.Hour),
	})
	ok(t, err)
	return p
}

func exchange(s Everything, t *testing.T, id, token, key string) (store.POP, error) {
	t.Helper()
	return s.EnrolPOP(t.Context(), store.Enrolment{ID: id, Token: digest(token), Key: key, Now: day0().Add(time.Minute)})
}

func listed(t *testing.T, s Everything) []store.POP {
	t.Helper()
	list, err := s.ListPOPs(t.Context())
	ok(t, err)
	return list
}

func popsInvited(t *testing.T, s Everything) {
	b := invite(t, s, "b", "t1", "shield", "shield-2")
	a := invite(t, s, "a", "t2")
	same(t, b, store.POP{
		ID: "b", Added: true, Parents: []string{"shield", "shield-2"}, Token: digest("t1"), Expires: day0().Add(time.Hour),
	})
	same(t, listed(t, s), []store.POP{a, b})
}

func popsEnrolOnce(t *testing.T, s Everything) {
	want := invite(t, s, "a", "t1", "shield")
	invite(t, s, "b", "t2")
	for _, token := range []string{"", "T1", "t2"} { // t2 is another's
		_, err := exchange(s, t, "a", token, "K")
		wantCode(t, err, freshet.CodeForbidden)
	}
	got, err := exchange(s, t, "a", "t1", "K1")
	ok(t, err)
	want.Key, want.Spent, want.Since = "K1", "K1", day0().Add(time.Minute)
	same(t, got, want)
	_, err = exchange(s, t, "a", "t1", "K2")
	wantCode(t, err, freshet.CodeConflict)
	same(t, listed(t, s)[0], want)
}

func popsEnrolAgain(t *testing.T, s Everything) {
	invite(t, s, "a", "t1")
	first, err := exchange(s, t, "a", "t1", "K1")
	ok(t, err)
	again, err := s.EnrolPOP(t.Context(), store.Enrolment{ID: "a", Token: digest("t1"), Key: "K1", Now: day0().Add(59 * time.Minute)})
	ok(t, err)
	same(t, again, first)
	_, err = s.EnrolPOP(t.Context(), store.Enrolment{ID: "a", Token: digest("t1"), Key: "K1", Now: day0().Add(time.Hour)})
	wantCode(t, err, freshet.CodeUnauthenticated)
}

func popsEnrolRace(t *testing.T, s Everything) {
	invite(t, s, "a", "t1")
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := exchange(s, t, "a", "t1", fmt.Sprintf("K%d", i)); err == nil {
				won.Add(1)
			} else if freshet.ErrorCode(err) != freshet.CodeConflict {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p := listed(t, s)[0]
	if won.Load() != 1 || p.Key == "" || p.Key != p.Spent {
		t.Errorf("%d keys were taken; kept is %+v", won.Load(), p)
	}
}

func popsExpire(t *testing.T, s Everything) {
	want := invite(t, s, "a", "t1")
	_, err := s.EnrolPOP(t.Context(), store.Enrolment{ID: "a", Token: digest("t1"), Key: "K1", Now: want.Expires})
	wantCode(t, err, freshet.CodeUnauthenticated)
	same(t, listed(t, s), []store.POP{want})
}

func popsReplaced(t *testing.T, s Everything) {
	invite(t, s, "a", "t1")
	invite(t, s, "a", "t2", "shield")
	_, err := exchange(s, t, "a", "t1", "K1")
	wantCode(t, err, freshet.CodeForbidden)
	p, err := exchange(s, t, "a", "t2", "K1")
	ok(t, err)
	same(t, p.Parents, []string{"shield"})
}

func popsInvitedAgain(t *testing.T, s Everything) {
	invite(t, s, "a", "t1")
	_, err := exchange(s, t, "a", "t1", "K1")
	ok(t, err)
	p := invite(t, s, "a", "t2")
	if p.Key != "K1" || p.Spent != "" || p.Since.IsZero() {
		t.Errorf("after another invitation: %+v", p)
	}
	p, err = exchange(s, t, "a", "t2", "K2")
	ok(t, err)
	same(t, p.Key, "K2")
}

func popsRevoked(t *testing.T, s Everything) {
	invite(t, s, "a", "t1", "shield")
	_, err := exchange(s, t, "a", "t1", "K1")
	ok(t, err)
	p, err := s.RevokePOP(t.Context(), "a", day0().Add(time.Hour), false)
	ok(t, err)
	same(t, p.Revoked, day0().Add(time.Hour))
	same(t, p.Added, true)
	same(t, p.Parents, []string{"shield"})
	_, err = exchange(s, t, "a", "t1", "K1") // not even the answer again
	wantCode(t, err, freshet.CodeForbidden)
	again, err := s.RevokePOP(t.Context(), "a", day0().Add(2*time.Hour), false)
	ok(t, err)
	same(t, again, p)
	p = invite(t, s, "a", "t2", "shield")
	same(t, p.Revoked, day0().Add(time.Hour)) // until it is exchanged
	p, err = exchange(s, t, "a", "t2", "K2")
	ok(t, err)
	same(t, p.Revoked, time.Time{})
	same(t, listed(t, s), []store.POP{p})
}

func popsRevokedUnknown(t *testing.T, s Everything) {
	p, err := s.RevokePOP(t.Context(), "a", day0(), false)
	ok(t, err)
	same(t, p, store.POP{ID: "a", Revoked: day0()})
	same(t, listed(t, s), []store.POP{p})
}

func popsForgotten(t *testing.T, s Everything) {
	invite(t, s, "a", "t1", "shield")
	_, err := exchange(s, t, "a", "t1", "K1")
	ok(t, err)
	p, err := s.RevokePOP(t.Context(), "a", day0(), true)
	ok(t, err)
	same(t, p, store.POP{ID: "a", Revoked: day0()})
	same(t, listed(t, s), []store.POP{p})
}

func popsDeclared(t *testing.T, s Everything) {
	p, err := s.InvitePOP(t.Context(), store.Invitation{ID: "a", Token: digest("t1"), Expires: day0().Add(time.Hour)})
	ok(t, err)
	same(t, p.Added, false)
	want := invite(t, s, "b", "t1", "shield")
	p, err = s.InvitePOP(t.Context(), store.Invitation{ID: "b", Token: digest("t2"), Expires: day0().Add(time.Hour)})
	ok(t, err)
	want.Token = digest("t2")
	same(t, p, want) // declared meanwhile; as it was when it is declared no more
}

func popsNoToken(t *testing.T, s Everything) {
	_, err := s.RevokePOP(t.Context(), "a", day0(), false)
	ok(t, err)
	for _, id := range []string{"a", "b"} {
		_, err := s.EnrolPOP(t.Context(), store.Enrolment{ID: id, Key: "K", Now: day0().Add(-time.Hour)}) // the digest of nothing
		wantCode(t, err, freshet.CodeForbidden)
	}
	same(t, len(listed(t, s)), 1)
}
