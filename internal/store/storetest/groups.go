package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// grouped accepts a job by URL and returns the groups that it was given, as it
// is read again.
func grouped( //nolint:revive // what tells jobs apart
	t *testing.T, s Everything, account, id string, at time.Time, kind freshet.TaskType, want ...freshet.TaskGroup,
) []freshet.TaskGroup {
	t.Helper()
	j := newJob(account, id, "")
	j.Type, j.Created, j.Rows[0].Modified = kind, at, at
	j.Direct = &freshet.Direct{URLs: []string{"http://vod.example.com/a"}, Groups: want}
	ok(t, s.Accept(t.Context(), j, store.Nonce{}))
	given := j.Direct.Groups
	back, err := s.Job(t.Context(), account, id)
	ok(t, err)
	same(t, back.Direct.Groups, given)
	return given
}

func groupsShared(t *testing.T, s Everything) {
	at := day0()
	group := func(domain string, n int) freshet.TaskGroup {
		return freshet.TaskGroup{Domain: domain, Count: n, Most: 10}
	}
	first := grouped(t, s, "a", "j1", at, freshet.Purge, group("x.example.com", 4), group("y.example.com", 1))
	if len(first) != 2 || first[0].ID == 0 || first[0].ID == first[1].ID || first[0].Count != 4 {
		t.Fatalf("groups %+v", first)
	}
	same(t, grouped(t, s, "a", "j2", at.Add(400*time.Millisecond), freshet.Purge, group("x.example.com", 3)),
		[]freshet.TaskGroup{{ID: first[0].ID, Domain: "x.example.com", Count: 3}})
	// Three places are left; the rest begins another.
	split := grouped(t, s, "a", "j3", at, freshet.Purge, group("x.example.com", 14))
	if len(split) != 3 || split[0].ID != first[0].ID || split[0].Count != 3 || split[1].Count != 10 || split[2].Count != 1 ||
		split[1].ID == split[2].ID || split[1].ID == first[1].ID {
		t.Errorf("a full group is split into %+v", split)
	}
	for name, other := range map[string][]freshet.TaskGroup{
		"the next second": grouped(t, s, "a", "j4", at.Add(time.Second), freshet.Purge, group("x.example.com", 1)),
		"a prefetch":      grouped(t, s, "a", "j5", at, freshet.Prefetch, group("x.example.com", 1)),
	} {
		if other[0].ID == first[0].ID || other[0].ID == split[2].ID {
			t.Errorf("%s shares the ID %d", name, other[0].ID)
		}
	}
	// IDs are an account's own: another one begins where this one did.
	same(t, grouped(t, s, "b", "j6", at, freshet.Purge, group("x.example.com", 1))[0].ID, first[0].ID)
}

func groupsAlone(t *testing.T, s Everything) {
	seen := map[uint64]bool{}
	for i := range 2 {
		one := freshet.TaskGroup{Domain: "vod.example.com", Count: 1, Most: 1}
		for _, g := range grouped(t, s, "a", fmt.Sprintf("j%d", i), day0(), freshet.Purge, one, one, one) {
			if g.ID == 0 || seen[g.ID] || g.Count != 1 {
				t.Errorf("group %+v, after %v", g, seen)
			}
			seen[g.ID] = true
		}
	}
	// The IDs of entries come after those that were given out.
	e := purge("a", "j9", 0, 2)
	rows := claim(t, s, "w", day0(), 1)
	e.Job = rows[0].Job.ID
	ok(t, s.SavePlan(t.Context(), planned(rows[0], e)))
	if len(seen) != 6 || seen[e.FirstTask] || seen[e.FirstTask+1] {
		t.Errorf("entry has tasks from %d, groups are %v", e.FirstTask, seen)
	}
	j := newJob("a", "bad", "")
	j.Direct = &freshet.Direct{Groups: []freshet.TaskGroup{{Domain: "vod.example.com", Count: freshet.MaxDirectPerJob + 1}}}
	wantCode(t, s.Accept(t.Context(), j, store.Nonce{}), freshet.CodeInvalid)
}

func groupEntries(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	mine := []*freshet.Entry{purge("a", "j1", 0, 2), purge("a", "j1", 0, 1), purge("a", "j1", 0, 1)}
	mine[0].Group, mine[2].Group, mine[1].Group = 77, 77, 78
	mine[0].Type, mine[2].Soft = freshet.TypeRegex, true
	logged(t, s, "a", "j1", mine...)
	theirs := purge("b", "j2", 0, 1)
	theirs.Group = 77
	logged(t, s, "b", "j2", theirs)
	list, err := s.GroupEntries(t.Context(), "a", 77)
	ok(t, err)
	same(t, list, []*freshet.Entry{mine[0], mine[2]})
	same(t, list[0].TaskID(1), uint64(77))
	for _, id := range []uint64{0, 79, 1 << 63, mine[0].FirstTask} {
		list, err := s.GroupEntries(t.Context(), "a", id)
		ok(t, err)
		same(t, len(list), 0)
	}
}

