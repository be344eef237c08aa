package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api/apitest"
)

func FuzzJobRequest(f *testing.F) {
	f.Add(`{"type":"purge","media":["m-1"],"filters":{"formats":["mp4"],"slice_count":3}}`)
	f.Add(`{"type":"purge","urls":["http://vod.example.com/a%2e?x=1"],"prefixes":["https://cdn.example.com/"],"tags":["a"]}`)
	f.Add(`{"type":"prefetch","media":["m-1"],"finish_by":"2026-11-22T00:00:00Z","user_data":"x"}`)
	fake := apitest.New()
	fake.AddMedia("m-1")
	h := apitest.Handler(f, fake)
	f.Fuzz(func(t *testing.T, body string) {
		fake.Update(func() { fake.Submitted = nil; clear(fake.Jobs) })
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/jobs", strings.NewReader(body))
		r.SetBasicAuth(apitest.KeyID, apitest.Secret)
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError || w.Code == http.StatusUnauthorized {
			t.Fatalf("%q is answered with %d: %s", body, w.Code, w.Body)
		}
		for _, s := range fake.Submitted {
			if len(s.Media) > freshet.MaxMediaPerJob || (len(s.Media) > 0) == (s.Direct != nil) {
				t.Errorf("submitted %+v", s)
			}
			if s.Direct == nil {
				continue
			}
			for _, u := range append(s.Direct.URLs, s.Direct.Prefixes...) {
				if !strings.HasPrefix(u, "http://vod.example.com/") {
					t.Errorf("submitted %q, which is under no domain of the account", u)
				}
			}
		}
	})
}
