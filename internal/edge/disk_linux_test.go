package edge_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/edge"
)

// mountedDisk is a real file system of diskSize bytes where mounting is
// permitted, and a counted one elsewhere: then the same is tested but for the
// refusals of the disk itself, which TestWritesMakeRoom and
// TestAFullIndexMakesRoom stage.
func mountedDisk(t *testing.T) *smallDisk {
	t.Helper()
	d := &smallDisk{dir: t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		t.Logf("no tmpfs may be mounted (%v): a counted disk instead", err)
		return countedDisk(t)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

// fillUp writes what others might, until the disk refuses.
func (d *smallDisk) fillUp(t *testing.T) {
	t.Helper()
	d.others.Store(diskSize)
	if d.space != nil {
		return
	}
	f, err := os.Create(filepath.Join(d.dir, "others"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

func TestP2_APurgeWorksWhenTheDiskIsFull(t *testing.T) {
	t.Parallel()
	d := mountedDisk(t)
	o := edge.Options{Dir: filepath.Join(d.dir, "cache"), Disk: d.space}
	n := alone(t, o, films)
	for i := range 60 {
		if r := n.get(t, fmt.Sprintf("/%d", i)); len(r.body) != filmSize || r.err != nil {
			t.Fatalf("/%d: %d bytes, %v", i, len(r.body), r.err)
		}
	}
	if !n.stored(t, "/59") {
		t.Fatal("the last one is not stored: the disk is full for ever")
	}
	d.fillUp(t)
	sel := freshet.Selector{Kind: freshet.SelectExact}
	for i := range 1000 {
		sel.URLs = append(sel.URLs, fmt.Sprintf("http://%s/%d", host, i))
	}
	sel.URLs[0] = "http://" + host + "/59"
	for _, r := range n.Purge(t.Context(), freshet.Position{Epoch: 1, Pos: 7}, sel) {
		if r.Outcome == freshet.OutcomeFailed {
			t.Fatalf("purge: %s %s", r.Reason, r.Detail)
		}
	}
	if n.stored(t, "/59") {
		t.Error("the purged object is still stored")
	}
	if err := n.SetCursor(t.Context(), freshet.Position{Epoch: 1, Pos: 7}); err != nil {
		t.Error(err)
	}
	if r := n.get(t, "/1"); r.status != http.StatusOK || len(r.body) != filmSize || r.err != nil {
		t.Errorf("with a full disk: %d, %d bytes, %v", r.status, len(r.body), r.err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again := alone(t, o, films)
	if got := again.Cursor(); got.Pos != 7 {
		t.Errorf("after a restart the cursor is %v", got)
	}
}
