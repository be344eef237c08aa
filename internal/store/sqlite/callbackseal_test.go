package sqlite_test

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// TestSecretsOfCallbacksAreSealed holds for those that are stored with a key,
// and for those that were stored before there was one.
func TestSecretsOfCallbacksAreSealed(t *testing.T) {
	t.Parallel()
	rule := store.CallbackRule{Account: "a/b", App: "app-1", Type: store.ByHTTP, URL: "http://example.com/", Auth: true, AuthKey: "plain-secret-1"}
	hook := store.Webhook{Account: "a/b", URL: "http://example.com/", Secret: "plain-secret-2", Previous: "plain-secret-3", PreviousEnds: time.UnixMilli(5).UTC()}
	put := func(s *sqlite.Store) {
		if err := s.PutCallbackRule(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
		if err := s.PutWebhook(t.Context(), hook); err != nil {
			t.Fatal(err)
		}
	}
	want := func(s *sqlite.Store) {
		t.Helper()
		r, _, err := s.CallbackRule(t.Context(), "a/b", "app-1")
		if err != nil || r.AuthKey != rule.AuthKey {
			t.Errorf("rule %+v, %v", r, err)
		}
		h, _, err := s.Webhook(t.Context(), "a/b")
		if err != nil || h != hook {
			t.Errorf("webhook %+v, %v", h, err)
		}
	}
	sealed, plain := t.TempDir(), t.TempDir()
	within(t, sealed, boxOf(t, 1), put)
	noneInClear(t, sealed)
	within(t, plain, nil, put)
	for _, dir := range []string{sealed, plain} {
		within(t, dir, boxOf(t, 2, 1), want)
		noneInClear(t, dir)
		within(t, dir, boxOf(t, 2), want)
	}
	// What is deleted is gone.
	within(t, sealed, boxOf(t, 2), func(s *sqlite.Store) {
		if err := s.DeleteCallbackRule(t.Context(), time.Now(), "a/b", "app-1"); err != nil {
			t.Fatal(err)
		}
		rule.AuthKey = ""
		if err := s.PutCallbackRule(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
		want(s)
	})
}
