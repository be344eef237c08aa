package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// cpu is the processor time of this process so far. On a machine shared with
// others it tells more than the clock.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, start time.Duration) {
	b.Helper()
	b.ReportMetric(float64((cpu(b)-start).Microseconds())/float64(b.N), "cpu-µs/op")
}

func benchJob(n int64, media func(int) string) *freshet.Job {
	job := &freshet.Job{
		Account: "acct", ID: fmt.Sprintf("%016x", uint64(n)*0x9e3779b97f4a7c15), Created: time.UnixMilli(1_800_000_000_000 + n),
		Filter: freshet.Filter{Slices: true, SliceCount: 5}, Rows: make([]freshet.Row, 20),
	}
	for i := range job.Rows {
		job.Rows[i].Media, job.Rows[i].Modified = media(i), job.Created
	}
	return job
}

func mediaID(i int) string { return fmt.Sprintf("%032x", i) }

func BenchmarkAccept(b *testing.B) {
	s := open(b, b.TempDir())
	var n atomic.Int64
	b.SetParallelism(32) // 64 callers on two cores
	start := cpu(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			k := n.Add(1)
			job := benchJob(k, func(i int) string { return mediaID(int(k)*20 + i) })
			nonce := store.Nonce{Fingerprint: uint64(k), Expires: job.Created.Add(15 * time.Minute)}
			if err := s.Accept(b.Context(), job, nonce); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.StopTimer()
	report(b, start)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
}

func BenchmarkHaveMedia(b *testing.B) {
	s := open(b, b.TempDir())
	var list []*freshet.Media
	ids := make([]string, 20)
	for i := range 1000 {
		list = append(list, &freshet.Media{Account: "acct", ID: mediaID(i)})
	}
	for i := range ids {
		ids[i] = mediaID(i * 7)
	}
	if err := s.PutMedia(b.Context(), time.Now(), list); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		have, err := s.HaveMedia(b.Context(), "acct", ids)
		if err != nil || !have[19] {
			b.Fatal(have, err)
		}
	}
}

