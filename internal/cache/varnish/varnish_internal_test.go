package varnish

import (
	"bufio"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

const goodReply = "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nVary: Accept-Language\r\nContent-Length: 18\r\n" +
	"X-Freshet: 7 1795533378.658 hit 1 1795533378.622 3599.967 true\r\nConnection: keep-alive\r\n\r\n"

func parse(s string, id uint64) (reply, bool, error) {
	return readReply(bufio.NewReaderSize(strings.NewReader(s), 16<<10), id)
}

func TestReplyIsReadInFull(t *testing.T) {
	t.Parallel()
	r, more, err := parse(goodReply, 7)
	if err != nil || !more {
		t.Fatal(more, err)
	}
	if r.verdict != saysHit || r.count != 1 || r.length != 18 || !r.streaming || !r.varies || r.now.UnixMilli() != 1795533378658 ||
		r.copied() != (freshet.Copy{FetchedAt: time.UnixMilli(1795533378622).UTC(), Validator: `"v1"`, Size: 18}) {
		t.Fatalf("%+v", r)
	}
	if _, more, err := parse(strings.Replace(goodReply, "keep-alive", "close", 1), 7); err != nil || more {
		t.Fatal(more, err)
	}
}

func TestOddRepliesAreErrors(t *testing.T) {
	t.Parallel()
	swap := func(from, to string) string { return strings.Replace(goodReply, from, to, 1) }
	for _, s := range []string{
		"", "\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
		swap("HTTP/1.1", "HTTP/1.0"), swap(" 200 OK", " 2x0 OK"), swap(" 200 OK", " 20"),
		swap("X-Freshet: 7", "X-Freshet: 8"), swap("X-Freshet: 7 ", "X-Freshet: "), swap("hit 1", "hit -1"), swap("hit 1", "hit"),
		swap("1795533378.658", "1795533378.65"), swap("1795533378.658", "0.000"), swap("3599.967", "NaN"), swap("3599.967", "x"), swap(" true", " yes"), swap("Content-Length: 18", "Content-Length: -1"),
		swap("Connection: keep-alive", "X-Freshet: 7 1795533378.658 hit 1 1795533378.622 3599.967 true"), swap("ETag: ", "ETag "),
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxHeaders) + goodReply[17:],
	} {
		if r, _, err := parse(s, 7); err == nil {
			t.Errorf("%q was taken as %+v", s, r)
		}
	}
	for n := range goodReply {
		if r, _, err := parse(goodReply[:n], 7); err == nil {
			t.Fatalf("the first %d bytes were taken as %+v", n, r)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte(goodReply))
	f.Add([]byte("HTTP/1.1 404 Not Found\r\nX-Freshet: 7 1795533378.591 miss 0 0.000 0.000 false\r\nX-Freshet-Can: xkey fence\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		br := bufio.NewReaderSize(strings.NewReader(string(b)), 16<<10)
		src := strings.NewReader(string(b))
		br.Reset(src)
		r, _, err := readReply(br, 7)
		if err != nil {
			return
		}
		if r.now.IsZero() || r.count < 0 || r.length < -1 || r.verdict == "" {
			t.Fatalf("%q was taken as %+v", b, r)
		}
		read := len(b) - src.Len() - br.Buffered()
		if _, _, err := parse(string(b[:read-1]), 7); err == nil {
			t.Fatalf("%q is taken without its last byte", b[:read])
		}
		if _, _, err := parse(string(b), 8); err == nil {
			t.Fatal("it was taken as the answer to another request")
		}
	})
}

// tokens splits an expression as Varnish does.
func tokens(t *testing.T, expr string) [][3]string {
	t.Helper()
	f := strings.Fields(expr)
	if len(f)%4 != 3 {
		t.Fatalf("%q has %d words", expr, len(f))
	}
	var out [][3]string
	for i := 0; i < len(f); i += 4 {
		if i > 0 && f[i-1] != "&&" {
			t.Fatalf("%q is not joined by &&", expr)
		}
		out = append(out, [3]string{f[i], f[i+1], f[i+2]})
	}
	return out
}

// wantContained fails if anything in an expression is not what this package
// wrote itself.
func wantContained(t *testing.T, p pattern) {
	t.Helper()
	expr := p.expression(markPath(3))
	for _, c := range []byte(expr) {
		if c < ' ' || c >= 0x7f || c == '"' {
			t.Fatalf("%q has byte %#x", expr, c)
		}
	}
	var shape []string
	for _, tok := range tokens(t, expr) {
		shape = append(shape, tok[0]+" "+tok[1])
		if _, err := regexp.Compile(forGo(tok[2])); err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
	}
	want := []string{"obj.http.X-Freshet-Host ~", "obj.http.X-Freshet-Url ~"}
	if p.kind == freshet.SelectTag {
		want[1] = "obj.http.xkey ~"
	}
	if !p.since.IsZero() {
		want = append(want, "obj.http.X-Freshet-Fetch !~")
	}
	if !slices.Equal(shape, want) {
		t.Fatalf("%q has the form %q", expr, shape)
	}
	host := regexp.MustCompile(tokens(t, expr)[0][2])
	for _, h := range []string{"other.example.com", "xvod.example.com", "vod.example.com.evil.test", "vodxexample.com"} {
		if !slices.Contains(p.hosts, h) && host.MatchString(h) {
			t.Fatalf("%q reaches %s", expr, h)
		}
	}
}

// forGo writes a pattern for package regexp, which has no possessive forms. A
// "+" that is meant as such is always written as a number.
func forGo(pcre string) string {
	return strings.NewReplacer("*+", "*", "++", "+").Replace(pcre)
}

func newTestDriver() *Driver {
	d := &Driver{}
	d.domains.Store(&[]freshet.Domain{{Name: "vod.example.com", Aliases: []string{"alias.example.com"}}})
	return d
}

func FuzzBanExpression(f *testing.F) {
	for _, s := range []string{
		"x || obj.status != 0", `"`, `\`, "a\nb", "/film/", `/film/[0-9]+\.ts`, "film-7", "(?i)ABC", "a && obj.status == 200", "^/a$", `[[:alpha:]]`,
		`\x20`, "a\tb", "é", "$", "|", "(?s).*", `\pL`, "[^a]", "a{2,5}", "http://vod.example.com/a b",
	} {
		f.Add(s, "vod.example.com", byte(1))
	}
	f.Add(`a`, "vod.example.com || x", byte(2))
	f.Fuzz(func(t *testing.T, text, host string, kind byte) {
		d := newTestDriver()
		sel := freshet.Selector{Kind: freshet.SelectPrefix + freshet.SelectorKind(kind%3), Pattern: text, Hosts: []string{host}}
		if sel.Kind == freshet.SelectPrefix && kind > 127 {
			sel.Pattern = "http://" + host + "/" + text
		}
		o := cache.Order{Selector: sel}
		if kind&64 != 0 {
			o.Since = time.UnixMilli(1795533378658)
		}
		p, err := d.newPattern(o)
		if err != nil {
			return
		}
		wantContained(t, p)
	})
}

// The translated pattern matches exactly the URLs that the user's does.
func FuzzPCREMeansTheSame(f *testing.F) {
	for _, s := range []string{
		`/film/[0-9]+\.ts`, `^http://vod\.example\.com/(a|b|cd)/.*\.m4s$`, `(?i)FILM`, `a.c`, `[^/]+/x`, `\d{1,3}`, `.*foo.*`, `^.*$`, `(?:)`, `a*a`, `\bts\b`, `[a-f]+f?g`, `x+\z`, `(a+)b`,
	} {
		f.Add(s, "http://vod.example.com/film/7/seg-12.ts?x=a&b=cdffg")
	}
	f.Fuzz(func(t *testing.T, pattern, url string) {
		want, err := regexp.Compile(pattern)
		if err != nil || !visible(url) {
			return
		}
		pcre, err := toPCRE(pattern)
		if err != nil {
			return
		}
		got, err := regexp.Compile(forGo(pcre))
		if err != nil {
			t.Fatalf("%q became %q: %v", pattern, pcre, err)
		}
		if got.MatchString(url) != want.MatchString(url) {
			t.Fatalf("%q became %q, which says %v of %q", pattern, pcre, got.MatchString(url), url)
		}
	})
}

func TestPatternsThatCouldBacktrackAreRefused(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		`a[a-m]*b[a-m]*c`, `(a+)+$`, `(a|ab)*c`, `x.*y.*z`, `(foo|bar)+`, `(a?b?){10}c`, `a{1,1000}a`, `a{0,20}a{0,20}a{0,20}`, `é`, `\pN`, `(?m)^a`, "", strings.Repeat("a", maxPattern+1),
	} {
		if got, err := toPCRE(p); err == nil && p != `\pN` {
			t.Errorf("%q became %q", p, got)
		}
	}
	for p, want := range map[string]string{
		`/film/[0-9]+\.ts`:          `(?:/film/)(?:[0-9]++)(?:\x2ets)`,
		`.*\.ts`:                    `(?:\x2ets)`,
		`^http://a/.*\.(ts|m4s)$`:   `^(?:http://a/)(?:.*)\x2e(?:(?:ts|m4s))\z`,
		`/[^/]+/[^/]+/seg-\d+\.ts$`: `/(?:[\x21-\x2e0-\x7e]++)/(?:[\x21-\x2e0-\x7e]++)(?:/seg-)(?:[0-9]++)(?:\x2ets)\z`,
		`a b`:                       "",
	} {
		if got, err := toPCRE(p); want != "" && (err != nil || got != want) {
			t.Errorf("%q became %q, %v, want %q", p, got, err, want)
		}
	}
}

func TestNewerThanIsExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a := time.UnixMilli(1_700_000_000_000 + r.Int64N(1<<r.IntN(40)))
		b := a.Add(time.Duration(r.Int64N(1<<r.IntN(50))-r.Int64N(1<<r.IntN(50))) * time.Microsecond)
		re := regexp.MustCompile("^(?:" + newerThan(a) + ")")
		if re.MatchString(stamp(b)) != (b.UnixMilli() > a.UnixMilli()) {
			t.Fatalf("%s of %s", re, stamp(b))
		}
	}
	if re := regexp.MustCompile("^(?:" + newerThan(time.Now()) + ")"); !re.MatchString("9999999999.000") || re.MatchString("0000000000.000") {
		t.Error("the driver's own notes are not told apart")
	}
}

func TestRequestsCannotBeBrokenOutOf(t *testing.T) {
	t.Parallel()
	for _, r := range []request{
		{host: "a", path: "/a b"},
		{host: "a", path: "/a\r\nX: y"},
		{host: "a\r\n", path: "/"},
		{host: "", path: "/"},
		{host: "a", path: ""},
		{host: "a", path: "x"},
		{host: "a b", path: "/"},
		{host: "a", path: "/é"},
		{host: "a", path: "/", text: "x\r\ny"},
		{host: "a", path: "/", text: "é"},
	} {
		if r.safe() {
			t.Errorf("%+v may be sent", r)
		}
	}
}
