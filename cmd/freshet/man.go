package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/manual"
)

// environment is the one table of the variables that commands read.
func environment() []manual.Variable {
	return []manual.Variable{
		{Name: envEndpoint, Text: "where the server is; --endpoint comes first (default " + client.DefaultEndpoint + ")"},
		{Name: envData, Text: "the server's data folder, for its credentials file; --data comes first (default " + config.Default().Data + ")"},
		{Name: config.EnvAccessKeyID + ", " + config.EnvAccessKeySecret, Text: "the access key; without them, that of the credentials file"},
		{Name: config.EnvSecurityToken, Text: "the security token of a temporary access key"},
		{Name: "NO_COLOR", Text: "if it is set, nothing is coloured; --color comes first"},
		{Name: config.EnvSecretsKey, Text: "for serve: the keys of the secrets in the database, in place of a key file"},
	}
}

// manualOf is the manual of the command tree.
func manualOf(root *cobra.Command) *manual.Manual {
	m := &manual.Manual{Root: root, Version: release().Version, Date: builtAt(), Environment: environment(), Output: outputText}
	for _, e := range exitCodes() {
		m.Exits = append(m.Exits, manual.Exit{Code: strconv.Itoa(e.code), Meaning: e.meaning})
	}
	return m
}

// builtAt is when the program's source was committed, or now.
func builtAt() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Now()
	}
	i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "vcs.time" })
	if i < 0 {
		return time.Now()
	}
	at, err := time.Parse(time.RFC3339, info.Settings[i].Value)
	if err != nil {
		return time.Now()
	}
	return at
}

// manAnswer is the output for programs.
type manAnswer struct {
	Files []string `json:"files"`
}

func newMan(d deps) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "man DIR", Short: "Write the man pages into a folder", Args: cobra.ExactArgs(1),
		Long: `Writes a man page of the program and one of each command into a folder, which is
made if it is not there. What is there of an earlier release is replaced.`,
		Example: "  freshet man /usr/local/share/man/man1\n  freshet man /tmp/man1 && man /tmp/man1/freshet-purge.1",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // manuals are for everybody
				return freshet.Errorf(freshet.CodeInvalid, "The folder cannot be made: %w.", err)
			}
			answer := manAnswer{Files: []string{}}
			var errs []error
			for name, text := range manualOf(cmd.Root()).Pages() {
				file := filepath.Join(args[0], name)
				answer.Files = append(answer.Files, file)
				errs = append(errs, os.WriteFile(file, []byte(text), 0o644)) //nolint:gosec // manuals are for everybody
			}
			if err := errors.Join(errs...); err != nil {
				return freshet.Errorf(freshet.CodeInvalid, "The man pages cannot be written: %w.", err)
			}
			slices.Sort(answer.Files)
			if asJSON {
				return writeJSON(d.out, answer, true)
			}
			_, err := fmt.Fprintf(d.out, "%d man pages are in %s\n", len(answer.Files), clean(args[0]))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

// newHelp makes `freshet help`.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Explain a command or a topic",
		Example:           "  freshet help purge\n  freshet help exit-codes",
		ValidArgsFunction: completeHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = needsSubcommand(about, rest)
			}
			if err != nil {
				return usageError{err}
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// completeHelp offers what there is help for.
func completeHelp(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	about, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, c := range about.Commands() {
		if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			out = append(out, c.Name()+"\t"+c.Short)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
