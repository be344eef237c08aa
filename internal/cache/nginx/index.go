package nginx

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tick is the longest time in which two changes of a folder may carry the
	// same time: the kernel's clock for files moves in steps of up to 10 ms.
	tick = 20 * time.Millisecond
	// paceEvery and pace bound what a scan that nobody waits for takes from the
	// disk and from viewers: some 20,000 files a second.
	paceEvery = 100
	pace      = 5 * time.Millisecond
)

// index knows which files hold an object, by the KEY lines in them. nginx names
// files by a hash of the key, so that nothing but reading each file once finds
// the variants, slices and spellings of a URL, or what a pattern names. Later
// only folders whose time changed are read again.
//
// It costs about 220 bytes of memory a file (measured with URLs of 70 bytes), and
// a look at each folder, of which levels 1:2 have 4,368, per refresh.
type index struct {
	root   string
	layout layout
	read   func(key string) (url string, ok bool)

	scan    sync.Mutex // held by the one who reads folders; guards dirs, buf and heads
	dirs    map[string]*folder
	buf     []byte
	heads   []byte
	since   int // files read since the last pause of a paced scan
	waiting atomic.Int32

	mu    sync.RWMutex // guards what follows
	files map[name]entry
	first map[string]name // URL → its first file; entry.next leads to the others
	fault error           // the last file that was of an unknown format
	sound int             // files that were understood
}

// entry is a file. Its URL is "" if the key is not of the template.
type entry struct {
	url   string
	next  name // of the same URL; its own name ends the chain
	inode uint64
}

// folder is a folder as it was when it was read.
type folder struct {
	changed time.Time
	hot     bool // it changed so shortly before that it may have changed since
	subs    []string
	names   []name // in order
}

// landed is a file that came, or came anew, since the index looked last.
type landed struct {
	name name
	url  string
	head head
}

func newIndex(root string, l layout) *index {
	return &index{
		root: root, layout: l, dirs: map[string]*folder{}, buf: make([]byte, 64<<10), heads: make([]byte, firstRead),
		files: map[name]entry{}, first: map[string]name{},
	}
}

// reset forgets everything: the keys are read in another way from now on.
func (x *index) reset(read func(key string) (string, bool)) {
	x.scan.Lock()
	defer x.scan.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.read = read
	clear(x.dirs)
	clear(x.files)
	clear(x.first)
}

// refresh takes in what changed on disk and calls came for each file that
// landed. With paced, it takes its time, unless somebody comes who does not.
func (x *index) refresh(ctx context.Context, paced bool, came func(context.Context, landed)) error {
	if !paced {
		x.waiting.Add(1)
		defer x.waiting.Add(-1)
	}
	x.scan.Lock()
	defer x.scan.Unlock()
	return x.visit(ctx, "", len(x.layout), came)
}

// visit takes in a folder and those below it.
func (x *index) visit(ctx context.Context, rel string, depth int, came func(context.Context, landed)) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	path := filepath.Join(x.root, rel)
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) && rel != "" {
		x.forget(rel, depth)
		return nil
	}
	if err != nil {
		return err
	}
	f := x.dirs[rel]
	if f == nil {
		f = &folder{}
		x.dirs[rel] = f
	}
	if f.hot || !st.ModTime().Equal(f.changed) {
		// The time was taken before the names: what comes in between makes the
		// folder look changed again.
		hot := time.Since(st.ModTime()) < tick
		if err := x.reread(ctx, f, rel, depth, came); err != nil {
			return err
		}
		f.changed, f.hot = st.ModTime(), hot
	}
	for _, sub := range f.subs {
		if err := x.visit(ctx, filepath.Join(rel, sub), depth-1, came); err != nil {
			return err
		}
	}
	return nil
}

