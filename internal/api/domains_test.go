package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/store"
)

func tenant(f *apitest.Fake) func(*http.Request) {
	f.KeySet["other"] = store.Key{ID: "other", Secret: "s", Account: "other"}
	return func(r *http.Request) { r.SetBasicAuth("other", "s") }
}

// domain reads an answer that is a domain.
func (c *caller) domain(a answer) freshet.Domain {
	c.t.Helper()
	b, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		c.t.Fatalf("%d %s (%v)", a.StatusCode, b, err)
	}
	var d freshet.Domain
	if err := json.Unmarshal(b, &d); err != nil {
		c.t.Fatal(err)
	}
	return d
}

// TestP9_ATenantsDomainIsGuardedAndWaits: until the operator has approved it.
func TestP9_ATenantsDomainIsGuardedAndWaits(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	asOther := tenant(f)
	const body = `{"name":"t.example.com","aliases":["u.example.com"],"origin":"http://o.example.com","guarded":false,"unapproved":false}`
	if d := c.domain(c.do("POST", "/v1/domains", body, asOther)); !d.Guarded || d.Status() != freshet.DomainChecking || d.Account != "other" {
		t.Fatalf("%+v", d)
	}
	var waiting api.DomainList
	if err := json.NewDecoder(c.do("GET", "/v1/domains?account=*&status=checking", "").Body).Decode(&waiting); err != nil ||
		len(waiting.Domains) != 1 || waiting.Domains[0].Name != "t.example.com" {
		t.Fatalf("%+v (%v)", waiting, err)
	}
	if d := c.domain(c.do("POST", "/v1/domains/t.example.com/approve", "{}")); !d.Guarded || !d.Serves() {
		t.Fatalf("%+v", d)
	}
	// What was approved stays so, but for names that nobody looked at.
	if d := c.domain(c.do("POST", "/v1/domains", strings.ReplaceAll(body, "o.example.com", "p.example.com"), asOther)); !d.Guarded || !d.Serves() {
		t.Fatalf("%+v", d)
	}
	p := c.problem(c.do("POST", "/v1/domains", strings.ReplaceAll(body, "u.example.com", "bank.example.com"), asOther))
	if p.Status != 403 || p.Field != "aliases[0]" {
		t.Errorf("%+v", p)
	}
	// The operator's word for the same domain lifts both.
	operators := strings.Replace(body, `{"name"`, `{"account":"other","name"`, 1)
	if d := c.domain(c.do("POST", "/v1/domains", operators)); d.Guarded || !d.Serves() || d.Account != "other" {
		t.Errorf("%+v", d)
	}
}

// TestP8_DomainsOfOthers: what is not there and what is another's look alike.
func TestP8_DomainsOfOthers(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	asOther := tenant(f)
	for _, verb := range []string{"/stop", "/start", "/auth", ""} {
		method := "POST"
		if verb == "" {
			method = "DELETE"
		}
		theirs := c.problem(c.do(method, "/v1/domains/vod.example.com"+verb, "{}", asOther))
		nobodys := c.problem(c.do(method, "/v1/domains/none.example.com"+verb, "{}", asOther))
		theirs.Detail = strings.ReplaceAll(theirs.Detail, "vod.", "none.")
		theirs.RequestID, nobodys.RequestID = "", ""
		if d := cmp.Diff(nobodys, theirs); theirs.Status != 404 || d != "" {
			t.Errorf("%s: %+v\n%s", verb, theirs, d)
		}
	}
	for _, q := range []string{"?account=*", "?account=" + apitest.Account} {
		if p := c.problem(c.do("GET", "/v1/domains"+q, "", asOther)); p.Status != 403 {
			t.Errorf("%s: %+v", q, p)
		}
	}
	if p := c.problem(c.do("POST", "/v1/domains", `{"account":"`+apitest.Account+`","name":"x.example.com","origin":"http://o"}`, asOther)); p.Status != 403 || p.Field != "account" {
		t.Errorf("%+v", p)
	}
	if f.DomainSet["vod.example.com"].Offline {
		t.Error("stopped by another account")
	}
}

// TestDomainAuth_ChangesWhatIsGiven: and no answer holds a key.
func TestDomainAuth_ChangesWhatIsGiven(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	const path = "/v1/domains/vod.example.com/auth"
	for _, step := range []struct {
		body string
		want freshet.URLAuth
	}{
		{
			`{"type":"A","main_key":"swordfish-1","validity":"10m","enforce":true}`,
			freshet.URLAuth{Type: "A", MainKey: "swordfish-1", ValiditySeconds: 600, Enforce: true, Open: freshet.DefaultOpen()},
		},
		{
			`{"backup_key":"swordfish-2","open":[]}`,
			freshet.URLAuth{Type: "A", MainKey: "swordfish-1", BackupKey: "swordfish-2", ValiditySeconds: 600, Enforce: true, Open: []string{}},
		},
		{
			`{"type":"C-query","main_key":"swordfish-2","backup_key":"","enforce":false,"open":["/x/"]}`,
			freshet.URLAuth{Type: "C-query", MainKey: "swordfish-2", ValiditySeconds: 600, Open: []string{"/x/"}},
		},
		{`{"type":"none"}`, freshet.URLAuth{}},
	} {
		a := c.do("POST", path, step.body)
		b, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != http.StatusOK || strings.Contains(string(b), "swordfish") {
			t.Fatalf("%s: %d %s (%v)", step.body, a.StatusCode, b, err)
		}
		if d := cmp.Diff(step.want, f.DomainSet["vod.example.com"].URLAuth); d != "" {
			t.Errorf("%s: %s", step.body, d)
		}
	}
}

// TestRemoveDomain: one that served is not removed.
func TestRemoveDomain(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	asOther := tenant(f)
	c.domain(c.do("POST", "/v1/domains", `{"name":"t.example.com","origin":"http://o"}`, asOther))
	if a := c.do("DELETE", "/v1/domains/t.example.com", "", asOther); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode)
	}
	if p := c.problem(c.do("DELETE", "/v1/domains/vod.example.com", "")); p.Status != 409 {
		t.Errorf("%+v", p)
	}
	if _, ok := f.DomainSet["t.example.com"]; ok || len(f.DomainSet) != 1 {
		t.Errorf("%+v", f.DomainSet)
	}
}
