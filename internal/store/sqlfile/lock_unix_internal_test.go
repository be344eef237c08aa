//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlfile

import (
	"syscall"
	"testing"
)

// A program that is being started holds copies of all files for a moment.
func TestALockIsGivenUpThoughACopyOfItsFileIsOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	duplicate, err := syscall.Dup(int(l.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(duplicate) })
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	l, err = LockDir(dir)
	if err != nil {
		t.Fatalf("the directory is locked still: %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}
