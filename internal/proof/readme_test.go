package proof_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cluster"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/testdata"
)

// TestREADME_CommandsWork runs the README's five minutes: its commands, in
// order, against a server on free ports, with the media of its example.
func TestREADME_CommandsWork(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := console(string(text))
	if len(commands) < 6 {
		t.Fatalf("the README has %d commands", len(commands))
	}
	c := prepare(t, cluster.Options{POPs: []cluster.POP{{ID: "local"}}, InProcess: true})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	catalog, err := testdata.FS.ReadFile("ladder/catalog.jsonl")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(c.Dir, "catalog.jsonl"), catalog, 0o600))
	words := map[string]string{"MEDIA_ID": sound}
	for _, line := range commands {
		switch {
		case strings.HasPrefix(line, "go build"):
			continue // TestMain did
		case strings.Contains(line, "./freshet serve"):
			must(t, c.Start(ctx))
			continue
		case strings.Contains(line, "domain add"):
			line = strings.Replace(line, "http://127.0.0.1:9000", c.Origin.URL(), 1)
		}
		for word, value := range words {
			line = strings.ReplaceAll(line, word, value)
		}
		cmd := exec.CommandContext(ctx, "sh", "-c", strings.Replace(line, "./freshet", exe, 1))
		cmd.Dir = c.Dir
		cmd.Env = append(os.Environ(), "FRESHET_ENDPOINT="+c.Endpoint,
			config.EnvAccessKeyID+"="+c.KeyID, config.EnvAccessKeySecret+"="+c.KeySecret)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		t.Logf("$ %s\n%s", line, out)
		if strings.Contains(line, " purge ") {
			jobs, err := c.Client.Jobs(ctx, time.Time{}, 1)
			must(t, err)
			words["JOB_ID"] = jobs.Jobs[0].ID
			report, err := c.Client.Job(ctx, jobs.Jobs[0].ID)
			must(t, err)
			if report.Tally.Complete == 0 || report.Type != freshet.Purge {
				t.Fatalf("%+v", report)
			}
			words["TASK_ID"] = fmt.Sprint(report.Rows[0].Tasks[0].First)
		}
	}
}

// console returns the commands of a text's console blocks.
func console(text string) []string {
	var out []string
	in := false
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			in = line == "```console"
		case in && strings.HasPrefix(line, "$ "):
			out = append(out, strings.TrimPrefix(line, "$ "))
		}
	}
	return out
}
