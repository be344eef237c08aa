package urlsign_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

const vendorKey = "aliyuncdnexp1234"

// at is a moment in the middle of a minute.
func at() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func auth(t freshet.AuthType) freshet.URLAuth {
	return freshet.URLAuth{Type: t, MainKey: vendorKey, BackupKey: "backup-key-0001", ValiditySeconds: 1800, Enforce: true}
}

// verify checks a whole URL.
func verify(tb testing.TB, a freshet.URLAuth, raw string, now time.Time) urlsign.Verdict {
	tb.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return urlsign.Verify(a, u.EscapedPath(), u.RawQuery, now)
}

// TestContract_8_Vectors checks the MD5s of contract §8, written out as URLs.
func TestContract_8_Vectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name, input, md5 string
		auth             freshet.AuthType
		url              string
		time             time.Time
	}{
		{
			name: "A", input: "/video/standard/1K.html-1444435200-0-0-aliyuncdnexp1234", md5: "80cd3862d699b7118eed99103f2a3a4f",
			auth: freshet.AuthA, time: time.Unix(1444435200, 0),
			url: "http://h/video/standard/1K.html?auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f",
		},
		{
			name: "A with rand", md5: "bcfc1cc71bc53750491043d3eedc95c2",
			input: "/video/standard/1K.html-1767323045-477b3bbc253f467b8def6711128c7bec-0-aliyuncdnexp1234",
			auth:  freshet.AuthA, time: time.Unix(1767323045, 0),
			url: "http://h/video/standard/1K.html?auth_key=1767323045-477b3bbc253f467b8def6711128c7bec-0-bcfc1cc71bc53750491043d3eedc95c2",
		},
		{
			name: "B", input: "aliyuncdnexp1234201508150800/4/44/44c0909bcfc20a01afaf256ca99a8b8b.mp3", md5: "9044548ef1527deadafa49a890a377f0",
			auth: freshet.AuthB, time: time.Date(2015, 8, 15, 0, 0, 0, 0, time.UTC), // 8 o'clock in UTC+8
			url: "http://h/201508150800/9044548ef1527deadafa49a890a377f0/4/44/44c0909bcfc20a01afaf256ca99a8b8b.mp3",
		},
		{
			name: "C", input: "aliyuncdnexp1234/test.flv55CE8100", md5: "a37fa50a5fb8f71214b1e7c95ec7a1bd",
			auth: freshet.AuthC, time: time.Unix(0x55CE8100, 0),
			url: "http://h/a37fa50a5fb8f71214b1e7c95ec7a1bd/55CE8100/test.flv",
		},
		{
			name: "C in the query", input: "aliyuncdnexp1234/test.flv55CE8100", md5: "a37fa50a5fb8f71214b1e7c95ec7a1bd",
			auth: freshet.AuthC, time: time.Unix(0x55CE8100, 0),
			url: "http://h/test.flv?KEY1=a37fa50a5fb8f71214b1e7c95ec7a1bd&KEY2=55CE8100",
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if sum := md5.Sum([]byte(v.input)); hex.EncodeToString(sum[:]) != v.md5 {
				t.Fatalf("the vector itself is wrong: MD5 of %s is %x", v.input, sum)
			}
			a := auth(v.auth)
			if got := verify(t, a, v.url, v.time.Add(1800*time.Second)); got != urlsign.Valid {
				t.Errorf("at its last second: %v", got)
			}
			if got := verify(t, a, v.url, v.time.Add(1801*time.Second)); got != urlsign.Expired {
				t.Errorf("a second later: %v", got)
			}
			a.MainKey = "another-key-0001"
			if got := verify(t, a, v.url, v.time); got != urlsign.Mismatch {
				t.Errorf("with another key: %v", got)
			}
			a.BackupKey = vendorKey
			if got := verify(t, a, v.url, v.time); got != urlsign.Valid {
				t.Errorf("as backup key: %v", got)
			}
		})
	}
}

