package storetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runKeys(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"KeysAreKeptAndReplaced":         keysKept,
		"UnknownKeyIsNotFound":           keysUnknown,
		"KeysAreListedOldestFirst":       keysListed,
		"NoncesLastAsLongAsTheyMust":     nonces,
		"ExpiredNoncesDoNotAccumulate":   noncesExpire,
		"AnyFingerprintIsKept":           noncesAnyFingerprint,
		"ANonceIsStoredWithItsWriteOnly": noncesWithWrite,
		"ANonceIsStoredByItself":         noncesAlone,
	})
}

func keysKept(t *testing.T, s Everything) {
	k := store.Key{ID: "AK1", Secret: "s3cr3t/+=", Account: "a", Created: day0()}
	ok(t, s.PutKey(t.Context(), k))
	got, err := s.Key(t.Context(), "AK1")
	ok(t, err)
	same(t, got, k)
	got, err = s.KeyOf(t.Context(), "a", "AK1")
	ok(t, err)
	same(t, got, k)
	k.Disabled, k.Secret = true, "other"
	k.Policy, k.Used = `{"Version":"1"}`, day0().Add(time.Hour)
	ok(t, s.PutKey(t.Context(), k))
	got, err = s.Key(t.Context(), "AK1")
	ok(t, err)
	same(t, got, k)
}

func keysUnknown(t *testing.T, s Everything) {
	ok(t, s.PutKey(t.Context(), store.Key{ID: "AK1", Account: "a"}))
	_, err := s.KeyOf(t.Context(), "b", "AK1") // another account's
	wantCode(t, err, freshet.CodeNotFound)
	for _, id := range []string{"", "ak1", "AK2"} {
		_, err := s.Key(t.Context(), id)
		wantCode(t, err, freshet.CodeNotFound)
	}
}

func keysListed(t *testing.T, s Everything) {
	var want []store.Key
	for i := range 3 {
		k := store.Key{ID: fmt.Sprintf("K%d", 9-i), Account: "a", Created: day0().Add(time.Duration(i) * time.Second)}
		want = append(want, k)
		ok(t, s.PutKey(t.Context(), k))
		ok(t, s.PutKey(t.Context(), store.Key{ID: fmt.Sprintf("B%d", i), Account: "b", Created: day0()}))
	}
	got, err := s.ListKeys(t.Context(), "a")
	ok(t, err)
	same(t, got, want)
}

func nonces(t *testing.T, s Everything) {
	for i := range 3 {
		n := store.Nonce{Fingerprint: uint64(i) + 1, Expires: day0().Add(time.Duration(i) * time.Minute)}
		ok(t, s.Accept(t.Context(), newJob("a", fmt.Sprintf("j%d", i), "m"), n))
	}
	list := func(now time.Time) []uint64 {
		got, err := s.Nonces(t.Context(), now)
		ok(t, err)
		var out []uint64
		for _, n := range got {
			out = append(out, n.Fingerprint)
		}
		return out
	}
	same(t, list(day0()), []uint64{2, 3})
	same(t, list(day0().Add(-time.Hour)), []uint64{2, 3}) // the first was deleted
	same(t, list(day0().Add(90*time.Second)), []uint64{3})
	same(t, list(day0().Add(2*time.Minute)), []uint64(nil))
}

func noncesExpire(t *testing.T, s Everything) {
	for i := range 1200 {
		j := newJob("a", fmt.Sprintf("j%d", i))
		j.Created = day0().Add(time.Duration(i) * time.Second)
		ok(t, s.Accept(t.Context(), j, store.Nonce{Fingerprint: uint64(i), Expires: j.Created.Add(time.Second)}))
	}
	got, err := s.Nonces(t.Context(), day0().Add(-time.Hour))
	ok(t, err)
	if len(got) > 700 {
		t.Fatalf("%d nonces are kept, most of which expired long ago", len(got))
	}
}

func noncesAnyFingerprint(t *testing.T, s Everything) {
	want := []store.Nonce{}
	for i, f := range []uint64{0, 1, math.MaxInt64, 1 << 63, math.MaxUint64} {
		n := store.Nonce{Fingerprint: f, Expires: day0().Add(time.Duration(i+1) * time.Second)}
		want = append(want, n)
		ok(t, s.Accept(t.Context(), newJob("a", fmt.Sprintf("j%d", i), "m"), n))
	}
	got, err := s.Nonces(t.Context(), day0())
	ok(t, err)
	same(t, got, want)
}

func noncesWithWrite(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{}))
	wantCode(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{Fingerprint: 5, Expires: day0().Add(time.Hour)}), freshet.CodeConflict)
	got, err := s.Nonces(t.Context(), day0())
	ok(t, err)
	same(t, len(got), 0)
}

func noncesAlone(t *testing.T, s Everything) {
	want := []store.Nonce{{Fingerprint: 7, Expires: day0().Add(time.Hour)}}
	ok(t, s.PutNonce(t.Context(), day0(), store.Nonce{Fingerprint: 6, Expires: day0().Add(time.Second)}))
	ok(t, s.PutNonce(t.Context(), day0().Add(time.Minute), want[0])) // it deletes what expired
	ok(t, s.PutNonce(t.Context(), day0().Add(time.Minute), want[0]))
	ok(t, s.PutNonce(t.Context(), day0().Add(time.Minute), store.Nonce{}))
	got, err := s.Nonces(t.Context(), day0().Add(-time.Hour))
	ok(t, err)
	same(t, got, want)
}

func runTenants(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"P8_NothingOfOneAccountShowsInAnother": tenants,
	})
}

func tenants(t *testing.T, s Everything) {
	ctx := t.Context()
	ok(t, s.PutMedia(ctx, day0(), []*freshet.Media{video("a", "m1", "http://vod.example.com/1")}))
	ok(t, s.PutMedia(ctx, day0(), []*freshet.Media{video("a", "m1")}))
	ok(t, s.PutDomain(ctx, freshet.Domain{Account: "a", Name: "vod.example.com"}))
	ok(t, s.PutKey(ctx, store.Key{ID: "k", Account: "a"}))
	e := purge("a", "j1", 0, 3)
	logged(t, s, "a", "j1", e)
	for _, other := range []string{"b", "", "A", "a ", "a%", "_"} {
		_, err := s.Job(ctx, other, "j1")
		wantCode(t, err, freshet.CodeNotFound)
		jobs, err := s.ListJobs(ctx, other, time.Time{}, 9)
		ok(t, err)
		_, _, err = s.TaskEntry(ctx, other, e.FirstTask)
		wantCode(t, err, freshet.CodeNotFound)
		refs, err := s.FindURL(ctx, other, e.Selector.URLs[0], time.Time{})
		ok(t, err)
		media, err := s.Media(ctx, other, []string{"m1"})
		ok(t, err)
		list, err := s.ListMedia(ctx, other, "", 9)
		ok(t, err)
		have, err := s.HaveMedia(ctx, other, []string{"m1"})
		ok(t, err)
		urls, err := s.Remembered(ctx, other, "m1", time.Time{})
		ok(t, err)
		keys, err := s.ListKeys(ctx, other)
		ok(t, err)
		n := len(jobs) + len(refs) + len(media) + len(list) + len(urls) + len(keys) + len(heads(t, s, store.TaskQuery{Account: other}))
		if n != 0 || have[0] {
			t.Errorf("account %q sees something of account \"a\"", other)
		}
		if other != "" { // "" asks for every domain
			domains, err := s.Domains(ctx, other)
			ok(t, err)
			same(t, len(domains), 0)
		}
	}
}
