package storetest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runTasks(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"TaskEntryFindsEveryTask":      taskEntryFindsEveryTask,
		"UnknownTaskIsNotFound":        unknownTask,
		"HeadsAreNewestFirst":          headsNewestFirst,
		"HeadsKeepEveryField":          headsKeepEveryField,
		"HeadsFilter":                  headsFilter,
		"HeadsOfManyEntriesAreWhole":   headsMany,
		"ALoopOverHeadsMayAskTheStore": headsNested,
		"CountsAreThoseOfHeads":        countsAreThoseOfHeads,
		"FindURLFindsEveryPlace":       findURL,
		"FindURLComparesWhole":         findURLWhole,
		"GroupsOfASecondAreShared":     groupsShared,
		"GroupsOfDirectoriesAreNot":    groupsAlone,
		"GroupEntriesAreTheAccounts":   groupEntries,
		"HeadsFilterByType":            headsFilterByType,
		"EntriesKeepTheirHeaders":      entriesKeepHeaders,
		"TracesAreKept":                tracesAreKept,
		"EntriesMayBeForSomePOPsOnly":  amongSome,
		"KnownURLsAreTheAccounts":      knownURLs,
	})
}

func taskEntryFindsEveryTask(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	var all []*freshet.Entry
	for i := range 4 {
		job := fmt.Sprintf("j%d", i)
		list := []*freshet.Entry{purge("a", job, 0, 3), prefetch("a", job, 0, 2)}
		logged(t, s, "a", job, list...)
		all = append(all, list...)
		logged(t, s, "b", "b"+job, purge("b", "b"+job, 0, 1))
	}
	for _, want := range all {
		for i := range want.Len() {
			got, item, err := s.TaskEntry(t.Context(), "a", want.FirstTask+uint64(i))
			ok(t, err)
			same(t, got, want)
			same(t, item, i)
		}
	}
}

func unknownTask(t *testing.T, s Everything) {
	e := purge("a", "j1", 0, 3)
	logged(t, s, "a", "j1", e)
	for _, id := range []uint64{0, 1, e.FirstTask - 1, e.FirstTask + 3, math.MaxInt64, math.MaxUint64} {
		_, _, err := s.TaskEntry(t.Context(), "a", id)
		wantCode(t, err, freshet.CodeNotFound)
	}
}

func heads(t *testing.T, s Everything, q store.TaskQuery) []store.EntryHead {
	t.Helper()
	var list []store.EntryHead
	for h, err := range s.EntryHeads(t.Context(), q) {
		ok(t, err)
		list = append(list, h)
	}
	return list
}

func headPositions(list []store.EntryHead) []freshet.Position {
	var out []freshet.Position
	for _, h := range list {
		out = append(out, h.At)
	}
	return out
}

func headsNewestFirst(t *testing.T, s Everything) {
	// Three in one millisecond, then one that is older than they are.
	var want []freshet.Position
	for i, age := range []time.Duration{0, 0, 0, time.Hour} {
		job := fmt.Sprintf("j%d", i)
		e := purge("a", job, 0, 1)
		e.Created = day0().Add(-age)
		logged(t, s, "a", job, e)
		want = append(want, e.At)
	}
	got := headPositions(heads(t, s, store.TaskQuery{Account: "a"}))
	same(t, got, []freshet.Position{want[2], want[1], want[0], want[3]})
}

func headsKeepEveryField(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	e := prefetch("a", "00112233aabbccdd", 4, 9)
	logged(t, s, "a", "00112233aabbccdd", e)
	want := store.EntryHead{
		At: e.At, Job: e.Job, Row: 4, Domain: e.Domain, ObjectType: "preload", FirstTask: e.FirstTask, Len: 9, Created: e.Created,
	}
	same(t, heads(t, s, store.TaskQuery{Account: "a"}), []store.EntryHead{want})
	ok(t, s.SaveStates(t.Context(), []store.State{{At: e.At, Closed: true, Failed: 2}}, store.EvidenceCursor{}))
	want.Closed, want.Failed = true, 2
	same(t, heads(t, s, store.TaskQuery{Account: "a"}), []store.EntryHead{want})
}

