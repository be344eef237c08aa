package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/freshet-vod/freshet/internal/api/apitest"
)

// freeText are the flags whose values nobody can guess.
func freeText() []string {
	return []string{
		"action", "alias", "by", "duration", "endpoint", "from-line", "header", "ignore-params", "limit", "listen", "media", "open", "origin",
		"prefix", "reason", "regex", "since", "slices", "tag", "timeout", "ttl", "until", "url", "validity",
	}
}

func TestCompletion_EveryFlagWithAValueIsCompletedOrFreeText(t *testing.T) {
	t.Parallel()
	root, _ := newRoot(deps{servers: servers()})
	flags, used := flagValues(), map[string]bool{}
	eachCommand(root, func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" || slices.Contains(freeText(), f.Name) {
				return
			}
			if _, ok := flagValue(flags, cmd, f.Name); !ok {
				t.Errorf("%s --%s: neither values.go nor freeText says what its value can be", cmd.CommandPath(), f.Name)
			}
		})
		for _, name := range []string{cmd.CommandPath()} {
			used[name] = true
		}
	})
	for path := range argumentValues() {
		if !used[path] {
			t.Errorf("argumentValues: there is no command %q", path)
		}
	}
	for name := range flags {
		path, flag, _ := strings.Cut(name, "--")
		if path = strings.TrimSpace(path); path == "" {
			continue
		}
		if cmd, _, err := root.Find(strings.Fields(path)[1:]); err != nil || cmd.Flags().Lookup(flag) == nil {
			t.Errorf("flagValues: there is no %s", name)
		}
	}
}

// completed is a line, and what Tab has to offer for its last word.
type completed struct {
	line string
	want []string
	not  string // a word that may not be offered
}

func completions() []completed {
	return []completed{
		{line: "freshet purg", want: []string{"purge"}},
		{line: "freshet com", want: []string{"completion"}},
		{line: "freshet media ", want: []string{"import", "list", "show"}},
		{line: "freshet purge --def", want: []string{"--definitions"}},
		{line: "freshet purge m-1 --formats m", want: []string{"mp4", "m3u8", "mp3"}},
		{line: "freshet purge m-1 --formats mp4,m", want: []string{"mp4,m3u8", "mp4,mp3"}, not: "mp4,mp4"},
		{line: "freshet purge m-1 --definitions=H", want: []string{"HD", "HQ"}},
		{line: "freshet domain auth x --type ", want: []string{"A", "B", "C", "C-query", "none"}},
		{line: "freshet domain list --status o", want: []string{"online", "offline"}},
		{line: "freshet help pu", want: []string{"purge"}},
		{line: "freshet help media ", want: []string{"import"}},
		{line: "freshet help e", want: []string{"exit-codes", "evidence"}},
		{line: "freshet completion ", want: []string{"bash", "zsh", "fish"}},
		{line: "freshet pop down e", want: []string{"edge-1"}},
		{line: "freshet pop down edge-1 ", not: "shield"}, // one POP a call
		{line: "freshet pop add x --parent s", want: []string{"shield"}},
		{line: "freshet domain stop ", want: []string{"vod.example.com"}},
		{line: "freshet key disable te", want: []string{"test-key"}},
		{line: "freshet purge ", not: "m-1"}, // media IDs are never offered
		{line: "freshet callbacks retry cb1 ", want: []string{"cb2"}, not: "cb1"},
	}
}

// completionEnv is the environment of a shell beside a scripted server.
func completionEnv(t *testing.T) []string {
	t.Helper()
	f := scripted()
	f.CallbackList[1].ID, f.CallbackList[2].ID = "cb1", "cb2"
	f.CallbackList[2].State = f.CallbackList[1].State
	return append(os.Environ(), "FRESHET_ENDPOINT="+apitest.Serve(t, f).URL,
		"FRESHET_ACCESS_KEY_ID="+apitest.KeyID, "FRESHET_ACCESS_KEY_SECRET="+apitest.Secret, "HOME="+t.TempDir(), "INPUTRC=/dev/null", "TERM=dumb")
}

// shell returns a shell's path, or skips the test.
func shell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed; scripts/ensure-test-tools does that", name)
	}
	return path
}

