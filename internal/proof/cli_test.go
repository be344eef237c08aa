package proof_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/config"
)

// TestCLI_ExitCodesTellTheOutcome runs the program against a control plane and
// two POPs, of which one is away for a while, and wants each exit code.
func TestCLI_ExitCodesTellTheOutcome(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := start(t, cluster.Options{POPs: []cluster.POP{{ID: "shield"}, {ID: "edge-1", Parents: []string{"shield"}}}})
	cli := program{t: t, c: c}

	cli.wants(ctx, 0, "purge", sound, "--wait")
	cli.stdin = `{"MediaId":"x","Streams":[]}` + "\n{nope\n"
	cli.wants(ctx, 1, "media", "import", "-").says("line 2")
	cli.stdin = ""
	cli.wants(ctx, 2, "purge", sound, "--wiat").says("did you mean --wait?")
	cli.wants(ctx, 3, "prefetch", "--url", "http://"+cluster.Domain+"/nothing.mp4", "--wait").says("failed")
	cli.wants(ctx, 5, "job", "ffffffffffffffff")
	cli.wants(ctx, 5, "purge", sound+"0").says("did you mean " + sound)
	cli.env = []string{config.EnvAccessKeySecret + "=wrong"}
	cli.wants(ctx, 5, "pops")
	cli.env = nil

	// Without edge-1 nothing can be complete.
	c.POPs["edge-1"].Kill()
	job := jobOf(cli.wants(ctx, 4, "purge", sound, "--wait", "--timeout", "2s").says("is not done after 2s; wait for it again with: freshet job "))
	out := cli.interrupted(ctx, "purge", sound, "--wait")
	if !strings.Contains(out, "the job goes on; wait for it again with: freshet job "+jobOf(out)+" --wait") {
		t.Errorf("interrupted, it said %q", out)
	}
	cli.onATerminal(ctx, "purge", sound, "--wait")

	// What was left goes on by itself.
	must(t, c.POPs["edge-1"].Start(ctx))
	cli.wants(ctx, 0, "job", job, "--wait")
	cli.wants(ctx, 0, "job", jobOf(out), "--wait", "--timeout", "2m")

	c.Control.Kill()
	cli.wants(ctx, 6, "pops").says("does not answer")
}

// program runs the command line of a cluster.
type program struct {
	t     *testing.T
	c     *cluster.Cluster
	stdin string
	env   []string // beside the cluster's
}

func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), "FRESHET_ENDPOINT="+p.c.Endpoint, config.EnvAccessKeyID+"="+p.c.KeyID, config.EnvAccessKeySecret+"="+p.c.KeySecret, "TERM=xterm")
	cmd.Env = append(cmd.Env, p.env...)
	cmd.Stdin = strings.NewReader(p.stdin)
	return cmd
}

// said is what a command printed.
type said struct {
	t    *testing.T
	text string
}

func (s said) says(text string) said {
	s.t.Helper()
	if !strings.Contains(s.text, text) {
		s.t.Errorf("it does not say %q: %s", text, s.text)
	}
	return s
}

// wants runs a command and wants its exit code.
func (p *program) wants(ctx context.Context, code int, args ...string) said {
	p.t.Helper()
	cmd := p.command(ctx, args...)
	out, _ := cmd.CombinedOutput() // the exit code tells
	if got := cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("freshet %s: exit code %d, not %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return said{p.t, string(out)}
}

// jobOf is the job that a command made.
func jobOf[T string | said](out T) string {
	text := ""
	switch out := any(out).(type) {
	case string:
		text = out
	case said:
		text = out.text
	}
	_, text, _ = strings.Cut(text, "job ")
	id, _, _ := strings.Cut(text, " ")
	return id
}

// interrupted presses Ctrl-C once a command waits for its job.
func (p *program) interrupted(ctx context.Context, args ...string) string {
	p.t.Helper()
	cmd := p.command(ctx, args...)
	var out safeBuffer
	cmd.Stderr = &out
	must(p.t, cmd.Start())
	for !strings.Contains(out.String(), "is accepted") {
		must(p.t, p.c.Pause(ctx))
	}
	must(p.t, cmd.Process.Signal(syscall.SIGINT))
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		p.t.Errorf("interrupted, the exit code is %d: %s", code, out.String())
	}
	return out.String()
}

// safeBuffer is written by one goroutine and read by another.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// onATerminal sees the bars of a wait, and ends it with Ctrl-C.
func (p *program) onATerminal(ctx context.Context, args ...string) {
	p.t.Helper()
	cmd := p.command(ctx, args...)
	cmd.Stdin = nil
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 100})
	must(p.t, err)
	defer func() { _ = tty.Close() }()
	var out safeBuffer
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4<<10)
		for {
			n, err := tty.Read(buf)
			_, _ = out.Write(buf[:n])
			if err != nil { // the program is gone
				return
			}
		}
	}()
	for !strings.Contains(out.String(), "deliveries") || !strings.Contains(out.String(), "edge-1") {
		if err := p.c.Pause(ctx); err != nil {
			p.t.Fatalf("no bars are drawn: %q", out.String())
		}
	}
	_, err = tty.WriteString("\x03")
	must(p.t, err)
	_ = cmd.Wait()
	<-ended
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		p.t.Errorf("interrupted on a terminal, the exit code is %d", code)
	}
	if text := out.String(); !strings.Contains(text, "the job goes on; wait for it again with: freshet job ") {
		p.t.Errorf("it says %q", text)
	}
}
