package probe_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
	"github.com/freshet-vod/freshet/internal/fetch"
	"github.com/freshet-vod/freshet/internal/probe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const object = "http://vod.example.com/a/1.ts"

// answers is what one side says, in turn; the last one for ever.
type answers struct {
	mu   sync.Mutex
	list []answer
	seen []*http.Request
}

type answer struct {
	status   int
	etag     string
	modified string
	body     string
	location string
	cut      bool          // the body ends before its end
	after    time.Duration // the answer takes so long
	noHead   bool          // HEAD is not known
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	now := a.list[0]
	// One question may be a HEAD and a GET.
	if len(a.list) > 1 && (r.Method == http.MethodGet || !now.noHead) {
		a.list = a.list[1:]
	}
	a.seen = append(a.seen, r)
	a.mu.Unlock()
	select {
	case <-time.After(now.after):
	case <-r.Context().Done():
		return
	}
	if r.Method == http.MethodHead && now.noHead {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	for name, v := range map[string]string{"ETag": now.etag, "Last-Modified": now.modified, "Location": now.location} {
		if v != "" {
			h.Set(name, v)
		}
	}
	if now.status != 0 && now.status != http.StatusOK {
		w.WriteHeader(now.status)
		return
	}
	if now.cut {
		h.Set("Content-Length", "1000")
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(now.body))
}

func (a *answers) requests() []*http.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*http.Request(nil), a.seen...)
}

// sides are a front door and an origin.
type sides struct {
	door, origin *answers
	domain       freshet.Domain
	prober       *probe.Prober
}

func newSides(t *testing.T, served, has []answer, o probe.Options) *sides {
	t.Helper()
	s := &sides{door: &answers{list: served}, origin: &answers{list: has}}
	front, origin := httptest.NewServer(s.door), httptest.NewServer(s.origin)
	d, err := door.New(door.Options{URL: front.URL})
	if err != nil {
		t.Fatal(err)
	}
	c := fetch.New(fetch.Options{Retries: -1})
	t.Cleanup(func() {
		d.Close()
		c.Close()
		front.Close()
		origin.Close()
	})
	s.domain = freshet.Domain{Name: "vod.example.com", Origin: origin.URL + "/base"}
	o.Door, o.Origins = d, c
	s.prober = probe.New(o)
	return s
}

const (
	monday  = "Mon, 05 Jan 2026 10:00:00 GMT"
	tuesday = "Tue, 06 Jan 2026 10:00:00 GMT"
)

func of(list ...answer) []answer { return list }

func v(n string) answer { return answer{etag: `"` + n + `"`, body: "film " + n} }

// copyOf is what a cache says that it stores.
func copyOf(validator string, size int64) freshet.Copy {
	return freshet.Copy{FetchedAt: time.Unix(1, 0), Validator: validator, Size: size}
}

