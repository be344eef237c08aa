package nginx

import (
	"net/http"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// What nginx says is not stored is not looked for again; what only the index
// knows of is, and so is what nginx knows.
func TestInspect_LooksAtWhatNginxDoesNotRuleOut(t *testing.T) {
	t.Parallel()
	root, l := t.TempDir(), layout{1, 2}
	d, err := New(t.Context(), Options{
		Path: root, Levels: "1:2", URL: "http://127.0.0.1:2",
		Control: "http://" + listener(t, func(_, _ int, req *http.Request) string {
			switch key := req.Header.Get("X-Freshet-Key"); key {
			case "h/landing|": // its fill ends while it is waited for
				put(t, root, l, key)
				return "HTTP/1.1 404\r\nX-Freshet-Status: HIT\r\n\r\n"
			case "h/stored|":
				return "HTTP/1.1 404\r\nX-Freshet-Status: HIT\r\n\r\n"
			case "h/broken|":
				return "HTTP/1.1 500 Internal Server Error\r\n\r\n"
			}
			return "HTTP/1.1 502\r\nX-Freshet-Status: MISS\r\n\r\n"
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	put(t, root, l, "h/stored|")
	put(t, root, l, "h/undeclared|gzip")
	put(t, root, l, "h/broken|")
	if err := d.index.refresh(t.Context(), false, d.sweep); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * tick) // the times of files are coarse
	paths := []string{"/landing", "/stored", "/undeclared", "/broken", "/none"}
	objs := make([]cache.Object, len(paths))
	for i, p := range paths {
		objs[i].URL = "http://h" + p
	}
	// The clock of files may lag behind ours, and then a file does not count as
	// having landed meanwhile: that costs a grade of evidence.
	states := d.Inspect(t.Context(), objs, cache.InspectJoin)
	for i, want := range []struct{ stored, fault bool }{{stored: true}, {stored: true}, {stored: true}, {fault: true}, {}} {
		st := states[i]
		if st.Copy.Stored() != want.stored || (st.Fault != freshet.ReasonNone) != want.fault || st.Joined && i > 0 {
			t.Errorf("%s: %+v", paths[i], st)
		}
	}
}
