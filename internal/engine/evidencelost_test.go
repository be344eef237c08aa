package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/freshet-vod/freshet"
)

// TestLostEvidence_LeavesTheStatusOfWhatWasClosed deletes the files of the
// evidence while the control plane is stopped: what was finished stays finished,
// and what was not is owed again, which the POP answers for when it is asked to
// do it once more.
func TestLostEvidence_LeavesTheStatusOfWhatWasClosed(t *testing.T) { //nolint:tparallel // two lives of one store, in order
	t.Parallel()
	dir := t.TempDir()
	var closed, open *freshet.Job
	t.Run("before", func(t *testing.T) {
		w := newWorldIn(t, dir, "a", "b")
		closed, open = w.submit(freshet.Purge, "m1"), w.submit(freshet.Purge, "m2")
		for _, p := range []string{"a", "b"} {
			w.pops[p].say(closed.Rows[0].Entries[0], freshet.OutcomeDone)
		}
		w.pops["a"].say(open.Rows[0].Entries[0], freshet.OutcomeDone)
		w.until(closed.ID, "complete", status(freshet.TaskComplete))
		w.until(open.ID, "refreshing", status(freshet.TaskRefreshing))
	})
	must(t, os.RemoveAll(filepath.Join(dir, "evidence")))
	t.Run("after", func(t *testing.T) {
		w := newWorldIn(t, dir, "a", "b")
		w.until(closed.ID, "complete still", status(freshet.TaskComplete))
		w.until(open.ID, "owed again", func(r *freshet.JobReport) bool { return r.Tally.Pending == 3 })
		eventually(t, "it answers", func() bool { return w.Ready() == nil })
		for _, p := range []string{"a", "b"} {
			w.pops[p].stream = 2
			w.pops[p].say(open.Rows[0].Entries[0], freshet.OutcomeDone)
		}
		w.until(open.ID, "complete", status(freshet.TaskComplete))
	})
}
