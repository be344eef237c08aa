package proof_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/testdata"
)

// exe is the binary under test, built once by TestMain.
var exe string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "freshet-proof-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	exe = filepath.Join(dir, "freshet")
	if err := build(context.Background(), exe, buildFlags()...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build builds the program.
func build(ctx context.Context, file string, flags ...string) error {
	args := append([]string{"build", "-o", file}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/freshet-vod/freshet/cmd/freshet")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("building freshet: %w\n%s", err, out)
	}
	return nil
}

// soak chooses between the short and the long form of a proof.
func soak(short, long int) int {
	if os.Getenv("FRESHET_SOAK") != "" {
		return long
	}
	return short
}

// start runs a cluster with the catalog of the ladder for one test.
func start(t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	c := prepare(t, o)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	importLadder(ctx, t, c)
	return c
}

// importLadder imports the catalog of the ladder.
func importLadder(ctx context.Context, t *testing.T, c *cluster.Cluster) {
	t.Helper()
	catalog, err := testdata.FS.Open("ladder/catalog.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = catalog.Close() }()
	if n, err := c.Import(ctx, catalog); err != nil || n == 0 {
		t.Fatalf("%d media imported: %v", n, err)
	}
}

// prepare makes a cluster that is not started.
func prepare(t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	files, err := fs.Sub(testdata.FS, "ladder")
	if err != nil {
		t.Fatal(err)
	}
	if o.Files == nil {
		o.Files = files
	}
	if o.Exe == "" {
		o.Exe = exe
	}
	o.Dir = t.TempDir()
	c, err := cluster.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if t.Failed() {
			t.Logf("control plane:\n%s", tail(c.Control.Log()))
			for id, p := range c.POPs {
				t.Logf("%s:\n%s", id, tail(p.Log()))
			}
		}
	})
	return c
}

func tail(s string) string {
	const most = 6000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// pause waits for d unless the test ends before.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return errors.New("the test's time is over")
	case <-t.C:
		return nil
	}
}

// The media of the catalog.
const (
	film  = "f1a3c0de5eed4a11b0a7000000000001"
	cmaf  = "f1a3c0de5eed4a11b0a7000000000002"
	clip  = "f1a3c0de5eed4a11b0a7000000000003"
	sound = "f1a3c0de5eed4a11b0a7000000000004"
)

func tiers() []cluster.POP {
	return []cluster.POP{
		{ID: "shield"},
		{ID: "edge-1", Parents: []string{"shield"}},
		{ID: "edge-2", Parents: []string{"shield"}},
	}
}
