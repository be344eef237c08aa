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
	"github.com/freshet-vod/freshet/internal/catalog"
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
	lines, err := testdata.FS.ReadFile("ladder/catalog.jsonl")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(c.Dir, "catalog.jsonl"), lines, 0o600))
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

// TestREADME_ExamplesAreGood reads the README's configurations and its media
// as the program would.
func TestREADME_ExamplesAreGood(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	must(t, err)
	files := blocks(string(text), "yaml")
	if len(files) < 2 {
		t.Fatalf("the README has %d configurations", len(files))
	}
	for _, f := range files {
		if _, err := config.Parse("README.md", []byte(f), nil); err != nil {
			t.Errorf("%v in\n%s", err, f)
		}
	}
	media := blocks(string(text), "json")
	if len(media) != 1 {
		t.Fatalf("the README has %d media", len(media))
	}
	line := strings.ReplaceAll(media[0], "\n", "")
	domains := []freshet.Domain{{Account: "default", Name: "vod.example.com", Origin: "http://127.0.0.1:9000"}}
	if m, err := catalog.Parse([]byte(line), domains); err != nil || len(m.Streams) == 0 {
		t.Errorf("%v in\n%s", err, line)
	}
}

// console returns the commands of a text's console blocks.
func console(text string) []string {
	var out []string
	for _, block := range blocks(text, "console") {
		for line := range strings.SplitSeq(block, "\n") {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				out = append(out, command)
			}
		}
	}
	return out
}

// blocks returns a text's code blocks of a language.
func blocks(text, language string) []string {
	var out []string
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "\n```"+language+"\n")
		if !ok {
			return out
		}
		block, later, _ := strings.Cut(after, "\n```")
		out, rest = append(out, block), later
	}
}
