package app_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// TestP10_ARealDiskThatIsFull mounts a small file system, fills it to the last
// block, and finds that calls are refused as such, and all goes on once there is
// room. Where nothing may be mounted, TestP10_AFullDiskLeavesNothingHalfDone
// stages what the disk does.
func TestP10_ARealDiskThatIsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("no tmpfs may be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler := filepath.Join(dir, "others")
	fill := func(leave int64) {
		t.Helper()
		var st syscall.Statfs_t
		if err := syscall.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filler, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for n := int64(st.Bavail)*st.Bsize - leave; n > 0; n -= 4096 {
			if _, err := f.Write(make([]byte, 4096)); err != nil {
				return // the last block
			}
		}
	}
	// The default reserve: a sixteenth of so small a disk, 4 MiB.
	s := newStored(t, filepath.Join(dir, "data"), func(*config.Config) {})
	fill(3 << 20)
	soon(t, "the disk is known to be low", func() bool {
		_, r := checked(t, s.server.PrivateAddr(), "/readyz")
		return r.Degraded
	})
	_, err := s.submit(freshet.Purge)
	refused(t, "a purge", err, freshet.KindDisk)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	soon(t, "there is room again", func() bool {
		_, r := checked(t, s.server.PrivateAddr(), "/readyz")
		return !r.Degraded
	})
	job, err := s.submit(freshet.Purge)
	if err != nil {
		t.Fatal(err)
	}
	s.done(job)
}

// TestP10_ARealDiskWithoutAReserveIsToldByTheWrite takes the reserve away, so
// that the store itself meets the end of the disk.
func TestP10_ARealDiskWithoutAReserveIsToldByTheWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("no tmpfs may be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := newStored(t, filepath.Join(dir, "data"), func(*config.Config) {}, func(o *app.Options) {
		o.Space = func(string) (int64, int64, error) { return 1 << 40, 1 << 41, nil }
	})
	filler, err := os.Create(filepath.Join(dir, "others"))
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for err == nil {
		_, err = filler.Write(make([]byte, 4096))
	}
	var told error
	for range 2000 { // what was reserved in the write-ahead log is used up first
		if _, told = s.submit(freshet.Purge); told != nil {
			break
		}
	}
	e, ok := told.(*freshet.Error) //nolint:errorlint // the client returns it as it is
	if !ok || e.Code != freshet.CodeUnavailable {
		t.Errorf("a full disk is told as %v", told)
	}
	if err := filler.Truncate(0); err != nil {
		t.Fatal(err)
	}
	var job string
	soon(t, "it accepts again", func() bool {
		job, told = s.submit(freshet.Purge)
		return told == nil
	})
	s.done(job)
}
