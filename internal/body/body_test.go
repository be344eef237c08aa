package body_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/freshet-vod/freshet/internal/body"
	"github.com/freshet-vod/freshet/internal/cost"
)

func request(t *testing.T, r io.Reader, length int64) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", r)
	req.ContentLength = length
	return req
}

func TestRead_ReturnsTheBodyWhole(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 100, 16 << 10, 16<<10 + 1, 80 << 10, 3 << 20, 3<<20 + 17} {
		want := bytes.Repeat([]byte("abcdefg"), n/7+1)[:n]
		for _, length := range []int64{int64(n), -1} {
			for _, r := range []io.Reader{bytes.NewReader(want), iotest.HalfReader(bytes.NewReader(want)), iotest.DataErrReader(bytes.NewReader(want))} {
				got, err := body.Read(httptest.NewRecorder(), request(t, r, length), body.Limits{Bytes: 3<<20 + 17, Within: time.Minute})
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, said %d: got %d, %v", n, length, len(got), err)
				}
			}
		}
	}
	if got, err := body.Read(httptest.NewRecorder(), request(t, http.NoBody, 0), body.Limits{}); got != nil || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestRead_RefusesByName(t *testing.T) {
	t.Parallel()
	limits := body.Limits{Bytes: 100, Undeclared: 50}
	for name, c := range map[string]struct {
		n, length int
		limit     int64
	}{
		"said to be too long": {101, 101, 100}, "too long without saying so": {51, -1, 50}, "said to be endless": {0, 1 << 62, 100},
	} {
		_, err := body.Read(httptest.NewRecorder(), request(t, strings.NewReader(strings.Repeat("x", c.n)), int64(c.length)), limits)
		if e, ok := errors.AsType[*body.TooLargeError](err); !ok || e.Limit != c.limit || e.Undeclared != (c.length < 0) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := body.Read(httptest.NewRecorder(), request(t, strings.NewReader("short"), 9), limits); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that ends early: %v", err)
	}
	broken := errors.New("broken")
	if _, err := body.Read(httptest.NewRecorder(), request(t, iotest.ErrReader(broken), -1), limits); !errors.Is(err, broken) {
		t.Errorf("a connection that breaks: %v", err)
	}
	for encoding, ok := range map[string]bool{"gzip": false, "br": false, "identity": true, " Identity ": true, "": true, "gzip, gzip": false} {
		r := request(t, strings.NewReader("x"), 1)
		r.Header.Set("Content-Encoding", encoding)
		if _, err := body.Read(httptest.NewRecorder(), r, limits); (err == nil) != ok || err != nil && !errors.Is(err, body.ErrEncoded) {
			t.Errorf("%q: %v", encoding, err)
		}
	}
}

// TestP10_LongBodiesCostLittle: what is not read costs nothing, and what must be
// no more than its bytes.
func TestP10_LongBodiesCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	limits := body.Limits{Bytes: 16 << 20, Undeclared: 8 << 20}
	for name, length := range map[string]int64{"said": 100 << 20, "not said": -1} {
		t.Run(name, func(t *testing.T) {
			cost.Refusal(t, func() {
				_, err := body.Read(httptest.NewRecorder(), request(t, io.LimitReader(zeros{}, 100<<20), length), limits)
				if _, ok := errors.AsType[*body.TooLargeError](err); !ok {
					t.Error(err)
				}
			})
		})
	}
	t.Run("promised and not sent", func(t *testing.T) {
		c := cost.Of(3, func() {
			_, _ = body.Read(httptest.NewRecorder(), request(t, strings.NewReader("x"), 16<<20), limits)
		})
		if c.Bytes > 100<<10 {
			t.Errorf("it took %v", c)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestP10_SlowBodiesEnd: whoever sends a byte now and then is not waited for, and
// the time of one request is not that of the next.
func TestP10_SlowBodiesEnd(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 2)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := body.Read(w, r, body.Limits{Bytes: 100, Within: 100 * time.Millisecond})
		errs <- err
	}))
	t.Cleanup(srv.Close)
	slow, drip := io.Pipe()
	t.Cleanup(func() { _ = drip.Close() })
	go func() { _, _ = drip.Write([]byte("x")) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, slow)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if resp, err := srv.Client().Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
	for range 2 {
		resp, err := srv.Client().Post(srv.URL, "text/plain", strings.NewReader("quick")) //nolint:noctx // a test's
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
