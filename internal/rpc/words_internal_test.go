package rpc

import (
	"strings"
	"testing"

	words "github.com/freshet-vod/freshet/internal/fault"
)

// TestErrors_AreInTheOneTable goes through every kind that can be answered, and
// compares code, status and text with what docs/errors.md says.
func TestErrors_AreInTheOneTable(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	for k := range kind(1000) {
		r := table(k)
		if r.code == "InternalError" && k != internalError {
			continue // no such kind
		}
		said[r.code] = true
		line, ok := words.Find(words.Vendor, r.code)
		if !ok {
			t.Errorf("internal/fault/vendor.go lacks %s", r.code)
			continue
		}
		text := strings.ReplaceAll(r.message, "%s", "…")
		// One code of the vendor's has two texts.
		if line.Status != r.status || line.Means != text && k != quotaExceededPreload {
			t.Errorf("%s is answered with %d %q, and docs/errors.md says %d %q", r.code, r.status, text, line.Status, line.Means)
		}
	}
	for _, e := range words.All() {
		if e.Face == words.Vendor && !said[e.Code] {
			t.Errorf("nothing answers %s any more", e.Code)
		}
	}
}
