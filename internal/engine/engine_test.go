package engine_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/wire"
)

func TestP7_StatusFollowsTheFacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a", "b")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	w.until(job.ID, "pending", status(freshet.TaskPending))
	w.pops["a"].say(at, freshet.OutcomeDone)
	w.until(job.ID, "refreshing", status(freshet.TaskRefreshing))
	w.refolded(job.ID)
	w.pops["b"].say(at, freshet.OutcomeAlready, 0, 2)
	w.pops["b"].say(at, freshet.OutcomeFailed, 1)
	report := w.until(job.ID, "one failed", func(r *freshet.JobReport) bool { return r.Done })
	if report.Tally != (freshet.Tally{Complete: 2, Failed: 1}) || len(report.Rows[0].Failed) != 1 {
		t.Fatalf("%+v", report)
	}
	failed := report.Rows[0].Failed[0]
	if failed.Description != "failed at b" || !strings.HasSuffix(failed.URL, "/m1/1.mp4") {
		t.Errorf("%+v", failed)
	}
	w.refolded(job.ID)
	// A later word of the POP replaces the earlier one, closed or not.
	w.pops["b"].say(at, freshet.OutcomeDone, 1)
	w.until(job.ID, "complete", status(freshet.TaskComplete))
	w.refolded(job.ID)
	task, err := w.TaskReport(t.Context(), account, failed.ID)
	must(t, err)
	if task.Media != "m1" || task.Status != freshet.TaskComplete || task.Deliveries[1].Outcome != freshet.OutcomeDone {
		t.Errorf("%+v", task)
	}
}

func TestP2_RepeatedEvidenceCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	w.pops["a"].say(at, freshet.OutcomeFailed)
	w.pops["a"].say(at, freshet.OutcomeDone)
	w.until(job.ID, "complete", status(freshet.TaskComplete))
	w.pops["a"].number = 0 // as an agent that did not hear the acknowledgements
	w.pops["a"].say(at, freshet.OutcomeFailed)
	w.pops["a"].say(at, freshet.OutcomeDone)
	report := w.until(job.ID, "still complete", status(freshet.TaskComplete))
	if p := report.POPs[0]; p.Final != 3 || p.Failed != 0 {
		t.Errorf("%+v", p)
	}
	w.refolded(job.ID)
}

func TestEvidenceSpeaksForItsSenderOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a", "b")
	job := w.submit(freshet.Purge, "m1")
	ev := freshet.Evidence{POP: "b", Stream: 1, Number: 1, Entries: []freshet.EntryFacts{{
		At: job.Rows[0].Entries[0], Facts: []freshet.Fact{{Item: 0, Outcome: freshet.OutcomeDone}},
	}}}
	if err := w.pops["a"].send(ev); err == nil {
		t.Error("a spoke for b")
	}
	// An entry that is not there, and items that it does not have, are nobody's.
	ev.POP = "a"
	ev.Entries[0].At.Pos += 1000
	must(t, w.pops["a"].send(ev))
	ev.Number, ev.Entries[0].At, ev.Entries[0].Facts[0].Item = 2, job.Rows[0].Entries[0], 99
	must(t, w.pops["a"].send(ev))
	w.until(job.ID, "pending", status(freshet.TaskPending))
}

func TestDeadline_IsAFactAndLateEvidenceWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *engine.Options) { o.Deadline = 30 * time.Millisecond }, "a", "late")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	w.pops["a"].say(at, freshet.OutcomeDone)
	report := w.until(job.ID, "overdue", status(freshet.TaskFailed))
	if d := report.Rows[0].Failed[0].Description; d != "no answer in time from late" {
		t.Errorf("description %q", d)
	}
	task, err := w.TaskReport(t.Context(), account, report.Rows[0].Failed[0].ID)
	must(t, err)
	if !task.Deliveries[1].Overdue || task.Deliveries[0].Overdue {
		t.Errorf("%+v", task.Deliveries)
	}
	w.refolded(job.ID)
	w.pops["late"].say(at, freshet.OutcomeDone)
	w.until(job.ID, "complete after all", status(freshet.TaskComplete))
	w.refolded(job.ID)
}

