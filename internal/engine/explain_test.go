package engine_test

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
)

// TestFailedTasks_SayWhy: the reason comes from the newest fact of each POP,
// and the origin's part comes before what followed from it.
func TestFailedTasks_SayWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a", "b")
	job := w.submit(freshet.Prefetch, "m1")
	at := job.Rows[0].Entries[0]
	say := func(pop string, reasons ...freshet.Reason) {
		p := w.pops[pop]
		p.number++
		ev := freshet.Evidence{POP: p.id, Stream: p.stream, Number: p.number, Incarnation: "i", Entries: []freshet.EntryFacts{{At: at}}}
		for i, r := range reasons {
			f := freshet.Fact{Item: i, Outcome: freshet.OutcomeFailed, Reason: r, Attempts: 1, ExecutedAt: time.Now()}
			if r == freshet.ReasonNone {
				f.Outcome = freshet.OutcomeDone
			}
			ev.Entries[0].Facts = append(ev.Entries[0].Facts, f)
		}
		must(t, p.send(ev))
	}
	say("b", freshet.ReasonNoSpace, freshet.ReasonOrigin4xx, freshet.ReasonNone)
	say("a", freshet.ReasonBlockedByParent, freshet.ReasonBlockedByParent, freshet.ReasonBlockedByParent)
	say("a", freshet.ReasonOrigin5xx, freshet.ReasonBlockedByParent, freshet.ReasonNone)
	w.until(job.ID, "done", func(r *freshet.JobReport) bool { return r.Done && r.Tally.Failed == 2 })
	page, err := w.FindTasks(t.Context(), freshet.TaskFilter{Account: account, Limit: 10})
	must(t, err)
	want := []freshet.Reason{freshet.ReasonNone, freshet.ReasonOrigin4xx, freshet.ReasonOrigin5xx} // newest first
	for i, task := range page.Tasks {
		report, err := w.TaskReport(t.Context(), account, task.ID)
		must(t, err)
		if task.Reason != want[i] || report.Reason != want[i] {
			t.Errorf("%s: %s and %s, want %s", task.URL, task.Reason, report.Reason, want[i])
		}
	}
	if len(page.Tasks) != len(want) {
		t.Errorf("%d tasks", len(page.Tasks))
	}
}
