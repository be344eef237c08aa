package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/wire"
)

// TestP10_AReportSaysLittle: what a POP says of itself is kept for each.
func TestP10_AReportSaysLittle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		names []string
		good  bool
	}{
		"as many checks as there may be": {slices.Repeat([]string{"c"}, 32), true},
		"one more":                       {slices.Repeat([]string{"c"}, 33), false},
		"a name as long as it may be":    {[]string{strings.Repeat("c", 4096)}, true},
		"a longer one":                   {[]string{strings.Repeat("c", 4097)}, false},
	} {
		r, err := wire.DecodeReport(wire.EncodeReport(freshet.Report{Obstacles: c.names}))
		if (err == nil) != c.good || c.good && !slices.Equal(r.Obstacles, c.names) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
