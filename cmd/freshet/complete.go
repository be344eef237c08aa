package main

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/freshet-vod/freshet/client"
)

// completionPatience is how long Tab may take to ask a server.
const completionPatience = 2 * time.Second

//go:embed completion.bash
var bashFallback string

func newCompletion(d deps) *cobra.Command {
	cmd := &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Print the script with which a shell completes freshet's commands",
		Long: `Print the script with which a shell completes commands, flags and their values,
and the names that the server knows: POPs, domains, keys, accounts, the jobs of
the last day. For those it uses the endpoint and the key as every command does.`,
		Example: `  source <(freshet completion bash)                                  # this shell; or put it into ~/.bashrc
  freshet completion bash > /etc/bash_completion.d/freshet           # everybody's
  freshet completion zsh > "${fpath[1]}/_freshet"                    # zsh, with compinit in ~/.zshrc
  freshet completion fish > ~/.config/fish/completions/freshet.fish`,
		Args: oneOf("bash", "zsh", "fish"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		root := cmd.Root()
		switch args[0] {
		case "zsh":
			return root.GenZshCompletion(d.out)
		case "fish":
			return root.GenFishCompletion(d.out, true)
		}
		if err := root.GenBashCompletionV2(d.out, true); err != nil {
			return err
		}
		_, err := fmt.Fprint(d.out, bashFallback)
		return err
	}
	return cmd
}

// oneOf wants one argument of a closed list.
func oneOf(words ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(1)(cmd, args); err != nil {
			return fmt.Errorf("%s needs one of: %s", cmd.CommandPath(), strings.Join(words, ", "))
		}
		if slices.Contains(words, args[0]) {
			return nil
		}
		return fmt.Errorf("%q is not known to %s; known are %s%s", args[0], cmd.CommandPath(), strings.Join(words, ", "), meant(nearest(args[0], words)))
	}
}

// value says what a word of the command line can be.
type value struct {
	words []string   // a closed list
	list  bool       // several of words, with commas
	known candidates // what the server knows
	files []string   // files with these endings; "*" is any
	dir   bool       // a folder
}

// candidates asks a server for words, each with a tab and what describes it.
type candidates func(ctx context.Context, c *client.Client) ([]string, error)

// completer completes one value. repeat: any number of them follow each other.
func (v value) completer(d deps, repeat bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) > 0 && !repeat:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case v.dir:
			return nil, cobra.ShellCompDirectiveFilterDirs
		case len(v.files) == 1 && v.files[0] == "*":
			return nil, cobra.ShellCompDirectiveDefault
		case len(v.files) > 0:
			return v.files, cobra.ShellCompDirectiveFilterFileExt
		case v.list:
			return completeList(v.words, typed), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		case v.known != nil:
			return without(v.ask(cmd, d), args), cobra.ShellCompDirectiveNoFileComp
		}
		return v.words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// ask is silent about faults: Tab is no place to tell them.
func (v value) ask(cmd *cobra.Command, d deps) []string {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	r := remote{deps: d, json: true} // it says nothing
	r.endpoint, _ = cmd.Flags().GetString("endpoint")
	r.data, _ = cmd.Flags().GetString("data")
	c, err := r.client()
	if err != nil {
		return nil
	}
	defer c.Close()
	words, err := v.known(ctx, c)
	if err != nil {
		return nil
	}
	for i := range words {
		name, about, _ := strings.Cut(words[i], "\t")
		words[i] = clean(name) + "\t" + clean(about)
	}
	return words
}

// completeList completes the last word of a list with commas.
func completeList(words []string, typed string) []string {
	given := ""
	if i := strings.LastIndexByte(typed, ','); i >= 0 {
		given = typed[:i+1]
	}
	var out []string
	for _, w := range without(words, strings.Split(given, ",")) {
		out = append(out, given+w)
	}
	return out
}

// without leaves out what is on the line already.
func without(words, given []string) []string {
	var out []string
	for _, w := range words {
		name, _, _ := strings.Cut(w, "\t")
		if !slices.Contains(given, name) {
			out = append(out, w)
		}
	}
	return out
}

// addCompletion tells every command of the tree what its words can be.
func addCompletion(root *cobra.Command, d deps) {
	arguments, flags := argumentValues(), flagValues()
	eachCommand(root, func(cmd *cobra.Command) {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
		if v, ok := arguments[cmd.CommandPath()]; ok {
			cmd.ValidArgsFunction = v.completer(d, strings.Contains(cmd.Use, "..."))
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			complete := cobra.NoFileCompletions
			if v, ok := flagValue(flags, cmd, f.Name); ok {
				one := v.completer(d, true)
				complete = func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
					return one(cmd, nil, typed)
				}
			}
			if err := cmd.RegisterFlagCompletionFunc(f.Name, complete); err != nil {
				panic(err) // the flag exists: it was just visited
			}
		})
	})
}

// flagValue looks a flag up under its command first: one name may mean two
// things.
func flagValue(flags map[string]value, cmd *cobra.Command, name string) (value, bool) {
	if v, ok := flags[cmd.CommandPath()+" --"+name]; ok {
		return v, true
	}
	v, ok := flags["--"+name]
	return v, ok
}

// eachCommand visits a command and all below it.
func eachCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		eachCommand(c, visit)
	}
}
