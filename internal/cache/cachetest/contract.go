package cachetest

import (
	"context"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

func contractTests() []test {
	return []test{
		{"PowersAreSane", nil, powersAreSane},
		{"OneResultPerObjectWhenCancelled", nil, oneResultPerObjectWhenCancelled},
		{"OneResultPerObjectWhenSomeFail", func(p cache.Powers) bool { return p.Prefetch }, oneResultPerObjectWhenSomeFail},
		{"EmptyCallsGiveEmptyResults", nil, emptyCallsGiveEmptyResults},
		{"PatternsWithoutHostAreRefused", func(p cache.Powers) bool { return p.Regex && p.Tag }, patternsWithoutHostAreRefused},
		{"PatternsStayWithinTheirHosts", func(p cache.Powers) bool { return p.Regex }, patternsStayWithinTheirHosts},
	}
}

func powersAreSane(b *bench) {
	t := b.t
	p := b.Driver().Powers()
	if p.Driver == "" || p.MaxBatch < 1 {
		t.Fatalf("powers = %+v", p)
	}
}

func oneResultPerObjectWhenCancelled(b *bench) {
	t := b.t
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for i, r := range b.Driver().Purge(ctx, cache.Order{At: at(1), Selector: exact("/a", "/b", "/c")}) {
		if r.Outcome == freshet.OutcomeDone || r.Outcome == freshet.OutcomeAlready || r.Outcome == freshet.OutcomeNone {
			t.Errorf("purge result %d of a cancelled call is %v", i, r.Outcome)
		}
	}
	if rs := b.Driver().Purge(ctx, cache.Order{At: at(1), Selector: exact("/a", "/b", "/c")}); len(rs) != 3 {
		t.Errorf("%d purge results for 3 objects", len(rs))
	}
	rs := b.Driver().Prefetch(ctx, objects("/a", "/b"))
	if len(rs) != 2 {
		t.Fatalf("%d prefetch results for 2 objects", len(rs))
	}
	for _, r := range rs {
		if b.Driver().Powers().Prefetch && r.Outcome != freshet.OutcomeCancelled {
			t.Errorf("prefetch result of a cancelled call is %v", r.Outcome)
		}
	}
	if st := b.Driver().Inspect(ctx, objects("/a", "/b"), cache.InspectJoin); len(st) != 2 {
		t.Errorf("%d states for 2 objects", len(st))
	}
}

func oneResultPerObjectWhenSomeFail(b *bench) {
	t := b.t
	b.origin.put("/good", version(1))
	rs := b.prefetch(t, "/good", "/missing", "/good2")
	wantOutcome(t, rs[0], freshet.OutcomeDone, freshet.ReasonNone)
	wantOutcome(t, rs[1], freshet.OutcomeFailed, freshet.ReasonOrigin4xx)
	wantOutcome(t, rs[2], freshet.OutcomeFailed, freshet.ReasonOrigin4xx)
}

func emptyCallsGiveEmptyResults(b *bench) {
	t := b.t
	if rs := b.purge(t, 1, exact()); len(rs) != 0 {
		t.Errorf("%d results for no URL", len(rs))
	}
	if rs := b.prefetch(t); len(rs) != 0 {
		t.Errorf("%d results for no object", len(rs))
	}
}

func patternsWithoutHostAreRefused(b *bench) {
	t := b.t
	b.origin.put("/a", version(1), "Cache-Tag", "film")
	b.wantBody(t, "/a", version(1))
	for _, sel := range []freshet.Selector{
		{Kind: freshet.SelectRegex, Pattern: ".*"},
		{Kind: freshet.SelectTag, Pattern: "film"},
		{Kind: freshet.SelectPrefix, Pattern: "http://"},
		{Kind: freshet.SelectPrefix, Pattern: "http://vod"},
		{Kind: freshet.SelectPrefix, Pattern: ""},
		{Kind: freshet.SelectRegex, Pattern: "(", Hosts: []string{Host}},
	} {
		wantOutcome(t, b.purge(t, 1, sel)[0], freshet.OutcomeFailed, freshet.ReasonRefused)
	}
	b.wantBody(t, "/a", version(1))
	b.wantRequests(t, "/a", 1)
}

func patternsStayWithinTheirHosts(b *bench) {
	t := b.t
	b.origin.put("/a", version(1))
	b.wantBody(t, "/a", version(1))
	sel := freshet.Selector{Kind: freshet.SelectRegex, Pattern: ".*", Hosts: []string{"other.example.com"}}
	b.later(t)
	b.wantCounted(t, b.purge(t, 1, sel)[0], freshet.OutcomeAlready)
	b.wantBody(t, "/a", version(1))
	b.wantRequests(t, "/a", 1)
}
