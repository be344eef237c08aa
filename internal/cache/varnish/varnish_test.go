package varnish_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/varnish"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T, origin http.Handler) cachetest.Harness {
		t.Helper()
		return open(t, origin, setup{})
	})
}

func TestConformance_Soft(t *testing.T) {
	t.Parallel()
	cachetest.Run(t, func(t *testing.T, origin http.Handler) cachetest.Harness {
		t.Helper()
		return open(t, origin, setup{driver: varnish.Options{Soft: true}})
	}, "Purge", "Race")
}

// setup is how a test's Varnish differs from the usual one.
type setup struct {
	server varnishtest.Options
	driver varnish.Options
}

// harness is a varnishd in front of an origin, with a driver.
type harness struct {
	setup setup
	srv   *varnishtest.Server
	drv   *varnish.Driver
	front *http.Client
}

func open(t *testing.T, origin http.Handler, s setup) *harness {
	t.Helper()
	if testing.Short() {
		t.Skip("needs varnishd")
	}
	o := httptest.NewServer(origin)
	t.Cleanup(o.Close)
	s.server.Dir, s.server.Origin = t.TempDir(), o.URL
	s.server.Domains = []freshet.Domain{cachetest.Domain(o.URL)}
	h := &harness{setup: s}
	h.start(t)
	t.Cleanup(func() { h.stop(t) })
	return h
}

func (h *harness) start(t *testing.T) {
	t.Helper()
	srv, err := varnishtest.Start(t.Context(), h.setup.server)
	if err != nil {
		t.Fatal(err)
	}
	h.srv = srv
	o := h.setup.driver
	o.Control, o.URL, o.DenyFolder = srv.Control, srv.URL, h.setup.server.Denied()
	d, err := varnish.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.SetTopology(freshet.Topology{Version: 1, Domains: h.setup.server.Domains})
	h.drv = d
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

func (h *harness) stop(t *testing.T) {
	t.Helper()
	h.front.CloseIdleConnections()
	if err := h.drv.Close(); err != nil {
		t.Error(err)
	}
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
	return h.front.Do(req)
}

func (h *harness) Restart(t *testing.T) {
	t.Helper()
	h.stop(t)
	h.start(t)
}

func (h *harness) Crash(t *testing.T) bool {
	t.Helper()
	if err := h.srv.KillChild(t.Context()); err != nil {
		t.Fatal(err)
	}
	return true
}
