package bench_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// envTasks says how many tasks the big store of BenchmarkStatus has; few if it
// is not set, so that a smoke run takes seconds.
const envTasks = "FRESHET_BENCH_TASKS"

// smallTasks is how many tasks the small store has.
const smallTasks = 30_000

// statusStore is a store of jobs that are done: half of the tasks are in jobs of
// 1,000, half in jobs of 100, of 70 hours.
type statusStore struct {
	db    *sqlite.Store
	eng   *engine.Engine
	media []*freshet.Media
	jobs  []string
	tasks []uint64 // the first of each job
	urls  []string // likewise
	from  time.Time
	to    time.Time
	made  int

	endpoint string // of the vendor's API
	client   *http.Client
	calls    int
}

// BenchmarkStatus compares what users ask, and submitting, in a store of 30
// million tasks with the same in a store of 30,000, call by call in turn.
func BenchmarkStatus(b *testing.B) {
	small := newStatusStore(b, smallTasks)
	big := newStatusStore(b, envCount(b, envTasks, 3*smallTasks, smallTasks))
	for _, q := range []struct {
		name string
		ask  func(s *statusStore, i int) error
	}{
		{"Submit", (*statusStore).submit},
		{"GetMediaRefreshJobs", (*statusStore).mediaJobs},
		{"JobByID", func(s *statusStore, i int) error {
			_, err := s.eng.JobReport(context.Background(), "default", s.jobs[i%len(s.jobs)])
			return err
		}},
		{"TaskByID", func(s *statusStore, i int) error {
			_, err := s.eng.TaskReport(context.Background(), "default", s.tasks[i%len(s.tasks)]+7)
			return err
		}},
		{"Jobs", func(s *statusStore, _ int) error {
			list, err := s.eng.ListJobs(context.Background(), "default", time.Time{}, 20)
			return wanted(len(list), 20, err)
		}},
		{"Tasks", func(s *statusStore, _ int) error { return s.find(freshet.TaskFilter{}, 20) }},
		{"TasksByDay", func(s *statusStore, _ int) error {
			return s.find(freshet.TaskFilter{Since: s.from.Add(25*time.Hour + 7*time.Second), Until: s.from.Add(49*time.Hour + 7*time.Minute)}, 20)
		}},
		{"TasksByDomain", func(s *statusStore, _ int) error { return s.find(freshet.TaskFilter{Domain: "rare.example.com"}, 20) }},
		{"TasksByType", func(s *statusStore, _ int) error { return s.find(freshet.TaskFilter{ObjectType: "preload"}, 20) }},
		{"TasksComplete", func(s *statusStore, _ int) error { return s.find(freshet.TaskFilter{Status: freshet.TaskComplete}, 20) }},
		{"TasksFailed", func(s *statusStore, _ int) error { return s.find(freshet.TaskFilter{Status: freshet.TaskFailed}, 0) }},
		{"TasksByURL", func(s *statusStore, i int) error { return s.find(freshet.TaskFilter{URL: s.urls[i%len(s.urls)]}, 1) }},
	} {
		b.Run(q.name, func(b *testing.B) { compareStores(b, small, big, q.ask) })
	}
	b.Run("Calls", func(b *testing.B) { callStores(b, small, big) })
}

// compareStores asks both in turn, so that a slow minute of the machine slows
// both, and compares the medians.
func compareStores(b *testing.B, small, big *statusStore, ask func(*statusStore, int) error) {
	b.Helper()
	const pairs = 50
	var took [2][]time.Duration
	i := 0
	for b.Loop() {
		for range pairs {
			i++
			for k, s := range []*statusStore{small, big} {
				began := time.Now()
				if err := ask(s, i*7919); err != nil {
					b.Fatal(err)
				}
				took[k] = append(took[k], time.Since(began))
			}
		}
	}
	var median [2]float64
	for k := range took {
		slices.Sort(took[k])
		median[k] = float64(took[k][len(took[k])/2].Microseconds())
	}
	b.ReportMetric(median[0], "small-µs")
	b.ReportMetric(median[1], "big-µs")
	b.ReportMetric(median[1]/max(median[0], 1), "ratio")
	b.ReportMetric(0, "ns/op")
}

func wanted(got, want int, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("found %d, want %d", got, want)
	}
	return err
}

func (s *statusStore) find(f freshet.TaskFilter, want int) error {
	f.Account, f.Limit = "default", 20
	p, err := s.eng.FindTasks(context.Background(), f)
	return wanted(len(p.Tasks), want, err)
}

func (s *statusStore) submit(i int) error {
	r, err := s.eng.Submit(context.Background(), freshet.Submission{
		Account: "default", Type: freshet.Purge, Media: []string{s.media[i%len(s.media)].ID},
	})
	if err == nil && r.JobID == "" {
		err = fmt.Errorf("nothing was accepted: %+v", r)
	}
	return err
}

