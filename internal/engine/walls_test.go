package engine_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store"
)

// counted is a catalog that notes what it is asked.
type counted struct {
	store.Catalog

	mu    sync.Mutex // guards asked
	asked [][]string
}

func (c *counted) note(ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, slices.Clone(ids))
}

func (c *counted) HaveMedia(ctx context.Context, account string, ids []string) ([]bool, error) {
	c.note(ids)
	return c.Catalog.HaveMedia(ctx, account, ids)
}

func (c *counted) Media(ctx context.Context, account string, ids []string) ([]*freshet.Media, error) {
	c.note(ids)
	return c.Catalog.Media(ctx, account, ids)
}

// A media that is another account's, and one that the caller may not touch, cost
// as many queries as one that does not exist, and the queries of a forbidden one
// are the same whether it exists or not.
func TestP8_ForbiddenAndForeignMediaAskWhatUnknownOnesAsk(t *testing.T) {
	t.Parallel()
	c := &counted{}
	w := newWorld(t, func(o *engine.Options) {
		c.Catalog = o.Store.Catalog
		o.Store.Catalog = c
	}, "p")
	for _, run := range []struct {
		name string
		call func(freshet.Submission) (freshet.Receipt, error)
	}{
		{"Submit", func(s freshet.Submission) (freshet.Receipt, error) { return w.Submit(t.Context(), s) }},
		{"DryRun", func(s freshet.Submission) (freshet.Receipt, error) {
			r, err := w.DryRun(t.Context(), s)
			return freshet.Receipt{NonExistent: r.NonExistent, Forbidden: r.Forbidden}, err
		}},
	} {
		ask := func(id string, forbidden bool) ([][]string, freshet.Receipt) {
			c.asked = nil
			s := freshet.Submission{Account: account, Type: freshet.Purge, Media: []string{id}}
			if forbidden {
				s.Forbidden = s.Media
			}
			r, err := run.call(s)
			must(t, err)
			return c.asked, r
		}
		unknown, r := ask("nobody's", false)
		if len(unknown) != 1 || !slices.Equal(r.NonExistent, []string{"nobody's"}) {
			t.Fatalf("%s: an unknown media asks %q and is answered %+v", run.name, unknown, r)
		}
		theirs, r := ask("theirs", false)
		if len(theirs) != len(unknown) || !slices.Equal(r.NonExistent, []string{"theirs"}) {
			t.Errorf("%s: another's media asks %q and is answered %+v", run.name, theirs, r)
		}
		there, r := ask("m1", true)
		if len(there) != len(unknown) || r.JobID != "" || !slices.Equal(r.Forbidden, []string{"m1"}) || len(r.NonExistent) > 0 {
			t.Errorf("%s: a forbidden media asks %q and is answered %+v", run.name, there, r)
		}
		gone, r := ask("m9", true)
		if d := cmp.Diff(there, gone); d != "" || !slices.Equal(r.Forbidden, []string{"m9"}) {
			t.Errorf("%s: whether a forbidden media exists shows: %s, %+v", run.name, d, r)
		}
	}
}

func TestP8_TheRestOfAJobIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "p")
	r, err := w.Submit(t.Context(), freshet.Submission{
		Account: account, Type: freshet.Purge, Media: []string{"m1", "m9", "m2", "m3"}, Forbidden: []string{"m2", "m3"},
	})
	must(t, err)
	want := freshet.Receipt{JobID: r.JobID, NonExistent: []string{"m9"}, Forbidden: []string{"m2", "m3"}}
	if d := cmp.Diff(want, r); d != "" || r.JobID == "" {
		t.Error(d)
	}
	report, err := w.JobReport(t.Context(), account, r.JobID)
	must(t, err)
	if len(report.Rows) != 1 || report.Rows[0].Media != "m1" {
		t.Errorf("rows %+v", report.Rows)
	}
}
