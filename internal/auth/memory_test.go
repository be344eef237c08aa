package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/store"
)

func TestReplayIsRefusedWhileTheRequestIsValid(t *testing.T) {
	t.Parallel()
	for _, write := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			a, _ := newAuth(t)
			for range 12 { // at any phase of the sets' rotation
				r := v3(t, keyID, time.Now().Add(14*time.Minute), "")
				r.Write = write
				if _, err := a.Vendor(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				for range 40 {
					if _, err := a.Vendor(t.Context(), r); kind(t, err) != auth.NonceUsed && kind(t, err) != auth.Expired {
						t.Fatalf("a replay was accepted: %v", err)
					}
					<-time.After(53 * time.Second)
				}
				<-time.After(7 * time.Minute)
			}
		})
	}
}

func TestABadSignatureBurnsNoNonce(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	r := v1(t, keyID, time.Now())
	good := r.Params.Get("Signature")
	setParam(r, "Signature", flip)
	if _, err := a.Vendor(t.Context(), r); kind(t, err) != auth.Mismatch {
		t.Fatal(err)
	}
	setParam(r, "Signature", func(string) string { return good })
	if _, err := a.Vendor(t.Context(), r); err != nil {
		t.Errorf("the good request after a forged one: %v", err)
	}
}

func TestNonceCheckAndAddIsAtomic(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	r := v1(t, keyID, time.Now())
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := a.Vendor(context.Background(), r); err == nil {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d of 16 copies of one request passed, want 1", passed.Load())
	}
}

