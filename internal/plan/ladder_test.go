package plan_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/fetch"
	"github.com/freshet-vod/freshet/internal/plan"
	"github.com/freshet-vod/freshet/testdata"
)

var update = flag.Bool("update", false, "write the plans instead of comparing with them")

// origin serves files over HTTP and returns a planner that reads them with
// the real client.
func origin(tb testing.TB, w *world, files http.Handler) *plan.Planner {
	tb.Helper()
	srv := httptest.NewServer(files)
	c := fetch.New(fetch.Options{})
	tb.Cleanup(func() { c.Close(); srv.Close() })
	for i := range w.domains {
		w.domains[i].Origin = srv.URL
	}
	return w.planner(plan.Options{Fetcher: c})
}

func catalog(t *testing.T) []*freshet.Media {
	t.Helper()
	b, err := testdata.FS.ReadFile("ladder/catalog.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var out []*freshet.Media
	for l := range bytes.Lines(b) {
		m := &freshet.Media{Account: account}
		if err := json.Unmarshal(l, m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func render(r freshet.PlannedRow) string {
	var b strings.Builder
	if r.Fault != "" {
		fmt.Fprintf(&b, "fault %s: %s\n", r.Fault, r.Message)
	}
	for _, u := range r.URLs {
		fmt.Fprintf(&b, "%-10s %s", u.Kind, u.URL)
		if u.Stream != "" {
			fmt.Fprintf(&b, " [%s]", u.Stream)
		}
		b.WriteString("\n")
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "problem %s: %s\n", p.URL, p.Reason)
	}
	fmt.Fprintf(&b, "remembers %d\n", len(r.Remember))
	return b.String()
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

var filters = []struct {
	name string
	typ  freshet.TaskType
	f    freshet.Filter
}{
	{"prefetch, first 2 segments", freshet.Prefetch, freshet.Filter{Slices: true, SliceCount: 2}},
	{"purge, first 2 segments", freshet.Purge, freshet.Filter{Slices: true, SliceCount: 2}},
	{"purge, everything", freshet.Purge, freshet.Filter{Everything: true}},
}

// TestPlan_Ladder plans the real ladder through a real origin.
func TestPlan_Ladder(t *testing.T) {
	t.Parallel()
	files, err := fs.Sub(testdata.FS, "ladder")
	if err != nil {
		t.Fatal(err)
	}
	p := origin(t, newWorld(), http.FileServerFS(files))
	var b strings.Builder
	for _, m := range catalog(t) {
		for _, c := range filters {
			j := job(c.typ, c.f)
			r, err := p.Plan(t.Context(), j, freshet.Row{Media: m.ID}, m)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "== %s: %s\n%s", m.Title, c.name, render(r))
			for _, u := range r.URLs {
				_, path := freshet.SplitURL(u.URL)
				if _, err := fs.Stat(files, strings.TrimPrefix(path, "/")); err != nil {
					t.Errorf("%s: planned %v", m.Title, err)
				}
			}
			if n := len(p.Entries(j, freshet.Row{}, r, j.Created)); n != 1 {
				t.Errorf("%s: %d entries for one domain", m.Title, n)
			}
		}
	}
	compare(t, "testdata/ladder.txt", b.String())
}

// TestPlan_LadderHasNothingLeftOut: a purge of everything names every file of
// the film's TS ladder, not only those that the plan's own rules would find.
func TestPlan_LadderHasNothingLeftOut(t *testing.T) {
	t.Parallel()
	files, err := fs.Sub(testdata.FS, "ladder")
	if err != nil {
		t.Fatal(err)
	}
	p := origin(t, newWorld(), http.FileServerFS(files))
	m := catalog(t)[0]
	r, err := p.Plan(t.Context(), job(freshet.Purge, freshet.Filter{Everything: true}), freshet.Row{Media: m.ID}, m)
	if err != nil {
		t.Fatal(err)
	}
	planned := map[string]bool{}
	for _, u := range urls(r) {
		planned[strings.TrimPrefix(u, "http://vod.example.com/")] = true
	}
	err = fs.WalkDir(files, "film/ts", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !planned[path] {
			t.Errorf("%s is not purged", path)
		}
		delete(planned, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(planned) != 2 { // original.mp4 and audio.mp3
		t.Errorf("besides the ladder: %v", planned)
	}
}

// TestPlan_UntidyOrigins plans what stands in testdata/*/index.m3u8.
func TestPlan_UntidyOrigins(t *testing.T) {
	t.Parallel()
	all, err := filepath.Glob("testdata/*/index.m3u8")
	if err != nil || len(all) < 5 {
		t.Fatalf("found %d cases, %v", len(all), err)
	}
	for _, index := range all {
		dir := filepath.Dir(index)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.remembered = []string{"http://vod.example.com/remembered.ts"}
			p := origin(t, w, http.StripPrefix("/tv", http.FileServerFS(os.DirFS(dir))))
			m := media(stream("m3u8", "HD", "http://vod.example.com/tv/index.m3u8"))
			var b strings.Builder
			for _, c := range filters {
				fmt.Fprintf(&b, "== %s\n%s", c.name, render(mustPlan(t, p, job(c.typ, c.f), m)))
			}
			compare(t, filepath.Join(dir, "want.txt"), b.String())
		})
	}
}

// BenchmarkPlan_WarmOrigin plans all of a media of 8 renditions with 1,000
// segments each from an origin that answers at once.
func BenchmarkPlan_WarmOrigin(b *testing.B) {
	const variants, each = 8, 1000
	var top strings.Builder
	top.WriteString("#EXTM3U\n")
	for v := range variants {
		fmt.Fprintf(&top, "#EXT-X-STREAM-INF:BANDWIDTH=%d\nv%d/index.m3u8\n", v+1, v)
	}
	index := []byte(segments(each))
	p := origin(b, newWorld(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auto.m3u8" {
			_, _ = w.Write([]byte(top.String()))
			return
		}
		_, _ = w.Write(index)
	}))
	m := media(stream("m3u8", "AUTO", "http://vod.example.com/auto.m3u8"))
	j := job(freshet.Prefetch, freshet.Filter{Everything: true})
	const want = 1 + variants*(each+1)
	planned := 0
	b.ReportAllocs()
	for b.Loop() {
		r := mustPlan(b, p, j, m)
		if len(r.URLs) != want {
			b.Fatalf("%d URLs, %s", len(r.URLs), r.Message)
		}
		planned += len(r.URLs)
	}
	b.ReportMetric(float64(planned)/b.Elapsed().Seconds(), "URLs/s")
}
