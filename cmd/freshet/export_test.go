package main

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/freshet-vod/freshet/internal/api/apitest"
)

func TestExport_AppearsWhenItIsWhole(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out.jsonl.gz")
	o, err := openOutput(nil, file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(o, "line\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there before it is whole: %v", err)
	}
	if _, err := openOutput(nil, file); err == nil || !strings.Contains(err.Error(), "another export writes it") {
		t.Errorf("a second export beside it: %v", err)
	}
	if err := o.finish(nil); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); string(text) != "line\n" || err != nil {
		t.Errorf("it holds %q: %v", text, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); len(entries) != 1 || err != nil {
		t.Errorf("beside it are %v", entries)
	}
	if _, err := openOutput(nil, file); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("an export over it: %v", err)
	}
}

// stalled is a server that begins an answer and never ends it.
func stalled(t *testing.T) []string {
	t.Helper()
	end := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"pop":"edge-1"}`+"\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(end) })
	return append(os.Environ(), "FRESHET_ENDPOINT="+srv.URL, "FRESHET_ACCESS_KEY_ID="+apitest.KeyID, "FRESHET_ACCESS_KEY_SECRET="+apitest.Secret)
}

// TestInterrupt_LeavesNothingHalfDone ends exports while they write: by Ctrl-C,
// which cleans up, and by force, after which only FILE.part is there.
func TestInterrupt_LeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	exe, err := exec.LookPath("freshet")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signal syscall.Signal
		code   int
		left   []string
	}{
		"Ctrl-C": {syscall.SIGINT, exitInterrupted, nil},
		"killed": {syscall.SIGKILL, -1, []string{"out.jsonl.part"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, exe, "evidence", "export", "-o", "out.jsonl")
			cmd.Dir, cmd.Env = dir, stalled(t)
			var said strings.Builder
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
				if _, err := os.Stat(filepath.Join(dir, "out.jsonl.part")); err == nil {
					break
				}
				if ctx.Err() != nil {
					t.Fatal("it does not begin")
				}
			}
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d: %s", code, said.String())
			}
			if c.code == exitInterrupted && !strings.Contains(said.String(), "interrupted; no file was written") {
				t.Errorf("it says %q", said.String())
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != len(c.left) || len(entries) > 0 && entries[0].Name() != c.left[0] {
				t.Errorf("what is left: %v, %v", entries, err)
			}
		})
	}
}

// TestInterrupt_ATerminalThatIsReadIsNotWaitedFor presses Ctrl-C while media
// IDs are typed.
func TestInterrupt_ATerminalThatIsReadIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "freshet", "purge", "-")
	cmd.Env = stalled(t)
	tty, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tty.Close() }()
	s := &screen{r: tty}
	if !s.waitFor("media IDs, one a line, then Ctrl-D:") {
		t.Fatalf("it says %q", s.text.String())
	}
	if _, err := tty.WriteString("m-1\n\x03"); err != nil {
		t.Fatal(err)
	}
	if !s.waitFor("freshet: interrupted") {
		t.Errorf("it says %q", s.text.String())
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}
