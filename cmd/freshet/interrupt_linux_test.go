package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/freshet-vod/freshet/internal/api/apitest"
)

// TestInterrupt_ASecondOneIsNotWaitedFor ends an export that nobody reads: it
// stands in a write, so that the first Ctrl-C cannot end it.
func TestInterrupt_ASecondOneIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := `{"pop":"` + strings.Repeat("x", 4<<10) + `"}` + "\n"
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, line)
		}
	}))
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "freshet", "evidence", "export")
	cmd.Env = append(os.Environ(), "FRESHET_ENDPOINT="+srv.URL, "FRESHET_ACCESS_KEY_ID="+apitest.KeyID, "FRESHET_ACCESS_KEY_SECRET="+apitest.Secret)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	// It is in the write, or about to be, when the pipe grows no more.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for last, same := 0, 0; same < 5; <-tick.C {
		n, err := unix.IoctlGetInt(int(r.Fd()), unix.TIOCINQ)
		if err != nil {
			t.Fatal(err)
		}
		if same++; n == 0 || n != last {
			last, same = n, 0
		}
		if ctx.Err() != nil {
			t.Fatal("the pipe does not fill")
		}
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		select {
		case <-ended:
			done = true
		case <-tick.C: // until the first one is noticed, a second is the same
			_ = cmd.Process.Signal(syscall.SIGINT)
		}
	}
	if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() || s.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %v", cmd.ProcessState)
	}
}
