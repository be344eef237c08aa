package urlsign_test

import (
	"net/url"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

// BenchmarkVerify is what a request to a domain that enforces signatures pays
// on top.
func BenchmarkVerify(b *testing.B) {
	for _, typ := range freshet.AuthTypes() {
		b.Run(string(typ), func(b *testing.B) {
			signed, err := urlsign.Sign(auth(typ), "http://h/customer/4/44/44c0909bcfc20a01afaf256ca99a8b8b/video.m3u8?q=1", urlsign.Request{Now: at()})
			if err != nil {
				b.Fatal(err)
			}
			u, err := url.Parse(signed)
			if err != nil {
				b.Fatal(err)
			}
			path, query, a := u.EscapedPath(), u.RawQuery, auth(typ)
			b.ReportAllocs()
			for b.Loop() {
				if v := urlsign.Verify(a, path, query, at()); v != urlsign.Valid {
					b.Fatal(v)
				}
			}
		})
	}
}

// BenchmarkSign is what GetPlayInfo pays for each URL.
func BenchmarkSign(b *testing.B) {
	for _, typ := range freshet.AuthTypes() {
		b.Run(string(typ), func(b *testing.B) {
			a := auth(typ)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := urlsign.Sign(a, "http://h/customer/4/44/44c0909bcfc20a01afaf256ca99a8b8b/video.m3u8", urlsign.Request{Now: at()}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