func headsFilter(t *testing.T, s Everything) {
	enrol(t, s, "p1") // never among the tasks
	file, preload, other, directory := purge("a", "j", 0, 1), prefetch("a", "j", 0, 1), purge("a", "j", 0, 1), purge("a", "j", 0, 0)
	directory.Selector = freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "http://vod.example.com/x/"}
	other.Domain = "other.example.com"
	preload.Created, other.Created, directory.Created = day0().Add(time.Minute), day0().Add(2*time.Minute), day0().Add(3*time.Minute)
	tag := purge("a", "j", 0, 0)
	tag.Selector, tag.Created = freshet.Selector{Kind: freshet.SelectTag, Pattern: "t"}, day0().Add(4*time.Minute)
	logged(t, s, "a", "j", file, preload, other, directory, tag)
	for name, c := range map[string]struct {
		q    store.TaskQuery
		want []*freshet.Entry
	}{
		"all":       {store.TaskQuery{}, []*freshet.Entry{tag, directory, other, preload, file}},
		"domain":    {store.TaskQuery{Domain: "other.example.com"}, []*freshet.Entry{other}},
		"file":      {store.TaskQuery{ObjectType: "file"}, []*freshet.Entry{other, file}},
		"preload":   {store.TaskQuery{ObjectType: "preload"}, []*freshet.Entry{preload}},
		"directory": {store.TaskQuery{ObjectType: "directory"}, []*freshet.Entry{directory}},
		"tag":       {store.TaskQuery{ObjectType: "tag"}, []*freshet.Entry{tag}},
		"regex":     {store.TaskQuery{ObjectType: "regex"}, nil},
		"nonsense":  {store.TaskQuery{ObjectType: "nonsense"}, nil},
		"since":     {store.TaskQuery{Since: other.Created}, []*freshet.Entry{tag, directory, other}},
		"until":     {store.TaskQuery{Until: preload.Created}, []*freshet.Entry{preload, file}},
		"between":   {store.TaskQuery{Since: preload.Created, Until: other.Created}, []*freshet.Entry{other, preload}},
		"a moment":  {store.TaskQuery{Since: file.Created.Add(time.Microsecond), Until: file.Created.Add(time.Second)}, nil},
	} {
		c.q.Account = "a"
		if got, want := headPositions(heads(t, s, c.q)), positions(c.want); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func headsMany(t *testing.T, s Everything) {
	const n = 1100
	entries := make([]*freshet.Entry, n)
	want := make([]freshet.Position, n)
	for i := range entries {
		entries[i] = purge("a", "j", 0, 1)
	}
	logged(t, s, "a", "j", entries...)
	for i, e := range entries {
		want[n-1-i] = e.At
	}
	same(t, headPositions(heads(t, s, store.TaskQuery{Account: "a"})), want)
}

func headsNested(t *testing.T, s Everything) {
	for i := range 30 {
		job := fmt.Sprintf("j%d", i)
		logged(t, s, "a", job, purge("a", job, 0, 1))
	}
	seen := 0
	for h, err := range s.EntryHeads(t.Context(), store.TaskQuery{Account: "a"}) {
		ok(t, err)
		_, err = s.Entry(t.Context(), h.At)
		ok(t, err)
		ok(t, s.SaveStates(t.Context(), []store.State{{At: h.At, Closed: true}}, store.EvidenceCursor{}))
		for _, err := range s.EntryHeads(t.Context(), store.TaskQuery{Account: "a"}) {
			ok(t, err)
			break
		}
		seen++
	}
	same(t, seen, 30)
}

func findURL(t *testing.T, s Everything) {
	first, second := purge("a", "j", 0, 50), prefetch("a", "j", 0, 50)
	second.Created = day0().Add(time.Minute)
	prefix := purge("a", "j", 0, 0)
	prefix.Selector = freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "http://vod.example.com/x/"}
	logged(t, s, "a", "j", first, second, prefix)
	url := first.Selector.URLs[33]
	got, err := s.FindURL(t.Context(), "a", url, time.Time{})
	ok(t, err)
	same(t, got, []store.TaskRef{{At: second.At, Item: 33}, {At: first.At, Item: 33}})
	got, err = s.FindURL(t.Context(), "a", url, second.Created)
	ok(t, err)
	same(t, got, []store.TaskRef{{At: second.At, Item: 33}})
	got, err = s.FindURL(t.Context(), "a", prefix.Selector.Pattern, time.Time{})
	ok(t, err)
	same(t, got, []store.TaskRef{{At: prefix.At, Item: 0}})
}

func findURLWhole(t *testing.T, s Everything) {
	e := purge("a", "j", 0, 2)
	logged(t, s, "a", "j", e)
	for _, url := range []string{"", "http://vod.example.com/", e.Selector.URLs[0] + "x", e.Selector.URLs[0][:20]} {
		got, err := s.FindURL(t.Context(), "a", url, time.Time{})
		ok(t, err)
		same(t, len(got), 0)
	}
}
