package proof_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
)

// TestP1_AnswerLeavesAfterSync watches the system calls of a control plane.
// For each job: the write of its row to the write-ahead log, then the sync of
// that log, then the answer with the job's ID.
func TestP1_AnswerLeavesAfterSync(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is needed: scripts/ensure-test-tools installs it")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	c := start(t, cluster.Options{
		POPs: []cluster.POP{{ID: "local"}}, InProcess: true,
		// -D: the tracer is the grandchild, so that the process we stop is
		// the control plane itself.
		Wrap: []string{
			strace, "-D", "-f", "-y", "-qq", "-xx", "-s", "9000", "-o", trace,
			"-e", "trace=pwrite64,write,writev,sendto,fsync,fdatasync",
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var jobs []string
	for range 5 {
		id, err := c.Submit(ctx, freshet.Purge, freshet.Filter{}, sound)
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, id)
	}
	c.Close()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	calls := strings.Split(string(b), "\n")
	theLog := traced([]byte("freshet.db-wal")) + ">" // -xx shows the names of files so, too
	for _, id := range jobs {
		raw, err := hex.DecodeString(id)
		if err != nil {
			t.Fatal(err)
		}
		inLog, inAnswer := traced(raw), traced([]byte(id)) // the store keeps the eight bytes, an answer has the text
		stored := find(calls, 0, func(l string) bool {
			return strings.Contains(l, "pwrite64(") && strings.Contains(l, theLog) && strings.Contains(l, inLog)
		})
		synced := -1
		if stored >= 0 {
			synced = find(calls, stored, walSynced(theLog))
		}
		answered := find(calls, 0, func(l string) bool {
			return (strings.Contains(l, " write(") || strings.Contains(l, " writev(") || strings.Contains(l, " sendto(")) &&
				strings.Contains(l, inAnswer)
		})
		t.Logf("job %s: stored in line %d, synced in %d, answered in %d", id, stored, synced, answered)
		if stored < 0 || synced < 0 || answered < 0 {
			t.Fatalf("the trace of %d lines does not show job %s", len(calls), id)
		}
		if answered < synced {
			t.Errorf("job %s was answered before the sync that covers its commit", id)
		}
	}
}

// traced is how strace -xx shows bytes.
func traced(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, "\\x%02x", c)
	}
	return s.String()
}

// walSynced matches the line in which a sync of the write-ahead log ends well:
// the call itself, or its second half if others came between.
func walSynced(theLog string) func(string) bool {
	pending := map[string]bool{} // by thread
	return func(l string) bool {
		thread, rest, _ := strings.Cut(l, " ")
		rest = strings.TrimSpace(rest)
		sync := strings.HasPrefix(rest, "fsync(") || strings.HasPrefix(rest, "fdatasync(")
		switch {
		case sync && strings.Contains(rest, theLog):
			if strings.Contains(rest, "unfinished") {
				pending[thread] = true
				return false
			}
			return strings.HasSuffix(rest, "= 0")
		case pending[thread] && strings.Contains(rest, "sync resumed"):
			delete(pending, thread)
			return strings.HasSuffix(rest, "= 0")
		}
		return false
	}
}

// find returns the first line at or after from that matches, or -1.
func find(lines []string, from int, match func(string) bool) int {
	for i := max(from, 0); i < len(lines); i++ {
		if match(lines[i]) {
			return i
		}
	}
	return -1
}

// maxIdle is the resident memory of an idle control plane with one POP, in
// bytes.
const maxIdle = 100 << 20

// TestIdleServeIsSmall measures an idle `freshet serve`.
func TestIdleServeIsSmall(t *testing.T) {
	t.Parallel()
	plain := exe
	if len(buildFlags()) > 0 { // the race detector's own memory would be measured
		plain = filepath.Join(t.TempDir(), "freshet")
		must(t, build(t.Context(), plain))
	}
	c := start(t, cluster.Options{Exe: plain, POPs: []cluster.POP{{ID: "local"}}, InProcess: true})
	rss, err := c.Control.RSS()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("idle serve: %.1f MB resident", float64(rss)/1e6)
	if rss > maxIdle {
		t.Errorf("%d bytes resident, the limit is %d", rss, maxIdle)
	}
}
