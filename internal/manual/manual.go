// Package manual writes the manual of a command tree: man pages, and one page
// of Markdown. What it says of commands, flags and examples is what `--help`
// says, so that the three cannot differ.
//
// It knows cobra and nothing of Freshet: what the manual has beside the
// commands is handed to it.
package manual

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Manual is a command tree, and what there is to say beside it.
type Manual struct {
	Root    *cobra.Command
	Version string    // of the program
	Date    time.Time // of the man pages
	Exits   []Exit
	// Environment are the variables that commands read.
	Environment []Variable
	// Output tells what a command prints with --json; empty if there is nothing
	// to tell.
	Output func(cmd *cobra.Command) string
}

// Exit is an exit code and what it means.
type Exit struct {
	Code    string
	Meaning string
}

// Variable is a variable of the environment and what it does.
type Variable struct {
	Name string
	Text string
}

// commands returns every command that has a page: those that can be run, and
// those that hold others.
func (m *Manual) commands() []*cobra.Command {
	var out []*cobra.Command
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Hidden || c.IsAdditionalHelpTopicCommand() {
			return
		}
		out = append(out, c)
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(m.Root)
	return out
}

// synopsis is the command's line of use.
func synopsis(c *cobra.Command) string {
	if group(c) {
		return c.CommandPath() + " COMMAND"
	}
	line := c.CommandPath() + strings.TrimPrefix(c.Use, c.Name())
	if hasFlags(c) {
		line += " [flags]"
	}
	return line
}

// group tells whether a command only holds others.
func group(c *cobra.Command) bool { return c.HasSubCommands() && !hasFlags(c) }

func hasFlags(c *cobra.Command) bool { return len(flags(c)) > 0 }

// flags returns the command's own flags in order; --help goes without saying.
func flags(c *cobra.Command) []*pflag.Flag { return shown(c.LocalFlags()) }

// shown leaves out what a command has for programs, and --help.
func shown(set *pflag.FlagSet) []*pflag.Flag {
	var out []*pflag.Flag
	set.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			out = append(out, f)
		}
	})
	return out
}

// flagText is a flag's names, the name of its value, and what it does.
func flagText(f *pflag.Flag) (names, value, usage string) {
	value, usage = pflag.UnquoteUsage(f)
	names = "--" + f.Name
	if f.Shorthand != "" {
		names = "-" + f.Shorthand + ", " + names
	}
	switch value {
	case "strings", "stringArray":
		value = "LIST"
	case "int":
		value = "N"
	case "duration":
		value = "TIME"
	case "string":
		value = "TEXT"
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "[]" && !strings.Contains(usage, "(default") {
		usage += " (default " + f.DefValue + ")"
	}
	return names, value, usage
}

// description is the long text, or the short one as a sentence.
func description(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return c.Short + "."
}

// below are the commands that a command holds.
func below(c *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, sub := range c.Commands() {
		if !sub.Hidden && !sub.IsAdditionalHelpTopicCommand() {
			out = append(out, sub)
		}
	}
	return out
}

// paragraphs splits a text at empty lines; code tells which of them are
// indented, and stand as they are.
func paragraphs(text string) (parts []string, code []bool) {
	for part := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		var plain, indented []string
		flush := func() {
			if len(plain) > 0 {
				parts, code = append(parts, strings.Join(plain, "\n")), append(code, false)
			}
			if len(indented) > 0 {
				parts, code = append(parts, strings.Join(indented, "\n")), append(code, true)
			}
			plain, indented = nil, nil
		}
		for line := range strings.SplitSeq(part, "\n") {
			if inner, ok := strings.CutPrefix(line, "  "); ok {
				indented = append(indented, inner)
				continue
			}
			if len(indented) > 0 {
				flush()
			}
			plain = append(plain, line)
		}
		flush()
	}
	return parts, code
}
