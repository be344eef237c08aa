package cachetest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// validated is a page that answers conditional requests.
func validated(body, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		w.Header().Set("Cache-Control", "max-age=3600")
		http.ServeContent(w, r, "film.mp4", time.Time{}, strings.NewReader(body))
	}
}

func httpTests() []test {
	return []test{
		{"RangesOfAStoredObject", nil, rangesOfAStoredObject},
		{"ARangeFirstStoresTheWhole", nil, aRangeFirstStoresTheWhole},
		{"ConditionalRequestsOfViewers", nil, conditionalRequestsOfViewers},
		{"ViewersGetBytesWhileTheFillGoesOn", nil, viewersGetBytesWhileTheFillGoesOn},
		{"AViewerWhoLeavesDoesNotStopTheFill", nil, aViewerWhoLeavesDoesNotStopTheFill},
		{"ManyViewersMakeOneFill", nil, manyViewersMakeOneFill},
		{"TruncatedBodiesAreNeverStored", nil, truncatedBodiesAreNeverStored},
		{"NoStoreIsNotStored", nil, noStoreIsNotStored},
		{"StaleCopiesAreRevalidated", nil, staleCopiesAreRevalidated},
	}
}

func rangesOfAStoredObject(b *bench) {
	t := b.t
	body := "0123456789"
	b.origin.put("/a", body, "ETag", `"v1"`)
	b.wantBody(t, "/a", body)
	for _, c := range []struct {
		spec, want, of string
		status         int
	}{
		{"bytes=0-3", "0123", "bytes 0-3/10", http.StatusPartialContent},
		{"bytes=7-", "789", "bytes 7-9/10", http.StatusPartialContent},
		{"bytes=-2", "89", "bytes 8-9/10", http.StatusPartialContent},
		{"bytes=8-99", "89", "bytes 8-9/10", http.StatusPartialContent},
		{"bytes=10-", "", "bytes */10", http.StatusRequestedRangeNotSatisfiable},
	} {
		a := b.fetch(t, "/a", "Range", c.spec)
		if a.status != c.status || a.header.Get("Content-Range") != c.of || c.status == http.StatusPartialContent && a.body != c.want {
			t.Errorf("%s: %d %q %q", c.spec, a.status, a.body, a.header.Get("Content-Range"))
		}
	}
	if a := b.fetch(t, "/a", "Range", "bytes=0-3", "If-Range", `"v0"`); a.status != http.StatusOK || a.body != body {
		t.Errorf("a range of another version: %d %q", a.status, a.body)
	}
	if a := b.fetch(t, "/a", "Range", "bytes=0-3", "If-Range", `"v1"`); a.status != http.StatusPartialContent {
		t.Errorf("a range of this version: %d", a.status)
	}
	b.wantRequests(t, "/a", 1)
}

func aRangeFirstStoresTheWhole(b *bench) {
	t := b.t
	b.origin.put("/a", "0123456789")
	if a := b.fetch(t, "/a", "Range", "bytes=2-4"); a.body != "234" || a.status != http.StatusPartialContent {
		t.Fatalf("%d %q", a.status, a.body)
	}
	b.wantBody(t, "/a", "0123456789")
}

func conditionalRequestsOfViewers(b *bench) {
	t := b.t
	b.origin.put("/a", version(1), "ETag", `"v1"`)
	b.wantBody(t, "/a", version(1))
	if a := b.fetch(t, "/a", "If-None-Match", `"v1"`); a.status != http.StatusNotModified || a.body != "" {
		t.Errorf("status %d", a.status)
	}
	if a := b.fetch(t, "/a", "If-None-Match", `"v0"`); a.status != http.StatusOK || a.body != version(1) {
		t.Errorf("status %d", a.status)
	}
	b.wantRequests(t, "/a", 1)
}

func viewersGetBytesWhileTheFillGoesOn(b *bench) {
	t := b.t
	h := newHeld()
	defer h.letGo()
	b.origin.serve("/a", h.inBody(version(1)))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 2 { // the one who began it, and one who joins
		resp, err := b.Get(ctx, link("/a"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	b.wantRequests(t, "/a", 1)
}

func aViewerWhoLeavesDoesNotStopTheFill(b *bench) {
	t := b.t
	h := newHeld()
	b.origin.serve("/a", h.inBody(version(1)))
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := b.Get(ctx, link("/a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-h.arrived
	cancel()
	_ = resp.Body.Close()
	h.letGo()
	b.wantBody(t, "/a", version(1))
	b.wantRequests(t, "/a", 1)
}

func manyViewersMakeOneFill(b *bench) {
	t := b.t
	h := newHeld()
	b.origin.serve("/a", h.beforeHeader(page(version(1))))
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if a := b.fetch(t, "/a"); a.body != version(1) {
				t.Errorf("a viewer got %d %.20q (%v)", a.status, a.body, a.err)
			}
		})
	}
	<-h.arrived
	h.letGo()
	wg.Wait()
	b.wantRequests(t, "/a", 1)
}

func truncatedBodiesAreNeverStored(b *bench) {
	t := b.t
	for _, f := range faults() {
		if f.path != "/truncated" && f.path != "/broken-chunks" {
			continue
		}
		b.origin.serve(f.path, f.page)
		if a := b.fetch(t, f.path); a.err == nil && a.status == http.StatusOK {
			t.Errorf("%s: the viewer was told that the body is whole", f.path)
		}
		b.origin.put(f.path, version(2))
		b.wantBody(t, f.path, version(2))
	}
}

func noStoreIsNotStored(b *bench) {
	t := b.t
	for i, cc := range []string{"no-store", "private"} {
		path := "/" + cc
		for n := range 3 {
			b.origin.put(path, version(n), "Cache-Control", cc)
			b.wantBody(t, path, version(n))
		}
		if got := b.origin.requests(path); got != 3 {
			t.Errorf("%d %s: the origin saw %d requests", i, cc, got)
		}
	}
}

func staleCopiesAreRevalidated(b *bench) {
	t := b.t
	b.origin.put("/a", version(1), "Cache-Control", "max-age=0", "ETag", `"v1"`)
	b.wantBody(t, "/a", version(1))
	b.origin.serve("/a", validated(version(1), `"v1"`))
	b.wantBody(t, "/a", version(1))
	b.wantBody(t, "/a", version(1))
	b.wantRequests(t, "/a", 2)
}
