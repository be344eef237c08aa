package storetest

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runAccounts(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"AccountsAreKeptAndReplaced":      accountsKept,
		"AnAccountThatOnlyCountsIsNone":   accountsCounted,
		"UsesOfKeysOnlyGoForward":         keysUsed,
		"AReplacedKeyKeepsItsLastUse":     keysKeepUse,
		"ADeletedKeyIsGone":               keysDeleted,
		"TaskIDsGoOnInAnAccountThatIsNew": accountsTasks,
	})
}

func accountsKept(t *testing.T, s Everything) {
	_, err := s.Account(t.Context(), "b")
	wantCode(t, err, freshet.CodeNotFound)
	b, a := store.Account{Name: "b", Created: day0()}, store.Account{Name: "a", Created: day0().Add(time.Hour)}
	ok(t, s.PutAccount(t.Context(), b))
	ok(t, s.PutAccount(t.Context(), a))
	b.Disabled = true
	ok(t, s.PutAccount(t.Context(), b))
	got, err := s.Account(t.Context(), "b")
	ok(t, err)
	same(t, got, b)
	list, err := s.Accounts(t.Context())
	ok(t, err)
	same(t, list, []store.Account{a, b})
}

func accountsCounted(t *testing.T, s Everything) {
	logged(t, s, "a", "0000000000000001", purge("a", "0000000000000001", 0, 1))
	list, err := s.Accounts(t.Context())
	ok(t, err)
	if len(list) != 0 {
		t.Errorf("accounts %v", list)
	}
}

// Making an account must not begin its task IDs anew.
func accountsTasks(t *testing.T, s Everything) {
	logged(t, s, "a", "0000000000000001", purge("a", "0000000000000001", 0, 2))
	ok(t, s.PutAccount(t.Context(), store.Account{Name: "a", Created: day0()}))
	second := purge("a", "0000000000000002", 0, 1)
	logged(t, s, "a", "0000000000000002", second)
	if second.FirstTask != 1_000_000_002 {
		t.Errorf("first task %d", second.FirstTask)
	}
}

func keysUsed(t *testing.T, s Everything) {
	ok(t, s.PutKey(t.Context(), store.Key{ID: "k", Account: "a", Created: day0()}))
	for _, at := range []time.Duration{time.Hour, time.Minute} {
		ok(t, s.UseKeys(t.Context(), map[string]time.Time{"k": day0().Add(at), "gone": day0()}))
	}
	k, err := s.Key(t.Context(), "k")
	ok(t, err)
	same(t, k.Used, day0().Add(time.Hour))
	_, err = s.Key(t.Context(), "gone")
	wantCode(t, err, freshet.CodeNotFound)
}

func keysKeepUse(t *testing.T, s Everything) {
	k := store.Key{ID: "k", Account: "a", Created: day0()}
	ok(t, s.PutKey(t.Context(), k))
	ok(t, s.UseKeys(t.Context(), map[string]time.Time{"k": day0()}))
	k.Disabled = true
	ok(t, s.PutKey(t.Context(), k))
	got, err := s.Key(t.Context(), "k")
	ok(t, err)
	same(t, got.Used, day0())
}

func keysDeleted(t *testing.T, s Everything) {
	ok(t, s.PutKey(t.Context(), store.Key{ID: "k", Account: "a", Created: day0()}))
	ok(t, s.DeleteKey(t.Context(), "k"))
	ok(t, s.DeleteKey(t.Context(), "k"))
	_, err := s.Key(t.Context(), "k")
	wantCode(t, err, freshet.CodeNotFound)
}
