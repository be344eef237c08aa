package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet/internal/plaintext"
)

// deps are what commands take from the process.
type deps struct {
	args     []string
	in       io.Reader
	typed    bool      // in is a terminal
	out, err io.Writer // what a terminal would act on does not pass; see execute
	env      func(string) string
	terminal bool // err is a terminal
	asks     bool // so are in and err: questions are answered
	columns  int  // of the terminal that out is; 0 = it is none
	look     *look
	// export and screen are out and err as they are: for exports, of which no
	// byte may change, and for what draws on the terminal, such as bars, with
	// text that is cleaned.
	export, screen io.Writer
	servers        serverCommands
}

// serverCommands are the commands that start servers. They bring every part
// of the product with them, so the commands for people do not know them.
type serverCommands struct {
	extra  []func(deps) *cobra.Command                   // serve, demo, backup, restore
	runPOP func(cmd *cobra.Command, config string) error // `freshet pop --config FILE`
}

// execute runs the command line and returns the process's exit code. Whatever
// commands print is stripped here of what a terminal acts on, since most of it
// came from somebody else.
func execute(ctx context.Context, d deps) int {
	d.export, d.screen = d.out, d.err
	d.out, d.err = plaintext.NewWriter(d.out), plaintext.NewWriter(d.err)
	d.in = &interruptible{ctx: ctx, r: d.in}
	d.look = &look{columns: d.columns}
	root, started := newRoot(d) //nolint:contextcheck // commands get it from ExecuteContext
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitOK
	case !*started:
		err = usageError{err}
	case ctx.Err() != nil:
		err = interrupted(cmd.CommandPath(), err)
	}
	return tell(d, err)
}

// interrupted says how things stand after a command was interrupted, where the
// command itself does not.
func interrupted(path string, err error) error {
	if _, ok := errors.AsType[exitError](err); ok {
		return err
	}
	text, ok := map[string]string{
		"freshet media import":    "what was imported stays; running it again goes on, and harms nothing",
		"freshet audit export":    "no file was written",
		"freshet evidence export": "no file was written",
		"freshet evidence verify": "what was looked at is as it was stored",
		"freshet backup":          "no backup was written",
		"freshet restore":         "the data folder is as it was",
		"freshet secrets rotate":  "the old key opens everything, or the file holds both; run it again",
		"freshet plan purge":      "nothing was done",
		"freshet plan prefetch":   "nothing was done",
	}[path]
	if !ok {
		return err
	}
	return exitError{exitInterrupted, "interrupted; " + text}
}

// newRoot builds the command tree. started tells afterwards whether a command
// ran, or its line was refused before.
func newRoot(d deps) (root *cobra.Command, started *bool) {
	started = new(bool)
	root = &cobra.Command{
		Use:   "freshet",
		Short: "Purge and prefetch video by media ID on every cache you run, with evidence",
		Long: `Freshet purges and prefetches video by media ID on every cache you run, and
shows for each POP what really happened.

Exit codes: 0 all complete, 1 bad input or partial import, 2 wrong usage,
3 failed somewhere, 4 wait timed out, 5 not found or forbidden,
6 server unreachable, 130 interrupted.`,
		SilenceUsage: true, SilenceErrors: true,
		Args: needsSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var colour string
	root.PersistentFlags().StringVar(&colour, "color", "auto", "colour statuses in tables: `WHEN` is auto (on a terminal, unless $NO_COLOR is set), always or never")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		*started = true
		return d.paint(colour)
	}
	root.SetArgs(d.args)
	root.SetIn(d.in)
	root.SetOut(d.out)
	root.SetErr(d.err)
	root.SetFlagErrorFunc(flagFault)
	root.AddCommand(
		newDomain(d), newMedia(d), newSubmit(d, purgeWords()), newSubmit(d, prefetchWords()), newPlan(d),
		newJob(d), newJobs(d), newTask(d), newPOPs(d), newPOP(d), newKey(d), newAccount(d), newPolicy(d),
		newTakedown(d), newAudit(d), newCallbacks(d), newWebhook(d), newConfig(d), newCompletion(d), newMan(d), newVersion(d),
	)
	for _, command := range d.servers.extra {
		root.AddCommand(command(d))
	}
	root.AddCommand(topics()...)
	root.SetHelpCommand(newHelp())
	addGroups(root)
	addExamples(root)
	addCompletion(root, d)
	return root, started
}

// paint settles whether tables are coloured.
func (d *deps) paint(when string) error {
	if !slices.Contains(colours(), when) {
		return usageError{fmt.Errorf("--color is auto, always or never, not %q%s", when, meant(nearest(when, colours())))}
	}
	if d.look != nil {
		d.look.colour = when == "always" || when == "auto" && d.columns > 0 && d.env("NO_COLOR") == "" && d.env("TERM") != "dumb"
	}
	return nil
}

func colours() []string { return []string{"auto", "always", "never"} }

// addGroups sorts the commands of the first level for the help.
func addGroups(root *cobra.Command) {
	for _, g := range []struct{ id, title, commands string }{
		{"work", "Purge and prefetch:", "purge prefetch plan takedown job jobs task"},
		{"catalog", "What there is to purge, and where:", "media domain pop pops"},
		{"access", "Who may, who did, and who is told:", "account key policy audit evidence callbacks webhook"},
		{"serve", "Run Freshet:", "serve demo config backup restore secrets"},
		{"self", "This program:", "completion help man version"},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range root.Commands() {
			if slices.Contains(strings.Fields(g.commands), c.Name()) {
				c.GroupID = g.id
			}
		}
	}
	root.SetHelpCommandGroupID("self")
}

// group makes a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Args: needsSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{fmt.Errorf("%s needs a subcommand", cmd.CommandPath())}
		},
	}
	c.AddCommand(commands...)
	return c
}
