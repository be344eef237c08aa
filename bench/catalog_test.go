package bench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/mediaquery"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// envMedia says how many media the catalog of BenchmarkCatalog has; few if it is
// not set, so that a smoke run takes seconds.
const envMedia = "FRESHET_BENCH_MEDIA"

// catalogSize returns how many there are.
func catalogSize(b *testing.B) int {
	b.Helper()
	text := os.Getenv(envMedia)
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1000 {
		b.Fatalf("%s is %q, not a number of at least 1000", envMedia, text)
	}
	return n
}

// catalogBench is a catalog of media with 8 streams each, and the control plane
// that answers for it.
type catalogBench struct {
	db     *sqlite.Store
	engine *engine.Engine
	guard  *auth.Auth
	n      int
	jobs   []string // whose one row is planned into 8 tasks
	calls  atomic.Int64
}

// BenchmarkCatalog measures what reads the catalog. Each part is in turn with
// what it is compared with, over the same catalog, which is made once.
func BenchmarkCatalog(b *testing.B) {
	c := newCatalogBench(b)
	b.Run("GetPlayInfo", func(b *testing.B) {
		c.against(b, "GetPlayInfo", func(i int64) (string, string) { return "VideoId", mediaID(int(i*7919) % c.n) })
	})
	b.Run("GetMediaRefreshJobs", func(b *testing.B) {
		c.against(b, "GetMediaRefreshJobs", func(i int64) (string, string) { return "MediaRefreshJobId", c.jobs[int(i)%len(c.jobs)] })
	})
	b.Run("SearchMedia", c.search)
}

func mediaID(i int) string { return fmt.Sprintf("%032x", i) }

// titleWords make titles that share words, as those of series do.
func titleWords() []string {
	return []string{"holiday", "training", "basketball", "cooking", "interview", "documentary", "trailer", "episode", "season", "launch", "keynote", "concert"}
}

// cateSize is how many media are in one category, and have one rare word in
// their title.
const cateSize = 1000

func benchMedia(i, n int) *freshet.Media {
	w := titleWords()
	m := &freshet.Media{
		Account: "default", ID: mediaID(i), Type: "video", Status: freshet.StatusNormal, Duration: float64(i%7200) + 0.5,
		Title:  fmt.Sprintf("%s %s %s %07d", w[i%12], w[i/12%12], w[i/144%12], i),
		CateID: int64(1 + i*31%max(n/cateSize, 1)), Created: time.Unix(1_700_000_000+int64(i)*37%int64(n), 0).UTC(),
		CoverURL: "https://img.example.com/" + mediaID(i) + ".jpg", Tags: []string{w[i%12], "bench"},
	}
	if i*17%max(n/cateSize, 1) == 3 {
		m.Title += " zebra"
	}
	for k, d := range []freshet.Definition{"FD", "LD", "SD", "HD", "2K", "4K", "OD", "AUTO"} {
		format := freshet.Format("m3u8")
		if k%2 == 1 {
			format = "mp4"
		}
		m.Streams = append(m.Streams, freshet.Stream{
			JobID: fmt.Sprintf("%032x", i*8+k), Format: format, Definition: d, Type: freshet.StreamVideo,
			URL:     fmt.Sprintf("http://vod.example.com/%s/%s/%08x.%s", m.ID, d, i*8+k, format),
			Created: m.Created, Modified: m.Created, Size: int64(1_000_000 * (k + 1)), Bitrate: "1234.5", Duration: "120.5", FPS: "25",
			Width: 320 * (k + 1), Height: 180 * (k + 1), Specification: "H264." + string(d), NarrowBandType: "0", CodecName: "H264",
		})
	}
	return m
}

