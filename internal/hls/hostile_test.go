package hls_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/hls"
)

// hostile are playlists that somebody made to cost as much as they can, each
// with what is said about it. They are written by functions because a corpus of
// files would be hundreds of megabytes.
func hostile() map[string]struct{ body, want string } {
	const head = "#EXTM3U\n"
	line := strings.Repeat("x", 60<<10)
	define := func(n int, value string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "#EXT-X-DEFINE:NAME=\"v%d\",VALUE=\"%s\"\n", i, strings.ReplaceAll(value, "$i", fmt.Sprint(i-1)))
		}
		return b.String()
	}
	return map[string]struct{ body, want string }{
		"too big":                   {head + strings.Repeat("#comment that says nothing at all\n", 140_000), "more bytes than the limit of 4194304"},
		"endless lines":             {head + strings.Repeat("\n", 600_000), "more lines than the limit of 500000"},
		"an endless line":           {head + strings.Repeat("a", 3<<20), "more bytes than the limit of 65536"},
		"millions of segments":      {head + strings.Repeat("#EXTINF:1,\na\n", 220_000), "more references than the limit of 100000"},
		"millions of bad ones":      {head + strings.Repeat("ftp://x/\n", 90_000), "more references that cannot be read than the limit of 10000"},
		"variables that expand":     {head + "#EXT-X-DEFINE:NAME=\"v-1\",VALUE=\"aaaaaaaaaa\"\n" + define(12, strings.Repeat("{$v$i}", 10)) + strings.Repeat("{$v11}", 10), "more bytes than the limit of 65536"},
		"a variable used for ever":  {head + "#EXT-X-DEFINE:NAME=\"v\",VALUE=\"" + line + "\"\n" + strings.Repeat(strings.Repeat("{$v}", 100)+"\n", 100), "limit of"},
		"an attribute list of 60 K": {head + "#EXT-X-MEDIA:TYPE=AUDIO," + strings.Repeat("A=1,", 15_000) + "URI=\"a\"\n" + strings.Repeat("#EXT-X-MEDIA:TYPE=AUDIO,"+strings.Repeat("A=1,", 15_000)+"URI=\"a\"\n", 60), ""},
		"quotes that never end":     {head + strings.Repeat("#EXT-X-MEDIA:TYPE=AUDIO,URI=\"aaaa\n", 110_000), "more references that cannot be read than the limit of 10000"},
		"zero bytes":                {head + strings.Repeat("\x00", 100), ""},
		"invalid UTF-8":             {head + "a\xff.ts\n", "not valid UTF-8"},
		"UTF-16":                    {"\xff\xfe#\x00E\x00X\x00T\x00", "does not begin with #EXTM3U"},
	}
}

// TestP10_HostilePlaylistsCostLittle holds that each is answered within 50 ms and
// 16 MB: what is said names the limit, or the playlist is read.
func TestP10_HostilePlaylistsCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			body := []byte(c.body)
			best, least := time.Duration(math.MaxInt64), uint64(math.MaxUint64)
			for range 5 { // the best of five: the machine may be busy
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				begun := time.Now()
				_, err := hls.Parse(body, base(t), hls.Limits{})
				best = min(best, time.Since(begun))
				runtime.ReadMemStats(&after)
				least = min(least, after.TotalAlloc-before.TotalAlloc)
				e, ok := errors.AsType[*hls.Error](err)
				if (c.want == "") != (err == nil) || c.want != "" && (!ok || !strings.Contains(e.Error(), c.want)) {
					t.Fatalf("the error is %v, want %q", err, c.want)
				}
			}
			t.Logf("%v, %d KiB", best, least>>10)
			if limit := slower(50 * time.Millisecond); best > limit {
				t.Errorf("it took %v, the limit is %v", best, limit)
			}
			if least > 16<<20 {
				t.Errorf("it took %d KiB, the limit is 16 MiB", least>>10)
			}
		})
	}
}
