package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite docs/cli.md")

// tree is the whole command tree.
func tree() *cobra.Command {
	root, _ := newRoot(deps{servers: servers()})
	return root
}

// eachRunnable visits the commands that do something.
func eachRunnable(visit func(*cobra.Command)) {
	eachCommand(tree(), func(cmd *cobra.Command) {
		if cmd.Runnable() && (!cmd.HasSubCommands() || cmd.LocalFlags().HasFlags() && cmd.HasParent()) {
			visit(cmd)
		}
	})
}

func TestManual_TheCommandLineIsAsDocumented(t *testing.T) {
	t.Parallel()
	const file = "../../docs/cli.md"
	head, err := os.ReadFile("testdata/cli-head.md")
	if err != nil {
		t.Fatal(err)
	}
	want := string(head) + manualOf(tree()).Markdown()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("docs/cli.md is stale (%v); run: go test ./cmd/freshet -run Manual -update\n%s", err, cmp.Diff(string(got), want))
	}
}

func TestManual_PagesHaveNoFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pages := manualOf(tree()).Pages()
	var files []string
	for name, text := range pages {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) < 60 || !strings.Contains(pages["freshet-purge.1"], `\fB\-\-formats\fR \fILIST\fR`) {
		t.Errorf("%d pages; of purge: %s", len(files), pages["freshet-purge.1"])
	}
	out, err := exec.CommandContext(t.Context(), shell(t, "mandoc"), append([]string{"-Tlint", "-Wwarning"}, files...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// TestManual_EveryCommandHasGoodExamples reads each example as the program
// would.
func TestManual_EveryCommandHasGoodExamples(t *testing.T) {
	t.Parallel()
	for path := range examples() {
		if cmd, rest, err := tree().Find(strings.Fields(path)[1:]); err != nil || len(rest) > 0 || cmd.CommandPath() != path {
			t.Errorf("examples.go: there is no command %q", path)
		}
	}
	eachRunnable(func(cmd *cobra.Command) {
		if cmd.Name() == "completion" {
			return // its examples are for shells
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example: examples.go is where to add one", cmd.CommandPath())
		}
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			for part := range strings.SplitSeq(line, "|") {
				part, _, _ = strings.Cut(strings.TrimSpace(part), " > ")
				part, _, _ = strings.Cut(part, " && ")
				if words := shellWords(part); len(words) > 0 && words[0] == "freshet" {
					checkExample(t, words[1:])
				}
			}
		}
	})
}

// shellWords splits a line at spaces outside of quotes.
func shellWords(line string) []string {
	var out []string
	quote := rune(0)
	word := ""
	for _, r := range line + " " {
		switch {
		case quote == r:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case quote == 0 && r == ' ':
			if word != "" {
				out = append(out, word)
			}
			word = ""
		default:
			word += string(r)
		}
	}
	return out
}

func checkExample(t *testing.T, words []string) {
	t.Helper()
	cmd, rest, err := tree().Find(words)
	if err != nil {
		t.Errorf("freshet %s: %v", strings.Join(words, " "), err)
		return
	}
	err = cmd.ParseFlags(rest)
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("freshet %s: %v", strings.Join(words, " "), err)
	}
}

func TestManual_EveryCommandSaysWhatItPrintsForPrograms(t *testing.T) {
	t.Parallel()
	all := forms()
	eachRunnable(func(cmd *cobra.Command) {
		f, ok := all[cmd.CommandPath()]
		delete(all, cmd.CommandPath())
		switch has := cmd.Flags().Lookup("json") != nil; {
		case cmd.Name() == "help":
		case !ok:
			t.Errorf("%s: forms.go does not say what it prints with --json", cmd.CommandPath())
		case has == (f.none != ""):
			t.Errorf("%s: has --json is %v, and forms.go has %q", cmd.CommandPath(), has, f.none)
		}
	})
	for path := range all {
		t.Errorf("forms.go: there is no command %q", path)
	}
}

func TestHelp_EveryCommandOfTheFirstLevelHasItsPlace(t *testing.T) {
	t.Parallel()
	for _, c := range tree().Commands() {
		if c.GroupID == "" && !c.IsAdditionalHelpTopicCommand() && !c.Hidden && c.Name() != "help" {
			t.Errorf("%s is in no group of the help: addGroups", c.CommandPath())
		}
	}
	eachCommand(tree(), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s is not explained", cmd.CommandPath(), f.Name)
			}
		})
	})
}
