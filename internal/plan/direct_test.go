package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/plan"
)

func direct(typ freshet.TaskType, d freshet.Direct) *freshet.Job {
	return &freshet.Job{Account: account, ID: "00112233445566bb", Type: typ, Direct: &d, FinishBy: time.Unix(5000, 0)}
}

func TestDirect_URLsPrefixesAndTags(t *testing.T) {
	t.Parallel()
	p := newWorld().planner(plan.Options{})
	r := mustPlan(t, p, direct(freshet.Purge, freshet.Direct{
		URLs:     []string{"https://WWW.example.com/a/../b.ts?auth_key=1&x=1", "http://vod.example.com/b.ts?x=1", "http://img.example.com/c.png"},
		Prefixes: []string{"http://vod.example.com/film/", "http://img.example.com", "https://vod.example.com/film/"},
		Tags:     []string{"film-1", "film-1"},
	}), nil)
	want := []freshet.PlannedURL{
		{URL: "http://vod.example.com/b.ts?x=1", Kind: "file"},
		{URL: "http://img.example.com/c.png", Kind: "file"},
		{URL: "http://vod.example.com/film/", Kind: "prefix"},
		{URL: "http://img.example.com/", Kind: "prefix"},
		{URL: "film-1", Kind: "tag"},
	}
	if d := cmp.Diff(want, r.URLs); d != "" || r.Fault != "" || len(r.Problems) != 0 {
		t.Errorf("fault %q, problems %+v, plan differs:\n%s", r.Fault, r.Problems, d)
	}

	job := direct(freshet.Purge, freshet.Direct{})
	entries := p.Entries(job, freshet.Row{Index: 0}, r, time.Unix(1000, 0))
	got := make([]string, 0, len(entries))
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %d %v %q %v", e.Domain, e.ObjectType(), e.Selector.Kind, e.Selector.URLs, e.Selector.Pattern, e.Selector.Hosts))
		if !e.FinishBy.IsZero() || e.Kind != freshet.EntryPurge || e.Job != job.ID || e.Account != account || !e.Created.Equal(time.Unix(1000, 0)) {
			t.Errorf("entry %+v", e)
		}
	}
	if d := cmp.Diff([]string{
		`vod.example.com file 1 [http://vod.example.com/b.ts?x=1] "" []`,
		`img.example.com file 1 [http://img.example.com/c.png] "" []`,
		`vod.example.com directory 2 [] "http://vod.example.com/film/" [vod.example.com]`,
		`img.example.com directory 2 [] "http://img.example.com/" [img.example.com]`,
		` tag 4 [] "film-1" [vod.example.com img.example.com]`,
	}, got); d != "" {
		t.Errorf("entries differ:\n%s", d)
	}
}

func TestP8_DirectJobsStayWithinTheAccountsHosts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		typ     freshet.TaskType
		d       freshet.Direct
		fault   string
		problem string
	}{
		{"foreign URL", freshet.Purge, freshet.Direct{URLs: []string{"http://foreign.example.net/a"}}, "InvalidDomain.NotFound", "foreign"},
		{"offline URL", freshet.Purge, freshet.Direct{URLs: []string{"http://old.example.com/a"}}, "InvalidDomain.Offline", "offline"},
		{"malformed URL", freshet.Purge, freshet.Direct{URLs: []string{"vod.example.com/a"}}, "InvalidParameter", "http://"},
		{"host that begins alike", freshet.Purge, freshet.Direct{Prefixes: []string{"http://vod.example.co"}}, "InvalidDomain.NotFound", "vod.example.co is not"},
		{"host that goes on", freshet.Purge, freshet.Direct{Prefixes: []string{"http://vod.example.com.evil.net/"}}, "InvalidDomain.NotFound", "evil"},
		{"user information", freshet.Purge, freshet.Direct{Prefixes: []string{"http://vod.example.com@evil.net/"}}, "InvalidParameter", "user information"},
		{"no host", freshet.Purge, freshet.Direct{Prefixes: []string{"http://"}}, "InvalidParameter", "no host"},
		{"prefix with a query", freshet.Purge, freshet.Direct{Prefixes: []string{"http://vod.example.com/?a"}}, "InvalidParameter", "query"},
		{"prefetch of a prefix", freshet.Prefetch, freshet.Direct{Prefixes: []string{"http://vod.example.com/a/"}}, "InvalidParameter", "needs URLs"},
		{"prefetch of a tag", freshet.Prefetch, freshet.Direct{Tags: []string{"x"}}, "InvalidParameter", "needs URLs"},
		{"empty tag", freshet.Purge, freshet.Direct{Tags: []string{""}}, "InvalidParameter", "empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := mustPlan(t, newWorld().planner(plan.Options{}), direct(c.typ, c.d), nil)
			if len(r.URLs) != 0 {
				t.Errorf("planned %v", urls(r))
			}
			wantFault(t, r, c.fault, "")
			if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Reason, c.problem) {
				t.Errorf("problems %+v, want one with %q", r.Problems, c.problem)
			}
		})
	}
	other := direct(freshet.Purge, freshet.Direct{Tags: []string{"film-1"}, URLs: []string{"http://vod.example.com/a"}})
	other.Account = "somebody else"
	r := mustPlan(t, newWorld().planner(plan.Options{}), other, nil)
	if len(r.URLs) != 0 || len(r.Problems) != 2 {
		t.Errorf("another account's domains were reached: %+v", r)
	}
}

