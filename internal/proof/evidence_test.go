package proof_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/store/sqlfile"
)

// TestEvidence_IsExportedAndVerified purges at two POPs, exports what they said
// in all forms, and changes one byte of it.
func TestEvidence_IsExportedAndVerified(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := start(t, cluster.Options{POPs: []cluster.POP{{ID: "a"}, {ID: "b"}}})
	before := time.Now()
	report, err := c.Do(ctx, freshet.Purge, freshet.Filter{}, film)
	must(t, err)
	must2(c.Do(ctx, freshet.Prefetch, freshet.Filter{Slices: true}, film))(t)
	want := 2 * report.Tally.Total()

	all := exported(ctx, t, c, "all.jsonl")
	purges := 0
	for _, l := range all {
		if l.Type == "purge" {
			purges++
		}
		if l.Media != film || l.URL == "" || l.Task == 0 || l.Job == "" || l.Number == 0 || l.ReceivedAt.Before(before.Add(-time.Second)) || l.Accepted.IsZero() {
			t.Fatalf("a line says %+v", l)
		}
	}
	if purges != want || len(all) == want {
		t.Errorf("%d lines, %d of purges, want %d of those and some of prefetches", len(all), purges, want)
	}
	if got := exported(ctx, t, c, "a.jsonl.gz", "--pop", "a"); 2*len(got) != len(all) || got[0].POP != "a" {
		t.Errorf("POP a said %d things, both %d", len(got), len(all))
	}
	if got := exported(ctx, t, c, "none.jsonl", "--media", "another"); len(got) != 0 {
		t.Errorf("another media has %d lines", len(got))
	}
	if got := exported(ctx, t, c, "later.jsonl", "--since", time.Now().Add(time.Hour).Format(time.RFC3339)); len(got) != 0 {
		t.Errorf("the future has %d lines", len(got))
	}

	control := filepath.Join(c.Dir, "control")
	var v struct {
		Messages int
		Chain    string
	}
	freshetJSON(ctx, t, &v, "evidence", "verify", "--data", control, "--json") // the server runs
	if v.Messages < 2 || len(v.Chain) != 64 {
		t.Errorf("the verification says %+v", v)
	}
	c.Close()
	tamper(t, control)
	out, err := exec.CommandContext(ctx, exe, "evidence", "verify", "--data", control).CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 3 || !strings.Contains(string(out), "is not as it was stored") {
		t.Errorf("after a change the verification says %v: %s", err, out)
	}
}

// exported runs an export to a file of that name and reads it.
func exported(ctx context.Context, t *testing.T, c *cluster.Cluster, name string, flags ...string) []freshet.EvidenceLine {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(ctx, exe, append([]string{"evidence", "export", "--endpoint", c.Endpoint, "-o", file}, flags...)...)
	cmd.Env = append(os.Environ(), "FRESHET_ACCESS_KEY_ID="+c.KeyID, "FRESHET_ACCESS_KEY_SECRET="+c.KeySecret)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		r, err = gzip.NewReader(f)
		must(t, err)
	}
	var lines []freshet.EvidenceLine
	for s := bufio.NewScanner(r); s.Scan(); {
		var l struct {
			freshet.EvidenceLine
			Outcome, Verified, Reason any // read as words
			At                        any
		}
		must(t, json.Unmarshal(s.Bytes(), &l))
		lines = append(lines, l.EvidenceLine)
	}
	return lines
}

// tamper changes the name of a POP in the evidence, as somebody would who wants
// another to have said it.
func tamper(t *testing.T, data string) {
	t.Helper()
	days, err := filepath.Glob(filepath.Join(data, "evidence", "*.db"))
	must(t, err)
	if len(days) == 0 {
		t.Fatal("there is no evidence")
	}
	db, err := sqlfile.Open(t.Context(), days[0], sqlfile.Options{Conns: 1})
	must(t, err)
	_, err = db.ExecContext(t.Context(), `UPDATE word SET text = 'c' WHERE text = 'a'`)
	must(t, errors.Join(err, db.Close()))
}
