package bench_test

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/plan"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
	"github.com/freshet-vod/freshet/internal/wire"
)

// The big job: what one legal call can ask for, at 100 POPs.
const (
	jobMedia   = 20
	jobStreams = 8
	jobURLs    = 21 // of each stream: a playlist and 20 segments
	jobPOPs    = 100

	maxDisk = 4 << 20
	maxHeap = 20 << 20
)

// ladder plans every media as a ladder of numbered segments, without a fetch,
// and packs it as the real planner does.
type ladder struct{ *plan.Planner }

func newLadder() ladder {
	return ladder{plan.New(plan.Options{Domains: func(string) []freshet.Domain {
		return []freshet.Domain{{Account: "default", Name: "vod.example.com", Origin: "http://127.0.0.1:9"}}
	}})}
}

func (ladder) Plan(_ context.Context, _ *freshet.Job, row freshet.Row, _ *freshet.Media) (freshet.PlannedRow, error) {
	p := freshet.PlannedRow{Media: row.Media}
	for s := range jobStreams {
		base := fmt.Sprintf("http://vod.example.com/%s/%dp/", row.Media, 144*(s+1))
		p.URLs = append(p.URLs, freshet.PlannedURL{Media: row.Media, URL: base + "index.m3u8", Kind: "playlist"})
		for i := range jobURLs - 1 {
			p.URLs = append(p.URLs, freshet.PlannedURL{Media: row.Media, URL: fmt.Sprintf("%sseg-%05d.ts", base, i), Kind: "segment"})
		}
	}
	return p, nil
}

