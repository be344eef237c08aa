package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
)

// fleetVar tells a copy of this test binary that it is a fleet: the POPs of a
// fan-out, in a process of their own, so that neither side of a benchmark
// shares its heap and its scheduler with the control plane.
const fleetVar = "FRESHET_BENCH_FLEET"

// fleetSpec is what a fleet consists of.
type fleetSpec struct {
	Plain    bool   // plain NATS subscribers, not agents
	URL      string // of the bus
	Token    string
	Journals string // a folder for journals in files; empty: in memory
	POPs     []freshet.POP
	Profile  string // where to write a CPU profile; empty: none
}

func TestMain(m *testing.M) {
	if text := os.Getenv(fleetVar); text != "" {
		if err := fleet(text); err != nil {
			fmt.Fprintln(os.Stderr, "fleet:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// fleet runs until its standard input ends, which it does with the parent.
func fleet(text string) error {
	var spec fleetSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	stop, err := profile(spec.Profile)
	if err != nil {
		return err
	}
	defer stop()
	ready := func() { fmt.Println("ready") }
	if spec.Plain {
		return plainFleet(ctx, spec, ready)
	}
	return agentFleet(ctx, spec, ready)
}

// startFleet starts a fleet, waits until all of it listens, and returns its
// process.
func startFleet(b *testing.B, spec fleetSpec) (pid int) {
	b.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0]) //nolint:noctx // it ends with its input
	cmd.Env = append(os.Environ(), fleetVar+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error("fleet:", err)
		}
	})
	lines := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil && strings.TrimSpace(line) != "ready" {
			err = errors.New(line)
		}
		lines <- err
	}()
	select {
	case err := <-lines:
		if err != nil {
			b.Fatal("fleet: ", err)
		}
	case <-time.After(time.Minute):
		b.Fatal("the fleet is not ready")
	}
	return cmd.Process.Pid
}

// together runs fn for each POP and returns their errors.
func together(pops []freshet.POP, fn func(freshet.POP) error) error {
	errs := make([]error, len(pops))
	var wg sync.WaitGroup
	for i, p := range pops {
		wg.Go(func() { errs[i] = fn(p) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