// BenchmarkPlan claims and plans rows of 168 URLs each, with 100,000 rows
// waiting, a tenth of them behind one media.
func BenchmarkPlan(b *testing.B) {
	s := open(b, b.TempDir())
	fill(b, s, 5000)
	start := cpu(b)
	b.ResetTimer()
	for n := 0; n < b.N; {
		rows, err := s.Claim(b.Context(), store.Claim{Worker: "w", Now: time.Now(), Lease: time.Hour, Limit: 8})
		if err != nil || len(rows) == 0 {
			b.Fatal(len(rows), err)
		}
		for _, r := range rows {
			n++
			if err := s.SavePlan(b.Context(), benchPlan(r, 168)); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	report(b, start)
}

func BenchmarkClaim(b *testing.B) {
	s := open(b, b.TempDir())
	fill(b, s, 5000)
	now := time.Now()
	b.ResetTimer()
	start := cpu(b)
	for b.Loop() {
		now = now.Add(time.Minute)
		rows, err := s.Claim(b.Context(), store.Claim{Worker: now.String(), Now: now, Lease: time.Second, Limit: 8})
		if err != nil || len(rows) != 8 {
			b.Fatal(len(rows), err)
		}
	}
	report(b, start)
}

func fill(b *testing.B, s *sqlite.Store, jobs int) {
	b.Helper()
	work := make(chan int64, jobs)
	for k := range jobs {
		work <- int64(k)
	}
	close(work)
	errs := make(chan error, 64)
	for range 64 {
		go func() {
			for k := range work {
				job := benchJob(k, func(i int) string {
					if i < 2 {
						return "hot"
					}
					return mediaID(int(k)*20 + i)
				})
				if err := s.Accept(b.Context(), job, store.Nonce{}); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range 64 {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
}

func benchPlan(c store.Claimed, urls int) *store.Plan {
	row := c.Row
	row.State = freshet.RowPlanned
	e := &freshet.Entry{
		Kind: freshet.EntryPurge, Account: c.Job.Account, Job: c.Job.ID, Row: row.Index, Domain: "vod.example.com",
		Selector: freshet.Selector{Kind: freshet.SelectExact},
	}
	for i := range urls {
		e.Selector.URLs = append(e.Selector.URLs, fmt.Sprintf("http://vod.example.com/%s/hd/seg-%05d.ts", row.Media, i))
	}
	return &store.Plan{Claim: c, Row: row, Entries: []*freshet.Entry{e}, Remember: e.Selector.URLs, Now: time.Now()}
}

// TestP10_AFinishedDeliveryCostsLittle: one job of 20 media and 3,360 tasks,
// at 100 POPs, with full facts, in all files.
func TestP10_AFinishedDeliveryCostsLittle(t *testing.T) {
	t.Parallel()
	const pops, urls, limit = 100, 168, 12 // bytes per delivery, the job and its log included
	dir := t.TempDir()
	s := open(t, dir)
	for p := range pops {
		e := &freshet.Entry{Kind: freshet.EntryMembership, Membership: freshet.Membership{Change: freshet.MemberEnrol, POP: fmt.Sprintf("pop-%03d", p)}}
		if err := s.Append(t.Context(), time.Now(), e); err != nil {
			t.Fatal(err)
		}
	}
	base := 0
	job := benchJob(1, mediaID)
	if err := s.Accept(t.Context(), job, store.Nonce{}); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Claim(t.Context(), store.Claim{Worker: "w", Now: time.Now(), Lease: time.Hour, Limit: 20})
	if err != nil || len(rows) != 20 {
		t.Fatal(len(rows), err)
	}
	var entries []*freshet.Entry
	for _, r := range rows {
		p := benchPlan(r, urls)
		if err := s.SavePlan(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, p.Entries...)
	}
	deliver(t, s, entries, pops)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	size := dirSize(t, dir) - base
	t.Logf("%d bytes in all, %.1f per delivery", size, float64(size)/(pops*urls*20))
	if size > limit*pops*urls*20 {
		t.Errorf("%d deliveries take %d bytes, more than %d each", pops*urls*20, size, limit)
	}
}

// deliver stores the evidence of every POP about every entry: validators and
// sizes are those of the objects, times are the POP's own.
func deliver(t *testing.T, s *sqlite.Store, entries []*freshet.Entry, pops int) {
	t.Helper()
	start := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for p := range pops {
		m := &store.Received{
			Evidence: freshet.Evidence{
				POP: fmt.Sprintf("pop-%03d", p), Stream: uint64(start.UnixNano()), Number: 1, Incarnation: fmt.Sprintf("inc-%03d", p),
			},
			ReceivedAt: start.Add(time.Duration(p) * 7 * time.Millisecond),
		}
		random := uint64(p + 1)
		for _, e := range entries {
			f := freshet.EntryFacts{At: e.At}
			for i := range e.Len() {
				random = random*6364136223846793005 + 1442695040888963407
				fetched := start.Add(-time.Hour + time.Duration(i)*317*time.Millisecond + time.Duration(random>>54)*time.Millisecond)
				f.Facts = append(f.Facts, freshet.Fact{
					Item: i, Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect, Attempts: 1,
					Rounds: 1, Window: time.Duration(p+i/64*3) * time.Millisecond,
					ExecutedAt: start.Add(time.Duration(i) * time.Millisecond),
					Before: freshet.Copy{
						FetchedAt: fetched, Generation: freshet.Position{Epoch: 1, Pos: 7},
						Validator: fmt.Sprintf(`"%016x"`, (e.At.Pos<<32|uint64(i))*0x9e3779b97f4a7c15),
						Size:      1_000_000 + int64(i)*4099%70_000,
					},
				})
			}
			m.Entries = append(m.Entries, f)
		}
		if err := s.SaveEvidence(t.Context(), []*store.Received{m}); err != nil {
			t.Fatal(err)
		}
	}
}

func dirSize(t *testing.T, dir string) int {
	t.Helper()
	total := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += int(info.Size())
			t.Logf("%8d %s", info.Size(), strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}