func newCatalogBench(b *testing.B) *catalogBench {
	b.Helper()
	ctx := b.Context()
	c := &catalogBench{n: catalogSize(b)}
	var err error
	if c.db, err = sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir()}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.db.Close() })
	began := time.Now()
	for at := 0; at < c.n; at += 1000 {
		var batch []*freshet.Media
		for i := at; i < min(at+1000, c.n); i++ {
			batch = append(batch, benchMedia(i, c.n))
		}
		if err := c.db.PutMedia(ctx, time.Now(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d media were stored in %s", c.n, time.Since(began).Round(time.Millisecond))
	key := store.Key{ID: "FKbench", Secret: "benchsecret", Account: "default", Created: time.Now()}
	if err := c.db.PutKey(ctx, key); err != nil {
		b.Fatal(err)
	}
	if err := c.db.PutDomain(ctx, freshet.Domain{Account: "default", Name: "vod.example.com", Origin: "http://127.0.0.1:1"}); err != nil {
		b.Fatal(err)
	}
	c.planJobs(b, 1000)
	c.engine, err = engine.New(ctx, engine.Options{
		Store: engine.Store{Jobs: c.db, Log: c.db, Tasks: c.db, States: c.db, Evidence: c.db, Catalog: c.db, Takedowns: c.db},
		Bus:   membus.New().Control(), Planner: newLadder(),
	})
	if err != nil {
		b.Fatal(err)
	}
	if c.guard, err = auth.New(ctx, auth.Options{Keys: c.db}); err != nil {
		b.Fatal(err)
	}
	return c
}

// planJobs makes jobs of one media each, planned.
func (c *catalogBench) planJobs(b *testing.B, n int) {
	b.Helper()
	ctx, now := b.Context(), time.Now().UTC().Truncate(time.Millisecond)
	for i := range n {
		id := fmt.Sprintf("%016x", i+1)
		m := benchMedia(i, c.n)
		job := &freshet.Job{Account: "default", ID: id, Type: freshet.Purge, Created: now, Rows: []freshet.Row{
			{Job: id, Media: m.ID, State: freshet.RowAccepted, Modified: now},
		}}
		if err := c.db.Accept(ctx, job, store.Nonce{}); err != nil {
			b.Fatal(err)
		}
		claimed, err := c.db.Claim(ctx, store.Claim{Worker: "bench", Now: now, Lease: time.Hour, Limit: 1})
		if err != nil || len(claimed) != 1 {
			b.Fatalf("claimed %d rows: %v", len(claimed), err)
		}
		e := &freshet.Entry{
			Kind: freshet.EntryPurge, Account: "default", Job: id, Domain: "vod.example.com", Created: now,
			Selector: freshet.Selector{Kind: freshet.SelectExact},
		}
		for _, s := range m.Streams {
			e.Selector.URLs = append(e.Selector.URLs, s.URL)
		}
		slices.Sort(e.Selector.URLs)
		row := claimed[0].Row
		row.State = freshet.RowPlanned
		if err := c.db.SavePlan(ctx, &store.Plan{Claim: claimed[0], Row: row, Entries: []*freshet.Entry{e}, Now: now}); err != nil {
			b.Fatal(err)
		}
		c.jobs = append(c.jobs, id)
	}
}

// bare verifies signatures and answers the same few bytes.
func (c *catalogBench) bare() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := auth.ParseParams(r.URL.RawQuery, "")
		if err == nil {
			_, err = c.guard.Vendor(r.Context(), &auth.Request{Method: r.Method, Path: "/", Host: r.Host, Params: p, Header: r.Header})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, `{"RequestId":"25818875-5F78-4AF6-04D5-D7393642CA58"}`)
	})
}

func (c *catalogBench) handler() http.Handler {
	return rpc.New(rpc.Options{Engine: c.engine, Auth: c.guard, Media: c.db})
}

