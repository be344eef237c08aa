package nginx_test

import (
	"net/http"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/nginx"
	"github.com/freshet-vod/freshet/internal/cache/nginx/nginxtest"
)

// What is denied stays so though nobody tells the cache anew after its restart;
// and a folder that the cache does not look into is named, not trusted.
func TestDeny_HoldsWithoutTheAgentAndIsVerified(t *testing.T) {
	t.Parallel()
	origin := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("film")) })
	h := open(t, origin, setup{})
	denied := []freshet.DeniedURL{{URL: "http://" + cachetest.Host + "/film", Status: freshet.StatusLegal}}
	status := func() int {
		t.Helper()
		resp, err := h.Get(t.Context(), denied[0].URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if r := h.drv.Deny(t.Context(), denied)[0]; r.Outcome != freshet.OutcomeDone || r.Verified != freshet.VerifiedInspect {
		t.Fatalf("denying: %+v", r)
	}
	h.Restart(t)
	if s := status(); s != freshet.StatusLegal {
		t.Errorf("after a restart: %d", s)
	}
	long := []freshet.DeniedURL{{URL: "http://" + cachetest.Host + "/a//b", Status: freshet.StatusLegal}}
	if r := h.drv.Deny(t.Context(), long)[0]; r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonUnsupported {
		t.Errorf("what cannot have a file: %+v", r)
	}

	o := h.setup.driver
	o.Control, o.URL, o.Path, o.Levels = h.srv.Control, h.srv.URL, h.srv.Cache, nginxtest.Levels
	o.DenyFolder = t.TempDir()
	other, err := nginx.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	elsewhere := []freshet.DeniedURL{{URL: "http://" + cachetest.Host + "/other", Status: freshet.StatusLegal}}
	if r := other.Deny(t.Context(), elsewhere)[0]; r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonUnsupported {
		t.Errorf("in a folder that the cache does not know: %+v", r)
	}
}

// nginx sees the folder, but the location that serves viewers does not look: it
// lacks the supplied lines.
func TestDeny_IsProvedWhereViewersAreServed(t *testing.T) {
	t.Parallel()
	origin := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("film")) })
	h := open(t, origin, setup{server: nginxtest.Options{Bare: true, Location: "return 200 film;"}})
	denied := []freshet.DeniedURL{
		{URL: "http://" + cachetest.Host + "/film", Status: freshet.StatusLegal},
		{URL: "http://" + cachetest.Host + "/more", Status: freshet.StatusLegal},
	}
	for _, r := range h.drv.Deny(t.Context(), denied) {
		if r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonUnsupported {
			t.Errorf("viewers get it, and the result is %+v", r)
		}
	}
}
