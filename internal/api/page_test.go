package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/store"
)

// TestJobs_PagesLeaveNothingOut: jobs that share a commit share a millisecond.
func TestJobs_PagesLeaveNothingOut(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	for i := range 30 {
		r := &freshet.JobReport{Job: freshet.Job{ID: fmt.Sprintf("j%02d", i), Created: apitest.Epoch().Add(time.Duration(i/12) * time.Millisecond)}}
		f.Jobs[r.ID] = r
	}
	for _, limit := range []int{1, 5, 12, 13, 29, 30, 31} {
		seen, before := map[string]bool{}, ""
		for {
			var page api.JobPage
			if err := json.NewDecoder(c.do("GET", fmt.Sprintf("/v1/jobs?limit=%d%s", limit, before), "").Body).Decode(&page); err != nil {
				t.Fatal(err)
			}
			for _, j := range page.Jobs {
				if seen[j.ID] {
					t.Errorf("limit %d: %s comes twice", limit, j.ID)
				}
				seen[j.ID] = true
			}
			if page.Next.IsZero() {
				break
			}
			before = "&before=" + url.QueryEscape(page.Next.Format(time.RFC3339Nano))
		}
		if len(seen) != 30 {
			t.Errorf("limit %d: %d of 30 jobs were listed", limit, len(seen))
		}
	}
}

// TestP8_OnlyTheOperatorChangesWhatAllShare: a POP that is marked down is
// excused for everybody, and whoever approves a domain lets caches serve it.
func TestP8_OnlyTheOperatorChangesWhatAllShare(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	f.KeySet["other"] = store.Key{ID: "other", Secret: "s", Account: "other"}
	asOther := func(r *http.Request) { r.SetBasicAuth("other", "s") }
	for path, body := range map[string]string{
		"/v1/pops/edge-1":                     `{"down":true}`,
		"/v1/domains/vod.example.com/approve": `{}`,
	} {
		if p := c.problem(c.do("POST", path, body, asOther)); p.Status != 403 || p.Code != freshet.CodeForbidden {
			t.Errorf("%s: %+v", path, p)
		}
	}
	if f.POPStates[1].State != "up" {
		t.Errorf("%+v", f.POPStates)
	}
}

// TestWritesStoreTheirNonce: each call that changes something leaves its nonce
// in the store, so that it cannot be repeated after a restart. Jobs are
// committed with theirs.
func TestWritesStoreTheirNonce(t *testing.T) {
	t.Parallel()
	f := apitest.New()
	f.AddMedia("m-1")
	h := apitest.Handler(t, f)
	for _, c := range []struct {
		path, body string
		stored     int
	}{
		{"/v1/keys", "{}", 1},
		{"/v1/domains", `{"name":"vod.example.com","origin":"http://origin.example.com"}`, 1},
		{"/v1/pops/edge-1", `{"down":true}`, 1},
		{"/v1/media", "", 1},
		{"/v1/plan", `{"type":"purge","media":["m-1"]}`, 0},
		{"/v1/jobs", `{"type":"purge","media":["m-1"]}`, 0},
	} {
		before := len(f.NonceList)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1"+c.path, strings.NewReader(c.body))
		auth.SignV3(r, apitest.KeyID, apitest.Secret, []byte(c.body), time.Now(), "n"+c.path)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 300 || len(f.NonceList)-before != c.stored {
			t.Errorf("POST %s: %d, %d nonces stored, want %d: %s", c.path, w.Code, len(f.NonceList)-before, c.stored, w.Body)
		}
	}
	if n := len(f.Submitted); n != 1 || f.Submitted[0].Nonce == 0 {
		t.Errorf("the job's nonce is not handed on: %+v", f.Submitted)
	}
}

// TestJobs_FailedOnes holds that a job counts as failed if a row of it could not
// be planned, or one of its tasks failed, and that pages of them can be followed
// to the end.
func TestJobs_FailedOnes(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	f.Update(func() {
		for i := range 250 {
			id := fmt.Sprintf("%016x", i+1)
			job := &freshet.JobReport{Job: freshet.Job{ID: id, Account: apitest.Account, Created: apitest.Epoch().Add(time.Duration(i) * time.Second)}}
			job.Rows = []freshet.RowReport{{Row: freshet.Row{Media: "m-1", State: freshet.RowPlanned}}}
			switch i {
			case 3:
				job.Rows[0].State = freshet.RowFailed
			case 77, 200:
				job.Tally.Failed = 1
			}
			f.Jobs[id] = job
		}
	})
	var got []string
	for next := ""; ; {
		resp := c.do("GET", "/v1/jobs?failed=true&limit=500"+next, "")
		var page api.JobPage
		if err := json.NewDecoder(resp.Body).Decode(&page); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.StatusCode, err)
		}
		for _, j := range page.Jobs {
			got = append(got, j.ID)
		}
		if page.Next.IsZero() {
			break
		}
		next = "&before=" + page.Next.Format(time.RFC3339Nano)
	}
	if want := fmt.Sprintf("[%016x %016x %016x]", 201, 78, 4); fmt.Sprint(got) != want {
		t.Errorf("failed are %v, want %s", got, want)
	}
	if p := c.problem(c.do("GET", "/v1/jobs?failed=yes", "")); p.Code != freshet.CodeInvalid {
		t.Errorf("%+v", p)
	}
}
