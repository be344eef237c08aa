package cachetest

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// softTests are about purges that need not remove anything. A cache without
// Powers.SoftPurge removes, and passes all the same.
func softTests() []test {
	return []test{
		{"P4_SoftPurgeAsksTheOrigin", anyPattern, softPurgeAsksTheOrigin},
		{"P4_SoftPurgeServesNothingUnasked", anyPattern, softPurgeServesNothingUnasked},
		{"P4_SoftPurgeDetachesFills", func(p cache.Powers) bool { return p.SoftPurge && p.DefeatsFills }, softPurgeDetachesFills},
		{"P2_RepeatOfASoftPurgeKeepsWhatCameAfter", anyPattern, repeatOfASoftPurge},
		{"P2_SoftPurgesOutliveACrash", func(p cache.Powers) bool { return p.SoftPurge && p.Survives }, softPurgesOutliveACrash},
		{"AHardPurgeAfterASoftOneRemoves", anyPattern, hardAfterSoft},
		{"APrefixMayEndInAQuery", func(p cache.Powers) bool { return p.Prefix }, prefixOfAQuery},
	}
}

// wantSoft purges softly.
func (b *bench) wantSoft(t *testing.T, pos uint64, sel freshet.Selector) cache.Result {
	t.Helper()
	rs := b.worked(t).Purge(t.Context(), cache.Order{At: at(pos), Selector: sel, Soft: true})
	if len(rs) != 1 || rs[0].Outcome != freshet.OutcomeDone && rs[0].Outcome != freshet.OutcomeAlready {
		t.Fatalf("a soft purge = %+v", rs)
	}
	return rs[0]
}

// counted is a page with a validator that counts the times its body was sent.
func counted(body, etag string, bodies *atomic.Int64, header ...string) http.HandlerFunc {
	whole := validated(body, etag)
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		if r.Header.Get("If-None-Match") != etag {
			bodies.Add(1)
		}
		whole(w, r)
	}
}

func softPurgeAsksTheOrigin(b *bench) {
	t := b.t
	const same, changed, beside = "/film/1.ts", "/film/2.ts", "/other/1.ts"
	for i, sel := range b.patterns() {
		var bodies atomic.Int64
		b.origin.serve(same, counted(version(i), `"same"`, &bodies, "Cache-Tag", "film-7"))
		b.origin.serve(changed, counted(version(i), `"`+version(i)[:9]+`"`, new(atomic.Int64), "Cache-Tag", "film-7"))
		b.origin.put(beside, version(0))
		b.wantPurged(t, uint64(10*i+1), exact(same, changed))
		for _, p := range []string{same, changed} {
			b.wantBody(t, p, version(i))
		}
		b.wantBody(t, beside, version(0))
		b.origin.serve(changed, counted(version(100+i), `"new"`, new(atomic.Int64), "Cache-Tag", "film-7"))
		b.later(t)
		asked, sent := b.origin.requests(same), bodies.Load()
		r := b.wantSoft(t, uint64(10*i+2), sel)
		b.wantCounted(t, r, freshet.OutcomeDone)
		b.later(t)
		for range 2 { // the second time it is fresh again
			b.wantBody(t, same, version(i))
			b.wantBody(t, changed, version(100+i))
		}
		b.wantRequests(t, same, asked+1)
		if kept := bodies.Load() == sent; kept != b.Driver().Powers().SoftPurge {
			t.Errorf("%v: what did not change was kept: %v", sel, kept)
		}
	}
	b.wantRequests(t, beside, 1)
}