func TestDirect_PrefetchTakesURLs(t *testing.T) {
	t.Parallel()
	p := newWorld().planner(plan.Options{})
	j := direct(freshet.Prefetch, freshet.Direct{URLs: []string{"http://vod.example.com/b", "http://vod.example.com/a"}})
	r := mustPlan(t, p, j, nil)
	wantURLs(t, r, "/b /a")
	e := p.Entries(j, freshet.Row{}, r, time.Unix(1000, 0))
	if len(e) != 1 || e[0].Kind != freshet.EntryPrefetch || !e[0].FinishBy.Equal(j.FinishBy) || e[0].ObjectType() != "preload" {
		t.Errorf("entries %+v", e)
	}
}

// TestEntries_HoldEveryURLOnceInOrder: whatever the plan, each URL is in
// exactly one entry of its own domain, URLs of a domain keep their order, no
// entry is over its bounds, and there are no more entries than need be.
func TestEntries_HoldEveryURLOnceInOrder(t *testing.T) {
	t.Parallel()
	p := newWorld().planner(plan.Options{})
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 6000).Draw(t, "n")
		hosts := []string{"vod.example.com", "img.example.com", "www.third.example"}[:rapid.IntRange(1, 3).Draw(t, "hosts")]
		pad := strings.Repeat("x", rapid.SampledFrom([]int{0, 100, 3000}).Draw(t, "pad"))
		step := rapid.IntRange(1, 50).Draw(t, "step")
		var row freshet.PlannedRow
		want := map[string][]string{}
		for i := range n {
			h := hosts[i/step%len(hosts)]
			u := fmt.Sprintf("http://%s/%d%s", h, i, pad)
			row.URLs = append(row.URLs, freshet.PlannedURL{URL: u, Kind: "segment"})
			want[h] = append(want[h], u)
		}
		got := map[string][]string{}
		count, least := 0, 0
		for _, e := range p.Entries(job(freshet.Purge, freshet.Filter{}), freshet.Row{Index: 3}, row, time.Unix(1, 0)) {
			size := 0
			for _, u := range e.Selector.URLs {
				size += len(u)
			}
			if len(e.Selector.URLs) == 0 || len(e.Selector.URLs) > 2000 || size > 128<<10 || e.Row != 3 {
				t.Fatalf("entry of %d URLs, %d bytes, row %d", len(e.Selector.URLs), size, e.Row)
			}
			got[e.Domain] = append(got[e.Domain], e.Selector.URLs...)
			count++
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		for _, list := range want {
			size := 0
			for _, u := range list {
				size += len(u)
			}
			// An entry is left less than full only by one URL's length.
			least += max((len(list)+1999)/2000, (size+(124<<10)-1)/(124<<10))
		}
		if count > least+len(hosts) {
			t.Fatalf("%d entries where about %d would do", count, least)
		}
	})
}

