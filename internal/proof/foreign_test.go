package proof_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache/nginx/nginxtest"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// varnish is a varnishd beside a POP.
type varnish struct{ *varnishtest.Server }

// varnishCache starts a varnishd with the supplied VCL.
func varnishCache(ctx context.Context, site cluster.Site) (cluster.ForeignCache, error) {
	s, err := varnishtest.Start(ctx, varnishtest.Options{
		Dir: site.Dir, Origin: "http://" + site.Upstream[0], Domains: []freshet.Domain{{Name: site.Domain}},
	})
	if err != nil {
		return nil, err
	}
	return varnish{s}, nil
}

// Door implements cluster.ForeignCache.
func (v varnish) Door() string { return strings.TrimPrefix(v.URL, "http://") }

// Config implements cluster.ForeignCache.
func (v varnish) Config() string {
	return fmt.Sprintf("[{driver: varnish, url: %q, control: %q}]", v.URL, v.Control)
}

// Stop implements cluster.ForeignCache.
func (v varnish) Stop() { _ = v.Server.Stop() }

// nginx is an nginx beside a POP.
type nginx struct {
	*nginxtest.Server

	options nginxtest.Options
}

// nginxCache starts an nginx with the supplied configuration.
func nginxCache(ctx context.Context, site cluster.Site) (cluster.ForeignCache, error) {
	o := nginxtest.Options{
		Dir: site.Dir, Origin: "http://" + site.Upstream[0], Domains: []freshet.Domain{{Name: site.Domain}}, Parent: true,
	}
	s, err := nginxtest.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	return &nginx{s, o}, nil
}

// Door implements cluster.ForeignCache.
func (n *nginx) Door() string { return strings.TrimPrefix(n.URL, "http://") }

// Config implements cluster.ForeignCache.
func (n *nginx) Config() string {
	return fmt.Sprintf("[{driver: nginx, url: %q, control: %q, nginx: {path: %q}}]", n.URL, n.Control, n.Cache)
}

// Stop implements cluster.ForeignCache.
func (n *nginx) Stop() { _ = n.Server.Stop() }
