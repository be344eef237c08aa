package engine_test

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// TestP5_NothingIsForgottenThatAPOPMayAskFor holds that an entry stays until
// every POP has been heard and has passed it, however old it is.
func TestP5_NothingIsForgottenThatAPOPMayAskFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *engine.Options) { o.Store.Retention = o.Store.Jobs.(store.Retention) }, "a", "b")
	var at []freshet.Position
	var last *freshet.Job
	for range 2 {
		last = w.submit(freshet.Purge, "m1")
		for _, p := range []string{"a", "b"} {
			w.pops[p].say(last.Rows[0].Entries[0], freshet.OutcomeDone)
		}
		w.until(last.ID, "complete", status(freshet.TaskComplete))
		at = append(at, last.Rows[0].Entries[0])
	}
	there := func(i int) bool {
		t.Helper()
		must(t, w.Forget(t.Context(), time.Now().Add(time.Hour)))
		_, err := w.db.Entry(t.Context(), at[i])
		if err != nil && freshet.ErrorCode(err) != freshet.CodeNotFound {
			t.Fatal(err)
		}
		return err == nil
	}
	left := func(what string, want ...bool) {
		t.Helper()
		for i := range at {
			tick, late := time.NewTicker(time.Millisecond), time.After(10*time.Second)
			for there(i) != want[i] { // what closed is saved in its own time, and so is a heartbeat
				select {
				case <-tick.C:
				case <-late:
					t.Fatalf("%s: entry %d is there: %t, want %t", what, i, !want[i], want[i])
				}
			}
			tick.Stop()
		}
	}
	beat := func(pop string, to freshet.Position) {
		t.Helper()
		must(t, w.pops[pop].agent.Beat(t.Context(), wire.EncodeHeartbeat(freshet.Heartbeat{POP: pop, Watermark: to, Known: to})))
	}
	left("before anybody was heard", true, true)
	beat("a", at[1])
	left("before b was heard", true, true)
	beat("b", at[0])
	left("before b passed the second", false, true)
	must(t, w.SetPOP(t.Context(), "b", true))
	left("while b is away", false, true)
	must(t, w.SetPOP(t.Context(), "b", false))
	beat("b", at[1])
	left("when all have passed it", false, false)
	if _, err := w.JobReport(t.Context(), account, last.ID); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("a job whose entries are forgotten answers %v", err)
	}
}