func TestNoncesOfWritesSurviveARestart(t *testing.T) {
	t.Parallel()
	a, keys := newAuth(t)
	r := v3(t, keyID, time.Now(), "")
	id, err := a.Vendor(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	keys.nonces = []store.Nonce{{Fingerprint: id.Nonce, Expires: id.NonceExpires}}
	again, err := auth.New(t.Context(), auth.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Vendor(t.Context(), r); kind(t, err) != auth.NonceUsed {
		t.Errorf("replay after a restart: %v", err)
	}
}

func TestRememberedNoncesSurviveARestart(t *testing.T) {
	t.Parallel()
	a, keys := newAuth(t)
	r := v3(t, keyID, time.Now(), "")
	id, err := a.Vendor(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Remember(t.Context(), 0, time.Time{}); err != nil || len(keys.nonces) != 0 {
		t.Errorf("a call without a nonce: %v, %d stored", err, len(keys.nonces))
	}
	if err := a.Remember(t.Context(), id.Nonce, id.NonceExpires); err != nil {
		t.Fatal(err)
	}
	again, err := auth.New(t.Context(), auth.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Vendor(t.Context(), r); kind(t, err) != auth.NonceUsed {
		t.Errorf("replay after a restart: %v", err)
	}
}

// TestP10_NonceMemoryIsBounded: writes are refused at the bound and accepted
// again after a rotation; reads go on.
func TestP10_NonceMemoryIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, _ := newAuth(t, func(o *auth.Options) { o.MaxNonces = 3 })
		call := func(write bool) error {
			r := v1(t, keyID, time.Now())
			r.Write = write
			_, err := a.Vendor(t.Context(), r)
			return err
		}
		for i := range 10 {
			if err := call(false); err != nil {
				t.Fatalf("read %d: %v", i, err)
			}
		}
		for i := range 3 {
			if err := call(true); err != nil {
				t.Fatalf("write %d: %v", i, err)
			}
		}
		e, ok := errors.AsType[*freshet.Error](call(true))
		if !ok || e.Code != freshet.CodeLimited || e.RetryAfter <= 0 {
			t.Fatalf("write over the bound: %v", e)
		}
		<-time.After(e.RetryAfter)
		if err := call(true); err != nil {
			t.Errorf("write after RetryAfter: %v", err)
		}
	})
}

func TestKeysAreCachedAndInvalidatedExactly(t *testing.T) {
	t.Parallel()
	a, keys := newAuth(t)
	for range 3 {
		if _, err := a.Vendor(t.Context(), v1(t, keyID, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	if keys.reads != 1 {
		t.Errorf("%d reads of the store for three calls, want 1", keys.reads)
	}
	if _, err := a.ChangeKey(t.Context(), account, keyID, func(k *store.Key) { k.Disabled = true }); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Vendor(t.Context(), v1(t, keyID, time.Now())); kind(t, err) != auth.DisabledKey {
		t.Errorf("after disabling: %v", err)
	}
	if err := a.PutKey(t.Context(), store.Key{ID: keyID, Secret: "other", Account: account}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Vendor(t.Context(), v1(t, keyID, time.Now())); kind(t, err) != auth.Mismatch {
		t.Errorf("after a change of the secret: %v", err)
	}
}

// TestAReadThatRacesADisableIsNotCached: the old key must not come back.
func TestAReadThatRacesADisableIsNotCached(t *testing.T) {
	t.Parallel()
	a, keys := newAuth(t)
	var once sync.Once
	keys.gate = func() {
		once.Do(func() {
			keys.mu.Lock()
			keys.gate = nil
			keys.mu.Unlock()
			if err := a.PutKey(context.Background(), store.Key{ID: keyID, Secret: secret, Account: account, Disabled: true}); err != nil {
				t.Error(err)
			}
		})
	}
	_, _ = a.Vendor(t.Context(), v1(t, keyID, time.Now())) // reads the key before the change
	if _, err := a.Vendor(t.Context(), v1(t, keyID, time.Now())); kind(t, err) != auth.DisabledKey {
		t.Errorf("a call after the disable: %v", err)
	}
}

func TestP8_KeysOfAnotherAccountCannotBeDisabled(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	change := func(*store.Key) { t.Error("another account's key was changed") }
	_, foreign := a.ChangeKey(t.Context(), "other", keyID, change)
	_, unknown := a.ChangeKey(t.Context(), "other", "nobody", change)
	if freshet.ErrorCode(foreign) != freshet.CodeNotFound || foreign.Error() != unknown.Error() {
		t.Errorf("another's: %v; unknown: %v", foreign, unknown)
	}
	if err := a.DeleteKey(t.Context(), "other", keyID); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("deleting another's: %v", err)
	}
	if _, err := a.Vendor(t.Context(), v1(t, keyID, time.Now())); err != nil {
		t.Error(err)
	}
}

func TestCreateKeyMakesAKeyThatWorks(t *testing.T) {
	t.Parallel()
	a, _ := newAuth(t)
	k, err := a.CreateKey(t.Context(), "second", "")
	if err != nil {
		t.Fatal(err)
	}
	p := url.Values{"Action": {"X"}}
	auth.SignV1("POST", p, k.ID, k.Secret, time.Now(), newNonce())
	id, err := a.Vendor(t.Context(), &auth.Request{Method: "POST", Params: params(t, p.Encode()), Header: http.Header{}})
	if err != nil || id.Account != "second" || id.KeyID != k.ID {
		t.Errorf("identity %+v, %v", id, err)
	}
	if list, err := a.ListKeys(t.Context(), "second"); err != nil || len(list) != 1 {
		t.Errorf("list %v, %v", list, err)
	}
	if err := a.PutKey(t.Context(), store.Key{ID: "x", Account: "y"}); freshet.ErrorCode(err) != freshet.CodeInvalid {
		t.Errorf("a key without a secret: %v", err)
	}
}

func TestAStoreThatDoesNotAnswerIsNotABadKey(t *testing.T) {
	t.Parallel()
	a, keys := newAuth(t)
	keys.fail = errors.New("disk on fire")
	_, err := a.Vendor(t.Context(), v1(t, keyID, time.Now()))
	if freshet.ErrorCode(err) != freshet.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	if _, err := auth.New(t.Context(), auth.Options{Keys: keys}); err == nil {
		t.Error("New succeeded without its nonces")
	}
}

func TestOptionsAreCheckedAtTheDoor(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]auth.Options{
		"no keys":                       {},
		"a negative window":             {Keys: newKeys(), Window: -1},
		"a memory shorter than replays": {Keys: newKeys(), Window: time.Hour, NonceMemory: time.Hour},
	} {
		if _, err := auth.New(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
