package fetch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/fetch"
)

func TestP10_SizeIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 1000
	zipped := func(n int) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(bytes.Repeat([]byte("a"), n))
		_ = z.Close()
		return b.Bytes()
	}
	c, origin := serve(t, fetch.Options{MaxBytes: limit}, func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscanf(r.URL.RawQuery, "%d", &n)
		switch r.URL.Path {
		case "/declared":
			w.Header().Set("Content-Length", fmt.Sprint(n))
			_, _ = w.Write(bytes.Repeat([]byte("a"), n))
		case "/chunked":
			w.(http.Flusher).Flush()
			_, _ = w.Write(bytes.Repeat([]byte("a"), n))
		case "/gzip":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped(n))
		}
	})
	for _, path := range []string{"/declared", "/chunked", "/gzip"} {
		for n, fits := range map[int]bool{0: true, 999: true, limit: true, limit + 1: false, 100 * limit: false} {
			body, _, err := c.Get(t.Context(), origin, fmt.Sprintf("http://vod.example.com%s?%d", path, n))
			if fits {
				if err != nil || len(body) != n {
					t.Errorf("%s of %d bytes: got %d, %v", path, n, len(body), err)
				}
				continue
			}
			if e := wantKind(t, err, fetch.KindTooLarge); !strings.Contains(e.Reason(), "1000") {
				t.Errorf("%q does not name the limit", e.Reason())
			}
		}
	}
}

func TestP10_TimeIsBounded(t *testing.T) {
	t.Parallel()
	drip := func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			_, _ = io.WriteString(w, "#")
			w.(http.Flusher).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	}
	t.Run("drip", func(t *testing.T) {
		t.Parallel()
		c, origin := serve(t, fetch.Options{Timeout: 80 * time.Millisecond}, drip)
		_, _, err := c.Get(t.Context(), origin, object)
		if e := wantKind(t, err, fetch.KindTimeout); !strings.Contains(e.Reason(), "80ms") {
			t.Errorf("%q does not name the limit", e.Reason())
		}
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		c, origin := serve(t, fetch.Options{HeaderTimeout: 50 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		})
		_, _, err := c.Get(t.Context(), origin, object)
		if e := wantKind(t, err, fetch.KindTimeout); !strings.Contains(e.Reason(), "50ms") {
			t.Errorf("%q does not name the limit", e.Reason())
		}
	})
	t.Run("the caller's end", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("the planner stops")
		c, origin := serve(t, fetch.Options{}, func(_ http.ResponseWriter, r *http.Request) {
			cancel(stop)
			<-r.Context().Done()
		})
		if _, _, err := c.Get(ctx, origin, object); !errors.Is(err, stop) {
			t.Errorf("got %v, want the cause of the context's end", err)
		}
	})
}

func TestP10_RequestsPerOriginAreBounded(t *testing.T) {
	t.Parallel()
	const limit, calls = 3, 20
	var now, most atomic.Int32
	full := make(chan struct{})
	var once sync.Once
	c, origin := serve(t, fetch.Options{PerHost: limit}, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == limit {
			once.Do(func() { close(full) })
		}
		<-full // the first ones wait until the limit is reached
		_, _ = io.WriteString(w, "ok")
	})
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			if _, _, err := c.Get(t.Context(), origin, object); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if m := most.Load(); m != limit {
		t.Errorf("%d requests at a time, want exactly %d", m, limit)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Get(ctx, origin, object); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after the end of the context", err)
	}
}

func TestP10_AttemptsAreBounded(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c, origin := serve(t, fetch.Options{Retries: 2}, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	_, _, err := c.Get(t.Context(), origin, object)
	wantKind(t, err, fetch.KindStatus)
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times, want one attempt and two more", n)
	}
}
