package hls_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/cost"
	"github.com/freshet-vod/freshet/internal/hls"
)

// hostile are playlists that somebody made to cost as much as they can, each
// with what is said about it. They are written by functions because a corpus of
// files would be hundreds of megabytes.
func hostile() map[string]struct{ body, want, at string } {
	const head = "#EXTM3U\n"
	line := strings.Repeat("x", 60<<10)
	define := func(n int, value string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "#EXT-X-DEFINE:NAME=\"v%d\",VALUE=\"%s\"\n", i, strings.ReplaceAll(value, "$i", fmt.Sprint(i-1)))
		}
		return b.String()
	}
	return map[string]struct{ body, want, at string }{
		"too big":                            {head + strings.Repeat("#comment that says nothing at all\n", 140_000), "more bytes than the limit of 4194304", ""},
		"endless lines":                      {head + strings.Repeat("\n", 600_000), "more lines than the limit of 500000", ""},
		"an endless line":                    {head + strings.Repeat("a", 3<<20), "more bytes than the limit of 65536", ""},
		"millions of segments":               {head + strings.Repeat("#EXTINF:1,\na\n", 220_000), "more references than the limit of 100000", ""},
		"millions of bad ones":               {head + strings.Repeat("ftp://x/\n", 90_000), "more references that cannot be read than the limit of 10000", ""},
		"variables that expand":              {head + "#EXT-X-DEFINE:NAME=\"v-1\",VALUE=\"aaaaaaaaaa\"\n" + define(12, strings.Repeat("{$v$i}", 10)) + strings.Repeat("{$v11}", 10), "more bytes than the limit of 65536", ""},
		"a variable used for ever":           {head + "#EXT-X-DEFINE:NAME=\"v\",VALUE=\"" + line + "\"\n" + strings.Repeat(strings.Repeat("{$v}", 100)+"\n", 100), "limit of", ""},
		"an attribute list of 60 K":          {head + "#EXT-X-MEDIA:TYPE=AUDIO," + strings.Repeat("A=1,", 15_000) + "URI=\"a\"\n" + strings.Repeat("#EXT-X-MEDIA:TYPE=AUDIO,"+strings.Repeat("A=1,", 15_000)+"URI=\"a\"\n", 60), "", ""},
		"quotes that never end":              {head + strings.Repeat("#EXT-X-MEDIA:TYPE=AUDIO,URI=\"aaaa\n", 90_000), "more references that cannot be read than the limit of 10000", ""},
		"zero bytes":                         {head + strings.Repeat("\x00", 100), "", ""},
		"invalid UTF-8":                      {head + "a\xff.ts\n", "not valid UTF-8", ""},
		"parts without end":                  {head + strings.Repeat("#EXT-X-PART:DURATION=1,URI=\"a\"\n", 110_000), "more references than the limit of 100000", ""},
		"renditions without end":             {head + strings.Repeat("#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a\"\n", 110_000), "more references than the limit of 100000", ""},
		"short names under a long address":   {head + strings.Repeat("a\n", 99_000), "references together have more bytes than the limit of 33554432", "x/" + strings.Repeat("y", 3000) + "/a"},
		"short parts under a long address":   {head + strings.Repeat("#EXT-X-PART:DURATION=1,URI=\"a\"\n", 99_000), "references together have more bytes than the limit of 33554432", "x/" + strings.Repeat("y", 3000) + "/a"},
		"short queries under a long address": {head + strings.Repeat("?\n", 99_000), "references together have more bytes than the limit of 33554432", "x/" + strings.Repeat("y", 3000) + "/a"},
		"blank lines without a playlist":     {strings.Repeat("\n", 4<<20), "does not begin with #EXTM3U but with nothing", ""},
		"blank lines before one":             {strings.Repeat("\n", 4<<20-100) + head, "more lines than the limit of 500000", ""},
		"an endless first line":              {strings.Repeat("#", 4<<20), "does not begin with #EXTM3U", ""},
		"invalid UTF-8 at the end":           {head + strings.Repeat("#EXTINF:1,\na\n", 99_000) + "\xff", "line 198002: it is not valid UTF-8", ""},
		"UTF-16":                             {"\xff\xfe#\x00E\x00X\x00T\x00", "does not begin with #EXTM3U", ""},
	}
}

// TestP10_HostilePlaylistsCostLittle holds that each is answered within 50 ms of
// a processor and 16 MB: what is said names the limit, or the playlist is read.
func TestP10_HostilePlaylistsCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			body := []byte(c.body)
			at := base(t)
			if c.at != "" {
				at = at.JoinPath(c.at)
			}
			var err error
			cost.Refusal(t, func() { _, err = hls.Parse(body, at, hls.Limits{}) })
			e, ok := errors.AsType[*hls.Error](err)
			if (c.want == "") != (err == nil) || c.want != "" && (!ok || !strings.Contains(e.Error(), c.want)) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
}
