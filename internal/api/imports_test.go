package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api/apitest"
)

func TestP10_AnImportOverItsSizeIsRefused(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	p := c.problem(c.do("POST", "/v1/media", strings.Repeat("\n", 16<<20+1)))
	if p.Status != http.StatusRequestEntityTooLarge || p.Code != freshet.CodeTooLarge || !strings.Contains(p.Detail, "16777216 bytes") || len(f.AuditList) != 0 {
		t.Errorf("%+v", p)
	}
}

// TestP10_OneImportTooManyIsRefused keeps as many imports at work as may be, by
// bodies that do not end.
func TestP10_OneImportTooManyIsRefused(t *testing.T) {
	t.Parallel()
	_, c := serve(t)
	var ends []*io.PipeWriter
	var answers []chan error
	for range 4 {
		body, end := io.Pipe()
		ends = append(ends, end)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.base+"/v1/media", body)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(apitest.KeyID, apitest.Secret)
		answered := make(chan error, 1)
		answers = append(answers, answered)
		go func() {
			resp, err := http.DefaultClient.Do(r)
			if err == nil {
				err = resp.Body.Close()
			}
			answered <- err
		}()
		if _, err := end.Write([]byte("\n")); err != nil { // it is being read, by the client at least
			t.Fatal(err)
		}
	}
	for {
		resp := c.do("POST", "/v1/media", "\n")
		if resp.StatusCode == http.StatusOK {
			continue // not all of them have reached the server
		}
		p := c.problem(resp)
		if p.Status != http.StatusTooManyRequests || p.Kind != freshet.KindImports || resp.Header.Get("Retry-After") != "1" {
			t.Errorf("%+v, %v", p, resp.Header)
		}
		break
	}
	for i, end := range ends {
		if err := end.Close(); err != nil {
			t.Error(err)
		}
		if err := <-answers[i]; err != nil {
			t.Error(err)
		}
	}
	if resp := c.do("POST", "/v1/media", "\n"); resp.StatusCode != http.StatusOK {
		t.Errorf("afterwards one is answered %d", resp.StatusCode)
	}
}

func TestP10_AJobOfTooManyURLsIsRefused(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	for name, value := range map[string]string{"urls": "http://vod.example.com/a", "prefixes": "http://vod.example.com/a/", "tags": "t"} {
		many := strings.Repeat(`"`+value+`",`, freshet.MaxDirectPerJob) + `"` + value + `"`
		p := c.problem(c.do("POST", "/v1/jobs", `{"type":"purge","`+name+`":[`+many+`]}`))
		if p.Status != http.StatusRequestEntityTooLarge || !strings.Contains(p.Detail, "at most 1000") || len(f.Submitted) != 0 {
			t.Errorf("1,001 %s: %+v", name, p)
		}
	}
}
