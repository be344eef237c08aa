package api_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/api/apitest"
)

// restrict gives the key of a Fake a policy before it is used.
func restrict(f *apitest.Fake, statements ...string) {
	f.Update(func() {
		k := f.KeySet[apitest.KeyID]
		k.Policy = `{"Version":"1","Statement":[` + strings.Join(statements, ",") + `]}`
		f.KeySet[apitest.KeyID] = k
	})
}

func TestPolicy_EveryRouteAsks(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range api.RoutePolicies() {
		if len(r.Actions) == 0 {
			t.Errorf("%s declares no action", r.Pattern)
		}
		for _, a := range r.Actions {
			if !strings.HasPrefix(a, "freshet:") {
				t.Errorf("%s: %q is no action of freshet", r.Pattern, a)
			}
			if !strings.Contains(string(manual), "`"+a+"`") {
				t.Errorf("docs/api.md lacks %s", a)
			}
		}
	}
}

// Every route that asks for the whole account refuses a key that may do
// everything but its action, whatever else is wrong with the request.
func TestPolicy_EveryRouteRefuses(t *testing.T) {
	t.Parallel()
	for _, r := range api.RoutePolicies() {
		if r.PerResource {
			continue
		}
		for _, action := range r.Actions {
			f, c := serve(t)
			restrict(f, `{"Effect":"Allow","Action":"*","Resource":"*"}`, `{"Effect":"Deny","Action":"`+action+`","Resource":"*"}`)
			method, path, _ := strings.Cut(r.Pattern, " ")
			p := c.problem(c.do(method, strings.ReplaceAll(path, "{id}", "x"), ""))
			if p.Status != http.StatusForbidden || !strings.Contains(p.Detail, action) {
				t.Errorf("%s: %+v", r.Pattern, p)
			}
		}
	}
}

func TestPolicy_ResourcesOfJobs(t *testing.T) {
	t.Parallel()
	media := func(id string) string {
		return `{"Effect":"Allow","Action":["freshet:Purge","freshet:Plan","freshet:GetMedia"],"Resource":"acs:vod:*:default:media/` + id + `"}`
	}
	vod := `{"Effect":"Allow","Action":"freshet:Purge","Resource":"acs:vod:*:*:domain/vod.example.com"}`
	for _, c := range []struct {
		name, policy, path, body string
		status                   int
		detail                   string
	}{
		{"a media that it may purge", media("m1"), "/v1/jobs", `{"type":"purge","media":["m1"]}`, 202, ""},
		{"another one", media("m1"), "/v1/jobs", `{"type":"purge","media":["m2"]}`, 403, "may be touched"},
		{"one that is not there", media("m1"), "/v1/jobs", `{"type":"purge","media":["m9"]}`, 403, "may be touched"},
		{"another type", media("m1"), "/v1/jobs", `{"type":"prefetch","media":["m1"]}`, 403, "may be touched"},
		{"a plan", media("m1"), "/v1/plan", `{"type":"purge","media":["m1"]}`, 200, ""},
		{"a plan of another", media("m1"), "/v1/plan", `{"type":"purge","media":["m2"]}`, 403, "may be touched"},
		{"a URL by a domain's alias", vod, "/v1/jobs", `{"type":"purge","urls":["https://cdn.example.com/a"]}`, 202, ""},
		{"a URL without the domain", media("*"), "/v1/jobs", `{"type":"purge","urls":["http://vod.example.com/a"]}`, 403, "vod.example.com"},
		{"a prefix without the domain", media("*"), "/v1/jobs", `{"type":"purge","prefixes":["http://vod.example.com/a/"]}`, 403, "vod.example.com"},
		{"a tag needs the account", vod, "/v1/jobs", `{"type":"purge","tags":["t"]}`, 403, "tags need"},
		{"a tag", `{"Effect":"Allow","Action":"freshet:Purge","Resource":"*"}`, "/v1/jobs", `{"type":"purge","tags":["t"]}`, 202, ""},
	} {
		f, call := serve(t)
		f.MediaSet["m1"], f.MediaSet["m2"] = &freshet.Media{ID: "m1"}, &freshet.Media{ID: "m2"}
		restrict(f, c.policy)
		a := call.do(http.MethodPost, c.path, c.body)
		body, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != c.status || !strings.Contains(string(body), c.detail) {
			t.Errorf("%s: %d %s, %v", c.name, a.StatusCode, body, err)
		}
	}
}

func TestPolicy_ShowingAMedia(t *testing.T) {
	t.Parallel()
	f, c := serve(t)
	f.MediaSet["m1"], f.MediaSet["m2"] = &freshet.Media{ID: "m1"}, &freshet.Media{ID: "m2"}
	restrict(f, `{"Effect":"Allow","Action":"freshet:Get*","Resource":"acs:vod:*:*:media/m1"}`)
	for id, status := range map[string]int{"m1": 200, "m2": 403, "m9": 403} {
		if a := c.do(http.MethodGet, "/v1/media/"+id, ""); a.StatusCode != status {
			t.Errorf("%s: %d", id, a.StatusCode)
		}
	}
}
