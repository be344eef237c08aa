package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

const (
	signID     = "FKsigning"
	signSecret = "a secret for the tests of signing"
)

// playURL asks GetPlayInfo for the first URL of the media m-1.
func playURL(t *testing.T, s *app.Server, kv ...string) string {
	t.Helper()
	p := url.Values{"Action": {"GetPlayInfo"}, "Version": {"2017-03-21"}, "Format": {"JSON"}, "VideoId": {"m-1"}}
	for i := 0; i < len(kv); i += 2 {
		p.Set(kv[i], kv[i+1])
	}
	auth.SignV1(http.MethodGet, p, signID, signSecret, time.Now(), t.Name()+strings.Join(kv, "")+time.Now().String())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+"/?"+p.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		Message      string
		PlayInfoList struct{ PlayInfo []struct{ PlayURL string } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || len(body.PlayInfoList.PlayInfo) == 0 {
		t.Fatalf("%d %+v (%v)", resp.StatusCode, body, err)
	}
	return body.PlayInfoList.PlayInfo[0].PlayURL
}

// TestContract_8_SignedFromEndToEnd: what GetPlayInfo hands out plays at a
// cache that asks for signatures, and nothing else does; one purge of the bare
// URL clears it, prefetches and probes get in, and what is reported is bare.
func TestContract_8_SignedFromEndToEnd(t *testing.T) {
	t.Parallel()
	var version atomic.Value
	version.Store("one")
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := version.Load().(string)
		w.Header().Set("ETag", `"`+v+`"`)
		w.Header().Set("Cache-Control", "max-age=3600")
		if r.URL.RequestURI() != "/a/film.mp4" {
			t.Errorf("the origin is asked for %s", r.URL.RequestURI())
		}
		http.ServeContent(w, r, "film.mp4", time.Time{}, strings.NewReader("film "+v))
	}))
	defer origin.Close()
	dir := t.TempDir()
	key := filepath.Join(dir, "main.key")
	if err := os.WriteFile(key, []byte("main-key-000001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := settings(filepath.Join(dir, "data"))
	conf.Domains = []config.Domain{{
		Name: "vod.example.com", Origin: config.URL(origin.URL), Account: config.DefaultAccount, Verify: freshet.VerifyProbe,
		URLAuth: &config.URLAuth{Type: freshet.AuthA, MainKeyFile: key, Validity: config.Duration(10 * time.Minute), Enforce: true},
	}}
	s, end := serve(t, conf, map[string]string{config.EnvAccessKeyID: signID, config.EnvAccessKeySecret: signSecret})
	defer end()
	awaitReady(t, s)
	c := caller(t, s, signID, signSecret)
	const bare = "http://vod.example.com/a/film.mp4"
	if sum, err := c.Import(t.Context(), strings.NewReader(`{"MediaId":"m-1","Status":"Normal","Streams":[{"Format":"mp4","Definition":"HD","StreamType":"video","PlayURL":"`+bare+`?auth_key=1-0-0-x"}]}`), nil); err != nil || sum.Imported != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	for _, typ := range []string{"A", "B", "C", "C-query"} {
		version.Store("old of " + typ)
		if _, err := c.SetDomainAuth(t.Context(), "vod.example.com", client.DomainAuth{Type: typ}); err != nil {
			t.Fatal(err)
		}
		played := playURL(t, s)
		awaitView(t, s, played, "film ") // the POP hears of the change by itself
		if got := viewed(t, s, bare); !strings.HasPrefix(got, "403") {
			t.Fatalf("type %s: unsigned: %q", typ, got)
		}
		if d := carriedOut(t, s, freshet.Purge, played); d.Outcome != freshet.OutcomeDone || d.Verified != freshet.VerifiedProbe {
			t.Fatalf("type %s: purge: %+v", typ, d)
		}
		if got := viewed(t, s, played); got != "film old of "+typ {
			t.Fatalf("type %s: %q", typ, got)
		}
		version.Store("new of " + typ)
		if d := carriedOut(t, s, freshet.Purge, bare); d.Outcome != freshet.OutcomeDone || d.Verified != freshet.VerifiedProbe {
			t.Fatalf("type %s: purge: %+v", typ, d)
		}
		if d := carriedOut(t, s, freshet.Prefetch, played); d.Outcome == freshet.OutcomeFailed || d.Verified != freshet.VerifiedProbe {
			t.Fatalf("type %s: prefetch: %+v", typ, d)
		}
		for _, u := range []string{played, playURL(t, s, "AuthTimeout", "60", "ReAuthInfo", `{"rand":"x","uid":"7"}`)} {
			if got := viewed(t, s, u); got != "film new of "+typ {
				t.Fatalf("type %s: %s: %q", typ, u, got)
			}
		}
	}
	tasks, err := s.Engine().FindTasks(t.Context(), freshet.TaskFilter{Account: config.DefaultAccount, Limit: 100})
	if err != nil || tasks.Total != 12 {
		t.Fatalf("%d tasks, %v", tasks.Total, err)
	}
	for _, task := range tasks.Tasks {
		if task.URL != bare {
			t.Errorf("reported is %s", task.URL)
		}
	}
}

// awaitView waits until a viewer gets what begins so.
func awaitView(t *testing.T, s *app.Server, u, want string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for got := viewed(t, s, u); !strings.HasPrefix(got, want); got = viewed(t, s, u) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s is %q, not %q", u, got, want)
		}
	}
}

// TestContract_8_LifetimeAndParts: AuthTimeout and ReAuthInfo of GetPlayInfo
// are in the URL.
func TestContract_8_LifetimeAndParts(t *testing.T) {
	t.Parallel()
	s, end := serve(t, settings(t.TempDir()), map[string]string{config.EnvAccessKeyID: signID, config.EnvAccessKeySecret: signSecret})
	defer end()
	c := caller(t, s, signID, signSecret)
	d, err := c.PutDomain(t.Context(), freshet.Domain{Name: "vod.example.com", Origin: "http://127.0.0.1:9"})
	if err == nil {
		d, err = c.SetDomainAuth(t.Context(), d.Name, client.DomainAuth{Type: "A", MainKey: "main-key-000001", Validity: "10m"})
	}
	if err != nil || d.URLAuth.Enforce || len(d.URLAuth.Open) == 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	if _, err := c.Import(t.Context(), strings.NewReader(`{"MediaId":"m-1","Status":"Normal","Streams":[{"Format":"mp4","Definition":"HD","StreamType":"video","PlayURL":"http://vod.example.com/a.mp4"}]}`), nil); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(playURL(t, s, "AuthTimeout", "3600", "ReAuthInfo", `{"rand":"abc","uid":"42"}`))
	if err != nil || !strings.Contains(u.RawQuery, "-abc-42-") {
		t.Fatalf("%v, %v", u, err)
	}
	a := freshet.URLAuth{Type: freshet.AuthA, MainKey: "main-key-000001", ValiditySeconds: 600}
	for after, want := range map[time.Duration]urlsign.Verdict{3590 * time.Second: urlsign.Valid, 3601 * time.Second: urlsign.Expired} {
		if got := urlsign.Verify(a, u.EscapedPath(), u.RawQuery, time.Now().Add(after)); got != want {
			t.Errorf("after %v: %v", after, got)
		}
	}
	one, two := playURL(t, s), playURL(t, s)
	if one == two || !strings.Contains(one, "-0-") {
		t.Errorf("%s, %s", one, two)
	}
}
