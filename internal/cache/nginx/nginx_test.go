package nginx_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/nginx"
	"github.com/freshet-vod/freshet/internal/cache/nginx/nginxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T, origin http.Handler) cachetest.Harness {
		t.Helper()
		return open(t, expiring{origin}, setup{})
	})
}

// languages are the variants of the suite.
func languages() []string { return []string{"de", "en", "fr", "it", "xx", "late-de", "late-en"} }

// expiring lets nginx store what the suite calls stale: it stores nothing with
// max-age=0, but what another header says has expired.
type expiring struct{ http.Handler }

func (e expiring) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.Handler.ServeHTTP(&expired{ResponseWriter: w}, r)
}

type expired struct {
	http.ResponseWriter

	sent bool
}

func (e *expired) Unwrap() http.ResponseWriter { return e.ResponseWriter }

func (e *expired) WriteHeader(status int) {
	if h := e.Header(); !e.sent && h.Get("Cache-Control") == "max-age=0" {
		h.Del("Cache-Control")
		h.Set("X-Accel-Expires", "@1")
	}
	e.sent = true
	e.ResponseWriter.WriteHeader(status)
}

func (e *expired) Write(p []byte) (int, error) {
	if !e.sent {
		e.WriteHeader(http.StatusOK)
	}
	return e.ResponseWriter.Write(p)
}

// setup is how a test's nginx differs from the usual one.
type setup struct {
	server nginxtest.Options
	driver nginx.Options
}

// harness is an nginx in front of an origin, with a driver.
type harness struct {
	setup setup
	srv   *nginxtest.Server
	drv   *nginx.Driver
	front *http.Client
	end   context.CancelFunc
	ended chan struct{}
}

func open(t *testing.T, origin http.Handler, s setup) *harness {
	t.Helper()
	if testing.Short() {
		t.Skip("needs nginx")
	}
	o := httptest.NewServer(origin)
	t.Cleanup(o.Close)
	s.server.Dir, s.server.Origin = t.TempDir(), o.URL
	s.server.Domains = []freshet.Domain{cachetest.Domain(o.URL)}
	if s.server.Languages == nil && s.driver.Variants == nil {
		s.server.Languages = languages()
		s.driver.Variants = []nginx.Variant{{}}
		for _, l := range languages() {
			s.driver.Variants = append(s.driver.Variants, nginx.Variant{Label: l})
		}
	}
	h := &harness{setup: s}
	h.start(t)
	t.Cleanup(func() { h.stop(t) })
	return h
}

func (h *harness) start(t *testing.T) {
	t.Helper()
	srv, err := nginxtest.Start(t.Context(), h.setup.server)
	if err != nil {
		t.Fatal(err)
	}
	h.srv = srv
	h.startDriver(t)
}

func (h *harness) startDriver(t *testing.T) {
	t.Helper()
	srv := h.srv
	o := h.setup.driver
	o.Control, o.URL, o.Path, o.Levels = srv.Control, srv.URL, srv.Cache, nginxtest.Levels
	o.DenyFolder = h.setup.server.Denied()
	d, err := nginx.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.SetTopology(freshet.Topology{Version: 1, Domains: h.setup.server.Domains})
	h.drv = d
	ctx, cancel := context.WithCancel(context.Background())
	h.end, h.ended = cancel, make(chan struct{})
	go func() {
		defer close(h.ended)
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	h.front = &http.Client{
		Transport: &http.Transport{
			DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "tcp", strings.TrimPrefix(srv.URL, "http://"))
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (h *harness) stopDriver(t *testing.T) {
	t.Helper()
	h.front.CloseIdleConnections()
	h.end()
	<-h.ended
	if err := h.drv.Close(); err != nil {
		t.Error(err)
	}
}

func (h *harness) stop(t *testing.T) {
	t.Helper()
	h.stopDriver(t)
	if err := h.srv.Stop(); err != nil {
		t.Error(err)
	}
}

func (h *harness) Driver() cache.Driver { return h.drv }

func (h *harness) Get(ctx context.Context, url string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	id := rand.Text()
	req.Header.Set("X-Viewer", id)
	resp, err := h.front.Do(req)
	if err == nil {
		resp.Body = &logged{ReadCloser: resp.Body, log: h.srv.Access, id: id}
	}
	return resp, err
}

// logged ends a body only when nginx has logged its request: nginx sends the
// last byte a moment before it puts the file into its place.
type logged struct {
	io.ReadCloser

	log, id string
}

func (l *logged) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		deadline := time.Now().Add(2 * time.Second)
		for b, _ := os.ReadFile(l.log); !strings.Contains(string(b), l.id) && time.Now().Before(deadline); {
			runtime.Gosched()
			b, _ = os.ReadFile(l.log)
		}
	}
	return n, err
}

// Lacks implements cachetest.Limited.
func (h *harness) Lacks(test string) string {
	if test == "ViewersGetBytesWhileTheFillGoesOn" {
		return "nginx lets those who come during a fill wait for its end"
	}
	return ""
}

func (h *harness) Restart(t *testing.T) {
	t.Helper()
	h.stop(t)
	h.start(t)
}

// Crash starts nginx on what a kill left.
func (h *harness) Crash(t *testing.T) bool {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	copyDir(t, h.srv.Cache, image)
	h.stopDriver(t)
	if err := h.srv.Kill(); err != nil {
		t.Fatal(err)
	}
	h.replace(t, image)
	h.start(t)
	return true
}

// Save implements cachetest.OnDisk.
func (h *harness) Save(t *testing.T) func(*testing.T) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	h.stop(t)
	copyDir(t, h.srv.Cache, image)
	h.start(t)
	return func(t *testing.T) {
		t.Helper()
		h.stop(t)
		h.replace(t, image)
		h.start(t)
	}
}

// Lose implements cachetest.OnDisk.
func (h *harness) Lose(t *testing.T) {
	t.Helper()
	h.stop(t)
	if err := os.RemoveAll(h.srv.Cache); err != nil {
		t.Fatal(err)
	}
	h.start(t)
}

// replace puts an image in the content's place.
func (h *harness) replace(t *testing.T, image string) {
	t.Helper()
	if err := os.RemoveAll(h.srv.Cache); err != nil {
		t.Fatal(err)
	}
	copyDir(t, image, h.srv.Cache)
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
