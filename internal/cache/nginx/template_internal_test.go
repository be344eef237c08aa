package nginx

import (
	"slices"
	"testing"

	"github.com/freshet-vod/freshet"
)

func domains() []freshet.Domain {
	return []freshet.Domain{
		{Name: "vod.example.com", Aliases: []string{"alias.example.com"}, Origin: "http://origin.example.com:8080", IgnoreParams: []string{"utm_source"}},
		{Name: "127.0.0.1:8081", Origin: "http://other.example.com"},
	}
}

func TestTemplate_ReadsWhatNginxWrites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ template, key, url, variant, slice string }{
		{DefaultKey, "vod.example.com/a?x=1|gzip", "http://vod.example.com/a?x=1", "gzip", ""},
		{DefaultKey, "vod.example.com/a|", "http://vod.example.com/a", "", ""},
		{DefaultKey, "vod.example.com/a|gzipbytes=0-1048575", "http://vod.example.com/a", "gzip", "bytes=0-1048575"},
		{"$freshet_host$freshet_uri|$freshet_variant", "vod.example.com/a|bytes=0-1023", "http://vod.example.com/a", "", "bytes=0-1023"},
		{DefaultKey, "vod.example.com/a|b|br", "http://vod.example.com/a%7Cb", "br", ""},
		{"$scheme$proxy_host$request_uri", "httporigin.example.com:8080/a?auth_key=7", "http://vod.example.com/a", "", ""},
		{"$scheme$proxy_host$request_uri", "httpsorigin.example.com:8080/a", "http://vod.example.com/a", "", ""},
		{"$scheme://$host$request_uri", "https://alias.example.com/%61?utm_source=x&b=2", "http://vod.example.com/a?b=2", "", ""},
		{"$scheme://$host$request_uri", "http://127.0.0.1/a", "http://127.0.0.1:8081/a", "", ""},
		{"$scheme$host$request_uri", "httpsunknown.example/a", "http://unknown.example/a", "", ""},
		{"${scheme}://${http_host}$uri$is_args$args", "http://VOD.example.com:80/a b?c=d", "http://vod.example.com/a%20b?c=d", "", ""},
		{"$request_method|$host$request_uri", "HEAD|vod.example.com/a", "http://vod.example.com/a", "", ""},
		{"$host$uri$slice_range", "vod.example.com/abytes=0-9", "http://vod.example.com/abytes=0-9", "", ""},
	} {
		tmpl, err := newTemplate(c.template)
		if err != nil {
			t.Errorf("%s: %v", c.template, err)
			continue
		}
		r, ok := tmpl.read(c.key, domains())
		if c.template == "$host$uri$slice_range" {
			c.url, c.slice = "http://vod.example.com/a", "bytes=0-9"
		}
		if !ok || r.url != c.url || r.variant != c.variant || r.slice != c.slice {
			t.Errorf("%s: %q = %+v %v, want %q %q %q", c.template, c.key, r, ok, c.url, c.variant, c.slice)
		}
	}
}

func TestTemplate_WhatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"", "$host", "$request_uri", "$uri$is_args$args", "$scheme$request_uri", "$cookie_id$host$uri", "$host$request_uri$args",
		"$host$uri$args", "$host$freshet_variant$request_uri", "$host$request_uri$freshet_variant", "$hostx$uri", "$host$host$uri",
		"$host.example$request_uri", "$request_uri$host", "$freshet_variant$host$uri", "$host$uri$request_method",
	} {
		if _, err := newTemplate(key); err == nil {
			t.Errorf("%q is taken", key)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("http://vod.example.com/a/b.ts?x=1&y", "gzip")
	f.Add("http://127.0.0.1:8081/%2F|%7C?a|b", "")
	f.Add("http://x/a?b?c/../d", "br")
	keys := []string{
		DefaultKey, "$freshet_host$freshet_uri|$freshet_variant", "$scheme://$host$request_uri", "$scheme$http_host$request_uri",
		"$request_method|$http_host$request_uri|$freshet_variant", "$http_host|$request_uri|$slice_range",
	}
	f.Fuzz(func(t *testing.T, raw, variant string) {
		url, _, err := freshet.Address(raw, append(domains(), freshet.Domain{Name: "x"}))
		for _, key := range keys {
			tmpl, err2 := newTemplate(key)
			if err2 != nil {
				t.Fatal(err2)
			}
			if r, ok := tmpl.read(raw, domains()); ok {
				if again, err := freshet.Canonical(r.url, nil); err != nil || again != r.url {
					t.Errorf("%s: %q is read as %q, which is not canonical (%v)", key, raw, r.url, err)
				}
			}
			if err != nil || slices.ContainsFunc([]byte(variant), func(c byte) bool { return c == '|' || c == '=' || c == '\n' }) {
				continue
			}
			for _, k := range tmpl.keys(url, domains(), []string{variant}, []string{"", "bytes=0-1048575"}) {
				r, ok := tmpl.read(k, domains())
				if !ok || r.url != url || tmpl.has[varVariant] && r.variant != variant {
					t.Errorf("%s: %q became %q and was read as %+v %v", key, url, k, r, ok)
				}
			}
		}
	})
}

// Whatever anybody writes as a key, it is refused or can be read.
func FuzzNewTemplate(f *testing.F) {
	f.Add("$scheme$proxy_host$request_uri")
	f.Add("${host}|$uri$is_args$args")
	f.Add("$")
	f.Add("${")
	f.Fuzz(func(t *testing.T, key string) {
		tmpl, err := newTemplate(key)
		if err != nil {
			return
		}
		for _, k := range tmpl.keys("http://vod.example.com/a?b=c", domains(), []string{"gzip"}, []string{""}) {
			if r, ok := tmpl.read(k, domains()); !ok {
				t.Errorf("%q: its own key %q is read as %+v %v", key, k, r, ok)
			}
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add(fileOf("vod.example.com/a|", "HTTP/1.1 206 Partial Content\r\nETag: \"x\"\r\nX-Freshet-Fetch: 1795534841.593 0.005\r\nContent-Range: bytes 0-9/100\r\n\r\n", 10), int64(1000))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		h, err := parseHead(b, size)
		if err == nil && (h.size < 0 || h.first < 0 || h.total < 0) {
			t.Errorf("%+v", h)
		}
	})
}

func TestHead_OfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	b := fileOf("k", "HTTP/1.1 200 OK\r\n\r\n", 3)
	if h, err := parseHead(b, int64(len(b))); err != nil || h.key != "k" || h.size != 3 || h.status != 200 {
		t.Fatalf("%+v %v", h, err)
	}
	for at, v := range map[int]byte{0: 4, headSize: 'x', offHeaderStart: 1} {
		c := slices.Clone(b)
		c[at] = v
		if _, err := parseHead(c, int64(len(c))); err == nil {
			t.Errorf("with %d at %d it is taken", v, at)
		}
	}
}
