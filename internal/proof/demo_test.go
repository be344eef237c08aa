package proof_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDemo_EveryCheckHolds runs `freshet demo` as a user does.
func TestDemo_EveryCheckHolds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, exe, "demo").CombinedOutput()
	if err != nil || strings.Contains(string(out), "FAIL") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestDemo_InterruptedLeavesNothing interrupts `freshet demo` in its middle,
// twice, as impatient people do, in the environment of somebody who has a
// server of their own: that server's folder is not touched, no process and no
// file is left, and no check is called failed.
func TestDemo_InterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tmp, own := t.TempDir(), filepath.Join(t.TempDir(), "own")
	cmd := exec.CommandContext(ctx, exe, "demo")
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "FRESHET_DATA="+own)
	var rest, complaints strings.Builder
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = &complaints
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "2. ") { // everything runs by then
			must(t, cmd.Process.Signal(os.Interrupt))
			must(t, cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	_ = cmd.Wait() // the code is looked at below
	if code := cmd.ProcessState.ExitCode(); code != 130 || strings.Contains(rest.String(), "FAIL") || !strings.Contains(rest.String(), "\n2. ") {
		t.Errorf("exit code %d\n%s%s", code, rest.String(), complaints.String())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("it left %v (%v)", left, err)
	}
	if _, err := os.Stat(own); err == nil {
		t.Error("it used the data folder of the user's own server")
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, name := range commands {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), tmp) {
			t.Errorf("a process runs still: %q", text)
		}
	}
}
