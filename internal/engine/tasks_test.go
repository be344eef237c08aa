package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/freshet-vod/freshet"
)

// TestFindTasks_AgreesWithAScan compares every filter and page with a scan of
// all tasks.
func TestFindTasks_AgreesWithAScan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a", "b")
	outcomes := []freshet.Outcome{freshet.OutcomeDone, freshet.OutcomeFailed, freshet.OutcomeNone, freshet.OutcomeAlready}
	for i, o := range append(outcomes, outcomes...) {
		kind := []freshet.TaskType{freshet.Purge, freshet.Prefetch}[i/len(outcomes)]
		job := w.submit(kind, fmt.Sprintf("m%d", 1+i%3))
		at := job.Rows[0].Entries[0]
		w.pops["a"].say(at, freshet.OutcomeDone, 0, 1)
		if o != freshet.OutcomeNone {
			w.pops["a"].say(at, freshet.OutcomeDone)
			w.pops["b"].say(at, o, 1, 2)
			w.pops["b"].say(at, freshet.OutcomeDone, 0)
		}
	}
	find := func(f freshet.TaskFilter) freshet.TaskPage {
		f.Account = account
		page, err := w.FindTasks(t.Context(), f)
		must(t, err)
		return page
	}
	all := find(freshet.TaskFilter{Limit: 1000})
	if all.Total != 24 || len(all.Tasks) != 24 {
		t.Fatalf("%d of %d tasks", len(all.Tasks), all.Total)
	}
	if !slices.IsSortedFunc(all.Tasks, func(a, b freshet.Task) int { return int(b.ID) - int(a.ID) }) {
		t.Error("not newest first")
	}
	var filters []freshet.TaskFilter
	for _, s := range []freshet.TaskStatus{"", freshet.TaskPending, freshet.TaskRefreshing, freshet.TaskComplete, freshet.TaskFailed} {
		for _, kind := range []string{"", "file", "preload", "directory"} {
			for _, d := range []string{"", domain, "none.example.com"} {
				filters = append(filters, freshet.TaskFilter{Status: s, ObjectType: kind, Domain: d})
			}
			filters = append(filters, freshet.TaskFilter{Status: s, ObjectType: kind, URL: "https://" + domain + "/m2/1.mp4?auth_key=x"})
			filters = append(filters, freshet.TaskFilter{Status: s, IDs: []uint64{all.Tasks[3].ID, all.Tasks[9].ID, 7}})
		}
	}
	for _, f := range filters {
		var want []uint64
		for _, task := range all.Tasks {
			if (f.Status == "" || f.Status == task.Status) && (f.ObjectType == "" || f.ObjectType == task.ObjectType) &&
				(f.Domain == "" || f.Domain == domain) && (f.URL == "" || task.URL == "http://"+domain+"/m2/1.mp4") &&
				(len(f.IDs) == 0 || slices.Contains(f.IDs, task.ID)) {
				want = append(want, task.ID)
			}
		}
		for _, size := range []int{1, 5, 50} {
			var got []uint64
			for offset := 0; ; offset += size {
				f.Offset, f.Limit = offset, size
				page := find(f)
				if page.Total != len(want) {
					t.Fatalf("%+v: total %d, want %d", f, page.Total, len(want))
				}
				for _, task := range page.Tasks {
					got = append(got, task.ID)
				}
				if len(page.Tasks) == 0 {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%+v in pages of %d: %v, want %v", f, size, got, want)
			}
		}
	}
}