// TestContract_8_SignedAsPrinted holds the form of each type.
func TestContract_8_SignedAsPrinted(t *testing.T) {
	t.Parallel()
	const u = "https://vod.example.com/video/standard/1K.html"
	for typ, want := range map[freshet.AuthType]string{
		freshet.AuthA:      u + "?auth_key=1767323045-477b3bbc253f467b8def6711128c7bec-0-bcfc1cc71bc53750491043d3eedc95c2",
		freshet.AuthB:      "https://vod.example.com/202601021105/" + sum(vendorKey+"202601021105/video/standard/1K.html") + "/video/standard/1K.html",
		freshet.AuthC:      "https://vod.example.com/" + sum(vendorKey+"/video/standard/1K.html695735a5") + "/695735a5/video/standard/1K.html",
		freshet.AuthCQuery: u + "?KEY1=" + sum(vendorKey+"/video/standard/1K.html695735a5") + "&KEY2=695735a5",
	} {
		got, err := urlsign.Sign(auth(typ), u, urlsign.Request{Now: at(), Rand: "477b3bbc253f467b8def6711128c7bec"})
		if err != nil || got != want {
			t.Errorf("type %s:\n got %s (%v)\nwant %s", typ, got, err, want)
		}
	}
}

func sum(s string) string {
	m := md5.Sum([]byte(s))
	return hex.EncodeToString(m[:])
}

// TestContract_8_Lifetime: with a lifetime the URL ends exactly then, whatever
// the domain's validity; type B counts minutes and is rounded up.
func TestContract_8_Lifetime(t *testing.T) {
	t.Parallel()
	for _, typ := range freshet.AuthTypes() {
		for _, life := range []time.Duration{time.Second, 10 * time.Minute, time.Hour, 100 * 24 * time.Hour} {
			a := auth(typ)
			signed, err := urlsign.Sign(a, "http://h/a.mp4?x=1", urlsign.Request{Now: at(), Lifetime: life})
			if err != nil {
				t.Fatal(err)
			}
			end := at().Add(life)
			if typ == freshet.AuthB {
				end = end.Add(time.Minute - 1).Truncate(time.Minute)
			}
			if got := verify(t, a, signed, end); got != urlsign.Valid {
				t.Errorf("type %s, lifetime %v, at its end: %v", typ, life, got)
			}
			if got := verify(t, a, signed, end.Add(time.Second)); got != urlsign.Expired {
				t.Errorf("type %s, lifetime %v, after its end: %v", typ, life, got)
			}
		}
	}
}

// TestContract_8_TimeIsNeverBelowZero: a validity longer than the clock has run
// does not make a negative time.
func TestContract_8_TimeIsNeverBelowZero(t *testing.T) {
	t.Parallel()
	a := auth(freshet.AuthA)
	signed, err := urlsign.Sign(a, "http://h/a.mp4", urlsign.Request{Now: time.Unix(10, 0), Lifetime: time.Second})
	if err != nil || !strings.Contains(signed, "auth_key=0-0-0-") {
		t.Errorf("got %s (%v)", signed, err)
	}
}

// TestRefusals names what is refused, and why.
func TestRefusals(t *testing.T) {
	t.Parallel()
	mac := strings.Repeat("0", 32)
	for _, v := range []struct {
		typ  freshet.AuthType
		url  string
		want urlsign.Verdict
	}{
		{freshet.AuthA, "http://h/a.mp4", urlsign.Missing},
		{freshet.AuthA, "http://h/a.mp4?auth_key", urlsign.Malformed},
		{freshet.AuthA, "http://h/a.mp4?auth_key=1-0-0", urlsign.Malformed},
		{freshet.AuthA, "http://h/a.mp4?auth_key=-1-0-0-" + mac, urlsign.Malformed},
		{freshet.AuthA, "http://h/a.mp4?auth_key=99999999999-0-0-" + mac, urlsign.Malformed},
		{freshet.AuthA, "http://h/a.mp4?auth_key=1-0-0-0-" + mac, urlsign.Malformed},
		{freshet.AuthA, "http://h/a.mp4?auth_key=1-0-0-" + strings.ToUpper(strings.Repeat("a", 32)), urlsign.Malformed},
		{freshet.AuthA, "http://h/a.mp4?auth_key=1-0-0-" + mac, urlsign.Mismatch},
		{freshet.AuthA, "http://h/a.mp4?auth_key=1-0-0-" + mac + "&auth%5Fkey=1-0-0-" + mac, urlsign.Malformed},
		{freshet.AuthB, "http://h/a.mp4", urlsign.Missing},
		{freshet.AuthB, "http://h/202601020304/" + mac, urlsign.Missing},
		{freshet.AuthB, "http://h/202613020304/" + mac + "/a.mp4", urlsign.Malformed},
		{freshet.AuthB, "http://h/202601020304/" + mac + "/a.mp4", urlsign.Mismatch},
		{freshet.AuthB, "http://h/202601020304/" + mac + "/202601020304/" + mac + "/a.mp4", urlsign.Malformed},
		{freshet.AuthC, "http://h/" + mac + "/6957372g/a.mp4", urlsign.Missing},
		{freshet.AuthC, "http://h/" + mac + "/69573725/a.mp4", urlsign.Mismatch},
		{freshet.AuthC, "http://h/" + mac + "/69573725/" + mac + "/69573725/a.mp4", urlsign.Malformed},
		{freshet.AuthC, "http://h/a.mp4?KEY1=" + mac, urlsign.Malformed},
		{freshet.AuthC, "http://h/a.mp4?KEY1=" + mac + "&KEY2=69573725", urlsign.Mismatch},
		{freshet.AuthC, "http://h/a.mp4?KEY1=" + mac + "&KEY2=69573725&KEY2=69573725", urlsign.Malformed},
		{"", "http://h/a.mp4?auth_key=1-0-0-" + mac, urlsign.Missing},
	} {
		if got := verify(t, auth(v.typ), v.url, at()); got != v.want {
			t.Errorf("type %q, %s: %v, want %v", v.typ, v.url, got, v.want)
		}
	}
}

