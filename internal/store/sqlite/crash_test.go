package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// victimDir tells this test program to be the victim: a process that accepts
// jobs and prints the ID of each that it was answered for, until it is killed.
const victimDir = "FRESHET_STORE_VICTIM"

func victim(dir string) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	if err != nil {
		fmt.Println("!", err)
		return
	}
	var mu sync.Mutex // guards stdout
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), c, i)
				job := &freshet.Job{Account: "a", ID: id, Created: time.Now(), Rows: []freshet.Row{{Media: "m"}}}
				err := s.Accept(ctx, job, store.Nonce{})
				mu.Lock()
				fmt.Println(id, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestP1_KillLosesNoAcceptedJob kills a process with SIGKILL while it accepts
// jobs, several times, and looks for each job that it answered for.
func TestP1_KillLosesNoAcceptedJob(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	answered := map[string]bool{}
	for round := range 4 {
		killed(t, dir, 100*(round+1), answered)
		s := open(t, dir)
		for id := range answered {
			if _, err := s.Job(t.Context(), "a", id); err != nil {
				t.Fatalf("job %s was answered for and is gone: %v", id, err)
			}
		}
		n, err := s.Unplanned(t.Context())
		if err != nil || n < len(answered) {
			t.Fatalf("%d rows wait (%v), of %d accepted jobs", n, err, len(answered))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killed runs a victim, kills it after some answers, and notes all that it
// gave until it died.
func killed(t *testing.T, dir string, answers int, answered map[string]bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		id, said, whole := strings.Cut(lines.Text(), " ")
		switch {
		case whole && said == "<nil>":
			answered[id] = true
		case whole:
			t.Errorf("victim said: %s", lines.Text())
		}
		if n == answers {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the victim ended by itself")
	}
}