func (s *statusStore) mediaJobs(i int) error {
	job, err := s.eng.WaitPlanned(context.Background(), "default", s.jobs[i%len(s.jobs)], "", time.Second)
	if err != nil {
		return err
	}
	tasks, err := s.eng.RowTasks(context.Background(), "default", job.Rows[0])
	if err == nil && len(tasks) == 0 {
		err = fmt.Errorf("job %s has no tasks", job.ID)
	}
	return err
}

func newStatusStore(b *testing.B, tasks int) *statusStore {
	b.Helper()
	ctx := b.Context()
	s := &statusStore{to: time.Now().UTC().Truncate(time.Second).Add(-time.Minute)}
	s.from = s.to.Add(-70 * time.Hour)
	var err error
	if s.db, err = sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir()}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.db.Close() })
	for i := range 100 {
		s.media = append(s.media, &freshet.Media{Account: "default", ID: mediaID(i), Streams: []freshet.Stream{}})
	}
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(s.db.PutMedia(ctx, time.Now(), s.media))
	for _, name := range []string{"vod.example.com", "rare.example.com"} {
		must(s.db.PutDomain(ctx, freshet.Domain{Account: "default", Name: name, Origin: "http://127.0.0.1:9"}))
	}
	must(s.db.Append(ctx, s.from, &freshet.Entry{
		Kind: freshet.EntryMembership, Membership: freshet.Membership{Change: freshet.MemberEnrol, POP: "pop"}, Created: s.from,
	}))
	const most = 200 // jobs of a batch
	jobs := tasks/2/1000 + tasks/2/100
	began := time.Now()
	for at := 0; at < jobs; at += most {
		must(s.makeJobs(ctx, at, min(at+most, jobs), jobs))
	}
	s.eng, err = engine.New(ctx, engine.Options{
		Store: engine.Store{Jobs: s.db, Log: s.db, Tasks: s.db, States: s.db, Evidence: s.db, Catalog: s.db, Takedowns: s.db},
		Bus:   membus.New().Control(), Planner: newLadder(), MaxUnplanned: 1 << 30,
	})
	must(err)
	b.Logf("%d tasks in %d jobs were made in %v", s.made, jobs, time.Since(began).Round(time.Second))
	return s
}

// makeJobs makes jobs number lo to hi, of so many in all, as the engine does,
// and ends them.
func (s *statusStore) makeJobs(ctx context.Context, lo, hi, all int) error {
	jobs := make([]*freshet.Job, hi-lo)
	err := allAtOnce(len(jobs), func(k int) error {
		i := lo + k
		id, at := fmt.Sprintf("%016x", i), s.from.Add(s.to.Sub(s.from)/time.Duration(all)*time.Duration(i))
		jobs[k] = &freshet.Job{Account: "default", ID: id, Type: freshet.Purge, Created: at}
		jobs[k].Rows = []freshet.Row{{Job: id, Media: fmt.Sprintf("m%d", i), State: freshet.RowAccepted, Modified: at}}
		return s.db.Accept(ctx, jobs[k], store.Nonce{})
	})
	if err != nil {
		return err
	}
	rows, err := s.db.Claim(ctx, store.Claim{Worker: "bench", Now: s.to, Lease: time.Hour, Limit: len(jobs)})
	if err != nil || len(rows) != len(jobs) {
		return fmt.Errorf("claimed %d of %d rows: %w", len(rows), len(jobs), err)
	}
	entries := make([]*freshet.Entry, len(rows))
	err = allAtOnce(len(rows), func(k int) error {
		c := rows[k]
		e := &freshet.Entry{
			Kind: freshet.EntryPurge, Account: "default", Job: c.Job.ID, Domain: "vod.example.com",
			Selector: freshet.Selector{Kind: freshet.SelectExact}, Created: c.Job.Created,
		}
		n := 100
		if i := lo + k; i%11 == 0 { // as many tasks in big jobs as in small ones
			n = 1000
		}
		switch (lo + k) % 50 {
		case 7:
			e.Kind = freshet.EntryPrefetch
		case 8:
			e.Domain = "rare.example.com"
		}
		for u := range n {
			e.Selector.URLs = append(e.Selector.URLs, fmt.Sprintf("http://%s/%s/hd/seg-%05d.ts", e.Domain, c.Job.ID, u))
		}
		entries[k] = e
		row := c.Row
		row.State, row.Modified = freshet.RowPlanned, c.Job.Created
		return s.db.SavePlan(ctx, &store.Plan{Claim: c, Row: row, Entries: []*freshet.Entry{e}, Now: c.Job.Created})
	})
	if err != nil {
		return err
	}
	states := make([]store.State, len(entries))
	for k, e := range entries {
		states[k] = store.State{At: e.At, Closed: true} // done everywhere
		s.jobs, s.tasks = append(s.jobs, e.Job), append(s.tasks, e.FirstTask)
		s.urls = append(s.urls, e.URL(0))
		s.made += e.Len()
	}
	return s.db.SaveStates(ctx, states, store.EvidenceCursor{})
}

// allAtOnce runs n calls at once, so that they share commits.
func allAtOnce(n int, call func(int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for k := range n {
		wg.Go(func() { errs[k] = call(k) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
