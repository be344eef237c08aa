package cachetest

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func prefetchTests() []test {
	can := func(p cache.Powers) bool { return p.Prefetch }
	return []test{
		{"StoresWholeAndViewersHit", can, storesWholeAndViewersHit},
		{"FreshIsAlready", can, freshIsAlready},
		{"AfterAPurgeItFetchesAgain", can, afterAPurgeItFetchesAgain},
		{"FaultsOfTheOriginLeaveNothing", can, faultsOfTheOriginLeaveNothing},
		{"ANegativeEntryIsNoCopy", can, aNegativeEntryIsNoCopy},
		{"CancelledFillsLeaveNothing", func(p cache.Powers) bool { return p.Prefetch && p.CancelsFills }, cancelledFillsLeaveNothing},
		{"JoinsTheFillOfAViewer", can, joinsTheFillOfAViewer},
		{"AHeaderChoosesWhatIsStored", can, aHeaderChoosesWhatIsStored},
	}
}

func storesWholeAndViewersHit(b *bench) {
	t := b.t
	b.origin.put("/a", version(1), "ETag", `"v1"`)
	r := b.prefetch(t, "/a")[0]
	wantOutcome(t, r, freshet.OutcomeDone, freshet.ReasonNone)
	if r.Before.Stored() || r.After.Size != int64(len(version(1))) || r.After.Validator != `"v1"` {
		t.Errorf("before %+v, after %+v", r.Before, r.After)
	}
	b.wantBody(t, "/a", version(1))
	b.wantRequests(t, "/a", 1)
}

func freshIsAlready(b *bench) {
	t := b.t
	b.origin.put("/a", version(1))
	b.wantBody(t, "/a", version(1))
	r := b.prefetch(t, "/a")[0]
	wantOutcome(t, r, freshet.OutcomeAlready, freshet.ReasonNone)
	if !r.After.Stored() {
		t.Errorf("after = %+v", r.After)
	}
	b.wantRequests(t, "/a", 1)
}

func afterAPurgeItFetchesAgain(b *bench) {
	t := b.t
	b.origin.put("/a", version(1))
	b.prefetch(t, "/a")
	b.wantPurged(t, 1, exact("/a"))
	b.origin.put("/a", version(2))
	wantOutcome(t, b.prefetch(t, "/a")[0], freshet.OutcomeDone, freshet.ReasonNone)
	b.wantBody(t, "/a", version(2))
	b.wantRequests(t, "/a", 2)
}

func faultsOfTheOriginLeaveNothing(b *bench) {
	t := b.t
	for _, c := range faults() {
		b.origin.serve(c.path, c.page)
		r := b.prefetch(t, c.path)[0]
		// Through a front door half a body may look like no answer, or like a
		// 503: the cache had sent nothing yet.
		p := b.Driver().Powers()
		foreign := (!p.DefeatsFills || !p.CancelsFills) && c.reason == freshet.ReasonMismatch &&
			(r.Reason == freshet.ReasonOrigin5xx || r.Reason == freshet.ReasonUnreachable)
		if r.Outcome != freshet.OutcomeFailed || r.Reason != c.reason && !foreign {
			t.Errorf("%s: %v %v (%s), want failed %v", c.path, r.Outcome, r.Reason, r.Detail, c.reason)
		}
		if st := b.stored(t, c.path, cache.InspectJoin); st.Copy.Stored() {
			t.Errorf("%s: it left %+v", c.path, st.Copy)
		}
		b.origin.put(c.path, version(2))
		b.wantBody(t, c.path, version(2))
	}
}

func aNegativeEntryIsNoCopy(b *bench) {
	t := b.t
	b.origin.serve("/late", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=30")
		http.Error(w, "not yet", http.StatusNotFound)
	})
	b.fetch(t, "/late")
	wantOutcome(t, b.prefetch(t, "/late")[0], freshet.OutcomeFailed, freshet.ReasonOrigin4xx)
	b.origin.put("/late", version(1))
	wantOutcome(t, b.prefetch(t, "/late")[0], freshet.OutcomeDone, freshet.ReasonNone)
	b.wantBody(t, "/late", version(1))
}

