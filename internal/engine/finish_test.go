package engine_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/callback"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// hooked gives the account a webhook, so that the ends of its jobs are told if
// tell is set; without it they are watched only.
func hooked(t *testing.T, tell bool, more ...func(*engine.Options)) func(*engine.Options) {
	t.Helper()
	return func(o *engine.Options) {
		db := o.Store.Jobs.(*sqlite.Store)
		must(t, db.PutWebhook(t.Context(), store.Webhook{Account: account, URL: "https://example.com/", Secret: "whsec_AA=="}))
		if tell {
			o.Ends, o.Finished = db, callback.Finished
		}
		for _, f := range more {
			f(o)
		}
	}
}

type finished struct {
	Type string
	Data struct {
		Job, State string
		Tally      freshet.Tally
		POPs       []freshet.POPTally
		Rows       []struct {
			Media string
			State freshet.RowState
		}
	}
}

// told waits until as many ends of jobs are queued and returns them, oldest
// first.
func (w *world) told(n int) []finished {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		list, err := w.db.ListCallbacks(w.t.Context(), store.CallbackQuery{Account: account, Limit: 100})
		must(w.t, err)
		if len(list) >= n {
			break
		}
		if time.Now().After(end) {
			w.t.Fatalf("%d ends of jobs were told, want %d", len(list), n)
		}
	}
	claimed, _, err := w.db.ClaimCallbacks(w.t.Context(), store.CallbackClaim{Worker: "w", Now: time.Now().Add(time.Hour), Lease: time.Millisecond, Limit: 100, PerAccount: 100, PerHost: 100})
	must(w.t, err)
	var out []finished
	for _, c := range claimed {
		var f finished
		must(w.t, json.Unmarshal(c.Body, &f))
		if f.Type != "MediaRefreshFinished" || f.Data.Job != c.Job {
			w.t.Errorf("told %s", c.Body)
		}
		out = append(out, f)
	}
	if len(out) != n {
		w.t.Fatalf("%d ends of jobs were told, want %d", len(out), n)
	}
	return out
}

// another makes a job that ends at once. What was to be told before it is told
// by then.
func (w *world) another() {
	w.t.Helper()
	w.count.Store(0)
	w.submit(freshet.Purge, "m3")
	w.count.Store(3)
}

func TestTheEndOfAJobIsToldOnceWhenEveryPOPIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hooked(t, true), "a", "b")
	job := w.submit(freshet.Purge, "m1", "m2")
	first, second := job.Rows[0].Entries[0], job.Rows[1].Entries[0]
	w.pops["a"].say(first, freshet.OutcomeDone)
	w.pops["a"].say(second, freshet.OutcomeDone)
	w.pops["b"].say(first, freshet.OutcomeDone)
	w.pops["b"].say(second, freshet.OutcomeDone, 0, 1)
	w.pops["b"].say(second, freshet.OutcomeDone, 2)
	f := w.told(1)[0] // told too early, it would show it
	if f.Data.Job != job.ID || f.Data.State != "complete" || f.Data.Tally != (freshet.Tally{Complete: 6}) || len(f.Data.Rows) != 2 {
		t.Errorf("told %+v", f)
	}
	for i, pop := range []string{"a", "b"} {
		if f.Data.POPs[i] != (freshet.POPTally{POP: pop, Targets: 6, Final: 6}) {
			t.Errorf("POP %+v", f.Data.POPs[i])
		}
	}
	w.pops["b"].say(second, freshet.OutcomeDone) // a repeat
	w.another()
	w.told(2)
}

func TestTheEndOfAJobWaitsForPOPsAtWorkThoughATaskFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hooked(t, true), "a", "b")
	at := w.submit(freshet.Purge, "m1").Rows[0].Entries[0]
	w.pops["a"].say(at, freshet.OutcomeFailed)
	w.pops["b"].say(at, freshet.OutcomeDone)
	f := w.told(1)[0]
	if f.Data.State != "failed" || f.Data.Tally.Failed != 3 || f.Data.POPs[0].Failed != 3 || f.Data.POPs[1] != (freshet.POPTally{POP: "b", Targets: 3, Final: 3}) {
		t.Errorf("told %+v", f)
	}
}

func TestAnOverduePOPEndsAJobAndItsReturnIsNotToldAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hooked(t, true, func(o *engine.Options) { o.Deadline = 50 * time.Millisecond }), "a", "b")
	job := w.submit(freshet.Purge, "m1")
	at := job.Rows[0].Entries[0]
	w.pops["a"].say(at, freshet.OutcomeDone)
	f := w.told(1)[0]
	if f.Data.State != "failed" || f.Data.POPs[0].Overdue+f.Data.POPs[0].Final != 3 || f.Data.POPs[1].Overdue != 3 {
		t.Errorf("told %+v", f)
	}
	w.pops["b"].say(at, freshet.OutcomeDone)
	w.until(job.ID, "the late POP is done", status(freshet.TaskComplete))
	w.another()
	w.told(2)
}

func TestAnExcusedPOPEndsAJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hooked(t, true), "a", "b")
	at := w.submit(freshet.Purge, "m1").Rows[0].Entries[0]
	w.pops["a"].say(at, freshet.OutcomeDone)
	must(t, w.SetPOP(t.Context(), "b", true))
	if f := w.told(1)[0]; f.Data.State != "complete" || f.Data.POPs[1].Excused != 3 {
		t.Errorf("told %+v", f)
	}
}

// TestTheEndOfAJobIsToldAfterARestart ends a job in a life that does not get to
// tell it.
func TestTheEndOfAJobIsToldAfterARestart(t *testing.T) { //nolint:tparallel // lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	var job *freshet.Job
	t.Run("first life", func(t *testing.T) {
		w := newWorldAt(t, dir, hooked(t, false), "a")
		job = w.submit(freshet.Purge, "m1")
		w.pops["a"].say(job.Rows[0].Entries[0], freshet.OutcomeDone)
		w.until(job.ID, "the job is complete", status(freshet.TaskComplete))
	})
	for life := range 2 { // the second one has nothing left to tell
		t.Run("later life", func(t *testing.T) {
			w := newWorldAt(t, dir, hooked(t, true), "a")
			if life == 0 {
				if f := w.told(1)[0]; f.Data.Job != job.ID || f.Data.Tally != (freshet.Tally{Complete: 3}) {
					t.Errorf("told %+v", f)
				}
				return
			}
			w.another()
			w.told(2)
		})
	}
}

// newWorldAt is newWorld on a store that may have had a life before.
func newWorldAt(t *testing.T, dir string, change func(*engine.Options), pops ...string) *world {
	t.Helper()
	w := &world{t: t, bus: membus.New(), pops: map[string]*popPlayed{}}
	w.start(dir, change, pops...)
	return w
}
