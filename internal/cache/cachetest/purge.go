package cachetest

import (
	"net/http"
	"slices"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func purgeTests() []test {
	return []test{
		{"AbsentIsAlready", nil, absentIsAlready},
		{"ExactRemovesWhatIsNamedOnly", nil, exactRemovesWhatIsNamedOnly},
		{"P2_RepeatKeepsWhatCameAfter", nil, repeatKeepsWhatCameAfter},
		{"P2_RepeatOfPatternsKeepsWhatCameAfter", anyPattern, repeatOfPatternsKeepsWhatCameAfter},
		{"PatternsRemoveAllThatMatches", anyPattern, patternsRemoveAllThatMatches},
		{"QueryIsPartOfTheNameAndSignatureIsNot", nil, queryIsPartOfTheNameAndSignatureIsNot},
		{"AliasesShareOneObject", nil, aliasesShareOneObject},
		{"VariantsArePurgedTogether", nil, variantsArePurgedTogether},
		{"NegativeEntriesArePurged", nil, negativeEntriesArePurged},
		{"LargeBatch", nil, largeBatch},
	}
}

func absentIsAlready(b *bench) {
	t := b.t
	wantOutcome(t, b.purge(t, 1, exact("/never"))[0], freshet.OutcomeAlready, freshet.ReasonNone)
}

func exactRemovesWhatIsNamedOnly(b *bench) {
	t := b.t
	b.origin.put("/a", version(1), "ETag", `"a1"`)
	b.origin.put("/ab", version(1))
	b.wantBody(t, "/a", version(1))
	b.wantBody(t, "/ab", version(1))
	r := b.purge(t, 1, exact("/a"))[0]
	wantOutcome(t, r, freshet.OutcomeDone, freshet.ReasonNone)
	if !r.Before.Stored() || r.After.Stored() {
		t.Errorf("before %+v, after %+v", r.Before, r.After)
	}
	b.origin.put("/a", version(2))
	b.wantBody(t, "/a", version(2))
	b.wantBody(t, "/ab", version(1))
	b.wantRequests(t, "/a", 2)
	b.wantRequests(t, "/ab", 1)
}

func repeatKeepsWhatCameAfter(b *bench) {
	t := b.t
	b.origin.put("/a", version(1))
	b.wantBody(t, "/a", version(1))
	b.wantPurged(t, 5, exact("/a"))
	b.later(t)
	b.origin.put("/a", version(2))
	b.wantBody(t, "/a", version(2))
	wantOutcome(t, b.purge(t, 5, exact("/a"))[0], freshet.OutcomeAlready, freshet.ReasonNone)
	wantOutcome(t, b.purge(t, 4, exact("/a"))[0], freshet.OutcomeAlready, freshet.ReasonNone)
	b.wantBody(t, "/a", version(2))
	b.wantRequests(t, "/a", 2)
	wantOutcome(t, b.purge(t, 6, exact("/a"))[0], freshet.OutcomeDone, freshet.ReasonNone)
	b.wantBody(t, "/a", version(2))
	b.wantRequests(t, "/a", 3)
}

func repeatOfPatternsKeepsWhatCameAfter(b *bench) {
	t := b.t
	b.origin.put("/film/1.ts", version(1), "Cache-Tag", "film-7, hd")
	for i, sel := range b.patterns() {
		pos := uint64(10 * (i + 1))
		b.wantPurged(t, pos, sel)
		b.later(t)
		b.wantBody(t, "/film/1.ts", version(1))
		before := b.origin.requests("/film/1.ts")
		b.wantCounted(t, b.purge(t, pos, sel)[0], freshet.OutcomeAlready)
		b.wantBody(t, "/film/1.ts", version(1))
		b.wantRequests(t, "/film/1.ts", before)
		b.wantCounted(t, b.purge(t, pos+1, sel)[0], freshet.OutcomeDone)
		b.wantBody(t, "/film/1.ts", version(1))
		b.wantRequests(t, "/film/1.ts", before+1)
	}
}

func patternsRemoveAllThatMatches(b *bench) {
	t := b.t
	for i, sel := range b.patterns() {
		b.origin.put("/film/1.ts", version(i), "Cache-Tag", "film-7, hd")
		b.origin.put("/film/2.ts?x=1", version(i), "Surrogate-Key", "hd film-7")
		b.origin.put("/other/1.ts", version(i), "Cache-Tag", "film-77")
		for _, p := range []string{"/film/1.ts", "/film/2.ts?x=1"} {
			b.wantBody(t, p, version(i))
		}
		b.wantBody(t, "/other/1.ts", version(0))
		b.later(t)
		r := b.purge(t, uint64(10+i), sel)[0]
		b.wantCounted(t, r, freshet.OutcomeDone)
		if b.Driver().Powers().Counts && r.Removed != 2 {
			t.Errorf("%v removed %d objects, want 2", sel, r.Removed)
		}
	}
	b.wantRequests(t, "/other/1.ts", 1)
}

func queryIsPartOfTheNameAndSignatureIsNot(b *bench) {
	t := b.t
	b.origin.put("/a?q=1", version(1))
	b.origin.put("/a?q=2", version(1))
	for _, p := range []string{"/a?q=1&auth_key=111-x", "/a?auth_key=222-y&q=1", "/a?q=1&" + Ignored + "=mail", "/a?q=1"} {
		b.wantBody(t, p, version(1))
	}
	b.wantRequests(t, "/a?q=1", 1)
	b.wantBody(t, "/a?q=2", version(1))
	wantOutcome(t, b.purge(t, 1, exact("/a?q=1"))[0], freshet.OutcomeDone, freshet.ReasonNone)
	b.origin.put("/a?q=1", version(2))
	b.wantBody(t, "/a?q=1&auth_key=111-x", version(2))
	b.wantBody(t, "/a?q=2&auth_key=3", version(1))
	b.wantRequests(t, "/a?q=2", 1)
}

func aliasesShareOneObject(b *bench) {
	t := b.t
	b.origin.put("/a", version(1))
	b.wantBody(t, "/a", version(1))
	if a := b.fetchURL(t, "http://"+Alias+"/a"); a.body != version(1) {
		t.Fatalf("by its alias the object is %d %.20q", a.status, a.body)
	}
	b.wantRequests(t, "/a", 1)
	b.wantPurged(t, 1, exact("/a"))
	b.origin.put("/a", version(2))
	if a := b.fetchURL(t, "http://"+Alias+"/a"); a.body != version(2) {
		t.Fatal("the old object is still there under its alias")
	}
}

func variantsArePurgedTogether(b *bench) {
	t := b.t
	vary := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			page(r.Header.Get("Accept-Language")+version(n), "Vary", "Accept-Language")(w, r)
		}
	}
	b.origin.serve("/a", vary(1))
	for range 2 {
		for _, lang := range []string{"de", "en", ""} {
			b.wantBody(t, "/a", lang+version(1), "Accept-Language", lang)
		}
	}
	b.wantRequests(t, "/a", 3)
	wantOutcome(t, b.purge(t, 1, exact("/a"))[0], freshet.OutcomeDone, freshet.ReasonNone)
	b.origin.serve("/a", vary(2))
	for _, lang := range []string{"de", "en", ""} {
		b.wantBody(t, "/a", lang+version(2), "Accept-Language", lang)
	}
}

