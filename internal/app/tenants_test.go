package app_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/config"
)

// TestP9_ATenantsDomainFromEndToEnd: it waits for the operator, and then
// serves from public addresses only, or from those that the operator allows.
func TestP9_ATenantsDomainFromEndToEnd(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte("film"))
	}))
	defer origin.Close()
	// A name that looks like any other; it leads to this machine.
	named := strings.Replace(origin.URL, "127.0.0.1", "localhost", 1)
	for _, allowed := range []bool{false, true} {
		conf := settings(filepath.Join(t.TempDir(), "data"))
		if allowed {
			conf.Sources.Allow = []config.Network{"127.0.0.0/8", "::1"}
		}
		s, end := serve(t, conf, map[string]string{config.EnvAccessKeyID: signID, config.EnvAccessKeySecret: signSecret})
		defer end()
		awaitReady(t, s)
		operator := caller(t, s, signID, signSecret)
		if _, err := operator.CreateAccount(t.Context(), "tenant"); err != nil {
			t.Fatal(err)
		}
		key, err := operator.CreateKey(t.Context(), client.NewKey{Account: "tenant"})
		if err != nil {
			t.Fatal(err)
		}
		tenant := caller(t, s, key.ID, key.Secret)
		_, err = tenant.PutDomain(t.Context(), freshet.Domain{Name: "t.example.com", Origin: named})
		if refused := freshet.ErrorCode(err) == freshet.CodeInvalid; refused == allowed {
			t.Fatalf("allowed %t: %v", allowed, err)
		}
		if !allowed {
			// The caches look by themselves: told as if a resolver had changed its mind.
			d := freshet.Domain{Account: "tenant", Name: "t.example.com", Origin: named, Guarded: true, Unapproved: true}
			if err := s.Engine().AddDomain(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		if got := viewed(t, s, "http://t.example.com/a"); !strings.HasPrefix(got, "404") {
			t.Errorf("before it is approved viewers get %q", got)
		}
		if _, err := tenant.ApproveDomain(t.Context(), "t.example.com"); freshet.ErrorCode(err) != freshet.CodeForbidden {
			t.Errorf("approved by its owner: %v", err)
		}
		if _, err := operator.ApproveDomain(t.Context(), "t.example.com"); err != nil {
			t.Fatal(err)
		}
		want := "502"
		if allowed {
			want = "film"
		}
		awaitView(t, s, "http://t.example.com/a", want)
		if (asked.Load() > 0) != allowed {
			t.Errorf("allowed %t: the origin was asked %d times", allowed, asked.Load())
		}
		if d, err := tenant.StopDomain(t.Context(), "t.example.com"); err != nil || d.Status() != freshet.DomainOffline {
			t.Errorf("%+v, %v", d, err)
		}
		awaitView(t, s, "http://t.example.com/a", "403")
	}
}
