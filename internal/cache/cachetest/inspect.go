package cachetest

import (
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func inspectTests() []test {
	return []test{
		{"TellsWhatIsStoredWithoutFetching", nil, tellsWhatIsStoredWithoutFetching},
		{"ValidatorFallsBackToLastModified", nil, validatorFallsBackToLastModified},
		{"NowReportsAFillAndJoinWaitsForIt", nil, nowReportsAFillAndJoinWaitsForIt},
		{"GenerationIsThatOfTheFetch", func(p cache.Powers) bool { return p.DefeatsFills && p.KeepsCursor }, generationIsThatOfTheFetch},
	}
}

func tellsWhatIsStoredWithoutFetching(b *bench) {
	t := b.t
	if st := b.stored(t, "/a", cache.InspectNow); st.Copy.Stored() || st.Filling {
		t.Fatalf("nothing was ever there, but: %+v", st)
	}
	b.origin.put("/a", version(1), "ETag", `"v1"`)
	began := time.Now().Truncate(time.Millisecond)
	b.wantBody(t, "/a", version(1))
	st := b.stored(t, "/a", cache.InspectNow)
	c := st.Copy
	if !c.Stored() || c.FetchedAt.Before(began) || c.FetchedAt.After(time.Now()) ||
		c.Validator != `"v1"` || c.Size != int64(len(version(1))) {
		t.Fatalf("copy = %+v", c)
	}
	b.wantRequests(t, "/a", 1)
	b.wantPurged(t, 1, exact("/a"))
	if st := b.stored(t, "/a", cache.InspectNow); st.Copy.Stored() {
		t.Fatalf("after its purge: %+v", st.Copy)
	}
}

func validatorFallsBackToLastModified(b *bench) {
	t := b.t
	b.origin.put("/a", version(1), "Last-Modified", "Sun, 01 Mar 2026 00:00:00 GMT")
	b.wantBody(t, "/a", version(1))
	if v := b.stored(t, "/a", cache.InspectNow).Copy.Validator; v != "Sun, 01 Mar 2026 00:00:00 GMT" {
		t.Fatalf("validator = %q", v)
	}
}

func nowReportsAFillAndJoinWaitsForIt(b *bench) {
	t := b.t
	h := newHeld()
	defer h.letGo()
	hold := h.inBody(version(1))
	defeats, wait := b.Driver().Powers().DefeatsFills, 20*time.Millisecond
	if !defeats {
		wait = 500 * time.Millisecond // the question has a way to go
		// Once its header is in, a purge removes it: there is nothing to wait for.
		hold = h.beforeHeader(page(version(1)))
	}
	b.origin.serve("/a", hold)
	viewer := make(chan answer, 1)
	go func() { viewer <- b.fetch(t, "/a") }()
	<-h.arrived
	if defeats {
		if st := b.stored(t, "/a", cache.InspectNow); !st.Filling || st.Joined {
			t.Fatalf("with a fill in flight: %+v", st)
		}
	}
	joined := make(chan []cache.State, 1)
	go func() { joined <- b.Driver().Inspect(t.Context(), objects("/a", "/none"), cache.InspectJoin) }()
	select {
	case st := <-joined:
		t.Fatalf("it did not wait: %+v", st)
	case <-time.After(wait):
	}
	h.letGo()
	st := <-joined
	if !st[0].Joined || !st[0].Copy.Stored() || defeats && st[0].Filling || st[1].Copy.Stored() {
		t.Fatalf("after the fill: %+v", st)
	}
	<-viewer
}

func generationIsThatOfTheFetch(b *bench) {
	t := b.t
	if err := b.Driver().WriteCursor(t.Context(), at(7)); err != nil {
		t.Fatal(err)
	}
	b.origin.put("/a", version(1))
	b.origin.put("/b", version(1))
	b.wantPurged(t, 9, exact("/b"))
	b.wantBody(t, "/a", version(1))
	b.wantBody(t, "/b", version(1))
	for path, want := range map[string]freshet.Position{"/a": at(7), "/b": at(9)} {
		if got := b.stored(t, path, cache.InspectNow).Copy.Generation; got != want {
			t.Errorf("%s has generation %v, want %v", path, got, want)
		}
	}
}
