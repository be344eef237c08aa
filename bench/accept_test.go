package bench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/bus/membus"
	"github.com/freshet-vod/freshet/internal/engine"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// callers is how many calls are in flight: enough that commits are shared, as
// they are under load.
const callers = 64

// nowhere is an engine that accepts everything and keeps nothing.
type nowhere struct{ rpc.Engine }

func (nowhere) Submit(context.Context, freshet.Submission) (freshet.Receipt, error) {
	return freshet.Receipt{JobID: "0123456789abcdef"}, nil
}

// BenchmarkAccept compares accepted calls (signed, 20 media each) with the
// same handler without storage. The ratio of the two rates is the figure: the
// machine's speed cancels out.
func BenchmarkAccept(b *testing.B) {
	ctx := b.Context()
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ids := putMedia(ctx, b, db)
	key := store.Key{ID: "FKbench", Secret: "benchsecret", Account: "default", Created: time.Now()}
	if err := db.PutKey(ctx, key); err != nil {
		b.Fatal(err)
	}
	eng, err := engine.New(ctx, engine.Options{
		Store: engine.Store{Jobs: db, Log: db, Tasks: db, States: db, Evidence: db, Catalog: db, Takedowns: db},
		Bus:   membus.New().Control(), Planner: newLadder(), MaxUnplanned: 1 << 30,
	})
	if err != nil {
		b.Fatal(err)
	}
	guard, err := auth.New(ctx, auth.Options{Keys: db})
	if err != nil {
		b.Fatal(err)
	}
	const round = 2 * time.Second
	var durable, bare float64
	rounds := 0
	for b.Loop() {
		// In turn, so that a slow minute of the machine slows both.
		bare += rate(b, rpc.New(rpc.Options{Engine: nowhere{}, Auth: guard}), ids, round)
		durable += rate(b, rpc.New(rpc.Options{Engine: eng, Auth: guard}), ids, round)
		rounds++
	}
	b.ReportMetric(durable/float64(rounds), "accepted/s")
	b.ReportMetric(bare/float64(rounds), "bare/s")
	b.ReportMetric(durable/bare, "ratio")
	b.ReportMetric(0, "ns/op")
}

// rate calls a handler over loopback for a time and returns calls per second.
func rate(b *testing.B, h http.Handler, ids []string, d time.Duration) float64 {
	b.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: callers}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ctx, cancel := context.WithTimeout(b.Context(), d)
	defer cancel()
	var done atomic.Int64
	ended := make(chan error, callers)
	began := time.Now()
	for range callers {
		go func() { ended <- callLoop(ctx, client, srv.URL, strings.Join(ids, ","), &done) }()
	}
	for range callers {
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
	return float64(done.Load()) / time.Since(began).Seconds()
}

func callLoop(ctx context.Context, client *http.Client, endpoint, ids string, done *atomic.Int64) error {
	for n := 0; ; n++ {
		p := url.Values{
			"Action": {"RefreshMediaPlayUrls"}, "Version": {"2017-03-21"}, "Format": {"JSON"},
			"MediaIds": {ids}, "TaskType": {"Refresh"},
		}
		auth.SignV1(http.MethodPost, p, "FKbench", "benchsecret", time.Now(), strconv.FormatInt(time.Now().UnixNano(), 36)+fmt.Sprintf("%p", &n))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/?"+p.Encode(), nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if ctx.Err() != nil {
			if err == nil {
				_ = resp.Body.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil && ctx.Err() != nil {
			return nil //nolint:nilerr // the time is over
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d: %s (%w)", resp.StatusCode, body, err)
		}
		done.Add(1)
	}
}