// TestNoKeyIsSignedForByNothing: an empty key is not one.
func TestNoKeyIsSignedForByNothing(t *testing.T) {
	t.Parallel()
	a := freshet.URLAuth{Type: freshet.AuthA, Enforce: true}
	mac := sum("/a.mp4-1767323045-0-0-")
	if got := verify(t, a, "http://h/a.mp4?auth_key=1767323045-0-0-"+mac, at()); got != urlsign.Mismatch {
		t.Errorf("got %v", got)
	}
	if _, err := urlsign.Sign(a, "http://h/a.mp4", urlsign.Request{Now: at()}); err == nil {
		t.Error("signed without a key")
	}
}

// TestEverySignedFormIsOneObject: signing twice, signing in any form and not
// signing name the same object.
func TestEverySignedFormIsOneObject(t *testing.T) {
	t.Parallel()
	for _, typ := range freshet.AuthTypes() {
		d := freshet.Domain{Name: "vod.example.com", URLAuth: auth(typ)}
		for _, u := range []string{"http://vod.example.com/a/b%2Fc.mp4?q=1&z", "https://vod.example.com/", "http://vod.example.com//x.m3u8"} {
			want, _, err := freshet.Address(u, []freshet.Domain{d})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if u, err = urlsign.Sign(d.URLAuth, u, urlsign.Request{Now: at(), Lifetime: time.Hour}); err != nil {
					t.Fatal(err)
				}
				if v := verify(t, d.URLAuth, u, at()); v != urlsign.Valid {
					t.Errorf("type %s: %s: %v", typ, u, v)
				}
				if got, _, err := freshet.Address(u, []freshet.Domain{d}); err != nil || got != want {
					t.Errorf("type %s: %s is %s (%v), want %s", typ, u, got, err, want)
				}
			}
		}
	}
}

// TestKeysAreNeverPrinted: no usual way of showing a domain shows its keys.
func TestKeysAreNeverPrinted(t *testing.T) {
	t.Parallel()
	d := freshet.Domain{Name: "h", URLAuth: auth(freshet.AuthA)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if s := fmt.Sprintf(verb, d); strings.Contains(s, vendorKey) || strings.Contains(s, hex.EncodeToString([]byte(vendorKey))) {
			t.Errorf("%s shows the key: %s", verb, s)
		}
	}
	if _, err := urlsign.Sign(d.URLAuth, "no url", urlsign.Request{}); err == nil || strings.Contains(err.Error(), vendorKey) {
		t.Errorf("error: %v", err)
	}
}

// TestRandAndUIDArePlain: what would not come back as it went in is refused.
func TestRandAndUIDArePlain(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a-b", "a b", "ä", "a%2D", "a&b", strings.Repeat("x", 129)} {
		for _, r := range []urlsign.Request{{Now: at(), Rand: bad}, {Now: at(), UID: bad}} {
			if _, err := urlsign.Sign(auth(freshet.AuthA), "http://h/a", r); freshet.ErrorCode(err) != freshet.CodeInvalid {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
}
