package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api/apitest"
)

func TestSubmit_HandsOnWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	by := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, c := range []struct {
		name, body string
		want       freshet.Submission
	}{
		{
			"a purge without filters is of everything", `{"type":"purge","media":["m-2","m-1","m-2"]}`,
			freshet.Submission{Type: freshet.Purge, Media: []string{"m-2", "m-1"}, Filter: freshet.Filter{Everything: true}},
		},
		{
			"so is one with empty filters", `{"type":"purge","media":["m-1"],"filters":{}}`,
			freshet.Submission{Type: freshet.Purge, Media: []string{"m-1"}, Filter: freshet.Filter{Everything: true}},
		},
		{
			"filters narrow it, in canonical spelling", `{"type":"purge","media":["m-1"],"filters":{"formats":["M3U8","m3u8"],"definitions":["hd"],"stream_types":["Video"],"slice_count":3}}`,
			freshet.Submission{Type: freshet.Purge, Media: []string{"m-1"}, Filter: freshet.Filter{
				Formats: []freshet.Format{"m3u8"}, Definitions: []freshet.Definition{"HD"}, StreamTypes: []freshet.StreamType{"video"}, Slices: true, SliceCount: 3,
			}},
		},
		{
			"a prefetch is never of everything", `{"type":"prefetch","media":["m-1"],"user_data":"u","finish_by":"` + by.Format(time.RFC3339) + `"}`,
			freshet.Submission{Type: freshet.Prefetch, Media: []string{"m-1"}, UserData: "u", FinishBy: by},
		},
		{
			"URLs are named by their domain", `{"type":"purge","urls":["https://CDN.example.com/a?auth_key=1"],"prefixes":["http://vod.example.com/b/../c/"],"tags":["film-7"]}`,
			freshet.Submission{Type: freshet.Purge, Direct: &freshet.Direct{URLs: []string{"http://vod.example.com/a"}, Prefixes: []string{"http://vod.example.com/c/"}, Tags: []string{"film-7"}}},
		},
		{
			"regexes are bound to their domain", `{"type":"purge","regexes":["http://cdn.example.com/a.*"]}`,
			freshet.Submission{Type: freshet.Purge, Direct: &freshet.Direct{Patterns: []freshet.Pattern{{Domain: "vod.example.com", Expr: "/a.*"}}}},
		},
		{
			"a prefetch as someone, for some", `{"type":"prefetch","urls":["http://vod.example.com/a"],"headers":{"accept":["a","b"]},"area":"overseas","parents_only":true}`,
			freshet.Submission{Type: freshet.Prefetch, Direct: &freshet.Direct{
				URLs: []string{"http://vod.example.com/a"}, Headers: []string{"Accept: a", "Accept: b"}, Area: "overseas", ParentsOnly: true,
			}},
		},
		{
			"a soft purge", `{"type":"purge","prefixes":["http://vod.example.com/a/"],"soft":true}`,
			freshet.Submission{Type: freshet.Purge, Direct: &freshet.Direct{Prefixes: []string{"http://vod.example.com/a/"}, Soft: true}},
		},
		{
			"URLs with any query", `{"type":"purge","urls":["http://vod.example.com/a"],"ignore_params":true}`,
			freshet.Submission{Type: freshet.Purge, Direct: &freshet.Direct{Bare: []string{"http://vod.example.com/a"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, call := serve(t)
			call.t = t
			resp := call.do("POST", "/v1/jobs", c.body)
			if resp.StatusCode != http.StatusAccepted || resp.Header.Get("Location") != "/v1/jobs/0000000000000001" {
				t.Errorf("got %d, %v", resp.StatusCode, resp.Header)
			}
			c.want.Account, c.want.Native = apitest.Account, true
			if d := cmp.Diff([]freshet.Submission{c.want}, f.Submitted); d != "" {
				t.Error(d)
			}
		})
	}
}