func negativeEntriesArePurged(b *bench) {
	t := b.t
	b.origin.serve("/late", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=30")
		http.Error(w, "not yet", http.StatusNotFound)
	})
	if a := b.fetch(t, "/late"); a.status != http.StatusNotFound {
		t.Fatalf("status %d", a.status)
	}
	b.origin.put("/late", version(1))
	b.wantPurged(t, 1, exact("/late"))
	b.wantBody(t, "/late", version(1))
}

func largeBatch(b *bench) {
	t := b.t
	paths := make([]string, b.Driver().Powers().MaxBatch)
	for i := range paths {
		paths[i] = "/seg/" + string(rune('a'+i%26)) + "/" + http.StatusText(200+i%3) + "x"
	}
	paths[0] = "/a"
	b.origin.put("/a", version(1))
	b.wantBody(t, "/a", version(1))
	rs := b.purge(t, 1, exact(paths...))
	wantOutcome(t, rs[0], freshet.OutcomeDone, freshet.ReasonNone)
	wantOutcome(t, rs[len(rs)-1], freshet.OutcomeAlready, freshet.ReasonNone)
}

func anyPattern(p cache.Powers) bool { return p.Prefix || p.Regex || p.Tag }

// patterns returns selectors that each name what lies below /film/, as far as
// the cache can carry them out.
func (b *bench) patterns() []freshet.Selector {
	return b.can([]freshet.Selector{
		{Kind: freshet.SelectPrefix, Pattern: link("/film/")},
		{Kind: freshet.SelectRegex, Pattern: `/film/[0-9]+\.ts`, Hosts: []string{Host}},
		{Kind: freshet.SelectTag, Pattern: "film-7", Hosts: []string{Host}},
	})
}

// can returns those selectors that the cache can carry out.
func (b *bench) can(sels []freshet.Selector) []freshet.Selector {
	p := b.Driver().Powers()
	can := map[freshet.SelectorKind]bool{freshet.SelectExact: true, freshet.SelectPrefix: p.Prefix, freshet.SelectRegex: p.Regex, freshet.SelectTag: p.Tag}
	return slices.DeleteFunc(sels, func(s freshet.Selector) bool { return !can[s.Kind] })
}

// wantCounted fails unless a pattern's purge succeeded, and, on a cache that
// knows what it removed, ended in a certain way.
func (b *bench) wantCounted(t *testing.T, r cache.Result, o freshet.Outcome) {
	t.Helper()
	if !b.Driver().Powers().Counts && r.Outcome == freshet.OutcomeDone {
		return
	}
	wantOutcome(t, r, o, freshet.ReasonNone)
}