// reread reads the names in a folder.
func (x *index) reread(ctx context.Context, f *folder, rel string, depth int, came func(context.Context, landed)) error {
	if depth > 0 {
		width := x.layout[len(x.layout)-depth]
		f.subs = f.subs[:0]
		return readDir(filepath.Join(x.root, rel), x.buf, func(s string, _ uint64) {
			if len(s) == width {
				f.subs = append(f.subs, s)
			}
		})
	}
	type found struct {
		name  name
		inode uint64
	}
	var all []found
	err := readDir(filepath.Join(x.root, rel), x.buf, func(s string, inode uint64) {
		if n, ok := parseName(s); ok {
			all = append(all, found{n, inode})
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b found) int { return slices.Compare(a.name[:], b.name[:]) })
	names := make([]name, 0, len(all))
	for _, n := range all {
		names = append(names, n.name)
		x.mu.RLock()
		e, known := x.files[n.name]
		x.mu.RUnlock()
		if known && e.inode == n.inode {
			continue
		}
		if err := x.pause(ctx); err != nil {
			return err
		}
		x.take(ctx, filepath.Join(x.root, rel, n.name.String()), n.name, n.inode, came)
	}
	x.mu.Lock()
	for _, old := range f.names {
		if _, still := slices.BinarySearchFunc(names, old, func(a, b name) int { return slices.Compare(a[:], b[:]) }); !still {
			x.remove(old)
		}
	}
	x.mu.Unlock()
	f.names = names
	return nil
}

// pause slows down a scan that nobody waits for.
func (x *index) pause(ctx context.Context) error {
	x.since++
	if x.since < paceEvery || x.waiting.Load() > 0 {
		return nil
	}
	x.since = 0
	t := time.NewTimer(pace)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take reads a file that is new.
func (x *index) take(ctx context.Context, path string, n name, inode uint64, came func(context.Context, landed)) {
	h, err := readHead(path, x.heads)
	x.mu.Lock()
	url := ""
	switch {
	case errors.Is(err, os.ErrNotExist): // it went again
		x.mu.Unlock()
		return
	case errors.Is(err, errFormat):
		x.fault = err
	case err == nil:
		x.sound++
		url, _ = x.read(h.key)
	}
	x.remove(n)
	x.add(n, url, inode)
	x.mu.Unlock()
	if err == nil {
		came(ctx, landed{n, url, h})
	}
}

func (x *index) add(n name, url string, inode uint64) {
	e := entry{url: url, next: n, inode: inode}
	if url != "" {
		if head, ok := x.first[url]; ok {
			e.url = x.files[head].url // one text for all
			e.next = head
		}
		x.first[e.url] = n
	}
	x.files[n] = e
}

func (x *index) remove(n name) {
	e, ok := x.files[n]
	if !ok {
		return
	}
	delete(x.files, n)
	if e.url == "" {
		return
	}
	head := x.first[e.url]
	switch {
	case head == n && e.next == n:
		delete(x.first, e.url)
	case head == n:
		x.first[e.url] = e.next
	default:
		for at := head; ; {
			before := x.files[at]
			if before.next == n {
				before.next = e.next
				if e.next == n {
					before.next = at
				}
				x.files[at] = before
				return
			}
			if before.next == at {
				return
			}
			at = before.next
		}
	}
}

// forget drops a folder that is gone, with all below it.
func (x *index) forget(rel string, depth int) {
	f := x.dirs[rel]
	if f == nil {
		return
	}
	delete(x.dirs, rel)
	x.mu.Lock()
	for _, n := range f.names {
		x.remove(n)
	}
	x.mu.Unlock()
	for _, sub := range f.subs {
		x.forget(filepath.Join(rel, sub), depth-1)
	}
}

// of returns the files of a URL that are known.
func (x *index) of(url string) []name {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n, ok := x.first[url]
	if !ok {
		return nil
	}
	var all []name
	for {
		all = append(all, n)
		e := x.files[n]
		if e.next == n {
			return all
		}
		n = e.next
	}
}

// has reports whether a file of a URL is known.
func (x *index) has(url string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, ok := x.first[url]
	return ok
}

// match returns the URLs for which do holds. It looks at every one: a million
// take some tens of milliseconds.
func (x *index) match(do func(url string) bool) []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var all []string
	for u := range x.first {
		if do(u) {
			all = append(all, u)
		}
	}
	return all
}

// all returns the names of all files, strangers included.
func (x *index) all() []name {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]name, 0, len(x.files))
	for n := range x.files {
		out = append(out, n)
	}
	return out
}

// unread returns what is wrong if files are there and none of them could be
// understood: then the folder is another program's, or another nginx's. A
// single one is the remains of a crash, and nginx does not serve it.
func (x *index) unread() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.sound > 0 {
		return nil
	}
	return x.fault
}
