package urlsign_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

// FuzzVerify feeds the parsers of all types: none may panic, and none may
// accept what the domain's key did not make.
func FuzzVerify(f *testing.F) {
	mac := strings.Repeat("0", 32)
	for _, s := range [][2]string{
		{"/a.mp4", "auth_key=1-0-0-" + mac},
		{"/a.mp4", "auth_key=1-0-0-" + mac + "&auth%5Fkey=x"},
		{"/202601020304/" + mac + "/a.mp4", ""},
		{"/" + mac + "/69573725/a.mp4", "x=%zz"},
		{"/a.mp4", "KEY1=" + mac + "&KEY2=69573725"},
		{"", "&&=&"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		for _, typ := range freshet.AuthTypes() {
			a := auth(typ)
			if v := urlsign.Verify(a, path, query, time.Unix(0, 0)); v == urlsign.Valid {
				t.Fatalf("type %s accepts %q without a slash ? %q", typ, path, query)
			}
			path := "/" + strings.ReplaceAll(path, "?", "%3F") // as a URL has it
			if v := urlsign.Verify(a, path, query, time.Unix(0, 0)); v == urlsign.Valid {
				t.Fatalf("type %s accepts %q ? %q", typ, path, query)
			}
			once := a.CanonicalPath(path, query, nil)
			p, q, _ := strings.Cut(once, "?")
			if again := a.CanonicalPath(p, q, nil); again != once {
				t.Fatalf("type %s: %q ? %q is named %q, and that %q", typ, path, query, once, again)
			}
		}
	})
}

// FuzzSign: what is signed is accepted, and names what it named before.
func FuzzSign(f *testing.F) {
	f.Add("/a/b.m3u8?x=1", "r", "u", int64(3600))
	f.Add("//%2e/..?auth_key=1-2-3-4&KEY1=x", "", "0", int64(0))
	f.Fuzz(func(t *testing.T, path, rand, uid string, life int64) {
		raw := "http://vod.example.com/" + path
		if _, err := freshet.Canonical(raw, nil); err != nil {
			return
		}
		for _, typ := range freshet.AuthTypes() {
			d := freshet.Domain{Name: "vod.example.com", URLAuth: auth(typ)}
			signed, err := urlsign.Sign(d.URLAuth, raw, urlsign.Request{
				Now: at(), Lifetime: time.Duration(life%1e6) * time.Second, Rand: rand, UID: uid,
			})
			if err != nil {
				if freshet.ErrorCode(err) != freshet.CodeInvalid {
					t.Fatalf("type %s: %v", typ, err)
				}
				continue
			}
			u, err := url.Parse(signed)
			if err != nil {
				t.Fatal(err)
			}
			if v := urlsign.Verify(d.URLAuth, u.EscapedPath(), u.RawQuery, at()); v != urlsign.Valid {
				t.Fatalf("type %s: %q is signed as %q, which is %v", typ, raw, signed, v)
			}
			was, _ := url.Parse(raw)
			if got, want := d.CanonicalPath(u.EscapedPath(), u.RawQuery), d.CanonicalPath(was.EscapedPath(), was.RawQuery); got != want {
				t.Fatalf("type %s: %q is signed as %q, which names %q, not %q", typ, raw, signed, got, want)
			}
		}
	})
}
