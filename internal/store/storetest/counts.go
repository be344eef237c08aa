package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// countsAreThoseOfHeads: what CountTasks says is what the heads sum up to,
// whatever was closed, closed anew, forgotten or folded again before.
func countsAreThoseOfHeads(t *testing.T, s Everything) {
	enrol(t, s, "p1")
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same every time
	var all []*freshet.Entry
	for i := range 60 {
		account, job := fmt.Sprint("a", i%2), fmt.Sprint("j", i)
		e := purge(account, job, 0, 1+r.IntN(9))
		switch i % 7 {
		case 1:
			e.Type = freshet.TypeRegex
		case 2:
			e = prefetch(account, job, 0, 3)
		case 3:
			e.Selector = freshet.Selector{Kind: freshet.SelectPrefix, Pattern: "http://vod.example.com/a/", Hosts: []string{"vod.example.com"}}
		}
		if i%3 == 0 {
			e.Domain = "other.example.com"
		}
		// Many share an hour, some a minute, some a moment.
		e.Created = day0().Truncate(time.Hour).Add([]time.Duration{
			0, time.Millisecond, time.Minute, time.Minute - 1e6, time.Hour - 1e6, time.Hour, 2*time.Hour + time.Second, 50 * time.Hour,
		}[r.IntN(8)]).Add(time.Duration(r.IntN(2)) * time.Second)
		logged(t, s, account, job, e)
		all = append(all, e)
	}
	var states []store.State
	for _, e := range all {
		if r.IntN(4) > 0 {
			states = append(states, store.State{At: e.At, Closed: true, Failed: r.IntN(2) * r.IntN(e.Len()+1), Fold: []byte{1}})
		}
	}
	ok(t, s.SaveStates(t.Context(), states, store.EvidenceCursor{}))
	compareCounts(t, s, all)
	for i := range states { // what failed may be done later
		states[i].Failed = max(states[i].Failed-1, 0)
	}
	ok(t, s.SaveStates(t.Context(), states, store.EvidenceCursor{}))
	compareCounts(t, s, all)
	_, _, err := s.ForgetLog(t.Context(), day0().Add(90*24*time.Hour), store.ForgottenAll(), 9)
	ok(t, err)
	compareCounts(t, s, all)
	ok(t, s.ForgetStates(t.Context()))
	compareCounts(t, s, all)
}

// compareCounts asks for spans that begin and end at, and beside, the moments of
// entries.
func compareCounts(t *testing.T, s Everything, all []*freshet.Entry) {
	t.Helper()
	asked, found := 0, 0
	times := []time.Time{{}, day0().Truncate(time.Hour).Add(time.Hour), day0().Add(25 * time.Hour)}
	for _, e := range all[:8] {
		times = append(times, e.Created, e.Created.Add(-time.Millisecond), e.Created.Add(time.Microsecond))
	}
	for i, since := range times {
		for k, until := range times {
			q := store.TaskQuery{
				Account: fmt.Sprint("a", i%2), Since: since, Until: until,
				Domain: []string{"", "other.example.com", "none.example.com"}[k%3], ObjectType: []string{"", "file", "regex", "preload", "directory"}[(i+k)%5],
			}
			found += compareCount(t, s, q)
			asked++
		}
	}
	if found < asked {
		t.Fatalf("%d questions found %d tasks only", asked, found)
	}
}

// compareCount compares one count with the heads, and returns how many tasks
// there are.
func compareCount(t *testing.T, s Everything, q store.TaskQuery) int {
	t.Helper()
	var want store.TaskCount
	entries := map[store.EntryFilter]int{}
	for _, h := range heads(t, s, q) {
		want.Tasks += h.Len
		if !h.Closed {
			entries[store.UnfinishedEntries]++
			continue
		}
		want.Closed += h.Len
		want.Failed += h.Failed
		if h.Failed > 0 {
			entries[store.FailedEntries]++
		}
	}
	got, err := s.CountTasks(t.Context(), q)
	ok(t, err)
	if got != want {
		t.Fatalf("%+v: counted %+v, and heads sum up to %+v", q, got, want)
	}
	for _, only := range []store.EntryFilter{store.UnfinishedEntries, store.FailedEntries} {
		q.Only = only
		list := heads(t, s, q)
		same(t, len(list), entries[only])
		for _, h := range list {
			if h.Closed == (only == store.UnfinishedEntries) || only == store.FailedEntries && h.Failed == 0 {
				t.Fatalf("%+v yields %+v", q, h)
			}
		}
	}
	return want.Tasks
}
