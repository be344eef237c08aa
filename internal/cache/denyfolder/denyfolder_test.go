package denyfolder_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet/internal/cache/denyfolder"
)

func withoutQuery(path string) string {
	p, _, _ := strings.Cut(path, "?")
	return p
}

// files lists what a folder holds.
func files(t *testing.T, root string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(root, path)
			list = append(list, name)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func TestAFileForEachObject(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "denied")
	f := denyfolder.New(root, withoutQuery)
	const a, b, dir = "http://h.example/film/a", "http://h.example/film/a?v=2", "http://h.example/film/"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(list ...string) {
		t.Helper()
		if got := files(t, root); !slices.Equal(got, list) {
			t.Fatalf("the folder holds %q, want %q", got, list)
		}
	}
	must(f.Deny(a, 451))
	must(f.Deny(b, 404))
	must(f.Deny("http://h.example/film/a/below", 451)) // is no folder of the others
	must(f.Deny(dir, 451))
	want("#spelling/h.example/film/#", "#spelling/h.example/film/a#", "#spelling/h.example/film/a/below#", "h.example#any",
		"h.example/film/#451", "h.example/film/a#451", "h.example/film/a/below#451", "h.example/film/a?v=2#404")
	must(f.Deny(a, 404)) // the later word holds
	must(f.Allow(b))     // a still wants the name that they share
	must(f.Allow(dir))
	must(f.Allow("http://h.example/never"))
	want("#spelling/h.example/film/a#", "#spelling/h.example/film/a/below#", "h.example#any", "h.example/film/a#404", "h.example/film/a/below#451")

	// Another program begins: what it is not told goes.
	again := denyfolder.New(root, withoutQuery)
	must(again.Set(map[string]int{b: 451}))
	want("#spelling/h.example/film/a#", "h.example#any", "h.example/film/a?v=2#451")
	must(again.Allow(b))
	want()
}

func TestWhatCannotBeAFileIsNamed(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	root := filepath.Join(parent, "a", "b", "c", "denied")
	f := denyfolder.New(root, withoutQuery)
	for _, u := range []string{
		"http://h.example/a//b", "http://h.example//", "http://h.example/a?x=/../../../../etc", "http://h.example/a?x=/./b",
		"http://h.example/" + strings.Repeat("x", 250), "http://h.example/a?" + strings.Repeat("x/", 2000),
	} {
		if err := f.Deny(u, 451); !denyfolder.Unnameable(err) {
			t.Errorf("%.60s: %v", u, err)
		}
		if err := f.Allow(u); err != nil {
			t.Errorf("%.60s: %v", u, err)
		}
	}
	if err := f.Set(map[string]int{"http://h.example/a//b": 451, "http://h.example/c": 451}); err != nil {
		t.Error(err)
	}
	if got := files(t, parent); !slices.Equal(got, []string{
		"a/b/c/denied/#spelling/h.example/c#", "a/b/c/denied/h.example#any", "a/b/c/denied/h.example/c#451",
	}) {
		t.Errorf("the folder holds %q", got)
	}
}
