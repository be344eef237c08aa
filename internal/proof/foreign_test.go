package proof_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

// emptied takes away what a cache holds: a Varnish is killed and starts anew,
// the folder of an nginx loses its files.
func emptied(t *testing.T, c cluster.ForeignCache) {
	t.Helper()
	switch c := c.(type) {
	case varnish:
		must(t, c.KillChild(t.Context()))
	case *nginx:
		list, err := os.ReadDir(c.Cache)
		must(t, err)
		for _, e := range list {
			must(t, os.RemoveAll(filepath.Join(c.Cache, e.Name())))
		}
	}
}

func folderOf(c cluster.ForeignCache) string { return c.(*nginx).Cache }

func halt(t *testing.T, c cluster.ForeignCache) {
	t.Helper()
	must(t, c.(*nginx).Server.Stop())
}

func resume(ctx context.Context, t *testing.T, c cluster.ForeignCache) {
	t.Helper()
	must(t, c.(*nginx).Again(ctx))
}

// checkVarnishLog fails unless Varnish's own log tells of a purge of each URL.
func checkVarnishLog(t *testing.T, c cluster.ForeignCache, urls []string) {
	t.Helper()
	lines, err := c.(varnish).Log(t.Context(), "%{X-Freshet-Op}i http://%{Host}i%U%q %s")
	must(t, err)
	for _, u := range urls {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "purge "+u+" ") }) {
			t.Errorf("Varnish's log has no purge of %s", u)
		}
	}
}

// checkNginxFolder fails if nginx's folder holds a file of one of the URLs.
func checkNginxFolder(t *testing.T, c cluster.ForeignCache, urls []string) {
	t.Helper()
	keys := map[string]bool{}
	for _, u := range urls {
		keys[strings.TrimPrefix(u, "http://")] = true
	}
	err := filepath.WalkDir(folderOf(c), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(text), "\nKEY: ")
		key, _, _ := strings.Cut(rest, "|")
		if keys[key] {
			t.Errorf("nginx's folder holds %s of %s", path, key)
		}
		return nil
	})
	must(t, err)
}
