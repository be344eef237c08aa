package fetch_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/fetch"
)

func TestDescribe_AsksForNoBody(t *testing.T) {
	t.Parallel()
	const modified = "Mon, 05 Jan 2026 10:00:00 GMT"
	film := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", modified)
		http.ServeContent(w, r, "a.ts", time.Time{}, strings.NewReader(strings.Repeat("x", 100_000)))
	}
	whole := fetch.Description{Status: 200, ETag: `"1"`, LastModified: modified, Length: 100_000}
	for _, tc := range []struct {
		name string
		h    http.HandlerFunc
		want fetch.Description
		asks int
	}{
		{"head", film, whole, 1},
		{"no head", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			if r.Header.Get("Range") != "bytes=0-0" {
				t.Errorf("asked for %q", r.Header.Get("Range"))
			}
			film(w, r)
		}, whole, 2},
		{"no head and no ranges", func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			r.Header.Del("Range")
			film(w, r)
		}, whole, 2},
		{"no validator", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "film")
		}, fetch.Description{Status: 200, Length: 4}, 2},
		{"empty", func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "a.ts", time.Time{}, strings.NewReader(""))
		}, fetch.Description{Status: 200, Length: 0}, 2},
		{"gone", http.NotFound, fetch.Description{Status: 404, Length: 19}, 2},
		{"in trouble", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, fetch.Description{Status: 503}, 2},
		{"elsewhere", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://10.0.0.1/")
			w.WriteHeader(http.StatusFound)
		}, fetch.Description{Status: 302, Location: "http://10.0.0.1/"}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 10)
			c, origin := serve(t, fetch.Options{}, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/base/a/index.m3u8" || r.Header.Get("X-Forwarded-Host") != "vod.example.com" ||
					r.Header.Get("Accept-Encoding") != "" || r.Header.Get("Cache-Control") != "no-cache" {
					t.Errorf("asked for %s with %v", r.URL, r.Header)
				}
				asked <- r.Method
				tc.h(w, r)
			})
			got, err := c.Describe(t.Context(), origin+"/base/", object)
			if err != nil || got != tc.want || len(asked) != tc.asks {
				t.Fatalf("%+v after %d questions, %v; want %+v after %d", got, len(asked), err, tc.want, tc.asks)
			}
		})
	}
}

func TestDescribe_GivesUp(t *testing.T) {
	t.Parallel()
	c, origin := serve(t, fetch.Options{Timeout: 50 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	_, err := c.Describe(t.Context(), origin, object)
	wantKind(t, err, fetch.KindTimeout)
	_, err = c.Describe(t.Context(), "ftp://example.com", object)
	wantKind(t, err, fetch.KindAddress)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.Describe(ctx, origin, object); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
