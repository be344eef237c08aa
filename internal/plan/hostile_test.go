package plan_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cost"
	"github.com/freshet-vod/freshet/internal/fetch"
	"github.com/freshet-vod/freshet/internal/hls"
	"github.com/freshet-vod/freshet/internal/plan"
)

// everything is the job for which the most is read, and from which the most is
// left out.
func everything() *freshet.Job { return job(freshet.Purge, freshet.Filter{Everything: true}) }

// hostileOrigin serves an origin and returns a planner that reads from it as the
// server does. Any connection to another address fails the test.
func hostileOrigin(tb testing.TB, o fetch.Options, h http.Handler) (*world, *plan.Planner) {
	tb.Helper()
	srv := httptest.NewServer(h)
	at := srv.Listener.Addr().String()
	o.Retries = -1
	o.Guard = func(_, address string, _ syscall.RawConn) error {
		if address != at {
			tb.Errorf("it connected to %s", address)
			return errors.New("not the origin")
		}
		return nil
	}
	o.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		tb.Error("it looked a name up")
		return nil, errors.New("no names")
	}}
	c := fetch.New(o)
	tb.Cleanup(func() { c.Close(); srv.CloseClientConnections(); srv.Close() })
	w := newWorld()
	for i := range w.domains {
		w.domains[i].Origin = srv.URL
	}
	return w, w.planner(plan.Options{Fetcher: c})
}

// folder serves a folder of the corpus. A file beside another, with .head behind
// its name, has the status and the fields of the answer.
func folder(dir string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := filepath.Join(dir, filepath.Base(r.URL.Path))
		body, err := os.ReadFile(name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		status := http.StatusOK
		if head, err := os.ReadFile(name + ".head"); err == nil {
			first, fields, _ := strings.Cut(string(head), "\n")
			status, _ = strconv.Atoi(first)
			for line := range strings.SplitSeq(strings.TrimSpace(fields), "\n") {
				if name, value, ok := strings.Cut(line, ":"); ok {
					w.Header().Add(name, strings.TrimSpace(value))
				}
			}
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// TestP9_HostilePlaylists plans what stands in testdata/hostile, each folder an
// origin: want.txt has all that is planned, and why the rest is not. Nothing but
// the origin is ever asked.
func TestP9_HostilePlaylists(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob("testdata/hostile/*/index.m3u8")
	if err != nil || len(all) < 30 {
		t.Fatalf("found %d cases, %v", len(all), err)
	}
	for _, index := range all {
		dir := filepath.Dir(index)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			w, p := hostileOrigin(t, fetch.Options{}, folder(dir))
			r := mustPlan(t, p, everything(), media(stream("m3u8", "HD", "http://vod.example.com/index.m3u8")))
			compare(t, filepath.Join(dir, "want.txt"), render(r))
			for _, u := range r.URLs {
				if c, err := freshet.Canonical(u.URL, nil); err != nil || c != u.URL {
					t.Errorf("planned %q: %v", u.URL, err)
				}
			}
			nothingSilent(t, w, dir, r)
		})
	}
}

// nothingSilent holds P6: each line of a playlist that is neither a tag nor data
// itself names something that is planned, or is told as a problem.
func nothingSilent(t *testing.T, w *world, dir string, r freshet.PlannedRow) {
	t.Helper()
	const index = "http://vod.example.com/index.m3u8"
	told := map[string]bool{}
	for _, u := range urls(r) {
		told[u] = true
	}
	for _, p := range r.Problems {
		if p.URL == index && strings.HasPrefix(p.Reason, "the playlist could not be read") {
			return
		}
		line, _, _ := strings.Cut(p.Reason, ":")
		told[p.URL], told[line] = true, true
	}
	body, err := os.ReadFile(filepath.Join(dir, "index.m3u8"))
	if err != nil {
		t.Fatal(err)
	}
	base, err := url.Parse(index)
	if err != nil {
		t.Fatal(err)
	}
	list, err := hls.Parse(body, base, hls.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range list.Refs {
		u, _, err := freshet.Address(ref.URL, w.domains)
		if ref.Kind != hls.KindKey && !told[fmt.Sprintf("line %d", ref.Line)] && !told[shown(ref.URL)] && (err != nil || !told[u]) {
			t.Errorf("line %d names %q, of which nothing is told", ref.Line, ref.URL)
		}
		told[fmt.Sprintf("line %d", ref.Line)] = true
	}
	n := 0
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' && !bytes.HasPrefix(line, []byte("data:")) && !told[fmt.Sprintf("line %d", n)] {
			t.Errorf("nothing is told of line %d, %q", n, line)
		}
	}
}

