package nginx

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache/nginx/nginxtest"
)

// While a key is held no refresh begins, or the removal of an expired file
// could meet one that nobody sees.
func TestHold_NoRefreshBeginsWhileAKeyIsHeld(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs nginx")
	}
	var asked atomic.Int32
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("X-Accel-Expires", "@1")
		_, _ = io.WriteString(w, "old")
	}))
	defer origin.Close()
	dom := freshet.Domain{Name: "vod.example.com", Origin: origin.URL}
	o := nginxtest.Options{Dir: t.TempDir(), Origin: origin.URL, Domains: []freshet.Domain{dom}}
	srv, err := nginxtest.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	get := func() string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/a", nil)
		if err != nil {
			t.Error(err)
			return ""
		}
		req.Host = dom.Name
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return ""
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	get()
	h, err := newHolds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); h.serve(ctx) }()
	defer func() { cancel(); <-ended; _ = h.close() }()
	a := newAsker("tcp", strings.TrimPrefix(srv.Control, "http://"), 2)
	defer a.close()
	held := func(do func()) bool {
		ticket := h.issue(do)
		r := a.ask(t.Context(), []question{{key: "vod.example.com/a|", hold: h.addr(), ticket: ticket}})[0]
		if r.err != nil {
			t.Fatal(r.err)
		}
		return h.redeem(ticket)
	}
	before := asked.Load()
	for range 20 {
		if !held(func() {
			if got := get(); got != "old" {
				t.Errorf("a viewer got %q", got)
			}
		}) {
			t.Fatal("the key was not held")
		}
	}
	if n := asked.Load(); n != before {
		t.Errorf("%d refreshes began while the key was held", n-before)
	}
	if get(); asked.Load() != before+1 {
		t.Error("after it no refresh begins")
	}
}
