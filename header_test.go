package freshet_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
)

func TestHeaderVariants(t *testing.T) {
	t.Parallel()
	got, err := freshet.HeaderVariants(map[string][]string{
		"accept-encoding": {"gzip", " br ", "gzip"}, "USER-AGENT": {"tv"},
	})
	want := []string{"Accept-Encoding: gzip\nUser-Agent: tv", "Accept-Encoding: br\nUser-Agent: tv"}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	for _, text := range got {
		h, err := freshet.ParseHeader(text)
		if err != nil || len(h) != 2 || h["User-Agent"][0] != "tv" {
			t.Errorf("%q reads %v (%v)", text, h, err)
		}
	}
	if got, err := freshet.HeaderVariants(nil); err != nil || len(got) != 1 || got[0] != "" {
		t.Errorf("no fields: %q, %v", got, err)
	}
}

func TestHeaderVariants_Refuses(t *testing.T) {
	t.Parallel()
	many := strings.Split("a,b,c,d,e,f,g,h,i", ",")
	for want, fields := range map[string]map[string][]string{
		`"Host" may not be set`:               {"Host": {"x"}},
		`"Range" may not be set`:              {"Range": {"bytes=0-1"}},
		`"Cookie" may not be set`:             {"Cookie": {"a=b"}},
		`"Authorization" may not be set`:      {"Authorization": {"x"}},
		`"If-None-Match" may not be set`:      {"If-None-Match": {"x"}},
		`"X-Forwarded-Host" may not be set`:   {"X-Forwarded-Host": {"x"}},
		`"Freshet-Generation" may not be set`: {"Freshet-Generation": {"1.1"}},
		`"Cache-Control" may not be set`:      {"Cache-Control": {"no-cache"}},
		`may not be set`:                      {"Accept\r\nHost": {"x"}},
		"printable ASCII":                     {"Accept": {"a\r\nHost: b"}},
		"1 to 256":                            {"Accept": {strings.Repeat("a", 257)}},
		"has no value":                        {"Accept": nil},
		"set twice":                           {"Accept": {"a"}, "ACCEPT": {"b"}},
		"more than 8 requests":                {"Accept": many},
	} {
		if got, err := freshet.HeaderVariants(fields); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %q, %v, want %q", fields, got, err, want)
		}
	}
	for _, text := range []string{"Host: a", "Accept", "Accept: a\nAccept: b", "Accept: ", "Accept: a\r", "accept: a"} {
		if h, err := freshet.ParseHeader(text); err == nil {
			t.Errorf("%q reads %v", text, h)
		}
	}
}