// softPurgeServesNothingUnasked: a copy that might be served past its freshness is
// not, once a purge met it and the origin is away.
func softPurgeServesNothingUnasked(b *bench) {
	t := b.t
	for i, sel := range b.patterns() {
		b.origin.serve("/film/1.ts", counted(version(i), `"v"`, new(atomic.Int64),
			"Cache-Tag", "film-7", "Cache-Control", "max-age=3600, stale-if-error=3600"))
		b.wantPurged(t, uint64(10*i+1), exact("/film/1.ts"))
		b.wantBody(t, "/film/1.ts", version(i))
		b.later(t)
		b.wantSoft(t, uint64(10*i+2), sel)
		b.origin.serve("/film/1.ts", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		if a := b.fetch(t, "/film/1.ts"); a.status < 500 || a.body == version(i) {
			t.Errorf("%v: a viewer got %d %.20q while the origin is away", sel, a.status, a.body)
		}
	}
}

// softPurgeDetachesFills: what was being fetched when the purge came is neither
// joined nor stored.
func softPurgeDetachesFills(b *bench) {
	t := b.t
	hold := newHeld()
	b.origin.serve("/film/1.ts", hold.inBody(version(1), "ETag", `"1"`))
	early := make(chan answer, 1)
	go func() { early <- b.fetch(t, "/film/1.ts") }()
	hold.await(t, nil)
	b.wantSoft(t, 1, freshet.Selector{Kind: freshet.SelectPrefix, Pattern: link("/film/")})
	b.origin.put("/film/1.ts", version(2))
	b.wantBody(t, "/film/1.ts", version(2))
	hold.letGo()
	if a := <-early; a.body != version(1) {
		t.Errorf("the early viewer got %.20q (%v)", a.body, a.err)
	}
	b.wantBody(t, "/film/1.ts", version(2))
}

func repeatOfASoftPurge(b *bench) {
	t := b.t
	for i, sel := range b.patterns() {
		pos := uint64(10 * (i + 1))
		b.origin.serve("/film/1.ts", counted(version(1), `"v"`, new(atomic.Int64), "Cache-Tag", "film-7"))
		b.wantBody(t, "/film/1.ts", version(1))
		b.later(t)
		b.wantSoft(t, pos, sel)
		b.later(t)
		b.wantBody(t, "/film/1.ts", version(1))
		asked := b.origin.requests("/film/1.ts")
		b.wantCounted(t, b.wantSoft(t, pos, sel), freshet.OutcomeAlready)
		b.wantBody(t, "/film/1.ts", version(1))
		b.wantRequests(t, "/film/1.ts", asked)
	}
}

func softPurgesOutliveACrash(b *bench) {
	t := b.t
	b.origin.serve("/film/1.ts", counted(version(1), `"v1"`, new(atomic.Int64)))
	b.wantBody(t, "/film/1.ts", version(1))
	b.wantSoft(t, 5, freshet.Selector{Kind: freshet.SelectPrefix, Pattern: link("/film/")})
	b.origin.serve("/film/1.ts", counted(version(2), `"v2"`, new(atomic.Int64)))
	if !b.Crash(t) {
		b.Restart(t)
	}
	b.wantBody(t, "/film/1.ts", version(2))
}

func hardAfterSoft(b *bench) {
	t := b.t
	for i, sel := range b.patterns() {
		var bodies atomic.Int64
		b.origin.serve("/film/1.ts", counted(version(i), `"v"`, &bodies, "Cache-Tag", "film-7"))
		b.wantPurged(t, uint64(10*i+1), exact("/film/1.ts"))
		b.wantBody(t, "/film/1.ts", version(i))
		b.later(t)
		b.wantSoft(t, uint64(10*i+2), sel)
		b.wantPurged(t, uint64(10*i+3), sel)
		b.later(t)
		b.wantBody(t, "/film/1.ts", version(i))
		if n := bodies.Load(); n != 2 {
			t.Errorf("%v: the body was sent %d times, want twice", sel, n)
		}
	}
}

// prefixOfAQuery: what a URL is with any query, and nothing else.
func prefixOfAQuery(b *bench) {
	t := b.t
	paths := []string{"/a.m3u8", "/a.m3u8?x=1", "/a.m3u8?y=%3F", "/a.m3u8x?x=1"}
	for _, p := range paths {
		b.origin.put(p, version(1))
		b.wantBody(t, p, version(1))
	}
	b.later(t)
	b.wantPurged(t, 5, freshet.Selector{Kind: freshet.SelectPrefix, Pattern: link("/a.m3u8?"), Hosts: []string{Host}})
	b.later(t)
	for i, n := range []int{1, 2, 2, 1} {
		b.wantBody(t, paths[i], version(1))
		b.wantRequests(t, paths[i], n)
	}
}
