package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nearest returns the words that a mistyped one was probably meant to be, the
// likeliest first and three at most.
func nearest(typed string, words []string) []string {
	type guess struct {
		word string
		far  int
	}
	limit := min(3, max(1, len(typed)/3)) // a short word is near to everything
	var guesses []guess
	for _, w := range words {
		far := distance(strings.ToLower(typed), strings.ToLower(w))
		if len(typed) >= 3 && strings.HasPrefix(w, typed) {
			far = min(far, limit) // cut off
		}
		if far <= limit {
			guesses = append(guesses, guess{w, far})
		}
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return a.far - b.far })
	var out []string
	for _, g := range guesses[:min(3, len(guesses))] {
		out = append(out, g.word)
	}
	return out
}

// distance counts the letters to insert, drop, replace or swap with their
// neighbour that lie between two words.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last := []int(nil), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row := make([]int, len(t)+1)
		row[0] = i
		for j := 1; j <= len(t); j++ {
			differs := 1
			if s[i-1] == t[j-1] {
				differs = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differs)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(t)]
}

// meant words guesses as the end of a sentence; empty without any.
func meant(guesses []string) string {
	if len(guesses) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(guesses, " or ") + "?"
}

// needsSubcommand are the arguments of a command that only holds others: none,
// and a word that names no subcommand is told what it was meant to be.
func needsSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	synonyms := map[string]string{}
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		names = append(names, c.Name())
		for _, s := range c.SuggestFor {
			synonyms[s] = c.Name()
		}
	}
	guesses := nearest(args[0], names)
	if name, ok := synonyms[strings.ToLower(args[0])]; ok {
		guesses = []string{name}
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), meant(guesses))
}

// flagFault is told what a mistyped flag was meant to be.
func flagFault(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	guesses := nearest("--"+unknown.GetSpecifiedName(), names)
	if len(guesses) == 0 {
		return fmt.Errorf("%w for %q", err, cmd.CommandPath())
	}
	return fmt.Errorf("%w%s", err, meant(guesses))
}