func cancelledFillsLeaveNothing(b *bench) {
	t := b.t
	h := newHeld()
	defer h.letGo()
	b.origin.serve("/a", h.inBody(version(1)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan []cache.Result, 1)
	go func() { done <- b.Driver().Prefetch(ctx, objects("/a")) }()
	<-h.arrived
	cancel()
	if r := (<-done)[0]; r.Outcome != freshet.OutcomeCancelled {
		t.Fatalf("a cancelled prefetch ended %v", r.Outcome)
	}
	eventually(t, "the fill ends", func() bool {
		st := b.stored(t, "/a", cache.InspectNow)
		return !st.Filling && !st.Copy.Stored()
	})
	b.origin.put("/a", version(2))
	b.wantBody(t, "/a", version(2))
}

func joinsTheFillOfAViewer(b *bench) {
	t := b.t
	h := newHeld()
	defer h.letGo()
	b.origin.serve("/a", h.inBody(version(1)))
	viewer := make(chan answer, 1)
	go func() { viewer <- b.fetch(t, "/a") }()
	<-h.arrived
	done := make(chan []cache.Result, 1)
	go func() { done <- b.Driver().Prefetch(t.Context(), objects("/a")) }()
	h.letGo()
	if r := (<-done)[0]; r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
		t.Fatalf("%v %v %s", r.Outcome, r.Reason, r.Detail)
	}
	<-viewer
	b.wantRequests(t, "/a", 1)
}

type originFault struct {
	path   string
	reason freshet.Reason
	page   http.HandlerFunc
}

// faults lists the ways in which an origin can fail a prefetch.
func faults() []originFault {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			w.WriteHeader(code)
		}
	}
	return []originFault{
		{"/404", freshet.ReasonOrigin4xx, status(http.StatusNotFound)},
		{"/403", freshet.ReasonOrigin4xx, status(http.StatusForbidden)},
		{"/500", freshet.ReasonOrigin5xx, status(http.StatusInternalServerError)},
		{"/503", freshet.ReasonOrigin5xx, status(http.StatusServiceUnavailable)},
		{"/hangs-up", freshet.ReasonOrigin5xx, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"/truncated", freshet.ReasonMismatch, func(w http.ResponseWriter, r *http.Request) {
			page(version(1)[:500], "Content-Length", strconv.Itoa(len(version(1))))(w, r)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		{"/broken-chunks", freshet.ReasonMismatch, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			_, _ = w.Write([]byte("half a film"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		{"/redirect", freshet.ReasonRefused, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			http.Redirect(w, r, "http://"+Host+"/a", http.StatusFound)
		}},
		{"/no-store", freshet.ReasonRefused, page(version(1), "Cache-Control", "no-store")},
		{"/private", freshet.ReasonRefused, page(version(1), "Cache-Control", "private, max-age=60")},
		{"/vary-star", freshet.ReasonRefused, page(version(1), "Vary", "*")},
	}
}

// aHeaderChoosesWhatIsStored: the origin hears the fields of the prefetch, and what
// it answers to them is what a viewer with the same ones gets.
func aHeaderChoosesWhatIsStored(b *bench) {
	t := b.t
	var heard atomic.Value
	b.origin.serve("/a", func(w http.ResponseWriter, r *http.Request) {
		lang := r.Header.Get("Accept-Language")
		heard.Store(lang + " " + r.Header.Get("Referer"))
		page(version(len(lang)), "Vary", "Accept-Language")(w, r)
	})
	obj := objects("/a")[0]
	obj.Header = http.Header{"Accept-Language": {"de"}, "Referer": {"http://player.example/"}}
	rs := b.Driver().Prefetch(t.Context(), []cache.Object{obj})
	if len(rs) != 1 || rs[0].Outcome != freshet.OutcomeDone {
		t.Fatalf("prefetch = %+v", rs)
	}
	if got := heard.Load(); got != "de http://player.example/" {
		t.Errorf("the origin heard %q", got)
	}
	asked := b.origin.requests("/a")
	b.wantBody(t, "/a", version(2), "Accept-Language", "de")
	b.wantRequests(t, "/a", asked)
	if b.Driver().Powers().Inspect {
		if st := b.Driver().Inspect(t.Context(), []cache.Object{obj}, cache.InspectNow)[0]; !st.Fresh || st.Copy.Size != int64(len(version(2))) {
			t.Errorf("inspected as that viewer: %+v", st)
		}
	}
	wantOutcome(t, b.Driver().Prefetch(t.Context(), []cache.Object{obj})[0], freshet.OutcomeAlready, freshet.ReasonNone)
	b.wantRequests(t, "/a", asked)
	b.wantPurged(t, 1, exact("/a"))
	b.later(t)
	b.wantBody(t, "/a", version(2), "Accept-Language", "de")
	b.wantRequests(t, "/a", asked+1)
}
