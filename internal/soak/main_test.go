package soak_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// popVar tells a copy of this test binary that it is a POP, and which: the file
// of its configuration.
const popVar = "FRESHET_SOAK_POP"

func TestMain(m *testing.M) {
	if file := os.Getenv(popVar); file != "" {
		if err := runPOP(file); err != nil {
			fmt.Fprintln(os.Stderr, "pop:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(apart(m))
}

// apart runs the tests with a folder of their own for temporary files, so that
// those of others are not counted.
func apart(m *testing.M) int {
	dir, err := os.MkdirTemp("", "freshet-soak-")
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return m.Run()
}

// runPOP runs a POP until its standard input ends, which it does with whoever
// started it.
func runPOP(file string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	c, err := config.Parse(file, text, func(string) string { return "" })
	if err != nil {
		return err
	}
	p, err := app.NewPOP(ctx, app.Options{Config: c})
	if err != nil {
		return err
	}
	fmt.Println(p.Addr())
	return p.Run()
}

// child is a POP in a process of its own, which can be killed.
type child struct {
	cmd *exec.Cmd
	in  io.Closer
}

// startChild starts a POP's process and returns once it serves.
func startChild(ctx context.Context, file string) (*child, error) {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), popVar+"="+file)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(out).ReadString('\n')
		lines <- err
	}()
	c := &child{cmd: cmd, in: in}
	select {
	case err = <-lines:
	case <-time.After(time.Minute):
		err = errors.New("it does not start")
	}
	if err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

// kill ends the process as a power cut would.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may be gone
	_ = c.cmd.Wait()
	_ = c.in.Close()
}
