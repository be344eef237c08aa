package sqlite

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
)

// TestGrams_NeverChange: the index forgets a text by being told the same words
// again, so that they must be those of every release.
func TestGrams_NeverChange(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("aAbÄß\x00京都😀 ")), 0, 30, -1))
	rapid.Check(t, func(rt *rapid.T) {
		m := &freshet.Media{Title: texts.Draw(rt, "title"), Description: texts.Draw(rt, "description"), Tags: rapid.SliceOfN(texts, 0, 3).Draw(rt, "tags")}
		scope := rapid.Int64Range(1, 1e9).Draw(rt, "scope")
		var long, short []string
		for _, f := range []struct {
			letter byte
			text   string
		}{{'t', m.Title}, {'g', strings.Join(m.Tags, ",")}, {'d', m.Description}} {
			letters := strings.Split(strings.ToLower(f.text), "")
			for at := range letters {
				for n := 1; n <= 3 && at+n <= len(letters); n++ {
					word := gramPrefix(scope, f.letter) + hex.EncodeToString([]byte(strings.Join(letters[at:at+n], "")))
					if n == 3 {
						long = append(long, word+" ")
					} else if !slices.Contains(short, word+" ") {
						short = append(short, word+" ")
					}
				}
			}
		}
		gotLong, gotShort := gramsOf(scope, m)
		if gotLong != strings.Join(long, "") || gotShort != strings.Join(short, "") {
			rt.Fatalf("%+v: %q and %q, want %q and %q", m, gotLong, gotShort, long, short)
		}
	})
}
