package app_test

import (
	crand "crypto/rand"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/config"
)

// TestServer_TheAuditTrailSurvivesARestart makes writes by both interfaces and
// reads them back from the next process.
func TestServer_TheAuditTrailSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := map[string]string{config.EnvAccessKeyID: "FKenv", config.EnvAccessKeySecret: "secret of the test"}
	s, end := serve(t, settings(dir), env)
	c := caller(t, s, "FKenv", "secret of the test")
	if _, err := c.PutDomain(t.Context(), freshet.Domain{Name: "vod.example.com", Origin: "http://127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	receipt, err := c.Submit(t.Context(), client.JobRequest{Type: freshet.Purge, URLs: []string{"http://vod.example.com/a"}})
	if err != nil {
		t.Fatal(err)
	}
	p := url.Values{"Action": {"RefreshMediaPlayUrls"}, "Version": {"2017-03-21"}, "MediaIds": {"gone"}, "TaskType": {"Refresh"}}
	auth.SignV1(http.MethodPost, p, "FKenv", "secret of the test", time.Now(), "one")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/?"+p.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	end()

	s, end = serve(t, settings(dir), env)
	defer end()
	page, err := caller(t, s, "FKenv", "secret of the test").Audit(t.Context(), freshet.AuditQuery{Oldest: true})
	if err != nil || page.Next != 0 {
		t.Fatal(err, page.Next)
	}
	want := []freshet.AuditRecord{
		{Action: "POST /v1/domains", Object: "vod.example.com"},
		{Action: "POST /v1/jobs", Object: "purge http://vod.example.com/a", Job: receipt.JobID},
		{Action: "RefreshMediaPlayUrls", Object: "Refresh gone"},
	}
	if len(page.Records) != len(want) {
		t.Fatalf("%d writes left %+v", len(want), page.Records)
	}
	for i, r := range page.Records {
		if r.Action != want[i].Action || r.Object != want[i].Object || r.Job != want[i].Job || r.Outcome != freshet.AuditOK ||
			r.KeyID != "FKenv" || r.Address != "127.0.0.1" || r.RequestID == "" || time.Since(r.Time) > time.Minute {
			t.Errorf("write %d left %+v", i, r)
		}
	}
}

// TestServer_VendorLimitsAreOffUnlessAskedFor holds that a server throttles
// what its configuration says, and nothing without.
func TestServer_VendorLimitsAreOffUnlessAskedFor(t *testing.T) {
	t.Parallel()
	for profile, calls := range map[string]int{config.ProfileNone: 0, config.ProfileVendor: 10} {
		c := settings(t.TempDir())
		c.Limits.Profile = profile
		s, end := serve(t, c, map[string]string{config.EnvAccessKeyID: "FKenv", config.EnvAccessKeySecret: "secret of the test"})
		refused := 0
		begun := time.Now()
		for range 40 {
			p := url.Values{"Action": {"DescribeVodRefreshTasks"}, "Version": {"2017-03-21"}}
			auth.SignV1(http.MethodPost, p, "FKenv", "secret of the test", time.Now(), crand.Text())
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/?"+p.Encode(), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode == http.StatusBadRequest && resp.Header.Get("X-Acs-Retry-After") != "" {
				refused++
			}
		}
		end()
		// As many as the bucket holds, and what came in since.
		passed, most := 40-refused, calls+1+int(time.Since(begun).Seconds()*float64(calls))
		if calls == 0 && refused != 0 || calls != 0 && (passed < calls || passed > most) {
			t.Errorf("with %s, %d of 40 calls passed; at most %d may", profile, passed, most)
		}
	}
}
