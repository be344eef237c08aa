package auth_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/store"
)

// fakeAccounts is a store.Accounts beside fakeKeys.
type fakeAccounts struct {
	keys *fakeKeys

	mu       sync.Mutex // guards what follows
	accounts map[string]store.Account
	used     []map[string]time.Time
}

func (f *fakeAccounts) PutAccount(_ context.Context, a store.Account) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accounts[a.Name] = a
	return nil
}

func (f *fakeAccounts) Account(_ context.Context, name string) (store.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a, ok := f.accounts[name]; ok {
		return a, nil
	}
	return store.Account{}, freshet.Errorf(freshet.CodeNotFound, "There is no such account.")
}

func (f *fakeAccounts) Accounts(context.Context) ([]store.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.accounts)), nil
}

func (f *fakeAccounts) UseKeys(_ context.Context, used map[string]time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used = append(f.used, used)
	return nil
}

func (f *fakeAccounts) DeleteKey(_ context.Context, id string) error {
	f.keys.mu.Lock()
	defer f.keys.mu.Unlock()
	delete(f.keys.keys, id)
	return nil
}

func withAccounts(t *testing.T) (*auth.Auth, *fakeAccounts) {
	t.Helper()
	f := &fakeAccounts{keys: newKeys(), accounts: map[string]store.Account{account: {Name: account}}}
	a, err := auth.New(t.Context(), auth.Options{Keys: f.keys, Accounts: f})
	if err != nil {
		t.Fatal(err)
	}
	return a, f
}

func TestAccounts_ADisabledOneLetsNobodyIn(t *testing.T) {
	t.Parallel()
	a, _ := withAccounts(t)
	call := func() error {
		_, err := a.Vendor(t.Context(), v1(t, keyID, time.Now()))
		return err
	}
	basically := func() error {
		_, err := a.Native(basic(t, keyID), nil)
		return err
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.SetAccount(t.Context(), account, true); err != nil {
		t.Fatal(err)
	}
	if err := call(); kind(t, err) != auth.Suspended {
		t.Errorf("after disabling: %v", err)
	}
	if err := basically(); freshet.ErrorCode(err) != freshet.CodeForbidden {
		t.Errorf("after disabling, natively: %v", err)
	}
	if _, err := a.SetAccount(t.Context(), account, false); err != nil {
		t.Fatal(err)
	}
	if err := call(); err != nil {
		t.Errorf("after enabling: %v", err)
	}
	if err := basically(); err != nil {
		t.Errorf("after enabling, natively: %v", err)
	}
}

func TestAccounts_WhoseKeyItIsMustExist(t *testing.T) {
	t.Parallel()
	a, f := withAccounts(t)
	if _, err := a.CreateKey(t.Context(), "nobody", ""); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("a key of an account that does not exist: %v", err)
	}
	f.keys.keys["stray"] = store.Key{ID: "stray", Secret: secret, Account: "gone"}
	if _, err := a.Vendor(t.Context(), v1(t, "stray", time.Now())); kind(t, err) != auth.Suspended {
		t.Errorf("a key whose account is gone: %v", err)
	}
	if _, err := a.CreateAccount(t.Context(), "fresh"); err != nil {
		t.Fatal(err)
	}
	k, err := a.CreateKey(t.Context(), "fresh", readOnly)
	if err != nil || k.Policy != readOnly {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := a.CreateKey(t.Context(), "fresh", `{"Version":"2"}`); freshet.ErrorCode(err) != freshet.CodeInvalid {
		t.Errorf("a key with a bad policy: %v", err)
	}
}

func TestAccounts_Names(t *testing.T) {
	t.Parallel()
	a, _ := withAccounts(t)
	for name, code := range map[string]freshet.Code{
		account: freshet.CodeConflict, "": freshet.CodeInvalid, "a b": freshet.CodeInvalid, "a*": freshet.CodeInvalid,
		"a:b": freshet.CodeInvalid, "a/b": freshet.CodeInvalid, "ä": freshet.CodeInvalid, string(make([]byte, 65)): freshet.CodeInvalid,
	} {
		if _, err := a.CreateAccount(t.Context(), name); freshet.ErrorCode(err) != code {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := a.CreateAccount(t.Context(), "Team-1_x.y"); err != nil {
		t.Error(err)
	}
	if _, err := a.SetAccount(t.Context(), "nobody", true); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("%v", err)
	}
}

func TestKeys_ADeletedOneIsUnknownAtOnce(t *testing.T) {
	t.Parallel()
	a, _ := withAccounts(t)
	if _, err := a.Vendor(t.Context(), v1(t, keyID, time.Now())); err != nil {
		t.Fatal(err)
	}
	if err := a.DeleteKey(t.Context(), account, keyID); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Vendor(t.Context(), v1(t, keyID, time.Now())); kind(t, err) != auth.UnknownKey {
		t.Errorf("%v", err)
	}
}

// Changes of one key that come at the same time are all made: none writes back
// what it read before another.
func TestKeys_ChangesDoNotUndoEachOther(t *testing.T) {
	t.Parallel()
	a, f := withAccounts(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := a.ChangeKey(t.Context(), "", keyID, func(k *store.Key) { k.Secret += "x" })
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	f.keys.mu.Lock()
	defer f.keys.mu.Unlock()
	if got := len(f.keys.keys[keyID].Secret) - len(secret); got != 20 {
		t.Errorf("%d of 20 changes are there", got)
	}
}

// The use of a key is noted once a minute at most, and stored when the server
// ends.
func TestKeys_TheirUseIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	a, f := withAccounts(t)
	before := time.Now()
	for range 5 {
		if _, err := a.Vendor(t.Context(), v1(t, keyID, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = a.Vendor(t.Context(), v1(t, "off", time.Now())) // refused: that is no use
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if err := a.Run(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.used) != 1 || len(f.used[0]) != 1 || f.used[0][keyID].Before(before) {
		t.Errorf("noted %v", f.used)
	}
}

func TestPolicy_TheAccountIsTheKeys(t *testing.T) {
	t.Parallel()
	a, _ := withAccounts(t)
	k, err := a.CreateKey(t.Context(), account, `{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"acs:vod:*:other:*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	r := basic(t, k.ID)
	r.SetBasicAuth(k.ID, k.Secret)
	id, err := a.Native(r, nil)
	if err != nil || id.May("vod:GetPlayInfo", policy.Account()) {
		t.Errorf("a policy about another account allows: %+v, %v", id, err)
	}
}
