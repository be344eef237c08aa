package cachetest

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func raceTests() []test {
	return []test{
		{"P4_NoStaleAfterComplete_HeaderPhase", nil, raceHeaderPhase},
		{"P4_NoStaleAfterComplete_BodyPhase", nil, raceBodyPhase},
		{"P4_NoStaleAfterComplete_Patterns", func(p cache.Powers) bool { return p.Prefix && p.Regex && p.Tag }, racePatterns},
		{"P4_NoStaleAfterComplete_Vary_HeaderPhase", nil, raceVaryHeaderPhase},
		{"P4_NoStaleAfterComplete_Vary_BodyPhase", nil, raceVaryBodyPhase},
		{"P4_NoStaleAfterComplete_Vary_ManyFlights", nil, raceVaryManyFlights},
		{"P4_NoStaleAfterComplete_Revalidating", nil, revalidationRace},
		{"P4_PrefetchInFlightIsSuperseded", func(p cache.Powers) bool { return p.Prefetch && p.DefeatsFills && p.CancelsFills }, prefetchInFlightIsSuperseded},
	}
}

func raceHeaderPhase(b *bench) {
	t := b.t
	b.race(t, nil, func(h *held, n int) http.HandlerFunc { return h.beforeHeader(page(version(n))) })
}

func raceBodyPhase(b *bench) {
	t := b.t
	b.race(t, nil, func(h *held, n int) http.HandlerFunc { return h.inBody(version(n)) })
}