// shown is a URL as a problem has it: without what it says of a user, and no
// longer than a URL may be.
func shown(raw string) string {
	u, err := url.Parse(raw)
	if err == nil && u.User != nil {
		return u.Scheme + "://…" + raw[strings.IndexByte(raw, '@'):]
	}
	if len(raw) > freshet.MaxURL {
		return raw[:freshet.MaxURL] + "…"
	}
	return raw
}

// big are answers that nobody would keep in a file, each with what is said of it.
func big() map[string]struct {
	serve http.HandlerFunc
	want  string // in the problem, or in the fault
} {
	write := func(w http.ResponseWriter, chunk []byte) {
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	gzipped := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(b)
		}
	}
	answer := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }
	}
	lines := bytes.Repeat([]byte("#EXTINF:6,\nsegment.ts\n"), 1500)
	inner := pack(make([]byte, 1<<20), 8)
	type c = struct {
		serve http.HandlerFunc
		want  string
	}
	return map[string]c{
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("#EXTM3U\n"))
			write(w, lines)
		}, "larger than the limit of 4194304 bytes"},
		"endless, of one line": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("#EXTM3U\n"))
			write(w, bytes.Repeat([]byte("a"), 32<<10))
		}, "larger than the limit of 4194304 bytes"},
		"declared too long": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9223372036854775807")
			_, _ = w.Write([]byte("#EXTM3U\n"))
		}, "larger than the limit of 4194304 bytes"},
		"millions of segments":        {answer(append([]byte("#EXTM3U\n"), bytes.Repeat([]byte("#EXTINF:6,\na\n"), 150_000)...)), "more references than the limit of 100000"},
		"a film under a long address": {answer(append([]byte("#EXTM3U\n"), bytes.Repeat([]byte("a\n"), 90_000)...)), "the media"},
		"a gzip bomb":                 {gzipped(pack(make([]byte, 1<<20), 16)), "larger than the limit of 4194304 bytes"},
		"a bomb in a bomb":            {gzipped(pack(inner, 1)), "does not begin with #EXTM3U but with compressed data (gzip)"},
		"members without content":     {gzipped(bytes.Repeat(pack(nil, 0), 160_000)), "longer compressed than it is, by more than the limit of 65536 bytes"},
		"blocks without content":      {gzipped(emptyBlocks(4 << 20)), "longer compressed than it is, by more than the limit of 65536 bytes"},
		"much that does not shrink":   {gzipped(noise(1200 << 10)), "larger than the limit of 1048576 bytes for compressed ones"},
		"a head without end": {func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Set("X-"+strconv.Itoa(i), strings.Repeat("x", 1000))
			}
		}, "could not be reached"},
		"hints without end": {func(w http.ResponseWriter, _ *http.Request) {
			for i := range 1000 {
				w.Header().Set("Link", strings.Repeat("x", 200)+strconv.Itoa(i))
				w.WriteHeader(http.StatusEarlyHints)
			}
		}, "could not be reached"},
	}
}

