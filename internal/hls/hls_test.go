package hls_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet/internal/hls"
)

var update = flag.Bool("update", false, "write want.txt instead of comparing with it")

const baseURL = "http://vod.example.com/a/b/index.m3u8?token=t%20k"

func base(tb testing.TB) *url.URL {
	tb.Helper()
	u, err := url.Parse(baseURL)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// TestParse_Cases compares what is read from testdata/*/in.m3u8 with want.txt.
func TestParse_Cases(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/*/in.m3u8")
	if err != nil || len(dirs) < 15 {
		t.Fatalf("found %d cases, %v", len(dirs), err)
	}
	for _, in := range dirs {
		dir := filepath.Dir(in)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			p, err := hls.ParseChild(body, base(t), hls.Limits{}, variables(t, dir))
			got := render(p, err)
			want := filepath.Join(dir, "want.txt")
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			w, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(w) {
				t.Errorf("got:\n%s\nwant:\n%s", got, w)
			}
		})
	}
}

func variables(t *testing.T, dir string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "vars.txt"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for l := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(strings.TrimSpace(l), "=")
		out[k] = v
	}
	return out
}

func render(p hls.Playlist, err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "multivariant=%v end=%v type=%q version=%d target=%v sequence=%d\n",
		p.Multivariant, p.End, p.Type, p.Version, p.TargetDuration, p.Sequence)
	for _, r := range p.Refs {
		fmt.Fprintf(&b, "%3d %s %d %s", r.Line, r.Kind, r.Index, r.URL)
		if r.Range.Length > 0 {
			fmt.Fprintf(&b, " range=%d@%d", r.Range.Length, r.Range.Offset)
		}
		if r.Duration > 0 {
			fmt.Fprintf(&b, " %v", r.Duration)
		}
		if r.Discontinuity {
			b.WriteString(" discontinuity")
		}
		if r.Gap {
			b.WriteString(" gap")
		}
		b.WriteString("\n")
	}
	for _, q := range p.Problems {
		fmt.Fprintf(&b, "%3d problem %q: %s\n", q.Line, q.Text, q.Reason)
	}
	return b.String()
}

func TestParse_NamesTheLineAndTheLimit(t *testing.T) {
	t.Parallel()
	segments := "#EXTM3U\n" + strings.Repeat("#EXTINF:1,\na.ts\n", 10)
	bomb := "#EXTM3U\n#EXT-X-DEFINE:NAME=\"a0\",VALUE=\"aaaaaaaaaa\"\n"
	for i := range 9 {
		bomb += fmt.Sprintf("#EXT-X-DEFINE:NAME=\"a%d\",VALUE=\"%s\"\n", i+1, strings.Repeat(fmt.Sprintf("{$a%d}", i), 10))
	}
	for _, c := range []struct {
		name, body string
		limits     hls.Limits
		limit      string
		line       int
	}{
		{"bytes", segments, hls.Limits{Bytes: 20}, "Bytes", 0},
		{"lines", segments, hls.Limits{Lines: 5}, "Lines", 6},
		{"line length", segments, hls.Limits{Line: 10}, "Line", 2},
		{"references", segments, hls.Limits{Refs: 3}, "Refs", 9},
		{"problems count as references", "#EXTM3U\n" + strings.Repeat("ftp://x/\n", 10), hls.Limits{Refs: 3}, "Refs", 5},
		{"expansion", bomb, hls.Limits{Line: 8 << 20}, "Expansion", 8},
		{"an expanded line", bomb, hls.Limits{}, "Line", 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := hls.Parse([]byte(c.body), base(t), c.limits)
			e, ok := errors.AsType[*hls.Error](err)
			if !ok || e.Limit != c.limit || e.Line != c.line {
				t.Fatalf("got %#v, want limit %s in line %d", err, c.limit, c.line)
			}
			if !strings.Contains(e.Error(), "limit of") {
				t.Errorf("%q does not tell the limit", e.Error())
			}
		})
	}
}

func TestParse_WithoutBaseRelativeReferencesAreProblems(t *testing.T) {
	t.Parallel()
	p, err := hls.Parse([]byte("#EXTM3U\na.ts\nhttp://h/b.ts\n"), nil, hls.Limits{})
	if err != nil || len(p.Refs) != 1 || p.Refs[0].URL != "http://h/b.ts" || len(p.Problems) != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestParse_PassesVariablesOn(t *testing.T) {
	t.Parallel()
	parent, err := hls.Parse([]byte("#EXTM3U\n#EXT-X-DEFINE:NAME=\"v\",VALUE=\"w\"\n"), base(t), hls.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	child, err := hls.ParseChild([]byte("#EXTM3U\n#EXT-X-DEFINE:IMPORT=\"v\"\n{$v}.ts\n"), base(t), hls.Limits{}, parent.Variables)
	if err != nil || len(child.Refs) != 1 || child.Refs[0].URL != "http://vod.example.com/a/b/w.ts" {
		t.Errorf("got %+v, %v", child, err)
	}
}

func TestKind_Playlist(t *testing.T) {
	t.Parallel()
	for k, want := range map[hls.Kind]bool{
		hls.KindVariant: true, hls.KindAudio: true, hls.KindSubtitles: true, hls.KindIFrames: true,
		hls.KindSegment: false, hls.KindInit: false, hls.KindKey: false, hls.KindSessionData: false,
	} {
		if k.Playlist() != want {
			t.Errorf("%s.Playlist() = %v", k, !want)
		}
	}
}

// FuzzParse holds that whatever an origin sends, reading it neither panics nor
// exceeds its limits, and yields only absolute http references, numbered
// without gaps.
func FuzzParse(f *testing.F) {
	cases, err := filepath.Glob("testdata/*/in.m3u8")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		b, err := os.ReadFile(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	limits := hls.Limits{Bytes: 1 << 16, Lines: 2000, Line: 4096, Refs: 500, Expansion: 1 << 14}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := hls.Parse(body, base(t), limits)
		if err != nil {
			if _, ok := errors.AsType[*hls.Error](err); !ok {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		if len(p.Refs)+len(p.Problems) > limits.Refs {
			t.Fatalf("%d references and %d problems", len(p.Refs), len(p.Problems))
		}
		next := map[hls.Kind]int{}
		line := 0
		for _, r := range p.Refs {
			if r.Index != next[r.Kind] || r.Line < line {
				t.Fatalf("reference %+v is out of order", r)
			}
			next[r.Kind]++
			line = r.Line
			if r.Duration < 0 || r.Duration > 1e6*time.Second {
				t.Fatalf("duration %v", r.Duration)
			}
			if r.Kind == hls.KindKey {
				continue
			}
			u, err := url.Parse(r.URL)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				t.Fatalf("reference %q: %v", r.URL, err)
			}
		}
	})
}