// checkCompletions holds what a shell offered for each line, in the order of
// the lines and parted by empty lines, against what is wanted.
func checkCompletions(t *testing.T, cmd *exec.Cmd, word func(line string) string) {
	t.Helper()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(string(out), "=====\n")
	for i, c := range completions() {
		if i >= len(answers) {
			t.Fatalf("the shell ended after %d lines: %s", i, out)
		}
		var got []string
		for line := range strings.Lines(answers[i]) {
			got = append(got, word(strings.TrimSpace(line)))
		}
		for _, w := range c.want {
			if !slices.Contains(got, w) {
				t.Errorf("%q offers %q, not %s", c.line, got, w)
			}
		}
		if c.not != "" && slices.Contains(got, c.not) {
			t.Errorf("%q offers %q, with %s", c.line, got, c.not)
		}
	}
}

// bashWords splits a line as readline does, at spaces, = and :.
func bashWords(line string) []string {
	var out []string
	for word := range strings.SplitSeq(line, " ") {
		for {
			i := strings.IndexAny(word, "=:")
			if i < 0 {
				break
			}
			if i > 0 {
				out = append(out, word[:i])
			}
			out, word = append(out, word[i:i+1]), word[i+1:]
			if word == "" {
				break
			}
		}
		out = append(out, word)
	}
	return out
}

func TestCompletion_Bash(t *testing.T) {
	t.Parallel()
	// Each line is handed over as bash would: whole, and as words.
	script := `source <(freshet completion bash) || exit 9
offer() {
	COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=63 COMP_KEY=9; shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	__start_freshet 2>/dev/null; printf '%s\n' "${COMPREPLY[@]}"; echo =====
}
`
	for _, c := range completions() {
		script += "offer '" + c.line + "'"
		for _, w := range bashWords(c.line) {
			script += " '" + w + "'"
		}
		script += "\n"
	}
	cmd := exec.CommandContext(t.Context(), shell(t, "bash"), "--norc", "-c", script)
	cmd.Env = completionEnv(t)
	checkCompletions(t, cmd, func(line string) string {
		word, _, _ := strings.Cut(line, " ") // a description follows
		return word
	})
}

func TestCompletion_Fish(t *testing.T) {
	t.Parallel()
	script := "freshet completion fish | source\n"
	for _, c := range completions() {
		script += "complete -C '" + c.line + "'; echo =====\n"
	}
	cmd := exec.CommandContext(t.Context(), shell(t, "fish"), "--no-config", "-c", script)
	cmd.Env = completionEnv(t)
	checkCompletions(t, cmd, func(line string) string {
		word, _, _ := strings.Cut(line, "\t")
		return strings.TrimPrefix(word, "--definitions=")
	})
}

// TestCompletion_AtAPrompt presses Tab in shells on a terminal.
func TestCompletion_AtAPrompt(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]struct{ args, source string }{
		"bash": {"--norc -i", "source <(freshet completion bash)"},
		"zsh":  {"-f -i", "autoload -U compinit && compinit -u -D && source <(freshet completion zsh)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, shell(t, name), strings.Fields(setup.args)...)
			cmd.Env = completionEnv(t)
			tty, err := pty.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
			defer func() { _ = tty.Close() }()
			screen := &screen{r: tty}
			for _, step := range []struct{ typed, seen string }{
				{setup.source + "; echo rea''dy\n", "ready"},
				{"freshet prefet\t", "prefetch "},
				{"m-1 --form\t", "--formats"},
				{"\x15freshet pop down ed\t", "edge-1"},
			} {
				if _, err := tty.WriteString(step.typed); err != nil {
					t.Fatal(err)
				}
				if !screen.waitFor(step.seen) {
					t.Fatalf("after %q there is no %q: %q", step.typed, step.seen, screen.text.String())
				}
			}
		})
	}
}

// screen collects what a program writes to a terminal.
type screen struct {
	r    *os.File
	text bytes.Buffer
	from int // what was waited for ends here
}

// waitFor reads until a text appears, or the program is gone.
func (s *screen) waitFor(text string) bool {
	buf := make([]byte, 4<<10)
	for {
		if i := bytes.Index(s.text.Bytes()[s.from:], []byte(text)); i >= 0 {
			s.from += i + len(text)
			return true
		}
		n, err := s.r.Read(buf)
		s.text.Write(buf[:n])
		if err != nil {
			return false
		}
	}
}