// TestP10_HostileAnswersCostLittle holds that each of them is refused for what it
// is, within the bounds of a refusal, the origin's own part included.
func TestP10_HostileAnswersCostLittle(t *testing.T) { //nolint:paralleltest // it counts what the process spends
	for name, c := range big() {
		t.Run(name, func(t *testing.T) {
			_, p := hostileOrigin(t, fetch.Options{}, c.serve)
			m := media(stream("m3u8", "HD", "http://vod.example.com/index.m3u8"))
			if name == "a film under a long address" {
				m = media(stream("m3u8", "HD", "http://vod.example.com/"+strings.Repeat("x", 3000)+"/index.m3u8"))
				c.want = "the references together have more bytes than the limit of 33554432"
			}
			var r freshet.PlannedRow
			cost.Refusal(t, func() { r = mustPlan(t, p, everything(), m) })
			wantProblem(t, r, m.Streams[0].URL, c.want)
		})
	}
}

// TestP10_PlaylistsWithoutEndEnd: an origin that names a new playlist in each.
func TestP10_PlaylistsWithoutEndEnd(t *testing.T) {
	t.Parallel()
	t.Run("deep", func(t *testing.T) {
		t.Parallel()
		_, p := hostileOrigin(t, fetch.Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Query().Get("n"))
			_, _ = fmt.Fprintf(w, "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nindex.m3u8?n=%d\n", n+1)
		}))
		r := mustPlan(t, p, everything(), media(stream("m3u8", "HD", "http://vod.example.com/index.m3u8")))
		wantProblem(t, r, "http://vod.example.com/index.m3u8?n=3", "more than 3 playlists in a row (limit depth)")
	})
	t.Run("wide", func(t *testing.T) {
		t.Parallel()
		_, p := hostileOrigin(t, fetch.Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, "#EXTM3U\n")
			for i := range 2000 {
				_, _ = fmt.Fprintf(w, "#EXT-X-STREAM-INF:BANDWIDTH=1\nindex.m3u8?n=%s%d.\n", r.URL.Query().Get("n"), i)
			}
		}))
		r := mustPlan(t, p, job(freshet.Purge, freshet.Filter{Slices: true}), media(stream("m3u8", "HD", "http://vod.example.com/index.m3u8")))
		wantFault(t, r, "InternalError", "more than 200000 URLs, the limit for one media (limit urls)")
		if len(r.URLs) > 0 {
			t.Errorf("%d URLs of a media that was refused", len(r.URLs))
		}
	})
}

// TestP10_DripsEnd: a byte now and then holds a planner no longer than it may,
// wherever it comes.
func TestP10_DripsEnd(t *testing.T) {
	t.Parallel()
	drip := func(w http.ResponseWriter, r *http.Request, text string) {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if _, err := w.Write([]byte{text[i%len(text)]}); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	}
	for name, c := range map[string]struct {
		o     fetch.Options
		serve http.HandlerFunc
		want  string
	}{
		"slower than the least rate": {
			fetch.Options{MinRate: 1 << 20, MinRateAfter: 50 * time.Millisecond},
			func(w http.ResponseWriter, r *http.Request) { drip(w, r, "#EXTM3U\n") },
			"the origin sends less than the limit of 1048576 bytes a second",
		},
		"nothing behind the head": {
			fetch.Options{MinRate: 1 << 20, MinRateAfter: 50 * time.Millisecond},
			func(w http.ResponseWriter, r *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			},
			"the origin sends less than the limit of 1048576 bytes a second",
		},
		"longer than the whole may take": {
			fetch.Options{MinRate: 1, Timeout: 100 * time.Millisecond},
			func(w http.ResponseWriter, r *http.Request) { drip(w, r, "#EXTM3U\n") },
			"the origin did not answer in full within 100ms",
		},
		"compressed": {
			fetch.Options{MinRate: 1 << 20, MinRateAfter: 50 * time.Millisecond},
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				drip(w, r, string(pack(make([]byte, 1<<20), 4)))
			},
			"the origin sends less than the limit of 1048576 bytes a second",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, p := hostileOrigin(t, c.o, c.serve)
			r := mustPlan(t, p, everything(), media(stream("m3u8", "HD", "http://vod.example.com/index.m3u8")))
			wantProblem(t, r, "http://vod.example.com/index.m3u8", c.want)
		})
	}
}
