package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/store"
)

// other is a key of another account than the operator's.
func other(f *apitest.Fake) func(*http.Request) {
	f.Update(func() {
		f.Accounts["other"] = store.Account{Name: "other", Created: apitest.Epoch()}
		f.KeySet["theirs"] = store.Key{ID: "theirs", Secret: "their-secret", Account: "other", Created: apitest.Epoch()}
	})
	return func(r *http.Request) { r.SetBasicAuth("theirs", "their-secret") }
}

// told decodes an answer of a status.
func told[T any](t *testing.T, a answer, status int) T {
	t.Helper()
	var out T
	body, err := io.ReadAll(a.Body)
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	if err != nil || a.StatusCode != status {
		t.Fatalf("%d %s, %v", a.StatusCode, body, err)
	}
	return out
}

func TestAccounts_AreTheOperators(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	as := other(f)
	for _, r := range [][2]string{{"GET", "/v1/accounts"}, {"POST", "/v1/accounts"}, {"POST", "/v1/accounts/other"}} {
		if p := c.problem(c.do(r[0], r[1], `{}`, as)); p.Status != http.StatusForbidden {
			t.Errorf("%v: %+v", r, p)
		}
	}
	if a := told[api.Account](t, c.do("POST", "/v1/accounts", `{"name":"acme"}`), 201); a.Name != "acme" || a.Created.IsZero() {
		t.Errorf("%+v", a)
	}
	if p := c.problem(c.do("POST", "/v1/accounts", `{"name":"acme"}`)); p.Status != http.StatusConflict {
		t.Errorf("%+v", p)
	}
	if a := told[api.Account](t, c.do("POST", "/v1/accounts/other", `{"disabled":true}`), 200); !a.Disabled {
		t.Errorf("%+v", a)
	}
	if p := c.problem(c.do("GET", "/v1/keys", "", as)); p.Status != http.StatusForbidden {
		t.Errorf("a key of a disabled account: %+v", p)
	}
	told[api.Account](t, c.do("POST", "/v1/accounts/other", `{"disabled":false}`), 200)
	told[api.KeyList](t, c.do("GET", "/v1/keys", "", as), 200)
	for _, body := range []string{`{}`, `{"disabled":true}`} {
		if p := c.problem(c.do("POST", "/v1/accounts/"+apitest.Account, body)); p.Field != "disabled" {
			t.Errorf("%s: %+v", body, p)
		}
	}
	if l := told[api.AccountList](t, c.do("GET", "/v1/accounts", ""), 200); len(l.Accounts) != 3 {
		t.Errorf("%+v", l)
	}
}

func TestKeys_OfAnotherAccount(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	as := other(f)
	// A tenant meets its own keys only; another's are as unknown as none.
	if l := told[api.KeyList](t, c.do("GET", "/v1/keys", "", as), 200); len(l.Keys) != 1 || l.Keys[0].ID != "theirs" {
		t.Errorf("%+v", l)
	}
	if p := c.problem(c.do("GET", "/v1/keys?account="+apitest.Account, "", as)); p.Status != http.StatusForbidden {
		t.Errorf("%+v", p)
	}
	if p := c.problem(c.do("POST", "/v1/keys", `{"account":"`+apitest.Account+`"}`, as)); p.Status != http.StatusForbidden {
		t.Errorf("%+v", p)
	}
	for _, r := range [][3]string{
		{"POST", "", `{"disabled":true}`}, {"DELETE", "", ""}, {"GET", "/policy", ""}, {"POST", "/policy", everything}, {"DELETE", "/policy", ""},
	} {
		var details []string
		for _, id := range []string{apitest.KeyID, "nobody"} {
			p := c.problem(c.do(r[0], "/v1/keys/"+id+r[1], r[2], as))
			if p.Status != http.StatusNotFound {
				t.Errorf("P8: %v of %s: %+v", r, id, p)
			}
			details = append(details, p.Detail)
		}
		if details[0] != details[1] {
			t.Errorf("P8: %v tells another's key from none: %q", r, details)
		}
	}
	// The operator meets everybody's.
	k := told[api.Key](t, c.do("POST", "/v1/keys", `{"account":"other"}`), 201)
	if k.Account != "other" || k.Secret == "" {
		t.Errorf("%+v", k)
	}
	if l := told[api.KeyList](t, c.do("GET", "/v1/keys?account=other", ""), 200); len(l.Keys) != 2 || l.Keys[0].Secret+l.Keys[1].Secret != "" {
		t.Errorf("%+v", l)
	}
	if k := told[api.Key](t, c.do("POST", "/v1/keys/theirs", `{"disabled":true}`), 200); !k.Disabled {
		t.Errorf("%+v", k)
	}
	told[struct{}](t, c.do("DELETE", "/v1/keys/theirs", ""), 200)
	if p := c.problem(c.do("GET", "/v1/keys", "", as)); p.Status != http.StatusUnauthorized {
		t.Errorf("a deleted key: %+v", p)
	}
	if p := c.problem(c.do("POST", "/v1/keys", `{"account":"nobody"}`)); p.Status != http.StatusNotFound {
		t.Errorf("%+v", p)
	}
}

