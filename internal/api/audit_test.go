package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/store"
)

// TestAudit_EveryRouteThatWritesLeavesARecord calls each route that is not a
// GET, well and badly.
func TestAudit_EveryRouteThatWritesLeavesARecord(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, path, body, action, object, outcome string }{
		{"POST", "/v1/jobs", `{"type":"purge","media":["m-1"]}`, "POST /v1/jobs", "purge m-1", "ok"},
		{"POST", "/v1/jobs", `{"type":"purge","urls":["http://vod.example.com/a?auth_key=1"],"user_data":"geheim"}`, "POST /v1/jobs", "purge http://vod.example.com/a", "ok"},
		{"POST", "/v1/jobs", `{"type":"purge","media":["gone"]}`, "POST /v1/jobs", "purge gone", "not_found"},
		{"POST", "/v1/jobs", `{`, "POST /v1/jobs", "", "invalid"},
		{"POST", "/v1/media", `{"MediaId":"m-9","MediaType":"video","Streams":[]}`, "POST /v1/media", "", "ok"},
		{"POST", "/v1/domains", `{"name":"new.example.com","origin":"http://o.example.com"}`, "POST /v1/domains", "new.example.com", "ok"},
		{"POST", "/v1/pops/edge-1", `{"down":true}`, "POST /v1/pops/{id}", "edge-1", "ok"},
		{"POST", "/v1/pops/nowhere", `{"down":true}`, "POST /v1/pops/{id}", "nowhere", "not_found"},
		{"DELETE", "/v1/pops/nowhere", ``, "DELETE /v1/pops/{id}", "nowhere", "not_found"},
		{"POST", "/v1/keys", ``, "POST /v1/keys", "", "ok"},
	} {
		f, caller := serve(t)
		resp := caller.do(c.method, c.path, c.body)
		var got []freshet.AuditRecord
		f.Update(func() { got = f.AuditList })
		if len(got) != 1 {
			t.Errorf("%s %s %s left %d records", c.method, c.path, c.body, len(got))
			continue
		}
		r := got[0]
		if r.Action != c.action || r.Outcome != c.outcome || r.Account != apitest.Account || r.KeyID != apitest.KeyID ||
			r.Address != "127.0.0.1" || r.RequestID != resp.Header.Get("X-Request-Id") {
			t.Errorf("%s %s %s left %+v", c.method, c.path, c.body, r)
		}
		if c.path == "/v1/keys" {
			c.object = r.Object
			if _, ok := f.KeySet[r.Object]; !ok {
				t.Errorf("the new key is not %q", r.Object)
			}
		}
		if r.Object != c.object {
			t.Errorf("%s %s %s was about %q, want %q", c.method, c.path, c.body, r.Object, c.object)
		}
	}
}

func TestAudit_WhatOnlyReadsLeavesNone(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	for _, path := range []string{"/v1/jobs", "/v1/pops", "/v1/keys", "/v1/audit", "/v1/media/m-1"} {
		c.do("GET", path, "")
	}
	c.do("POST", "/v1/plan", `{"type":"purge","media":["m-1"]}`)
	c.do("POST", "/v1/nothing", `{}`)
	c.do("POST", "/v1/jobs", `{"type":"purge","media":["m-1"]}`, func(r *http.Request) { r.SetBasicAuth("nobody", "x") })
	f.Update(func() {
		if len(f.AuditList) != 0 {
			t.Errorf("the trail is %+v", f.AuditList)
		}
	})
}

// TestP8_TheTrailOfOthersIsTheOperators holds that an account sees its own
// records only, and is refused alike whether another account exists or not.
func TestP8_TheTrailOfOthersIsTheOperators(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	f.Update(func() {
		f.KeySet["other"] = store.Key{ID: "other", Secret: "s", Account: "other"}
		f.AuditList = []freshet.AuditRecord{{ID: 1, Account: apitest.Account, Action: "A"}, {ID: 2, Account: "other", Action: "A"}, {ID: 3, Account: "third", Action: "B"}}
	})
	as := func(r *http.Request) { r.SetBasicAuth("other", "s") }
	ids := func(resp answer) string {
		t.Helper()
		var p freshet.AuditPage
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.StatusCode, err)
		}
		var b strings.Builder
		for _, r := range p.Records {
			b.WriteString(string(rune('0' + r.ID)))
		}
		return b.String()
	}
	for query, want := range map[string]string{"": "2", "?account=other": "2", "?action=B": "", "?oldest_first=true": "2"} {
		if got := ids(c.do("GET", "/v1/audit"+query, "", as)); got != want {
			t.Errorf("another account sees %q with %q", got, query)
		}
	}
	for query, want := range map[string]string{
		"": "321", "?account=other": "2", "?action=A": "21", "?oldest_first=true": "123", "?oldest_first=true&after=1&limit=1": "2", "?before=3": "21",
	} {
		if got := ids(c.do("GET", "/v1/audit"+query, "")); got != want {
			t.Errorf("the operator sees %q with %q", got, query)
		}
	}
	for _, account := range []string{"third", "nobody", apitest.Account} {
		if p := c.problem(c.do("GET", "/v1/audit?account="+account, "", as)); p.Code != freshet.CodeForbidden {
			t.Errorf("%s: %+v", account, p)
		}
	}
	for _, query := range []string{"?limit=0", "?since=yesterday", "?failed=maybe", "?after=1", "?oldest_first=true&before=2", "?before=-1", "?user=x"} {
		if p := c.problem(c.do("GET", "/v1/audit"+query, "")); p.Code != freshet.CodeInvalid {
			t.Errorf("%s: %+v", query, p)
		}
	}
}