func racePatterns(b *bench) {
	t := b.t
	for _, sel := range []freshet.Selector{
		{Kind: freshet.SelectPrefix, Pattern: link("/")},
		{Kind: freshet.SelectRegex, Pattern: "/a$", Hosts: []string{Host}},
		{Kind: freshet.SelectTag, Pattern: "film", Hosts: []string{Host}},
	} {
		b.race(t, &sel, func(h *held, n int) http.HandlerFunc { return h.beforeHeader(page(version(n), "Cache-Tag", "film")) })
		b.race(t, &sel, func(h *held, n int) http.HandlerFunc { return h.inBody(version(n), "Cache-Tag", "film") })
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

// lanes is how many rounds run side by side where a look waits for the fill:
// nginx notices its end half a second late.
const lanes = 10

// inLanes runs the rounds of a race, each lane with an object of its own. A
// cache that defeats fills has one lane, and so have patterns, which name the
// objects of every lane.
func (b *bench) inLanes(t *testing.T, pattern bool, round func(path string, n int)) {
	t.Helper()
	count := 1
	if !pattern && !b.Driver().Powers().DefeatsFills {
		count = lanes
	}
	var wg sync.WaitGroup
	for lane := range count {
		path := "/a"
		if lane > 0 {
			path += strconv.Itoa(lane)
		}
		wg.Go(func() {
			for n := lane; n < b.rounds() && !t.Failed(); n += count {
				round(path, n)
			}
		})
	}
	wg.Wait()
}

// race runs one race many times: a viewer's fill is held at some place, a
// purge is carried out, the origin changes, the fill goes on. The viewer gets
// the old body whole; nobody who comes later does. Without a selector the
// object is purged by its URL.
func (b *bench) race(t *testing.T, pattern *freshet.Selector, hold func(h *held, n int) http.HandlerFunc) {
	t.Helper()
	b.inLanes(t, pattern != nil, func(path string, n int) {
		sel := exact(path)
		if pattern != nil {
			sel = *pattern
		}
		h := newHeld()
		b.origin.serve(path, hold(h, n))
		early := make(chan answer, 1)
		go func() { early <- b.fetch(t, path) }()
		h.await(t, early)
		b.origin.put(path, version(1000+n), "Cache-Tag", "film")
		b.purgeOver(t, sel, h)
		if n%2 == 0 && b.Driver().Powers().DefeatsFills {
			// The earlier fill is still on its way here. In the other rounds it
			// ends before anybody asks again, and must leave nothing.
			b.wantBody(t, path, version(1000+n))
		}
		h.letGo()
		if n%2 == 1 {
			b.wantBody(t, path, version(1000+n)) // at the same time as it ends
		}
		if a := <-early; a.err != nil || a.body != version(n) {
			t.Fatalf("round %d: the earlier viewer got %d %.20q (%v)", n, a.status, a.body, a.err)
		}
		b.wantBody(t, path, version(1000+n))
		b.settle(t, b.Driver(), sel)
	})
}

// purgeOver purges to the end while a fill is held. A cache that defeats fills
// needs no more than the purge; with another, whoever purges an object waits
// for the fill: so it is let go once the first purge was made.
func (b *bench) purgeOver(t *testing.T, sel freshet.Selector, h *held) {
	t.Helper()
	if b.Driver().Powers().DefeatsFills || sel.Kind != freshet.SelectExact {
		b.settle(t, b.Driver(), sel)
		return
	}
	d := &announcing{Driver: b.Driver(), purged: make(chan struct{}, cache.MaxRounds)}
	go func() {
		<-d.purged
		h.letGo()
	}()
	b.settle(t, d, sel)
}

// announcing tells when a purge was made.
type announcing struct {
	cache.Driver

	purged chan struct{}
}

func (d *announcing) Purge(ctx context.Context, o cache.Order) []cache.Result {
	rs := d.Driver.Purge(ctx, o)
	d.purged <- struct{}{}
	return rs
}

// settle purges as production does, and fails unless all went well.
func (b *bench) settle(t *testing.T, d cache.Driver, sel freshet.Selector) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i, r := range cache.Settle(ctx, d, cache.Order{At: at(b.next()), Selector: sel}, freshet.VerifyInspect) {
		if r.Outcome != freshet.OutcomeDone && r.Outcome != freshet.OutcomeAlready {
			t.Fatalf("purge result %d = %v %v %s", i, r.Outcome, r.Reason, r.Detail)
		}
	}
}

// varyRace is the race with variants: one of them is in flight, of which the
// cache knows from another that the answer varies.
func (b *bench) varyRace(t *testing.T, hold func(h *held, body string, header ...string) http.HandlerFunc) {
	t.Helper()
	vary := []string{"Vary", "Accept-Language", "Cache-Tag", "film"}
	b.inLanes(t, false, func(path string, n int) {
		b.origin.put(path, version(n), vary...)
		b.wantBody(t, path, version(n), "Accept-Language", "en")
		h := newHeld()
		b.origin.serve(path, hold(h, version(n), vary...))
		early := make(chan answer, 1)
		go func() { early <- b.fetch(t, path, "Accept-Language", "de") }()
		h.await(t, early)
		b.origin.put(path, version(1000+n), vary...)
		b.purgeOver(t, exact(path), h)
		if n%2 == 0 && b.Driver().Powers().DefeatsFills {
			b.wantBody(t, path, version(1000+n), "Accept-Language", "de")
		}
		h.letGo()
		if a := <-early; a.err != nil || a.body != version(n) {
			t.Fatalf("round %d: the earlier viewer got %d %.20q (%v)", n, a.status, a.body, a.err)
		}
		for _, lang := range []string{"de", "en", "fr"} {
			b.wantBody(t, path, version(1000+n), "Accept-Language", lang)
		}
		b.settle(t, b.Driver(), exact(path))
	})
}

func raceVaryHeaderPhase(b *bench) {
	b.t.Helper()
	b.varyRace(b.t, func(h *held, body string, header ...string) http.HandlerFunc {
		return h.beforeHeader(page(body, header...))
	})
}

func raceVaryBodyPhase(b *bench) {
	b.t.Helper()
	b.varyRace(b.t, func(h *held, body string, header ...string) http.HandlerFunc { return h.inBody(body, header...) })
}

// raceVaryManyFlights has fills of several variants in flight at once, some
// begun before the purge and some after it.
func raceVaryManyFlights(b *bench) {
	t := b.t
	vary := []string{"Vary", "Accept-Language"}
	langs := []string{"de", "en", "fr", "it"}
	b.inLanes(t, false, func(path string, n int) {
		b.origin.put(path, version(n), vary...)
		b.wantBody(t, path, version(n), "Accept-Language", "xx")
		h := newHeld()
		b.origin.serve(path, h.beforeHeader(page(version(n), vary...)))
		var early sync.WaitGroup
		for _, l := range langs {
			early.Go(func() { b.fetch(t, path, "Accept-Language", l) })
		}
		<-h.arrived
		b.origin.put(path, version(1000+n), vary...)
		d := &announcing{Driver: b.Driver(), purged: make(chan struct{}, cache.MaxRounds)}
		go func() {
			<-d.purged
			for _, l := range langs[:2] {
				early.Go(func() { b.fetch(t, path, "Accept-Language", "late-"+l) })
			}
			h.letGo()
		}()
		b.settle(t, d, exact(path))
		for _, l := range append(langs, "xx", "late-de") {
			b.wantBody(t, path, version(1000+n), "Accept-Language", l)
		}
		h.letGo()
		early.Wait()
		for _, l := range langs {
			b.wantBody(t, path, version(1000+n), "Accept-Language", l)
		}
		b.settle(t, b.Driver(), exact(path))
	})
}

func revalidationRace(b *bench) {
	t := b.t
	b.inLanes(t, false, func(path string, n int) {
		b.origin.put(path, version(n), "Cache-Control", "max-age=0", "ETag", `"same"`)
		b.wantBody(t, path, version(n))
		h := newHeld()
		// The origin confirms what it had when the request came, late.
		b.origin.serve(path, h.beforeHeader(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") != `"same"` {
				page(version(n))(w, r)
				return
			}
			w.Header().Set("ETag", `"same"`)
			w.Header().Set("Cache-Control", "max-age=3600")
			w.WriteHeader(http.StatusNotModified)
		}))
		early := make(chan answer, 1)
		go func() { early <- b.fetch(t, path) }()
		h.await(t, early)
		b.origin.put(path, version(1000+n), "Cache-Control", "max-age=3600", "ETag", `"next"`)
		b.purgeOver(t, exact(path), h)
		if n%2 == 0 && b.Driver().Powers().DefeatsFills {
			b.wantBody(t, path, version(1000+n))
		}
		h.letGo()
		if a := <-early; a.err != nil || a.status != http.StatusOK {
			t.Fatalf("round %d: the earlier viewer got %d (%v)", n, a.status, a.err)
		}
		b.wantBody(t, path, version(1000+n))
		b.settle(t, b.Driver(), exact(path))
	})
}