// against measures calls a second of an operation, and of the bare handler with
// the same requests. Their ratio is the figure.
func (c *catalogBench) against(b *testing.B, action string, param func(int64) (string, string)) {
	b.Helper()
	const round = 2 * time.Second
	var ours, bare float64
	rounds := 0
	for b.Loop() {
		bare += signedRate(b, c.bare(), action, param, &c.calls, round)
		ours += signedRate(b, c.handler(), action, param, &c.calls, round)
		rounds++
	}
	b.ReportMetric(ours/float64(rounds), "calls/s")
	b.ReportMetric(bare/float64(rounds), "bare/s")
	b.ReportMetric(ours/bare, "ratio")
	b.ReportMetric(0, "ns/op")
}

// signedRate calls a handler over loopback for a time and returns good answers
// per second.
func signedRate(b *testing.B, h http.Handler, action string, param func(int64) (string, string), counter *atomic.Int64, d time.Duration) float64 {
	b.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: callers}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(b.Context(), d)
	defer cancel()
	var done atomic.Int64
	ended := make(chan error, callers)
	began := time.Now()
	for range callers {
		go func() {
			for {
				err := signedCall(ctx, transport, srv.URL, action, param, counter)
				if ctx.Err() != nil {
					err = nil
				}
				if err != nil || ctx.Err() != nil {
					ended <- err
					return
				}
				done.Add(1)
			}
		}()
	}
	for range callers {
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
	return float64(done.Load()) / time.Since(began).Seconds()
}

func signedCall(ctx context.Context, rt http.RoundTripper, endpoint, action string, param func(int64) (string, string), counter *atomic.Int64) error {
	n := counter.Add(1)
	name, value := param(n)
	p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}, name: {value}}
	auth.SignV1(http.MethodGet, p, "FKbench", "benchsecret", time.Now(), "c"+strconv.FormatInt(n, 10))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/?"+p.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	return err
}

// search compares searches that match some 1,000 media with reading one media
// by its key, in the store and as calls of the API.
func (c *catalogBench) search(b *testing.B) {
	ctx := b.Context()
	cates := max(c.n/cateSize, 1)
	kinds := []struct {
		name  string
		match func(i int) string
	}{
		{"cate", func(i int) string { return fmt.Sprintf("CateId = %d", 1+i%cates) }},
		{"cate-status", func(i int) string { return fmt.Sprintf("CateId = %d and Status in ('Normal')", 1+i%cates) }},
		{"word", func(int) string { return "Title = 'zebra'" }},
		{"word-range", func(i int) string { return fmt.Sprintf("Title = 'zebra' and Duration = [%d,)", i%3600) }},
	}
	var key times
	found := make([]times, len(kinds))
	total := make([]int, len(kinds))
	i := 0
	one := func() {
		i++
		key.measure(func() {
			if m, err := c.db.Media(ctx, "default", []string{mediaID(i * 7919 % c.n)}); err != nil || len(m) != 1 {
				b.Fatal(len(m), err)
			}
		})
		for k, kind := range kinds {
			match, err := mediaquery.Parse(kind.match(i))
			if err != nil {
				b.Fatal(err)
			}
			found[k].measure(func() {
				page, err := c.db.SearchMedia(ctx, store.MediaQuery{Account: "default", Kind: freshet.StreamVideo, Match: match, Limit: 10})
				if err != nil || len(page.Media) == 0 {
					b.Fatal(len(page.Media), err)
				}
				total[k] = page.Total
			})
		}
	}
	for b.Loop() {
		for range 200 {
			one()
		}
	}
	b.ReportMetric(key.ms(50)*1000, "key-p50-µs")
	b.ReportMetric(key.ms(99)*1000, "key-p99-µs")
	for k, kind := range kinds {
		b.Logf("%s: about %d match", kind.name, total[k])
		b.ReportMetric(found[k].ms(50)*1000, kind.name+"-p50-µs")
		b.ReportMetric(found[k].ms(99)*1000, kind.name+"-p99-µs")
		b.ReportMetric(found[k].ms(99)/key.ms(99), kind.name+"-p99-ratio")
	}
	b.ReportMetric(0, "ns/op")
}
