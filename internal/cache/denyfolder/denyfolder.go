// Package denyfolder keeps a folder in which each denied object has a file:
// how caches that are programs of their own know what to refuse. They look for
// the file of each request, so that no reload is needed, a restart forgets
// nothing, and the cost of a request does not grow with the list.
//
// It must not know any particular cache. The drivers of nginx and Varnish call
// it; deploy/nginx and deploy/varnish look into the folder. If a name here and
// a name there differ, a film that is taken down plays.
package denyfolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/freshet-vod/freshet"
)

// A file is called after the host and the path of an object, the query
// included, with a mark at its end: # and the status, as in
// vod.example.com/film/a.mp4#451. A canonical URL has no #, so that no name is
// the folder of another.
const mark = "#"

// The other files, beside those of objects.
const (
	spelling = mark + "spelling" // a folder: the objects again, by the names that odd spellings of their URLs come down to
	anything = mark + "any"      // HOST#any: something of the host is denied
)

// Folder is a deny list on disk. Its methods may be called concurrently.
type Folder struct {
	root  string
	loose func(path string) string

	mu     sync.Mutex     // guards what follows
	denied map[string]int // status by URL
	uses   map[string]int // by other file: how many URLs want it
}

// New makes a Folder at a path. Nothing is read or written until Set. Loose
// returns the name under which the cache looks for what is asked for in an odd
// spelling of a URL with this path and query.
func New(root string, loose func(path string) string) *Folder {
	return &Folder{root: root, loose: loose, denied: map[string]int{}, uses: map[string]int{}}
}

// errName means that an object cannot have a file.
var errName = errors.New("the URL cannot be the name of a file: it has an empty segment, one of dots, or one that is too long")

// Unnameable reports whether an error says that an object cannot have a file,
// now or later.
func Unnameable(err error) bool { return errors.Is(err, errName) }

// Deny makes the files of an object.
func (f *Folder) Deny(url string, status int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, err := nameOf(url)
	if err != nil {
		return err
	}
	if err := f.put(name + mark + strconv.Itoa(status)); err != nil {
		return err
	}
	for _, s := range []int{freshet.StatusLegal, freshet.StatusNotFound} {
		if s != status {
			if err := f.drop(name + mark + strconv.Itoa(s)); err != nil {
				return err
			}
		}
	}
	_, had := f.denied[url]
	for _, other := range f.others(url) {
		if err := f.put(other); err != nil {
			return err
		}
		if !had {
			f.uses[other]++
		}
	}
	f.denied[url] = status
	return nil
}

// Allow removes the files of an object.
func (f *Folder) Allow(url string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, err := nameOf(url)
	if err != nil {
		return nil // it never had a file
	}
	for _, s := range []int{freshet.StatusLegal, freshet.StatusNotFound} {
		if err := f.drop(name + mark + strconv.Itoa(s)); err != nil {
			return err
		}
	}
	if _, had := f.denied[url]; !had {
		return nil
	}
	delete(f.denied, url)
	for _, other := range f.others(url) {
		if f.uses[other]--; f.uses[other] > 0 {
			continue
		}
		delete(f.uses, other)
		if err := f.drop(other); err != nil {
			return err
		}
	}
	return nil
}

// Set makes the folder hold these objects and no others. Those that cannot have
// a file are left out.
func (f *Folder) Set(urls map[string]int) error {
	f.mu.Lock()
	clear(f.denied)
	clear(f.uses)
	f.mu.Unlock()
	for u, status := range urls {
		if err := f.Deny(u, status); err != nil && !Unnameable(err) {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := make(map[string]bool, 2*len(urls))
	for u, status := range f.denied {
		name, err := nameOf(u)
		if err != nil {
			return err
		}
		wanted[name+mark+strconv.Itoa(status)] = true
	}
	for other := range f.uses {
		wanted[other] = true
	}
	return f.sweep(wanted)
}

// sweep removes the files that are not wanted.
func (f *Folder) sweep(wanted map[string]bool) error {
	root, err := os.OpenRoot(f.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var gone []string
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !wanted[name] && strings.Contains(d.Name(), mark) {
			gone = append(gone, name)
		}
		return err
	})
	for _, name := range gone {
		if err == nil {
			err = root.Remove(name)
		}
	}
	return errors.Join(err, root.Close())
}

// others returns the files of a URL beside the one that is its own.
func (f *Folder) others(url string) []string {
	host, path := freshet.SplitURL(url)
	list := []string{host + anything}
	if name := spelling + "/" + host + f.loose(path); valid(name) {
		list = append(list, name+mark)
	}
	return list
}

// nameOf returns the file of a canonical URL without its mark.
func nameOf(url string) (string, error) {
	host, path := freshet.SplitURL(url)
	if name := host + path; valid(name) {
		return name, nil
	}
	return "", fmt.Errorf("%w: %.200s", errName, url)
}

// The limits of file systems, with room for a mark and for the root.
const (
	maxSegment = 255 - 8
	maxName    = 3500
)

// valid reports whether a name can be a path below the root. A name that ends
// with a slash is that of a file which is called by its mark alone.
func valid(name string) bool {
	if len(name) > maxName || strings.ContainsRune(name, 0) {
		return false
	}
	segments := strings.Split(name, "/")
	for i, s := range segments {
		if s == "" && i < len(segments)-1 || s == "." || s == ".." || len(s) > maxSegment {
			return false
		}
	}
	return true
}

func (f *Folder) put(name string) error {
	path := filepath.Join(f.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // another user's program reads it
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // as above; the name was checked
	if err != nil {
		return err
	}
	return file.Close()
}

func (f *Folder) drop(name string) error {
	err := os.Remove(filepath.Join(f.root, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