const everything = `{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func TestKeys_Policies(t *testing.T) {
	t.Parallel()
	_, c := serve(t)
	path := "/v1/keys/" + apitest.KeyID + "/policy"
	if p := told[api.KeyPolicy](t, c.do("GET", path, ""), 200); string(p.Policy) != "null" {
		t.Errorf("%s", p.Policy)
	}
	if p := told[api.KeyPolicy](t, c.do("POST", path, everything), 200); string(p.Policy) != everything {
		t.Errorf("%s", p.Policy)
	}
	if l := told[api.KeyList](t, c.do("GET", "/v1/keys", ""), 200); !l.Keys[0].Policy {
		t.Errorf("%+v", l)
	}
	for body, detail := range map[string]string{"": "DELETE", "{": "JSON", `{"Version":"1","Statement":[],"x":1}`: "Statement", `{"Version":"2"}`: "Version"} {
		if p := c.problem(c.do("POST", path, body)); p.Field != "policy" || !strings.Contains(p.Detail, detail) {
			t.Errorf("%s: %+v", body, p)
		}
	}
	if p := told[api.KeyPolicy](t, c.do("GET", path, ""), 200); string(p.Policy) != everything {
		t.Errorf("after faults: %s", p.Policy)
	}
	if p := told[api.KeyPolicy](t, c.do("DELETE", path, ""), 200); string(p.Policy) != "null" {
		t.Errorf("%s", p.Policy)
	}
	k := told[api.Key](t, c.do("POST", "/v1/keys", `{"policy":{"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}}`), 201)
	p := c.problem(c.do("GET", "/v1/keys", "", func(r *http.Request) { r.SetBasicAuth(k.ID, k.Secret) }))
	if p.Status != http.StatusForbidden {
		t.Errorf("a key whose policy allows nothing: %+v", p)
	}
}

// with signs a request with a temporary credential.
func with(tok api.Token) func(*http.Request) {
	return func(r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Set("X-Acs-Accesskey-Id", tok.AccessKeyID)
		r.Header.Set("X-Acs-Security-Token", tok.SecurityToken)
		auth.SignV3(r, tok.AccessKeyID, tok.AccessKeySecret, body, time.Now(), uuid.NewString())
	}
}

func TestTokens_AreTemporary(t *testing.T) {
	t.Parallel()
	_, c := serve(t)
	path := "/v1/keys/" + apitest.KeyID + "/tokens"
	tok := told[api.Token](t, c.do("POST", path, `{"duration":"1h"}`), 201)
	if until := time.Until(tok.Expires); until < 59*time.Minute || until > time.Hour {
		t.Errorf("expires in %s", until)
	}
	told[api.KeyList](t, c.do("GET", "/v1/keys", "", with(tok)), 200)
	narrow := told[api.Token](t, c.do("POST", path, `{"duration":"1h","policy":{"Version":"1","Statement":[{"Effect":"Allow","Action":"freshet:ListPOPs","Resource":"*"}]}}`), 201)
	if p := c.problem(c.do("GET", "/v1/keys", "", with(narrow))); p.Status != http.StatusForbidden {
		t.Errorf("beyond the session's policy: %+v", p)
	}
	for body, field := range map[string]string{`{}`: "duration", `{"duration":"1s"}`: "duration", `{"duration":"1h","policy":{}}`: "policy"} {
		if p := c.problem(c.do("POST", path, body)); p.Field != field {
			t.Errorf("%s: %+v", body, p)
		}
	}
}

// Whatever makes or widens what callers may do, or goes on telling them, is not for
// credentials that end.
func TestTokens_MakeNothingThatOutlastsThem(t *testing.T) {
	t.Parallel()
	_, c := serve(t)
	tok := told[api.Token](t, c.do("POST", "/v1/keys/"+apitest.KeyID+"/tokens", `{"duration":"1h"}`), 201)
	seen := 0
	for _, r := range api.RoutePolicies() {
		about := strings.Contains(r.Pattern, "/keys") || strings.Contains(r.Pattern, "/accounts") || strings.Contains(r.Pattern, "/webhook")
		if writes := !strings.HasPrefix(r.Pattern, "GET "); r.Lasting != (about && writes) {
			t.Errorf("%s: lasting is %v", r.Pattern, r.Lasting)
		}
		if !r.Lasting {
			continue
		}
		seen++
		method, path, _ := strings.Cut(r.Pattern, " ")
		p := c.problem(c.do(method, strings.ReplaceAll(path, "{id}", apitest.KeyID), `{}`, with(tok)))
		if p.Status != http.StatusForbidden || !strings.Contains(p.Detail, "temporary") {
			t.Errorf("%s: %+v", r.Pattern, p)
		}
	}
	if seen < 8 {
		t.Errorf("%d routes", seen)
	}
}
