package fetch_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet/internal/fetch"
	"github.com/freshet-vod/freshet/internal/guard"
)

// TestP9_AGuardedClientLooksAtTheAddress: not at the name, and tells neither.
func TestP9_AGuardedClientLooksAtTheAddress(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c, origin := serve(t, fetch.Options{Guard: guard.New().Control}, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	for _, base := range []string{origin, strings.Replace(origin, "127.0.0.1", "localhost", 1)} {
		_, _, err := c.Get(t.Context(), base, object)
		_, described := c.Describe(t.Context(), base, object)
		for _, err := range []error{err, described} {
			e, ok := errors.AsType[*fetch.Error](err)
			if !ok || e.Kind != fetch.KindGuarded || e.Transient() || strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("%s: %v", base, err)
			}
		}
	}
	if asked.Load() != 0 {
		t.Error("the origin was asked")
	}
}
