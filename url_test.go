package freshet_test

import (
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"http://vod.example.com/a/b.ts":                             "http://vod.example.com/a/b.ts",
		"https://VOD.example.com:443/a/b.ts#t=3":                    "http://vod.example.com/a/b.ts",
		"http://vod.example.com.:80":                                "http://vod.example.com/",
		"http://vod.example.com:8080/a":                             "http://vod.example.com:8080/a",
		"https://vod.example.com:80/a":                              "http://vod.example.com:80/a",
		"http://vod.example.com/a/./b/../c":                         "http://vod.example.com/a/c",
		"http://vod.example.com/a/..":                               "http://vod.example.com/",
		"http://vod.example.com/../../x":                            "http://vod.example.com/x",
		"http://vod.example.com/a//b":                               "http://vod.example.com/a//b",
		"http://vod.example.com/%7ea%2Fb%2e%2E/c":                   "http://vod.example.com/~a%2Fb../c",
		"http://vod.example.com/a/%2e%2E/c":                         "http://vod.example.com/c",
		"http://vod.example.com/a b/ä":                              "http://vod.example.com/a%20b/%C3%A4",
		"http://vod.example.com/a?auth_key=1-2-3":                   "http://vod.example.com/a",
		"http://vod.example.com/a?b=2&auth_key=1-2-3&a=1":           "http://vod.example.com/a?b=2&a=1",
		"http://vod.example.com/a?utm=x&b":                          "http://vod.example.com/a?b",
		"http://vod.example.com/a?auth%5Fkey=1&&x=%7e":              "http://vod.example.com/a?x=~",
		"http://vod.example.com/a?":                                 "http://vod.example.com/a",
		"HTTP://vod.example.com/a?x=1,2;3":                          "http://vod.example.com/a?x=1,2;3",
		"http://[2001:DB8::1]:80/a":                                 "http://[2001:db8::1]/a",
		"http://vod.example.com/" + strings.Repeat("a", 100) + "?q": "http://vod.example.com/" + strings.Repeat("a", 100) + "?q",
	} {
		got, err := freshet.Canonical(in, []string{"utm"})
		if err != nil || got != want {
			t.Errorf("%s: %q (%v), want %q", in, got, err, want)
		}
	}
}

func TestCanonical_EveryParamLeavesNoQuery(t *testing.T) {
	t.Parallel()
	got, err := freshet.Canonical("http://vod.example.com/a?b=2&c", []string{"x", freshet.EveryParam})
	if err != nil || got != "http://vod.example.com/a" {
		t.Errorf("%q (%v)", got, err)
	}
}

func TestCanonical_Refuses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ftp://vod.example.com/a":       "http",
		"file:///etc/passwd":            "http",
		"//vod.example.com/a":           "http",
		"http:///a":                     "no host",
		"http://./a":                    "no host",
		"http://:80/a":                  "no host",
		"http://u:p@vod.example.com/a":  "user information",
		"http://vod\"example.com/a":     "characters",
		"http://vöd.example.com/a":      "characters",
		"http://vod.example.com/%zz":    "malformed",
		"http://vod.example.com/a\r\nb": "malformed",
		"http://vod.example.com/" + strings.Repeat("a", freshet.MaxURL): "longer than",
	} {
		got, err := freshet.Canonical(in, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %q, %v, want an error about %q", in, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("the error tells a password: %v", err)
		}
	}
}

// A canonical URL is its own canonical form, names the same place, and is
// spelled alike however its path was escaped.
func checkCanonical(t interface{ Fatalf(string, ...any) }, raw string) {
	c, err := freshet.Canonical(raw, []string{"utm"})
	if err != nil {
		return
	}
	again, err := freshet.Canonical(c, []string{"utm"})
	if err != nil || again != c {
		t.Fatalf("%q becomes %q, and that %q (%v)", raw, c, again, err)
	}
	u, err := url.Parse(c)
	if err != nil || u.Scheme != "http" || u.Fragment != "" || strings.ContainsAny(c, " \t\r\n\"<>") {
		t.Fatalf("%q becomes %q: %v", raw, c, err)
	}
	if q, err := url.ParseQuery(u.RawQuery); err == nil && (q.Has("auth_key") || q.Has("utm")) {
		t.Fatalf("%q becomes %q", raw, c)
	}
	host, path := freshet.SplitURL(c)
	if "http://"+host+path != c || !strings.HasPrefix(path, "/") {
		t.Fatalf("%q splits into %q and %q", c, host, path)
	}
}

func TestCanonical_IsAFixedPoint(t *testing.T) {
	t.Parallel()
	piece := rapid.StringMatching(`(/|\.|\.\.|%2[eEfF]|%7e|%C3%A4|a|B| |ä|\+|,|;|=|&|%)`)
	rapid.Check(t, func(t *rapid.T) {
		path := strings.Join(rapid.SliceOf(piece).Draw(t, "path"), "")
		query := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"a=1", "auth_key=x", "utm=y", "&", "%41uth_key=1", "b", "?", "x=%2f"})).Draw(t, "query"), "")
		raw := "http://vod.example.com/" + path + "?" + query
		checkCanonical(t, raw)
		// What a server's request line holds and what a URL says are one name.
		if c, err := freshet.Canonical(raw, []string{"utm"}); err == nil {
			u, _ := url.Parse(raw)
			if p := freshet.CanonicalPath(u.EscapedPath(), u.RawQuery, []string{"utm"}); "http://vod.example.com"+p != c {
				t.Fatalf("%q: the URL is %q, its path %q", raw, c, p)
			}
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"http://a/b?c=%41&auth_key=1", "https://A:443/../%2e/x", "http://[::1]/", "http://a/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkCanonical(t, raw) })
}

func TestAddress(t *testing.T) {
	t.Parallel()
	domains := []freshet.Domain{
		{Name: "vod.example.com", Aliases: []string{"cdn.example.com"}, IgnoreParams: []string{"session"}},
		{Name: "127.0.0.1:8081"},
	}
	for in, want := range map[string]string{
		"https://cdn.example.com/a?session=1&x=2": "http://vod.example.com/a?x=2",
		"http://VOD.example.com/a?auth_key=1":     "http://vod.example.com/a",
		"http://127.0.0.1:8081/a":                 "http://127.0.0.1:8081/a",
	} {
		got, d, err := freshet.Address(in, domains)
		if err != nil || got != want || !strings.Contains(got, d.Name) {
			t.Errorf("%s: %q of %q (%v), want %q", in, got, d.Name, err, want)
		}
	}
	if _, _, err := freshet.Address("http://other.example.com/a", domains); err == nil || !strings.Contains(err.Error(), "other.example.com") {
		t.Errorf("a foreign host: %v", err)
	}
}