func TestExcused_OnlyAnOperatorsWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a", "away")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	w.pops["a"].say(at, freshet.OutcomeDone)
	w.until(job.ID, "refreshing", status(freshet.TaskRefreshing))
	must(t, w.SetPOP(t.Context(), "away", true))
	report := w.until(job.ID, "complete", status(freshet.TaskComplete))
	for _, p := range report.POPs {
		if p.POP == "away" && (p.Excused != 3 || p.Final != 3) {
			t.Errorf("%+v", p)
		}
	}
	w.refolded(job.ID)
	must(t, w.SetPOP(t.Context(), "away", false))
	w.until(job.ID, "complete still", status(freshet.TaskComplete))
	// What comes later it owes again.
	next := w.submit(freshet.Purge, "m1")
	w.pops["a"].say(next.Rows[0].Entries[0], freshet.OutcomeDone)
	w.until(next.ID, "owed", status(freshet.TaskRefreshing))
	w.pops["away"].say(at, freshet.OutcomeDone)
	w.pops["away"].say(next.Rows[0].Entries[0], freshet.OutcomeDone)
	w.until(next.ID, "complete", status(freshet.TaskComplete))
	task, err := w.TaskReport(t.Context(), account, report.Rows[0].Tasks[0].First)
	must(t, err)
	if task.Deliveries[1].Outcome != freshet.OutcomeDone {
		t.Errorf("evidence that came later does not show: %+v", task.Deliveries)
	}
	if code := freshet.ErrorCode(w.SetPOP(t.Context(), "nobody", true)); code != freshet.CodeNotFound {
		t.Errorf("unknown POP: %s", code)
	}
	w.refolded(job.ID)
}

func TestRemovedPOPOwesNothing(t *testing.T) { //nolint:tparallel // two lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	var job *freshet.Job
	t.Run("before", func(t *testing.T) {
		w := newWorldIn(t, dir, "a", "gone")
		job = w.submit(freshet.Purge, "m1")
		w.pops["a"].say(job.Rows[0].Entries[0], freshet.OutcomeDone)
		w.until(job.ID, "refreshing", status(freshet.TaskRefreshing))
	})
	t.Run("after", func(t *testing.T) {
		w := newWorldIn(t, dir, "a")
		w.until(job.ID, "complete", status(freshet.TaskComplete))
		pops, err := w.POPs(t.Context())
		must(t, err)
		if len(pops) != 1 || pops[0].ID != "a" || pops[0].State != "never" {
			t.Errorf("%+v", pops)
		}
	})
}

func TestP5_RestoredStoreRaisesItsEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	known := freshet.Position{Epoch: 1, Pos: 1_000_000}
	beat := wire.EncodeHeartbeat(freshet.Heartbeat{POP: "a", Known: known, KnownTask: 5_000_000_000, Watermark: known})
	deadline := time.Now().Add(10 * time.Second)
	for {
		must(t, w.pops["a"].agent.Beat(t.Context(), beat)) // one may get lost
		job := w.submit(freshet.Purge, "m1")
		report, err := w.JobReport(t.Context(), account, job.ID)
		must(t, err)
		if known.Before(job.Rows[0].Entries[0]) {
			if first := report.Rows[0].Tasks[0].First; first <= 5_000_000_000 {
				t.Errorf("task ID %d was handed out before", first)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("position %s is not after %s", job.Rows[0].Entries[0], known)
		}
	}
}

func TestP8_OtherAccountsAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	job := w.submit(freshet.Purge, "m1")
	report, err := w.JobReport(t.Context(), account, job.ID)
	must(t, err)
	task := report.Rows[0].Tasks[0].First
	if _, err := w.JobReport(t.Context(), "other", job.ID); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("job: %v", err)
	}
	if _, err := w.TaskReport(t.Context(), "other", task); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("task: %v", err)
	}
	for _, f := range []freshet.TaskFilter{
		{}, {IDs: []uint64{task}}, {URL: "http://" + domain + "/m1/0.mp4"}, {Domain: domain, ObjectType: "file"},
	} {
		f.Account, f.Limit = "other", 50
		page, err := w.FindTasks(t.Context(), f)
		must(t, err)
		if page.Total != 0 || len(page.Tasks) != 0 {
			t.Errorf("%+v: %+v", f, page)
		}
	}
	r, err := w.Submit(t.Context(), freshet.Submission{Account: "other", Type: freshet.Purge, Media: []string{"m1", "theirs", "none"}})
	must(t, err)
	if strings.Join(r.NonExistent, ",") != "m1,none" || r.JobID == "" {
		t.Errorf("%+v", r)
	}
}

func TestAcceptedTogetherNonExistentApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	r, err := w.Submit(t.Context(), freshet.Submission{Account: account, Type: freshet.Purge, Media: []string{"x", "y"}})
	must(t, err)
	if r.JobID != "" || len(r.NonExistent) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestP10_QueueRefusesWhenFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *engine.Options) { o.MaxUnplanned = 1 }, "a")
	_, err := w.Submit(t.Context(), freshet.Submission{Account: account, Type: freshet.Purge, Media: []string{"m1", "m2"}})
	if freshet.ErrorCode(err) != freshet.CodeUnavailable || !freshet.Retryable(err) {
		t.Fatalf("%v", err)
	}
	w.submit(freshet.Purge, "m1") // and what fits is taken
}

func TestPull_ShowsNothingThatIsNotPushed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	job := w.submit(freshet.Prefetch, "m1", "m2")
	for _, row := range job.Rows {
		e := w.pops["a"].entry(row.Entries[0])
		if e.Kind != freshet.EntryPrefetch || e.FinishBy.IsZero() || e.Account != account {
			t.Errorf("%+v", e)
		}
	}
	answer, err := w.pops["a"].agent.Do(t.Context(), bus.CallTopology, nil)
	must(t, err)
	topology, err := wire.DecodeTopology(answer)
	must(t, err)
	if _, ok := topology.POP("a"); !ok || len(topology.Domains) != 1 {
		t.Errorf("%+v", topology)
	}
}

// TestP5_WhatAPOPOwesIsCounted: what operators are shown follows from what was
// answered, also of a POP that was never heard.
func TestP5_WhatAPOPOwesIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a", "away")
	status := func(id string) freshet.POPStatus {
		t.Helper()
		list, err := w.POPs(t.Context())
		must(t, err)
		for _, p := range list {
			if p.ID == id {
				return p
			}
		}
		t.Fatalf("%s is not there: %+v", id, list)
		return freshet.POPStatus{}
	}
	owed := func(id string, purges, prefetches int) {
		t.Helper()
		p := status(id)
		if p.OwedPurges != purges || p.OwedPrefetches != prefetches || p.Owed != purges+prefetches || (p.LagSeconds > 0) != (purges > 0) {
			t.Errorf("%s owes %d purges (for %v s) and %d prefetches, %d in all; want %d and %d", id, p.OwedPurges, p.LagSeconds, p.OwedPrefetches, p.Owed, purges, prefetches)
		}
	}
	first, second := w.submit(freshet.Purge, "m1"), w.submit(freshet.Purge, "m2")
	fetch := w.submit(freshet.Prefetch, "m1")
	for status("a").LagSeconds == 0 || status("a").OwedPrefetches == 0 || status("a").OwedPurges < 2 { // times are kept to the millisecond, and what is appended is pushed in its own time
		runtime.Gosched()
	}
	owed("a", 2, 1)
	at := first.Rows[0].Entries[0]
	w.pops["a"].say(at, freshet.OutcomeFailed, 0, 1)
	owed("a", 2, 1) // one item is open
	w.pops["a"].say(at, freshet.OutcomeDone, 2)
	owed("a", 1, 1) // what failed for good is not owed
	w.pops["a"].say(fetch.Rows[0].Entries[0], freshet.OutcomeDone)
	w.pops["a"].say(second.Rows[0].Entries[0], freshet.OutcomeDone)
	owed("a", 0, 0)
	owed("away", 2, 1)
	must(t, w.SetPOP(t.Context(), "away", true))
	owed("away", 0, 0) // excused
}