func TestProbe_JudgesAPurge(t *testing.T) {
	t.Parallel()
	status := func(n int) answer { return answer{status: n} }
	for _, tc := range []struct {
		name         string
		door, origin []answer
		before       freshet.Copy
		stored       freshet.Copy // what the cache has, fetched after the purge; zero: nothing that is
		want         freshet.Reason
	}{
		{"the origin's version", of(v("2")), of(v("2")), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonNone},
		{"the old version", of(v("1")), of(v("2")), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonMismatch},
		{"neither old nor the origin's", of(v("9")), of(v("2")), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonMismatch},
		{"the same as before, as the origin has it still", of(v("1")), of(v("1")), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonNone},
		{"a newer version is published before the request", of(v("3")), of(v("2"), v("3")), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonNone},
		{"a newer version is published after the request", of(v("2")), of(v("2"), v("3")), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonNone},
		{"newer versions before and after, stored after the purge", of(v("3")), of(v("2"), v("4")), copyOf(`"1"`, 6), copyOf(`"3"`, 6), freshet.ReasonNone},
		{"newer versions before and after, nothing known of what is stored", of(v("3")), of(v("2"), v("4")), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonMismatch},
		{"as before, but fetched after the purge", of(v("1")), of(v("2")), copyOf(`"1"`, 6), copyOf(`"1"`, 6), freshet.ReasonNone},
		{"the old version, beside a new one in the cache", of(v("1")), of(v("2")), copyOf(`"1"`, 6), copyOf(`"2"`, 6), freshet.ReasonMismatch},
		{"a tag that was weakened", of(answer{etag: `W/"2"`, body: "film"}), of(v("2")), freshet.Copy{}, freshet.Copy{}, freshet.ReasonNone},
		{"the origin knows no HEAD", of(v("2")), of(answer{etag: `"2"`, body: "film 2", noHead: true}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonNone},
		{"an empty object", of(answer{etag: `"e"`}), of(answer{etag: `"e"`, noHead: true}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonNone},

		{"equal dates", of(answer{modified: monday, body: "film"}), of(answer{modified: monday, body: "film"}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonNone},
		{"other dates", of(answer{modified: monday, body: "film"}), of(answer{modified: tuesday, body: "film"}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonMismatch},
		{"equal dates, other lengths", of(answer{modified: monday, body: "film"}), of(answer{modified: monday, body: "films"}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonMismatch},
		{"a tag on one side only, equal dates", of(answer{modified: monday, body: "film"}), of(answer{etag: `"2"`, modified: monday, body: "film"}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonNone},

		{"no validators, equal lengths", of(answer{body: "film"}), of(answer{body: "film"}), copyOf("", 3), freshet.Copy{}, freshet.ReasonNone},
		{"no validators, nothing but the length, which the old one had too", of(answer{body: "film"}), of(answer{body: "film"}), copyOf("", 4), freshet.Copy{}, freshet.ReasonMismatch},
		{"the same, but fetched after the purge", of(answer{body: "film"}), of(answer{body: "film"}), copyOf("", 4), copyOf("", 4), freshet.ReasonNone},
		{"no validators, other lengths", of(answer{body: "film"}), of(answer{body: "films"}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonMismatch},

		{"taken down", of(status(404)), of(status(404)), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonNone},
		{"taken down for good", of(status(404)), of(status(410)), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonNone},
		{"taken down, served all the same", of(v("1")), of(status(404)), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonMismatch},
		{"taken down after the cache had asked again", of(v("1")), of(status(410)), copyOf(`"1"`, 6), copyOf(`"1"`, 6), freshet.ReasonNone},
		{"back again after a takedown", of(v("2")), of(status(404), status(404), v("2")), copyOf(`"1"`, 6), freshet.Copy{}, freshet.ReasonNone},
		{"forbidden on both sides, as stores say of what is gone", of(status(403)), of(status(403)), freshet.Copy{}, freshet.Copy{}, freshet.ReasonNone},
		{"an error page of old", of(status(404)), of(v("1")), freshet.Copy{}, freshet.Copy{}, freshet.ReasonMismatch},
		{"the door wants a signature", of(status(403)), of(v("1")), freshet.Copy{}, freshet.Copy{}, freshet.ReasonRefused},

		{"a redirect, and the same", of(answer{status: 302, location: "/b"}), of(answer{status: 302, location: "/b"}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonNone},
		{"another redirect", of(answer{status: 302, location: "/a"}), of(answer{status: 302, location: "/b"}), freshet.Copy{}, freshet.Copy{}, freshet.ReasonMismatch},

		{"the origin is in trouble", of(v("1")), of(status(503)), freshet.Copy{}, freshet.Copy{}, freshet.ReasonOrigin5xx},
		{"the origin has too much to do", of(v("1")), of(status(429)), freshet.Copy{}, freshet.Copy{}, freshet.ReasonOrigin5xx},
		{"the door is in trouble", of(status(503)), of(v("1")), freshet.Copy{}, freshet.Copy{}, freshet.ReasonOrigin5xx},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newSides(t, tc.door, tc.origin, probe.Options{})
			got := s.prober.Probe(t.Context(), cache.Probe{
				Domain: s.domain, URL: object, Before: tc.before,
				Newer: func(context.Context) (freshet.Copy, bool) { return tc.stored, tc.stored.Stored() },
			})
			if got.Reason != tc.want || (got.Detail == "") != (tc.want == freshet.ReasonNone) {
				t.Fatalf("%q: %s, want %q", got.Reason, got.Detail, tc.want)
			}
		})
	}
}

func TestProbe_JudgesAPrefetch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name         string
		door, origin []answer
		stored       freshet.Copy
		want         freshet.Reason
	}{
		{"whole", of(v("2")), of(v("2")), freshet.Copy{}, freshet.ReasonNone},
		{"cut off", of(answer{etag: `"2"`, cut: true}), of(v("2")), freshet.Copy{}, freshet.ReasonMismatch},
		{"shorter than what the origin has", of(answer{etag: `"2"`, body: "fil"}), of(v("2")), freshet.Copy{}, freshet.ReasonMismatch},
		{"another version", of(v("1")), of(v("2")), freshet.Copy{}, freshet.ReasonMismatch},
		{"another version, and the one that was fetched", of(v("1")), of(v("2")), copyOf(`"1"`, 6), freshet.ReasonNone},
		{"not there", of(answer{status: 404}), of(v("2")), freshet.Copy{}, freshet.ReasonMismatch},
		{"no validators, equal lengths", of(answer{body: "film"}), of(answer{body: "film"}), freshet.Copy{}, freshet.ReasonNone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newSides(t, tc.door, tc.origin, probe.Options{})
			got := s.prober.Probe(t.Context(), cache.Probe{
				Domain: s.domain, URL: object, Whole: true,
				Newer: func(context.Context) (freshet.Copy, bool) { return tc.stored, tc.stored.Stored() },
			})
			if got.Reason != tc.want {
				t.Fatalf("%q: %s, want %q", got.Reason, got.Detail, tc.want)
			}
		})
	}
}

func TestP9_ProbeAsksTheDoorAndTheDeclaredOriginOnly(t *testing.T) {
	t.Parallel()
	s := newSides(t, of(v("2")), of(v("2")), probe.Options{})
	if got := s.prober.Probe(t.Context(), cache.Probe{Domain: s.domain, URL: object + "?x=1"}); got.Reason != freshet.ReasonNone {
		t.Fatal(got)
	}
	at, asked := s.door.requests(), s.origin.requests()
	if len(at) != 1 || len(asked) != 1 {
		t.Fatalf("%d requests at the door and %d at the origin, want one each", len(at), len(asked))
	}
	if r := at[0]; r.Method != http.MethodGet || r.Host != "vod.example.com" || r.RequestURI != "/a/1.ts?x=1" || r.Header.Get("Range") != "bytes=0-0" {
		t.Fatalf("at the door: %s %s %s, range %q", r.Method, r.Host, r.RequestURI, r.Header.Get("Range"))
	}
	if r := asked[0]; r.Method != http.MethodHead || r.RequestURI != "/base/a/1.ts?x=1" || r.Header.Get("X-Forwarded-Host") != "vod.example.com" {
		t.Fatalf("at the origin: %s %s %v", r.Method, r.RequestURI, r.Header)
	}
	// Redirects are compared, not followed.
	elsewhere := &answers{list: of(v("2"))}
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	moved := answer{status: http.StatusFound, location: other.URL + "/a"}
	s = newSides(t, of(moved), of(moved), probe.Options{})
	s.prober.Probe(t.Context(), cache.Probe{Domain: s.domain, URL: object})
	if n := len(elsewhere.requests()); n != 0 {
		t.Fatal("a redirect was followed")
	}
}

func TestProbe_WhoIsAway(t *testing.T) {
	t.Parallel()
	s := newSides(t, of(v("2")), of(v("2")), probe.Options{})
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	d := s.domain
	d.Origin = gone.URL
	if got := s.prober.Probe(t.Context(), cache.Probe{Domain: d, URL: object}); got.Reason != freshet.ReasonOrigin5xx {
		t.Fatalf("an origin that is away: %+v", got)
	}
	shut, err := door.New(door.Options{URL: gone.URL})
	if err != nil {
		t.Fatal(err)
	}
	c := fetch.New(fetch.Options{Retries: -1})
	defer c.Close()
	p := probe.New(probe.Options{Door: shut, Origins: c})
	if got := p.Probe(t.Context(), cache.Probe{Domain: s.domain, URL: object}); got.Reason != freshet.ReasonUnreachable {
		t.Fatalf("a door that is shut: %+v", got)
	}
}

func TestP10_ProbesAreBounded(t *testing.T) {
	t.Parallel()
	slow := v("2")
	slow.after = time.Hour
	s := newSides(t, of(slow), of(v("2")), probe.Options{Timeout: 50 * time.Millisecond, AtOnce: 2})
	if got := s.prober.Probe(t.Context(), cache.Probe{Domain: s.domain, URL: object}); got.Reason != freshet.ReasonTimeout {
		t.Fatalf("a door that does not answer: %+v", got)
	}
	// Of many, two run at a time, and all give up with their caller.
	s = newSides(t, of(slow), of(v("2")), probe.Options{AtOnce: 2})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var late atomic.Int64
	for range 10 {
		wg.Go(func() {
			if got := s.prober.Probe(ctx, cache.Probe{Domain: s.domain, URL: object}); got.Reason == freshet.ReasonTimeout {
				late.Add(1)
			}
		})
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(s.door.requests()) < 2 {
		<-tick.C
	}
	cancel()
	wg.Wait()
	if n := len(s.door.requests()); n != 2 || late.Load() != 10 {
		t.Fatalf("%d requests at the door, %d probes ended", n, late.Load())
	}
}