func entriesKeepHeaders(t *testing.T, s Everything) {
	e := prefetch("a", "j", 0, 1)
	e.Header = "Accept-Encoding: gzip\nAccept: a/b"
	logged(t, s, "a", "j", e)
	back, err := s.Read(t.Context(), freshet.SubjectPrefetch, freshet.Position{}, 10, 0)
	ok(t, err)
	same(t, back, []*freshet.Entry{e})
}

// tracesAreKept holds that the trace of a job and those of its entries come
// back, and that what nobody traces stays so.
func tracesAreKept(t *testing.T, s Everything) {
	trace := func(b byte) freshet.Trace { return freshet.Trace{ID: [16]byte{15: b}, Span: [8]byte{b}} }
	for i, tr := range []freshet.Trace{trace(1), {}} {
		j := newJob("a", fmt.Sprintf("j%d", i), "m1")
		j.Trace = tr
		ok(t, s.Accept(t.Context(), j, store.Nonce{}))
		rows := claim(t, s, "w", day0(), 1)
		same(t, rows[0].Job.Trace, tr)
		back, err := s.Job(t.Context(), "a", j.ID)
		ok(t, err)
		same(t, back.Trace, tr)
		e := purge("a", j.ID, 0, 2)
		if i == 0 {
			e.Trace = trace(2)
		}
		ok(t, s.SavePlan(t.Context(), planned(rows[0], e)))
		kept, err := s.Entry(t.Context(), e.At)
		ok(t, err)
		same(t, kept, e)
	}
}

func headsFilterByType(t *testing.T, s Everything) {
	plain, regex, bare := purge("a", "j", 0, 1), purge("a", "j", 0, 1), purge("a", "j", 0, 1)
	prefix := purge("a", "j", 0, 0)
	prefix.Selector = freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "http://vod.example.com/x?"}
	regex.Type, bare.Type, prefix.Type = freshet.TypeRegex, freshet.TypeIgnoreParams, freshet.TypeIgnoreParams
	logged(t, s, "a", "j", plain, regex, bare, prefix)
	for typ, want := range map[string][]*freshet.Entry{
		"":             {prefix, bare, regex, plain},
		"file":         {plain},
		"directory":    nil,
		"regex":        {regex},
		"ignoreparams": {prefix, bare},
	} {
		got := heads(t, s, store.TaskQuery{Account: "a", ObjectType: typ})
		same(t, headPositions(got), positions(want))
		for _, h := range got {
			if typ != "" && h.ObjectType != typ {
				t.Errorf("a head of type %s, asked for %s", h.ObjectType, typ)
			}
		}
	}
}

func amongSome(t *testing.T, s Everything) {
	enrol(t, s, "p1", "p2", "p3")
	all, some, none, strangers := purge("a", "j", 0, 1), purge("a", "j", 0, 1), purge("a", "j", 0, 1), purge("a", "j", 0, 1)
	some.Among, none.Among, strangers.Among = []string{"p3", "p1", "gone"}, []string{}, []string{"p3", "p2", "p1"}
	logged(t, s, "a", "j", some, none, all, strangers)
	for want, e := range map[string]*freshet.Entry{"[p1 p3]": some, "[]": none, "[p1 p2 p3]": all} {
		back, err := s.Entry(t.Context(), e.At)
		ok(t, err)
		if got := fmt.Sprint(back.Targets); got != want || fmt.Sprint(e.Targets) != want {
			t.Errorf("targets %s, appended as %v, want %s", got, e.Targets, want)
		}
	}
	same(t, strangers.Targets, all.Targets)
}

func knownURLs(t *testing.T, s Everything) {
	var media []*freshet.Media
	want := map[string]bool{}
	for i := range 450 {
		u := fmt.Sprintf("http://vod.example.com/%d.mp4", i)
		media = append(media, &freshet.Media{Account: "a", ID: fmt.Sprintf("m%d", i), Streams: []freshet.Stream{{URL: u}}})
		want[u] = true
	}
	ok(t, s.PutMedia(t.Context(), day0(), media))
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{{Account: "b", ID: "m1", Streams: []freshet.Stream{{URL: "http://other.example.com/b"}}}}))
	for i := range 430 { // a replacement makes the old URLs remembered
		m := *media[i]
		m.Streams = []freshet.Stream{{URL: fmt.Sprintf("http://vod.example.com/%d.webm", i)}}
		ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{&m}))
		want[m.Streams[0].URL] = true
	}
	for since, n := range map[time.Time]int{{}: 880, day0(): 880, day0().Add(48 * time.Hour): 450} {
		got := map[string]bool{}
		for urls, err := range s.KnownURLs(t.Context(), "a", since) {
			ok(t, err)
			for _, u := range urls {
				got[u] = true
				if !want[u] {
					t.Errorf("%s is known", u)
				}
			}
		}
		if len(got) != n {
			t.Errorf("%d URLs since %v, want %d", len(got), since, n)
		}
	}
	for _, err := range s.KnownURLs(t.Context(), "a", time.Time{}) {
		ok(t, err)
		break // a reader may stop
	}
}