// BenchmarkParse compares the reading of a playlist with bufio.Scanner and one
// string per line, which is the least that any reader of lines does. Both take
// turns within each round, so that the machine's mood strikes both.
func BenchmarkParse(b *testing.B) {
	var body strings.Builder
	body.WriteString("#EXTM3U\n#EXT-X-TARGETDURATION:6\n")
	const n = 1000
	for i := range n {
		fmt.Fprintf(&body, "#EXTINF:6.000000,\nseg-%05d.ts\n", i)
	}
	body.WriteString("#EXT-X-ENDLIST\n")
	in, u := []byte(body.String()), base(b)
	var ours, theirs time.Duration
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		begun := time.Now()
		if p, err := hls.Parse(in, u, hls.Limits{}); err != nil || len(p.Refs) != n {
			b.Fatal(err)
		}
		ours += time.Since(begun)
		begun = time.Now()
		if lines := scan(in); len(lines) != 2*n+3 {
			b.Fatal(len(lines))
		}
		theirs += time.Since(begun)
	}
	b.ReportMetric(float64(len(in)*b.N)/1e6/ours.Seconds(), "MB/s")
	b.ReportMetric(float64(len(in)*b.N)/1e6/theirs.Seconds(), "scanner-MB/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-scanner")
}

func scan(in []byte) []string {
	var lines []string
	s := bufio.NewScanner(bytes.NewReader(in))
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines
}

// TestParse_ResolvesPlainNamesAsAnyOther: the shorter way for plain names must
// give what net/url gives.
func TestParse_ResolvesPlainNamesAsAnyOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom([]string{
			"http://h/a/b/index.m3u8?x=1", "http://h/index.m3u8", "http://h", "http://h/a/", "https://h:8443/%7Ea/b%2Fc/i.m3u8#f",
			"http://h/a/../b/./i.m3u8", "http://h//a//i.m3u8",
		}).Draw(t, "base")
		raw := rapid.StringMatching(`[a-zA-Z0-9_./-]{1,12}`).Draw(t, "reference")
		b, err := url.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		want, err := b.Parse(raw)
		if err != nil {
			t.Skip(err)
		}
		p, err := hls.Parse([]byte("#EXTM3U\n"+raw+"\n"), b, hls.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if want.Host == "" {
			if len(p.Problems) != 1 {
				t.Fatalf("%q has no host and is taken: %+v", raw, p)
			}
			return
		}
		if len(p.Refs) != 1 || p.Refs[0].URL != want.String() {
			t.Fatalf("%q at %s: got %+v, want %s", raw, from, p, want)
		}
	})
}
