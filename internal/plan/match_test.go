package plan_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/plan"
)

// summary is an entry in one line.
func summary(e *freshet.Entry) string {
	return fmt.Sprintf("%d %s %s %v %q among %v", e.Group, e.Domain, e.ObjectType(), e.Selector.URLs, e.Selector.Pattern, e.Among)
}

func summaries(p *plan.Planner, job *freshet.Job, r freshet.PlannedRow) []string {
	var out []string
	for _, e := range p.Entries(job, freshet.Row{}, r, time.Unix(1000, 0)) {
		out = append(out, summary(e))
	}
	return out
}

// TestP8_PatternsBecomeTheKnownURLsThatTheyMatch: exact objects of their own
// domain, each pattern's under its own ID, and a mark for one that matches
// nothing.
func TestP8_PatternsBecomeTheKnownURLsThatTheyMatch(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.known = [][]string{
		{"http://vod.example.com/a/1.ts", "http://vod.example.com/b/1.ts", "http://img.example.com/a/1.ts"},
		{"http://vod.example.com/a/2.ts?x=1&session=2", "http://vod.example.com/a/1.ts", "http://vod.example.com.evil.example/a/1.ts"},
	}
	p := w.planner(plan.Options{})
	job := direct(freshet.Purge, freshet.Direct{
		Patterns: []freshet.Pattern{
			{Domain: "vod.example.com", Expr: `/a/.*\.ts`}, {Domain: "vod.example.com", Expr: `/./1`}, {Domain: "img.example.com", Expr: "/none"},
		},
		Groups: []freshet.TaskGroup{
			{ID: 7, Domain: "vod.example.com", Count: 1}, {ID: 8, Domain: "vod.example.com", Count: 1}, {ID: 9, Domain: "img.example.com", Count: 1},
		},
	})
	r := mustPlan(t, p, job, nil)
	if r.Fault != "" || len(r.Problems) != 0 {
		t.Errorf("fault %q, problems %+v", r.Fault, r.Problems)
	}
	if since := time.Since(w.since); since < 29*24*time.Hour || since > 31*24*time.Hour {
		t.Errorf("asked for what was seen since %v", w.since)
	}
	if d := cmp.Diff([]string{
		`7 vod.example.com regex [http://vod.example.com/a/1.ts http://vod.example.com/a/2.ts?x=1] "" among []`,
		`8 vod.example.com regex [http://vod.example.com/a/1.ts http://vod.example.com/b/1.ts] "" among []`,
		`9 img.example.com regex [] "http://img.example.com/none" among []`,
	}, summaries(p, job, r)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, e := range p.Entries(job, freshet.Row{}, r, time.Unix(1000, 0)) {
		if (e.Among != nil) != (e.Group == 9) {
			t.Errorf("targets of %s: %v", summary(e), e.Among)
		}
	}
}

func TestPatterns_ThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	pattern := []freshet.Pattern{{Domain: "vod.example.com", Expr: "/a"}}
	for fault, job := range map[string]*freshet.Job{
		"InvalidDomain.NotFound": direct(freshet.Purge, freshet.Direct{Patterns: []freshet.Pattern{{Domain: "gone.example.com", Expr: "/a"}}}),
		"InvalidDomain.Offline":  direct(freshet.Purge, freshet.Direct{Patterns: []freshet.Pattern{{Domain: "old.example.com", Expr: "/a"}}}),
		"InvalidParameter":       direct(freshet.Prefetch, freshet.Direct{Patterns: pattern}),
	} {
		r := mustPlan(t, w.planner(plan.Options{}), job, nil)
		if r.Fault != fault || len(r.URLs) != 0 || len(r.Problems) != 1 {
			t.Errorf("%s: %+v", fault, r)
		}
	}
	w.known = [][]string{slices.Repeat([]string{"http://vod.example.com/a"}, 50)}
	r := mustPlan(t, w.planner(plan.Options{Limits: plan.Limits{URLs: 10}}), direct(freshet.Purge, freshet.Direct{Patterns: pattern}), nil)
	if r.Fault != "InternalError" || len(r.URLs) != 0 {
		t.Errorf("too many: %+v", r)
	}
	w.storeFault = errors.New("the disk is gone")
	job := direct(freshet.Purge, freshet.Direct{Patterns: pattern})
	if _, err := w.planner(plan.Options{}).Plan(t.Context(), job, freshet.Row{}, nil); !errors.Is(err, w.storeFault) {
		t.Errorf("a fault of the store: %v", err)
	}
}

// TestIgnoreParams_IsTheURLAndAllItsQueries and nothing else that begins alike.
func TestIgnoreParams_IsTheURLAndAllItsQueries(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.domains[1].IgnoreParams = []string{freshet.EveryParam}
	p := w.planner(plan.Options{})
	job := direct(freshet.Purge, freshet.Direct{
		Bare:   []string{"https://www.example.com/a.m3u8", "http://img.example.com/b.png"},
		Groups: []freshet.TaskGroup{{ID: 7, Domain: "vod.example.com", Count: 1}, {ID: 8, Domain: "img.example.com", Count: 1}},
	})
	if d := cmp.Diff([]string{
		`7 vod.example.com ignoreparams [http://vod.example.com/a.m3u8] "" among []`,
		`8 img.example.com ignoreparams [http://img.example.com/b.png] "" among []`,
		`7 vod.example.com ignoreparams [] "http://vod.example.com/a.m3u8?" among []`,
	}, summaries(p, job, mustPlan(t, p, job, nil))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, soft := range []bool{false, true} { // of exact objects nothing older stays
		job.Direct.Soft = soft
		for _, e := range p.Entries(job, freshet.Row{}, mustPlan(t, p, job, nil), time.Unix(1000, 0)) {
			if e.Soft != (soft && e.Selector.Kind == freshet.SelectPrefix) {
				t.Errorf("soft %v: %s is soft: %v", soft, summary(e), e.Soft)
			}
		}
	}
	for _, job := range []*freshet.Job{
		direct(freshet.Purge, freshet.Direct{Bare: []string{"http://vod.example.com/a?x"}}),
		direct(freshet.Prefetch, freshet.Direct{Bare: []string{"http://vod.example.com/a"}}),
	} {
		if r := mustPlan(t, p, job, nil); r.Fault != "InvalidParameter" || len(r.URLs) != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// TestPrefetch_AsksForEachURLWithEachHeader: one task each, under one ID.
func TestPrefetch_AsksForEachURLWithEachHeader(t *testing.T) {
	t.Parallel()
	p := newWorld().planner(plan.Options{})
	job := direct(freshet.Prefetch, freshet.Direct{
		URLs:    []string{"http://vod.example.com/a", "http://vod.example.com/b", "http://vod.example.com/a"},
		Headers: []string{"Accept-Encoding: gzip", "Accept-Encoding: br"},
		Groups:  []freshet.TaskGroup{{ID: 7, Domain: "vod.example.com", Count: 3}},
	})
	var got []string
	for _, e := range p.Entries(job, freshet.Row{}, mustPlan(t, p, job, nil), time.Unix(1000, 0)) {
		got = append(got, e.Header+": "+summary(e))
	}
	if d := cmp.Diff([]string{
		`Accept-Encoding: gzip: 7 vod.example.com preload [http://vod.example.com/a http://vod.example.com/b] "" among []`,
		`Accept-Encoding: br: 7 vod.example.com preload [http://vod.example.com/a http://vod.example.com/b] "" among []`,
	}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
