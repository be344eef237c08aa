package nginx

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// fileOf makes a cache file as nginx 1.22 does.
func fileOf(key, header string, body int) []byte {
	b := make([]byte, headSize, headSize+len(key)+len(header)+body+8)
	b[0] = headVersion
	start := headSize + len(keyMark) + len(key) + 1
	binary.LittleEndian.PutUint64(b[offValid:], uint64(time.Now().Unix()+3600))
	binary.LittleEndian.PutUint16(b[offHeaderStart:], uint16(start))
	binary.LittleEndian.PutUint16(b[offBodyStart:], uint16(start+len(header)))
	b = append(b, keyMark+key+"\n"+header...)
	return append(b, make([]byte, body)...)
}

func put(tb testing.TB, root string, l layout, key string) name {
	tb.Helper()
	n := nameOf(key)
	path := filepath.Join(root, l.path(n))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path+".0000000001", fileOf(key, fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Freshet-Fetch: %.3f 0.000\r\n\r\n", float64(time.Now().UnixMilli())/1000), 1), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".0000000001", path); err != nil {
		tb.Fatal(err)
	}
	return n
}

func opened(tb testing.TB, root string, l layout) *index {
	tb.Helper()
	tmpl, err := newTemplate(DefaultKey)
	if err != nil {
		tb.Fatal(err)
	}
	x := newIndex(root, l)
	x.reset(func(key string) (string, bool) {
		r, ok := tmpl.read(key, nil)
		return r.url, ok
	})
	return x
}

func TestIndex_SeesEveryChange(t *testing.T) {
	t.Parallel()
	for _, levels := range []string{"", "1", "2", "1:2", "2:2", "1:1:2"} {
		l, err := parseLevels(levels)
		if err != nil {
			t.Fatal(err)
		}
		root := t.TempDir()
		x := opened(t, root, l)
		want := map[string]int{}
		came := 0
		for i := range 300 {
			url := fmt.Sprintf("/%d", i%40)
			key := fmt.Sprintf("h%s|v%d", url, i%3)
			switch i % 7 {
			case 6:
				path := filepath.Join(root, l.path(nameOf(key)))
				if os.Remove(path) == nil {
					want["http://h"+url]--
				}
			default:
				if _, err := os.Stat(filepath.Join(root, l.path(nameOf(key)))); err != nil {
					want["http://h"+url]++
				}
				put(t, root, l, key)
			}
			if i%3 > 0 {
				continue
			}
			if err := x.refresh(t.Context(), false, func(context.Context, landed) { came++ }); err != nil {
				t.Fatal(err)
			}
			for u, n := range want {
				if got := len(x.of(u)); got != n {
					t.Fatalf("levels %q, step %d: %s has %d files, want %d", levels, i, u, got, n)
				}
			}
		}
		if came < 100 {
			t.Errorf("levels %q: %d files landed", levels, came)
		}
		if err := os.RemoveAll(filepath.Join(root, "0")); err != nil {
			t.Fatal(err)
		}
		if err := x.refresh(t.Context(), false, func(context.Context, landed) {}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIndex_StrangersAndRemainsOfCrashes(t *testing.T) {
	t.Parallel()
	root, l := t.TempDir(), layout{1, 2}
	x := opened(t, root, l)
	n := put(t, root, l, "h/a|")
	dir := filepath.Dir(filepath.Join(root, l.path(n)))
	for file, content := range map[string]string{
		filepath.Join(dir, strings.Repeat("0", 32)):               "short",
		filepath.Join(dir, strings.Repeat("1", 32)):               strings.Repeat("x", 5000),
		filepath.Join(dir, strings.Repeat("2", 32)+".0000000003"): "a fill",
		filepath.Join(dir, "README"):                              "",
		filepath.Join(root, notesFile):                            "{}",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.refresh(t.Context(), false, func(context.Context, landed) {}); err != nil {
		t.Fatal(err)
	}
	if got := x.of("http://h/a"); len(got) != 1 || x.unread() != nil {
		t.Errorf("%v %v", got, x.unread())
	}
}

// The figures in the comment of index come from here.
func BenchmarkIndex(b *testing.B) {
	const count = 100_000
	root, l := b.TempDir(), layout{1, 2}
	for i := range count {
		put(b, root, l, fmt.Sprintf("vod.example.com/films/%08d/720p/segment-%05d.ts|", i/100, i))
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		x := opened(b, root, l)
		began := time.Now()
		if err := x.refresh(b.Context(), false, func(context.Context, landed) {}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/count, "µs/file")
		began = time.Now()
		for range 10 {
			if err := x.refresh(b.Context(), false, func(context.Context, landed) {}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/10, "µs/refresh")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/count, "B/file")
		runtime.KeepAlive(x)
	}
}

// What Run looks at in the very moment of a purge is the purge's to remove and
// to tell of.
func TestPurge_TellsOfWhatItRemovesWhileTheFolderIsLookedAt(t *testing.T) {
	t.Parallel()
	d, err := New(t.Context(), Options{
		Path: t.TempDir(), Levels: "1:2", Control: "http://127.0.0.1:1", URL: "http://127.0.0.1:2",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	urls := make([]string, 200)
	for round := range 10 {
		for i := range urls {
			urls[i] = fmt.Sprintf("http://h/%d/%d.ts", round, i)
			put(t, d.o.Path, d.layout, urls[i][len("http://"):]+"|")
		}
		ended := make(chan error, 1)
		go func() { ended <- d.index.refresh(t.Context(), false, d.sweep) }()
		o := cache.Order{Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: urls}}
		for i, r := range d.Purge(t.Context(), o) {
			if r.Outcome != freshet.OutcomeDone || !r.Before.Stored() {
				t.Fatalf("%s: %+v", urls[i], r)
			}
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}
