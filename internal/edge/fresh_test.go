package edge_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet/internal/edge"
)

func TestWhatMayBeStored(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		status  int
		request string // Authorization
		header  []string
		stored  bool
	}{
		{200, "", nil, true},
		{200, "", []string{"Cache-Control", "no-store"}, false},
		{200, "", []string{"Cache-Control", `private="x", max-age=60`}, false},
		{200, "", []string{"Cache-Control", "max-age=0"}, false},
		{200, "", []string{"Cache-Control", "max-age=60, s-maxage=0"}, false},
		{200, "", []string{"Expires", "0"}, false},
		{200, "", []string{"Set-Cookie", "a=b"}, false},
		{200, "", []string{"Vary", "*"}, false},
		{200, "Basic x", nil, false},
		{200, "Basic x", []string{"Cache-Control", "public, max-age=60"}, true},
		{404, "", nil, false},
		{404, "", []string{"Cache-Control", "max-age=60"}, true},
		{302, "", nil, false},
		{301, "", []string{"Cache-Control", "max-age=60"}, true},
		{500, "", nil, false},
		{500, "", []string{"Cache-Control", "max-age=60"}, true},
		{499, "", []string{"Cache-Control", "max-age=60"}, true},
		{401, "", []string{"Cache-Control", "max-age=60"}, false},
		{499, "", []string{"Cache-Control", "max-age=60, must-understand"}, false},
		{404, "", []string{"Cache-Control", "max-age=60, must-understand"}, true},
		{200, "", []string{"Age", "1", "Age", "1"}, false},
		{200, "", []string{"Age", "-1"}, false},
		{200, "", []string{"Age", "1.0"}, false},
		{200, "", []string{"Age", " 1 "}, true},
		{206, "", []string{"Cache-Control", "max-age=60"}, false},
		{200, "", []string{"Cache-Tag", strings.Repeat("x", 9000)}, false},
	} {
		n := alone(t, edge.Options{}, func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i+1 < len(c.header); i += 2 {
				w.Header().Add(c.header[i], c.header[i+1])
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte("film"))
		})
		var auth []string
		if c.request != "" {
			auth = []string{"Authorization", c.request}
		}
		if r := n.get(t, "/a", auth...); r.status != c.status || r.body != "film" {
			t.Errorf("case %d: got %d %q (%v)", i, r.status, r.body, r.err)
		}
		st, err := n.Inspect(t.Context(), "http://"+host+"/a", true)
		if err != nil || st.Copy.Stored() != c.stored {
			t.Errorf("case %d (%d %v): stored %v, want %v", i, c.status, c.header, st.Copy.Stored(), c.stored)
		}
	}
}

// TestAFaultIsKeptForAMomentAndPushesNoFilmOut: an origin that is down is
// spared, but what can be revalidated stays for when it is back.
func TestAFaultIsKeptForAMomentAndPushesNoFilmOut(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	var asked atomic.Int64
	n := alone(t, edge.Options{}, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=3600")
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("down")) // its end comes when it is stored
			return
		}
		w.Header().Set("Cache-Control", "max-age=0")
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte("film"))
	})
	n.wantBody(t, "/a", "film")
	down.Store(true)
	for _, path := range []string{"/a", "/b", "/b"} {
		if r := n.get(t, path); r.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	if got := asked.Load(); got != 3 {
		t.Errorf("the origin was asked %d times, not once for each object", got)
	}
	wantStatus(t, n.get(t, "/b"), "hit; ttl=")
	if r := n.get(t, "/b"); !strings.Contains(r.header.Get("Cache-Status"), "ttl=4") && !strings.Contains(r.header.Get("Cache-Status"), "ttl=5") {
		t.Errorf("a fault is kept for longer than a moment: %s", r.header.Get("Cache-Status"))
	}
	down.Store(false)
	wantStatus(t, n.get(t, "/a"), "fwd=stale; fwd-status=304")
}

func TestARevalidationRenewsWhatDoesNotDescribeTheBytes(t *testing.T) {
	t.Parallel()
	n := alone(t, edge.Options{}, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "max-age=0")
		h.Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == "" {
			h.Set("Content-Type", "video/mp4")
			h.Set("Content-Md5", "first")
			h.Set("Content-Encoding", "x")
			_, _ = w.Write([]byte("film"))
			return
		}
		// A server of net/http would keep the type to itself.
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Type: video/mp2t\r\n"+
			"Content-MD5: second\r\nContent-Encoding: y\r\nConnection: close\r\n\r\n")
	})
	n.wantBody(t, "/a", "film")
	r := n.get(t, "/a")
	wantStatus(t, r, "fwd-status=304")
	for name, want := range map[string]string{"Content-Type": "video/mp2t", "Content-Md5": "first", "Content-Encoding": "x"} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}
