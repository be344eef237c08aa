package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// maxHinted bounds for how many IDs a command looks for near ones.
const maxHinted = 3

// hintedError is an error about a name that does not exist, with names that
// do.
type hintedError struct {
	error
	guesses []string
}

// Unwrap returns the error.
func (e hintedError) Unwrap() error { return e.error }

// hinted looks for what mistyped names were meant to be, after a command was
// told that something is not there.
func hinted(cmd *cobra.Command, c *client.Client, args []string, err error) error {
	exit, isExit := errors.AsType[exitError](err)
	if isExit && exit.code != exitNotFound || !isExit && freshet.ErrorCode(err) != freshet.CodeNotFound || len(args) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	var guesses []string
	for _, typed := range args[:min(len(args), maxHinted)] {
		if typed == "-" {
			continue
		}
		guesses = append(guesses, guess(ctx, cmd, c, typed)...)
	}
	if len(guesses) == 0 {
		return err
	}
	return hintedError{err, guesses}
}

// guess returns what one argument was meant to be; nothing if it is right.
func guess(ctx context.Context, cmd *cobra.Command, c *client.Client, typed string) []string {
	known := argumentValues()[cmd.CommandPath()].known
	if takesMedia(cmd.CommandPath()) {
		known = func(ctx context.Context, c *client.Client) ([]string, error) { return mediaNear(ctx, c, typed) }
	}
	if known == nil {
		return nil
	}
	list, err := known(ctx, c)
	if err != nil {
		return nil // the fault itself is told
	}
	for i := range list {
		list[i], _, _ = strings.Cut(list[i], "\t")
	}
	if slices.Contains(list, typed) {
		return nil
	}
	if _, err := strconv.ParseUint(typed, 10, 64); err == nil && cmd.CommandPath() == "freshet job" {
		return append(nearest(typed, list), fmt.Sprintf("freshet task %s", typed))
	}
	return nearest(typed, list)
}

func takesMedia(path string) bool {
	switch path {
	case "freshet purge", "freshet prefetch", "freshet takedown", "freshet plan purge", "freshet plan prefetch", "freshet media show":
		return true
	}
	return false
}

// mediaNear returns media whose IDs begin as a mistyped one: one page after
// the most of it, one after its first half, and the first one of all, which is
// enough for a small catalog.
func mediaNear(ctx context.Context, c *client.Client, typed string) ([]string, error) {
	const page = 200
	var out []string
	for _, after := range []string{typed[:max(0, len(typed)-3)], typed[:len(typed)/2], ""} {
		list, err := c.ListMedia(ctx, after, page)
		if err != nil {
			return out, err
		}
		for i := range list.Media {
			if id := list.Media[i].ID; !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out, nil
}
