package edgecache_test

import (
	"context"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	edgecache "github.com/freshet-vod/freshet/internal/cache/edge"
	"github.com/freshet-vod/freshet/internal/edge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, open)
}

// harness is an edge cache in front of an origin, behind an HTTP server.
type harness struct {
	dir    string
	origin string
	cache  *edge.Cache
	front  *httptest.Server
	client *http.Client
	driver *edgecache.Driver
}

func open(t *testing.T, origin http.Handler) cachetest.Harness {
	t.Helper()
	o := httptest.NewServer(origin)
	t.Cleanup(o.Close)
	h := &harness{dir: t.TempDir(), origin: o.URL}
	h.start(t)
	t.Cleanup(func() { h.stop(t) })
	return h
}

func (h *harness) start(t *testing.T) {
	t.Helper()
	c, err := edge.Open(t.Context(), edge.Options{Dir: h.dir, POP: "local"})
	if err != nil {
		t.Fatal(err)
	}
	c.SetTopology(freshet.Topology{
		Version: 1,
		Domains: []freshet.Domain{cachetest.Domain(h.origin)},
		POPs:    []freshet.POP{{ID: "local"}},
	})
	c.SetReady(true)
	h.cache, h.driver = c, edgecache.New(c)
	h.front = httptest.NewServer(c)
	h.client = clientOf(h.front.Listener.Addr().String())
}

// clientOf makes a client to whom every host is at one address.
func clientOf(addr string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		},
	}}
}

func (h *harness) stop(t *testing.T) {
	t.Helper()
	h.client.CloseIdleConnections()
	h.front.Close()
	if err := h.cache.Close(); err != nil {
		t.Error(err)
	}
}

func (h *harness) Driver() cache.Driver { return h.driver }

func (h *harness) Get(ctx context.Context, url string, header http.Header) (*http.Response, error) {
	return get(ctx, h.client, url, header)
}

func get(ctx context.Context, c *http.Client, url string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	return c.Do(req)
}

func (h *harness) Restart(t *testing.T) {
	t.Helper()
	h.stop(t)
	h.start(t)
}

// Crash copies what is on disk at this moment and opens the copy: the same as
// a kill would have left, while the old cache still runs.
func (h *harness) Crash(t *testing.T) bool {
	t.Helper()
	image := t.TempDir()
	copyDir(t, h.dir, image)
	h.stop(t)
	h.dir = image
	h.start(t)
	return true
}

// Save implements cachetest.OnDisk.
func (h *harness) Save(t *testing.T) func(*testing.T) {
	t.Helper()
	image := t.TempDir()
	h.stop(t)
	copyDir(t, h.dir, image)
	h.start(t)
	return func(t *testing.T) {
		t.Helper()
		h.stop(t)
		h.dir = image
		h.start(t)
	}
}

// Lose implements cachetest.OnDisk.
func (h *harness) Lose(t *testing.T) {
	t.Helper()
	h.stop(t)
	h.dir = t.TempDir()
	h.start(t)
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o750)
		}
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // unlinked after its purge
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
