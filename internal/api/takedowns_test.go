package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/api/apitest"
)

// A takedown says who asked for it, and is undone for one media or several.
func TestTakedowns_AreDeniedListedAndUndone(t *testing.T) {
	t.Parallel()
	f := apitest.New()
	f.AddMedia("m-1", "m-2")
	server := apitest.Serve(t, f)
	c, err := client.New(client.Options{Endpoint: server.URL, AccessKeyID: apitest.KeyID, AccessKeySecret: apitest.Secret})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := c.Takedown(t.Context(), client.TakedownRequest{Media: []string{"m-1", "m-2", "nobody"}, Reason: "court order"})
	if err != nil || receipt.JobID == "" || strings.Join(receipt.NonExistent, ",") != "nobody" {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if d := f.Submitted[0].Denial; *d != (freshet.Denial{Status: 451, Reason: "court order", By: apitest.KeyID}) || !f.Submitted[0].Native {
		t.Errorf("submitted %+v %+v", f.Submitted[0], d)
	}
	if list, err := c.Takedowns(t.Context(), false); err != nil || len(list) != 2 || list[0].Media != "m-2" || list[0].Denial.Reason != "court order" {
		t.Errorf("the list is %+v, %v", list, err)
	}
	if _, err := c.Reinstate(t.Context(), "m-1"); err != nil {
		t.Error(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodDelete, server.URL+"/v1/takedowns/m-2", http.NoBody)
	req.SetBasicAuth(apitest.KeyID, apitest.Secret)
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted || !strings.HasPrefix(resp.Header.Get("Location"), "/v1/jobs/") {
		t.Errorf("undoing one: %d %v", resp.StatusCode, resp.Header)
	}
	if list, err := c.Takedowns(t.Context(), false); err != nil || len(list) != 0 {
		t.Errorf("after all were undone: %+v, %v", list, err)
	}
	if list, err := c.Takedowns(t.Context(), true); err != nil || len(list) != 2 || list[0].Active() {
		t.Errorf("all: %+v, %v", list, err)
	}
	if _, err := c.Reinstate(t.Context(), "m-1"); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("undone twice: %v", err)
	}
}

func TestTakedowns_RefuseNonsense(t *testing.T) {
	t.Parallel()
	f := apitest.New()
	f.AddMedia("m-1")
	server := apitest.Serve(t, f)
	for body, field := range map[string]string{
		`{}`:                                   "media",
		`{"media": []}`:                        "media",
		`{"media": ["a b"]}`:                   "media",
		`{"media": ["m-1"], "status": 200}`:    "status",
		`{"media": ["m-1"], "reason": "a\nb"}`: "reason",
		`{"media": ["m-1"], "reason": "` + strings.Repeat("x", 1025) + `"}`: "reason",
		`{"media": ["m-1"], "why": "x"}`:                                    "why",
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/takedowns", strings.NewReader(body))
		req.SetBasicAuth(apitest.KeyID, apitest.Secret)
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var text [2000]byte
		n, _ := resp.Body.Read(text[:])
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text[:n]), field) {
			t.Errorf("%.60s: %d %s, want a fault of %s", body, resp.StatusCode, text[:n], field)
		}
	}
	if len(f.Submitted) != 0 {
		t.Errorf("submitted %+v", f.Submitted)
	}
}
