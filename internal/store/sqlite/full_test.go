package sqlite_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// wordy is text that no codec makes smaller.
func wordy(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%016x", rand.Uint64())
	}
	return b.String()[:n]
}

// TestP10_AFullDiskLeavesNothingHalfDone lets the database run full at every
// page of what is written: in the middle of a job, of an import, of a plan. Each
// write is there as a whole or not at all, and whoever asked is told to come
// again.
func TestP10_AFullDiskLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	must(t, s.PutDomain(t.Context(), freshet.Domain{Account: "a", Name: "vod.example.com", Origin: "http://127.0.0.1:9"}))
	planned := &freshet.Job{Account: "a", ID: "0000000000000001", Type: freshet.Purge, Rows: []freshet.Row{{Media: "m"}}}
	must(t, s.Accept(t.Context(), planned, store.Nonce{}))
	claims, err := s.Claim(t.Context(), store.Claim{Worker: "w", Now: time.Now(), Lease: time.Hour, Limit: 1})
	if err != nil || len(claims) != 1 {
		t.Fatalf("%v, %v", claims, err)
	}
	plan := bigPlan(claims[0])
	full := 0
	for more := 0; ; more++ {
		must(t, s.LimitPages(t.Context(), more))
		id := fmt.Sprintf("%016x", 100+more)
		var wg sync.WaitGroup
		var accepted, imported, saved error
		wg.Go(func() { accepted = s.Accept(t.Context(), bigJob(id), store.Nonce{}) })
		wg.Go(func() {
			imported = s.PutMedia(t.Context(), time.Now(), []*freshet.Media{bigMedia("x" + id), bigMedia("y" + id)})
		})
		wg.Wait()
		if plan != nil {
			if saved = s.SavePlan(t.Context(), plan); saved == nil {
				plan = nil
			}
		}
		must(t, s.LimitPages(t.Context(), -1))
		for _, err := range []error{accepted, imported, saved} {
			if e, ok := errors.AsType[*freshet.Error](err); err != nil && (!ok || e.Code != freshet.CodeUnavailable || e.Kind != freshet.KindStore) {
				t.Fatalf("with %d pages left a write ends with %v", more, err)
			}
			if err != nil {
				full++
			}
		}
		whole(t, s, id, accepted == nil, imported == nil)
		heads, err := s.Heads(t.Context())
		must(t, err)
		if total := slices.Collect(maps.Values(heads)); plan != nil && len(heads) > 0 && total[0].Pos > 0 {
			t.Fatalf("a plan that was not stored moved the log to %v", heads)
		}
		if accepted == nil && imported == nil && plan == nil {
			break
		}
		if more > 2000 {
			t.Fatal("nothing is ever written")
		}
	}
	if full < 3 {
		t.Errorf("the disk was full %d times", full)
	}
	job, err := s.Job(t.Context(), "a", planned.ID)
	if err != nil || job.Rows[0].State != freshet.RowPlanned || len(job.Rows[0].Entries) != 2 {
		t.Errorf("the plan is %+v, %v", job, err)
	}
}

// whole looks whether a job and two media are there, or nothing of them.
func whole(t *testing.T, s *sqlite.Store, id string, accepted, imported bool) {
	t.Helper()
	job, err := s.Job(t.Context(), "a", id)
	if accepted != (err == nil) || accepted && len(job.Rows) != 20 || !accepted && freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Fatalf("job %s, accepted %v: %+v, %v", id, accepted, job, err)
	}
	have, err := s.HaveMedia(t.Context(), "a", []string{"x" + id, "y" + id})
	if err != nil || have[0] != imported || have[1] != imported {
		t.Fatalf("media of %s, imported %v: %v, %v", id, imported, have, err)
	}
}

func bigJob(id string) *freshet.Job {
	j := &freshet.Job{Account: "a", ID: id, Type: freshet.Purge, UserData: wordy(20_000)}
	for i := range 20 {
		j.Rows = append(j.Rows, freshet.Row{Job: id, Index: i, Media: fmt.Sprintf("m%d", i)})
	}
	return j
}

func bigMedia(id string) *freshet.Media {
	return &freshet.Media{Account: "a", ID: id, Type: "video", Status: freshet.StatusNormal, Title: wordy(200), Description: wordy(8_000)}
}

func bigPlan(c store.Claimed) *store.Plan {
	row := c.Row
	row.State = freshet.RowPlanned
	p := &store.Plan{Claim: c, Row: row, Now: time.Now()}
	for range 2 {
		e := &freshet.Entry{Kind: freshet.EntryPurge, Account: "a", Job: c.Job.ID, Domain: "vod.example.com", Selector: freshet.Selector{Kind: freshet.SelectExact}}
		for range 200 {
			e.Selector.URLs = append(e.Selector.URLs, "http://vod.example.com/"+wordy(100))
		}
		p.Entries = append(p.Entries, e)
	}
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
