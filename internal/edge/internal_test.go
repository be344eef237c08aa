package edge

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
)

func TestPeerProofs(t *testing.T) {
	t.Parallel()
	key, now := []byte("key"), time.Unix(1_790_000_000, 0)
	target := peerTarget("GET", "vod.example.com", "/a?b=c")
	good := signPeer(key, "child", now, target)
	for name, c := range map[string]struct {
		value, target string
		key           []byte
		at            time.Time
		want          bool
	}{
		"good":         {good, target, key, now, true},
		"within":       {good, target, key, now.Add(59 * time.Second), true},
		"ahead":        {good, target, key, now.Add(-59 * time.Second), true},
		"too old":      {good, target, key, now.Add(61 * time.Second), false},
		"too early":    {good, target, key, now.Add(-61 * time.Second), false},
		"other key":    {good, target, []byte("k"), now, false},
		"no key":       {signPeer(nil, "child", now, target), target, nil, now, false},
		"other target": {good, peerTarget("GET", "vod.example.com", "/b"), key, now, false},
		"other pop":    {strings.Replace(good, "child", "thief", 1), target, key, now, false},
		"empty":        {"", target, key, now, false},
	} {
		if got := verifyPeer(c.key, c.value, c.at, c.target); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzVerifyPeer(f *testing.F) {
	now := time.Unix(1_790_000_000, 0)
	f.Add(signPeer([]byte("key"), "child", now, "t"))
	f.Add("a;1;")
	f.Add(";;;")
	f.Add("a;-9223372036854775808;00")
	f.Fuzz(func(t *testing.T, s string) {
		if verifyPeer([]byte("other"), s, now, "t") {
			t.Errorf("%q proves a key that was never used", s)
		}
	})
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"bytes=0-1", "bytes=-5", "bytes=5-", "bytes=9-1", "bytes=0-0,2-3", "bytes=99999999999999999999-", "x=1-2"} {
		f.Add(s, int64(10))
	}
	f.Fuzz(func(t *testing.T, s string, size int64) {
		size &= 1<<50 - 1
		off, n, ok := parseRange(s, size)
		if ok && (off < 0 || n < 0 || off+n > size) {
			t.Errorf("%q of %d: %d+%d", s, size, off, n)
		}
	})
}

func FuzzParseCacheControl(f *testing.F) {
	for _, s := range []string{"max-age=1", `private="a, b", s-maxage=99999999999999999999`, `no-cache="`, "=,=,;", `a="\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := parseCacheControl([]string{s})
		for _, v := range []time.Duration{d.maxAge, d.sMaxAge, d.staleIfError} {
			if v < -1 || v > maxDelta*time.Second {
				t.Errorf("%q gives %v", s, v)
			}
		}
		if strings.HasPrefix(strings.ToLower(s), "no-store,") && !d.noStore {
			t.Errorf("%q is not no-store", s)
		}
	})
}

func TestParseCacheControl(t *testing.T) {
	t.Parallel()
	d := parseCacheControl([]string{`Private="a, no-store", MAX-AGE="5" , max-age=9`, "s-maxage=x, stale-if-error=99999999999999999999"})
	if !d.private || d.noStore || d.maxAge != 5*time.Second || d.sMaxAge != 0 || d.staleIfError != maxDelta*time.Second {
		t.Errorf("%+v", d)
	}
}

// TestP2_FenceNeverFallsBelowAnExecutedPurge holds for any mix of purges and
// cursors: the generation of a fetch is at least every purge of its object
// that was executed before, and no purge of another object raises it above the
// cursor.
func TestP2_FenceNeverFallsBelowAnExecutedPurge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := fence{exact: make(map[string]freshet.Position)}
		urls := []string{"http://h/a/1", "http://h/a/2", "http://h/b/1"}
		executed := make(map[string]freshet.Position)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			at := freshet.Position{Epoch: 1, Pos: rapid.Uint64Range(1, 50).Draw(t, "pos")}
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				u := rapid.SampledFrom(urls).Draw(t, "url")
				f.raise(u, at)
				executed[u] = freshet.Later(executed[u], at)
			case 1:
				p, err := newPattern(at, freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "http://h/a/"})
				if err != nil {
					t.Fatal(err)
				}
				f.raisePattern(p)
				for _, u := range urls[:2] {
					executed[u] = freshet.Later(executed[u], at)
				}
			case 2:
				if f.cursor.Before(at) {
					f.advance(at)
				}
			}
			for _, u := range urls {
				if got, _ := f.generation("h", u); got != freshet.Later(f.cursor, executed[u]) {
					t.Fatalf("%s: generation %v, cursor %v, executed %v", u, got, f.cursor, executed[u])
				}
			}
		}
	})
}
