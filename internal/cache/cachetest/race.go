package cachetest

import (
	"net/http"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func raceTests() []test {
	return []test{
		{"P4_NoStaleAfterComplete_HeaderPhase", nil, raceHeaderPhase},
		{"P4_NoStaleAfterComplete_BodyPhase", nil, raceBodyPhase},
		{"P4_NoStaleAfterComplete_Patterns", func(p cache.Powers) bool { return p.Prefix && p.Regex && p.Tag }, racePatterns},
		{"P4_NoStaleAfterComplete_Revalidating", nil, revalidationRace},
		{"P4_PrefetchInFlightIsSuperseded", func(p cache.Powers) bool { return p.Prefetch && p.DefeatsFills }, prefetchInFlightIsSuperseded},
	}
}

func raceHeaderPhase(b *bench) {
	t := b.t
	b.race(t, exact("/a"), func(h *held, n int) http.HandlerFunc { return h.beforeHeader(page(version(n))) })
}

func raceBodyPhase(b *bench) {
	t := b.t
	b.race(t, exact("/a"), func(h *held, n int) http.HandlerFunc { return h.inBody(version(n)) })
}

func racePatterns(b *bench) {
	t := b.t
	for _, sel := range []freshet.Selector{
		{Kind: freshet.SelectPrefix, Pattern: link("/")},
		{Kind: freshet.SelectRegex, Pattern: "/a$", Hosts: []string{Host}},
		{Kind: freshet.SelectTag, Pattern: "film", Hosts: []string{Host}},
	} {
		b.race(t, sel, func(h *held, n int) http.HandlerFunc { return h.beforeHeader(page(version(n), "Cache-Tag", "film")) })
		b.race(t, sel, func(h *held, n int) http.HandlerFunc { return h.inBody(version(n), "Cache-Tag", "film") })
	}
}

func prefetchInFlightIsSuperseded(b *bench) {
	t := b.t
	h := newHeld()
	defer h.letGo()
	b.origin.serve("/a", h.inBody(version(1)))
	done := make(chan []cache.Result, 1)
	go func() { done <- b.Driver().Prefetch(t.Context(), objects("/a")) }()
	<-h.arrived
	b.wantPurged(t, 1, exact("/a"))
	wantOutcome(t, (<-done)[0], freshet.OutcomeCancelled, freshet.ReasonSuperseded)
	b.origin.put("/a", version(2))
	b.wantBody(t, "/a", version(2))
}

// race runs one race many times: a viewer's fill is held at some place, a
// purge is carried out, the origin changes, the fill goes on. The viewer gets
// the old body whole; nobody who comes later does.
func (b *bench) race(t *testing.T, sel freshet.Selector, hold func(h *held, n int) http.HandlerFunc) {
	t.Helper()
	for n := range rounds {
		h := newHeld()
		b.origin.serve("/a", hold(h, n))
		early := make(chan answer, 1)
		go func() { early <- b.fetch(t, "/a") }()
		h.await(t, early)
		b.origin.put("/a", version(1000+n), "Cache-Tag", "film")
		b.purgeOver(t, b.next(), sel, h)
		if n%2 == 0 {
			// The earlier fill is still on its way here. In the other rounds it
			// ends before anybody asks again, and must leave nothing.
			b.wantBody(t, "/a", version(1000+n))
		}
		h.letGo()
		if a := <-early; a.err != nil || a.body != version(n) {
			t.Fatalf("round %d: the earlier viewer got %d %.20q (%v)", n, a.status, a.body, a.err)
		}
		b.wantBody(t, "/a", version(1000+n))
		b.purgeOver(t, b.next(), sel, h)
	}
}

// purgeOver purges while a fill is held. A cache that defeats fills needs no
// more; with another, the one who purges waits for the fill and purges again
// what it has stored.
func (b *bench) purgeOver(t *testing.T, pos uint64, sel freshet.Selector, h *held) {
	t.Helper()
	b.wantPurged(t, pos, sel)
	if b.Driver().Powers().DefeatsFills {
		return
	}
	h.letGo()
	if b.stored(t, "/a", cache.InspectJoin).Copy.Stored() {
		b.wantPurged(t, pos, sel)
	}
}

func revalidationRace(b *bench) {
	t := b.t
	for n := range rounds {
		b.origin.put("/a", version(n), "Cache-Control", "max-age=0", "ETag", `"same"`)
		b.wantBody(t, "/a", version(n))
		h := newHeld()
		// The origin confirms what it had when the request came, late.
		b.origin.serve("/a", h.beforeHeader(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != `"same"` {
				page(version(n))(w, r)
				return
			}
			w.Header().Set("ETag", `"same"`)
			w.Header().Set("Cache-Control", "max-age=3600")
			w.WriteHeader(http.StatusNotModified)
		}))
		early := make(chan answer, 1)
		go func() { early <- b.fetch(t, "/a") }()
		h.await(t, early)
		b.origin.put("/a", version(1000+n), "Cache-Control", "max-age=3600", "ETag", `"next"`)
		b.purgeOver(t, b.next(), exact("/a"), h)
		if n%2 == 0 {
			b.wantBody(t, "/a", version(1000+n))
		}
		h.letGo()
		if a := <-early; a.err != nil || a.status != http.StatusOK {
			t.Fatalf("round %d: the earlier viewer got %d (%v)", n, a.status, a.err)
		}
		b.wantBody(t, "/a", version(1000+n))
		b.purgeOver(t, b.next(), exact("/a"), h)
	}
}
