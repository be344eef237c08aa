package freshet_test

import (
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
)

func patternDomains() []freshet.Domain {
	return []freshet.Domain{{Name: "vod.example.com", Aliases: []string{"cdn.example.com"}}, {Name: "127.0.0.1:8081"}}
}

func TestParsePattern(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct{ domain, match, not string }{
		`http://vod.example.com/a/.*\.ts`:  {"vod.example.com", "/a/b/1.ts?x", "/b/a/1.ts"},
		`vod\.example\.com/a/.*\.ts$`:      {"vod.example.com", "/a/1.ts", "/a/1.ts?x"},
		`HTTPS://CDN.example.com:443/a|/b`: {"vod.example.com", "/b", "/x/b"},
		`127.0.0.1:8081/x{2}`:              {"127.0.0.1:8081", "/xxx", "/x"},
		`vod.example.com/`:                 {"vod.example.com", "/anything", ""},
		`vod.example.com/a://b`:            {"vod.example.com", "/a://b", "/a"},
	} {
		p, d, err := freshet.ParsePattern(line, patternDomains())
		if err != nil || p.Domain != want.domain || d.Name != want.domain {
			t.Errorf("%s: %+v (%v)", line, p, err)
			continue
		}
		re, err := p.Compile()
		if err != nil || !re.MatchString(want.match) || want.not != "" && re.MatchString(want.not) {
			t.Errorf("%s becomes %s (%v)", line, p, err)
		}
	}
	if p, _, err := freshet.ParsePattern("other.example.com/.*", patternDomains()); err != nil || p.Domain != "" {
		t.Errorf("a foreign host: %+v, %v", p, err)
	}
}

// TestP8_APatternCannotLeaveItsHost: whatever stands where the host does is a
// name, and what follows is anchored behind it.
func TestP8_APatternCannotLeaveItsHost(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`.*/a`:                               "the host is an expression",
		`vod.example.com|x/a`:                "the host is an expression",
		`(vod.example.com/a`:                 "the host is an expression",
		`ftp://vod.example.com/a`:            "begins with a host",
		`/a`:                                 "begins with a host",
		`vod.example.com`:                    "begins with a host",
		`vod.example.com/)|(.*`:              "not understood",
		`vod.example.com/(a`:                 "not understood",
		`vod.example.com/(?=a)`:              "not understood",
		`vod.example.com/a{2000}`:            "not understood",
		"vod.example.com/a\x00":              "control character",
		`vod.example.com/((a{100}){100}){5}`: "",
		`vod.example.com/` + strings.Repeat("a", freshet.MaxPattern): "longer than 1024 bytes",
	} {
		_, _, err := freshet.ParsePattern(line, patternDomains())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", line, err, want)
		}
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{`vod.example.com/a.*`, `http://vod\.example\.com/(a|b){3}$`, `x/[`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p, _, err := freshet.ParsePattern(line, patternDomains())
		if err != nil || p.Domain == "" {
			return
		}
		re, err := p.Compile()
		if err != nil {
			t.Fatalf("%q parses, and does not compile: %v", line, err)
		}
		// It may match nothing at all there, as "/a|" does; but from the beginning.
		if at := re.FindStringIndex("x/a/b"); at != nil && at[0] != 0 {
			t.Fatalf("%q matches from %v", line, at)
		}
	})
}
