package edge_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
)

const (
	diskSize = 2 << 20
	filmSize = 64 << 10
)

// smallDisk is a disk of diskSize bytes.
type smallDisk struct {
	dir    string
	others atomic.Int64 // bytes that others keep on it
	space  func(dir string) (free, size int64, err error)
}

// countedDisk is one that counts what a directory holds; it never refuses a
// write.
func countedDisk(t *testing.T) *smallDisk {
	t.Helper()
	d := &smallDisk{dir: t.TempDir()}
	d.space = func(dir string) (free, size int64, err error) {
		free = diskSize - d.others.Load()
		err = filepath.Walk(filepath.Join(dir, "bodies"), func(_ string, info os.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				free -= info.Size()
			}
			if os.IsNotExist(err) {
				return nil // removed meanwhile
			}
			return err
		})
		return free, diskSize, err
	}
	return d
}

// films answers /N with filmSize bytes, with and without announced length, and
// /large with more than the disk holds.
func films(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	size := filmSize
	if r.URL.Path == "/large" {
		size = 2 * diskSize
	}
	if n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/")); n%2 == 0 {
		w.Header().Set("Content-Length", strconv.Itoa(size))
	}
	_, _ = w.Write(bytes.Repeat([]byte("x"), size))
}

func (n *node) stored(t *testing.T, path string) bool {
	t.Helper()
	st, err := n.Inspect(t.Context(), "http://"+host+path, true)
	if err != nil {
		t.Fatal(err)
	}
	return st.Copy.Stored()
}

// until waits for something that comes by itself.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatalf("in ten seconds %s did not come true", what)
}

func TestALargerLimitThanTheDiskKeepsAReserve(t *testing.T) {
	t.Parallel()
	d := countedDisk(t)
	n := alone(t, edge.Options{Dir: d.dir, Disk: d.space}, films)
	onDisk := func() int64 {
		free, size, err := d.space(d.dir)
		if err != nil {
			t.Fatal(err)
		}
		return size - free - d.others.Load()
	}
	for i := range 60 {
		path := fmt.Sprintf("/%d", i)
		if r := n.get(t, path); r.status != http.StatusOK || len(r.body) != filmSize || r.err != nil {
			t.Fatalf("%s: %d, %d bytes, %v", path, r.status, len(r.body), r.err)
		}
		if !n.stored(t, path) {
			t.Fatalf("%s was not stored", path)
		}
	}
	const reserve = diskSize / 8
	until(t, "that the reserve is free", func() bool { return onDisk() <= diskSize-reserve })
	if got := onDisk(); got < diskSize/2 {
		t.Errorf("only %d bytes of %d are used", got, diskSize)
	}
	if n.stored(t, "/0") {
		t.Error("what was used least recently is still there")
	}

	// What can never fit is streamed and pushes nobody out.
	was := onDisk()
	if r := n.get(t, "/large"); len(r.body) != 2*diskSize || r.err != nil {
		t.Errorf("/large: %d bytes, %v", len(r.body), r.err)
	}
	if got := onDisk(); got < was-filmSize {
		t.Errorf("an object larger than the disk pushed out %d bytes", was-got)
	}

	// Others need the disk: the cache gives way without being asked anything.
	d.others.Store(diskSize / 2)
	until(t, "that the cache gave way", func() bool { return onDisk() <= diskSize/2-reserve })
	if !n.stored(t, "/59") {
		t.Error("it gave way with what was used last")
	}
	d.others.Store(2 * diskSize)
	until(t, "that the cache gave all", func() bool { return onDisk() == 0 })
	if r := n.get(t, "/1"); len(r.body) != filmSize || r.err != nil {
		t.Errorf("with a disk full of others' files: %d bytes, %v", len(r.body), r.err)
	}
	if r := n.Prefetch(t.Context(), "http://"+host+"/2"); r.Reason != freshet.ReasonNoSpace {
		t.Errorf("prefetch: %v %s", r.Outcome, r.Reason)
	}
}

func TestARestartOnASmallerDiskDropsTheOldest(t *testing.T) {
	t.Parallel()
	d := countedDisk(t)
	n := alone(t, edge.Options{Dir: d.dir, Disk: d.space}, films)
	for i := range 10 {
		n.get(t, fmt.Sprintf("/%d", i))
		if !n.stored(t, fmt.Sprintf("/%d", i)) {
			t.Fatal("not stored")
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	d.others.Store(diskSize - diskSize/8 - 5*filmSize)
	again := alone(t, edge.Options{Dir: d.dir, Disk: d.space}, films)
	for i := range 10 {
		if got, want := again.stored(t, fmt.Sprintf("/%d", i)), i >= 5; got != want {
			t.Errorf("/%d stored: %v, want %v", i, got, want)
		}
	}
}