// answerAll is a POP that reports full facts about every entry it hears of.
// POPs agree on validators and sizes, as they do of the same content; every
// time is their own.
//
// It answers once begin is closed.
func answerAll(ctx context.Context, b *testing.B, a bus.Agent, pop string, seed int64, begin <-chan struct{}) func() {
	b.Helper()
	number := uint64(0)
	stop, err := a.Listen(func(ch bus.Channel, _ string, msg []byte) {
		if ch != bus.ChannelPrefetch {
			return
		}
		batch, err := wire.DecodeEntries(msg)
		if err != nil {
			b.Error(err)
			return
		}
		select {
		case <-begin:
		case <-ctx.Done():
			return
		}
		number++
		ev := freshet.Evidence{POP: pop, Stream: uint64(seed), Number: number, Incarnation: "0123456789abcdef"}
		now := time.Now()
		for _, e := range batch.Entries {
			ev.Entries = append(ev.Entries, facts(e, now, seed))
		}
		if _, err := a.Do(ctx, bus.CallEvidence, wire.EncodeEvidence(ev)); err != nil && ctx.Err() == nil {
			b.Error(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return stop
}

func facts(e *freshet.Entry, now time.Time, seed int64) freshet.EntryFacts {
	out := freshet.EntryFacts{At: e.At}
	for i := range e.Len() {
		h := (int64(e.At.Pos)*7919 + int64(i)*104729 + seed*15485863) % 60_000
		took := time.Duration(h%400) * time.Millisecond
		out.Facts = append(out.Facts, freshet.Fact{
			Item: i, Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect, Attempts: 1,
			ExecutedAt: now.Add(took), Rounds: 1, Window: time.Duration((seed+int64(i/64)*7)%30) * time.Millisecond,
			Before: freshet.Copy{
				FetchedAt: now.Add(-time.Duration(h)*time.Millisecond - time.Hour), Generation: freshet.Position{Epoch: 1, Pos: 1},
				Validator: fmt.Sprintf(`"%x-%x-old"`, e.At.Pos*2654435761, i*40503), Size: 400_000 + int64(i)*7919%90_000,
			},
			After: freshet.Copy{
				FetchedAt: now.Add(took - 50*time.Millisecond), Generation: e.LastPurge,
				Validator: fmt.Sprintf(`"%x-%x-new"`, e.At.Pos*2654435761, i*40503), Size: 410_000 + int64(i)*104729%90_000,
			},
		})
	}
	return out
}

// BenchmarkBigJob_DiskAndHeap is one job of 20 media × 8 streams × 21 URLs at
// 100 POPs: 336,000 deliveries with everything that is known of each.
func BenchmarkBigJob_DiskAndHeap(b *testing.B) {
	for b.Loop() {
		bigJob(b)
	}
}

func bigJob(b *testing.B) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dir := b.TempDir()
	db := open(ctx, b, dir)
	ids := putMedia(ctx, b, db)
	closeStore(b, db) // which checkpoints
	disk := diskUse(b, dir)
	db = open(ctx, b, dir)
	wireBus := membus.New()
	pops := make([]freshet.POP, jobPOPs)
	for i := range pops {
		pops[i].ID = fmt.Sprintf("pop-%03d", i)
	}
	eng, err := engine.New(ctx, engine.Options{
		Store: engine.Store{Jobs: db, Log: db, Tasks: db, States: db, Evidence: db, Catalog: db, Takedowns: db},
		Bus:   wireBus.Control(), Planner: newLadder(), POPs: pops,
		GreetFor: time.Millisecond, // these POPs have no heartbeats
	})
	if err != nil {
		b.Fatal(err)
	}
	run, stopEngine := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- eng.Run(run) }()
	var stops []func()
	at, last := make(chan struct{}), make(chan struct{})
	close(at)
	for i, p := range pops {
		begin := at
		if i == jobPOPs-1 {
			begin = last // the job stays open until everything of the others was looked at
		}
		stops = append(stops, answerAll(run, b, wireBus.Agent(p.ID), p.ID, int64(i+1), begin))
	}
	heap := liveHeap()
	receipt, err := eng.Submit(ctx, freshet.Submission{
		Account: "default", Type: freshet.Prefetch, Media: ids, Native: true,
		Filter: freshet.Filter{Slices: true, SliceCount: 20, Multiple: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	waitFor(ctx, b, eng, receipt.JobID, jobPOPs-1)
	while := liveHeap() - heap
	close(last)
	waitFor(ctx, b, eng, receipt.JobID, jobPOPs)
	after := liveHeap() - heap
	stopEngine()
	<-ended
	for _, stop := range stops {
		stop()
	}
	closeStore(b, db)
	used := diskUse(b, dir) - disk
	deliveries := float64(jobMedia * jobStreams * jobURLs * jobPOPs)
	b.ReportMetric(float64(used)/1e6, "disk-MB")
	b.ReportMetric(float64(used)/deliveries, "disk-B/delivery")
	b.ReportMetric(float64(while)/1e6, "heap-open-MB")
	b.ReportMetric(float64(after)/1e6, "heap-after-MB")
	b.ReportMetric(0, "ns/op")
	if used > maxDisk {
		b.Errorf("%d bytes of disk, the limit is %d", used, maxDisk)
	}
	if while > maxHeap || after > maxHeap {
		b.Errorf("%d bytes of live heap while the job is open, %d after, the limit is %d", while, after, maxHeap)
	}
}

func open(ctx context.Context, b *testing.B, dir string) *sqlite.Store {
	b.Helper()
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

func closeStore(b *testing.B, db *sqlite.Store) {
	b.Helper()
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

func putMedia(ctx context.Context, b *testing.B, db *sqlite.Store) []string {
	b.Helper()
	var ids []string
	var media []*freshet.Media
	for i := range jobMedia {
		id := fmt.Sprintf("ca3a8f6e4957b6580670958690%06x", i)
		ids = append(ids, id)
		media = append(media, &freshet.Media{Account: "default", ID: id, Status: freshet.StatusNormal})
	}
	if err := db.PutMedia(ctx, time.Now(), media); err != nil {
		b.Fatal(err)
	}
	if err := db.PutDomain(ctx, freshet.Domain{Account: "default", Name: "vod.example.com", Origin: "http://127.0.0.1:9"}); err != nil {
		b.Fatal(err)
	}
	return ids
}

// waitFor waits until so many POPs are done with the job.
func waitFor(ctx context.Context, b *testing.B, eng *engine.Engine, job string, pops int) {
	b.Helper()
	var since uint64
	for {
		report, version, err := eng.WaitJob(ctx, "default", job, since)
		if err != nil {
			b.Fatal(err)
		}
		done := 0
		for _, p := range report.POPs {
			if p.Targets == jobMedia*jobStreams*jobURLs && p.Final == p.Targets && p.Failed == 0 {
				done++
			}
		}
		if done >= pops {
			return
		}
		since = version
	}
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// diskUse is the size of all files below a folder.
func diskUse(b *testing.B, dir string) int64 {
	b.Helper()
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}