// TestPlan_Invariants draws playlists and filters and holds what must be true
// of every plan.
func TestPlan_Invariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		variants := rapid.IntRange(1, 4).Draw(t, "variants")
		var top strings.Builder
		top.WriteString("#EXTM3U\n")
		total := map[string]int{}
		for v := range variants {
			name := fmt.Sprintf("http://vod.example.com/v%d.m3u8", v)
			fmt.Fprintf(&top, "#EXT-X-STREAM-INF:BANDWIDTH=1\nv%d.m3u8\n", v)
			n := rapid.IntRange(1, 30).Draw(t, "segments")
			shared := rapid.Bool().Draw(t, "shared") // variants may share segments
			lines := []string{fmt.Sprintf(`#EXT-X-MAP:URI="init%d.mp4"`, v)}
			for i := range n {
				if shared {
					lines = append(lines, "#EXTINF:1,", fmt.Sprintf("shared/%d.ts", i))
				} else {
					lines = append(lines, "#EXTINF:1,", fmt.Sprintf("v%d/%d.ts", v, i))
				}
			}
			total[name] = n
			w.files[name] = list(lines...)
		}
		w.files["http://vod.example.com/auto.m3u8"] = top.String()
		f := freshet.Filter{
			Slices: true, SliceCount: rapid.IntRange(1, 20).Draw(t, "count"),
			Multiple: rapid.Bool().Draw(t, "multiple"),
		}
		typ := rapid.SampledFrom([]freshet.TaskType{freshet.Purge, freshet.Prefetch}).Draw(t, "type")
		m := media(stream("m3u8", "AUTO", "http://vod.example.com/auto.m3u8"), stream("m3u8", "HD", "http://vod.example.com/v0.m3u8"))
		r, err := w.planner(plan.Options{}).Plan(t.Context(), job(typ, f), freshet.Row{Media: "m1"}, m)
		if err != nil || r.Fault != "" || len(r.Problems) != 0 {
			t.Fatalf("%v, fault %q, problems %v", err, r.Fault, r.Problems)
		}
		place := map[string]int{}
		taken := map[string]int{}
		for i, u := range r.URLs {
			if _, ok := place[u.URL]; ok {
				t.Fatalf("%s stands twice", u.URL)
			}
			place[u.URL] = i
			if u.Kind == "segment" {
				taken[u.From]++
			}
			if u.From != "" && place[u.From] >= i {
				t.Fatalf("%s stands before the playlist that names it", u.URL)
			}
		}
		for name, n := range total {
			if want := min(n, f.SliceCount); taken[name] > want {
				t.Fatalf("%d segments of %s, want at most %d", taken[name], name, want)
			}
			for i := range min(n, f.SliceCount) {
				for _, prefix := range []string{"shared", strings.TrimSuffix(strings.TrimPrefix(name, "http://vod.example.com/"), ".m3u8")} {
					u := fmt.Sprintf("%s/%d.ts", prefix, i)
					if strings.Contains(w.files[name], "\n"+u+"\n") {
						if _, ok := place["http://vod.example.com/"+u]; !ok {
							t.Fatalf("segment %s is among the first %d and not planned", u, f.SliceCount)
						}
					}
				}
			}
		}
		for _, u := range r.URLs {
			if u.From != "" && !slices.Contains(r.Remember, u.URL) {
				t.Fatalf("%s is planned and not remembered", u.URL)
			}
		}
		for u, n := range w.asked {
			if n != 1 {
				t.Fatalf("%s was read %d times", u, n)
			}
		}
	})
}

// TestNative_AStoppedDomainCanBePurged: before it starts again; it is not
// prefetched, and the vendor's API refuses both.
func TestNative_AStoppedDomainCanBePurged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		native     bool
		typ        freshet.TaskType
		unapproved bool
		urls       int
	}{
		{true, freshet.Purge, false, 1},
		{true, freshet.Prefetch, false, 0},
		{false, freshet.Purge, false, 0},
		{true, freshet.Purge, true, 0},
	} {
		w := newWorld()
		w.domains[2].Unapproved = c.unapproved
		j := job(c.typ, freshet.Filter{})
		j.Native, j.Direct = c.native, &freshet.Direct{URLs: []string{"http://old.example.com/a"}}
		r := mustPlan(t, w.planner(plan.Options{}), j, nil)
		if len(r.URLs) != c.urls || (r.Fault == "InvalidDomain.Offline") != (c.urls == 0) {
			t.Errorf("%+v: %+v", c, r)
		}
	}
}

// TestP9_TenantsPlaylistsAreReadByTheGuardedFetcher: or by nobody.
func TestP9_TenantsPlaylistsAreReadByTheGuardedFetcher(t *testing.T) {
	t.Parallel()
	const u = "http://vod.example.com/a.m3u8"
	m := media(stream("m3u8", "HD", u))
	for _, guarded := range []bool{true, false} {
		w, other := newWorld(), newWorld()
		w.domains[0].Guarded = true
		w.files[u] = list("#EXTINF:1,", "secret.ts")
		other.files[u] = list("#EXTINF:1,", "1.ts")
		o := plan.Options{}
		want := "/a.m3u8"
		if guarded {
			o.Guarded, want = other, "/a.m3u8 /1.ts"
		}
		r := mustPlan(t, w.planner(o), job(freshet.Prefetch, freshet.Filter{Slices: true, SliceCount: 3}), m)
		wantURLs(t, r, want)
		if w.asked[u] != 0 {
			t.Error("the unguarded fetcher was asked")
		}
	}
}
