package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/store"
)

func fakeClient(t *testing.T, f *apitest.Fake) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Endpoint: apitest.Serve(t, f).URL, AccessKeyID: apitest.KeyID, AccessKeySecret: apitest.Secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCallbacks_ArePagedAndThoseOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	f := apitest.New()
	for _, id := range []string{"c", "b", "a"} {
		f.CallbackList = append(f.CallbackList, store.Callback{ID: id, Account: apitest.Account, State: store.CallbackFailed, Error: "no"})
	}
	f.CallbackList = append(f.CallbackList, store.Callback{ID: "theirs", Account: "other"})
	c := fakeClient(t, f)
	var got []string
	before := ""
	for {
		page, err := c.Callbacks(t.Context(), true, before, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, cb := range page.Callbacks {
			got = append(got, cb.ID+" "+cb.State+" "+cb.Error)
		}
		if before = page.Next; before == "" {
			break
		}
	}
	if strings.Join(got, ",") != "c failed no,b failed no,a failed no" {
		t.Errorf("listed %v", got)
	}
	if err := c.RetryCallback(t.Context(), "theirs"); err == nil {
		t.Error("another's callback was retried")
	}
}

func TestWebhook_SecretsAreToldOnce(t *testing.T) {
	t.Parallel()
	f := apitest.New()
	c := fakeClient(t, f)
	for _, bad := range []string{"", "ftp://example.com/", "http://u:p@example.com/", "http://example.com/" + strings.Repeat("a", 256)} {
		if _, err := c.SetWebhook(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "url is") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	made, err := c.SetWebhook(t.Context(), "https://example.com/1")
	if err != nil || made.Secret == "" {
		t.Fatal(made, err)
	}
	seen := map[string]bool{made.Secret: true}
	for range 3 {
		w, err := c.RotateWebhook(t.Context())
		if err != nil || seen[w.Secret] || !seen[f.Hook.Previous] || time.Until(w.PreviousEnds) < 23*time.Hour {
			t.Fatalf("%+v, %v", w, err)
		}
		seen[w.Secret] = true
	}
	moved, err := c.SetWebhook(t.Context(), "https://example.com/2")
	if err != nil || moved.Secret != "" || moved.URL != "https://example.com/2" || !seen[f.Hook.Secret] {
		t.Errorf("%+v, %v", moved, err)
	}
	w, err := c.Webhook(t.Context())
	if err != nil || w.Secret != "" {
		t.Errorf("%+v, %v", w, err)
	}
	for range 2 {
		if err := c.DeleteWebhook(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
