package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/freshet-vod/freshet"
	faults "github.com/freshet-vod/freshet/internal/fault" // fault is what programs are told
	"github.com/freshet-vod/freshet/internal/plaintext"
)

// The exit codes, which scripts rely on.
const (
	exitOK          = 0
	exitInput       = 1   // bad input, or a partial import
	exitUsage       = 2   // the command line is wrong
	exitFailed      = 3   // something failed somewhere
	exitTimeout     = 4   // the wait timed out
	exitNotFound    = 5   // not found or forbidden
	exitUnreachable = 6   // the server did not answer, or could not
	exitInterrupted = 130 // as shells report SIGINT
)

// usageError is a command line that is wrong.
type usageError struct{ error }

// Unwrap returns the cause.
func (e usageError) Unwrap() error { return e.error }

// exitError ends the process with a code. Its text, if there is any, is shown.
type exitError struct {
	code int
	text string
}

// Error implements error.
func (e exitError) Error() string { return e.text }

// report shows an error to the user and returns the exit code for it.
func report(d deps, err error) int {
	if e, ok := errors.AsType[exitError](err); ok {
		if e.text != "" {
			fmt.Fprintln(d.err, "freshet:", clean(e.text))
		}
		return e.code
	}
	if e, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(d.err, "freshet: %s\nSee `freshet --help`, or --help after a command.\n", clean(e.Error()))
		return exitUsage
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(d.err, "freshet: interrupted")
		return exitInterrupted
	}
	e, ok := errors.AsType[*freshet.Error](err)
	if !ok {
		fmt.Fprintln(d.err, "freshet:", clean(err.Error()))
		return exitInput
	}
	fmt.Fprintln(d.err, "freshet:", plaintext.Text(e.Message))
	if e.Code == freshet.CodeInternal && e.Err != nil {
		fmt.Fprintln(d.err, " ", clean(e.Err.Error()))
	}
	for _, s := range e.Sub {
		if !strings.Contains(e.Message, s.Message) { // as in faults of a configuration
			fmt.Fprintf(d.err, "  %s %s\n", clean(s.ID), clean(s.Message))
		}
	}
	if remedy := remedyOf(e); remedy != "" {
		fmt.Fprintln(d.err, "What to do:", plaintext.Text(remedy))
	}
	return codeOf(e.Code)
}

// remedyOf returns what to do about an error. Where the input is wrong, its
// message says that already.
func remedyOf(e *freshet.Error) string {
	remedy := faults.Of(e).Remedy
	if plain := faults.Of(&freshet.Error{Code: freshet.CodeInvalid}); remedy == plain.Remedy {
		return ""
	}
	return remedy
}

func codeOf(code freshet.Code) int {
	switch code {
	case freshet.CodeInvalid, freshet.CodeConflict, freshet.CodeTooLarge:
		return exitInput
	case freshet.CodeUnauthenticated, freshet.CodeForbidden, freshet.CodeNotFound:
		return exitNotFound
	case freshet.CodeLimited, freshet.CodeUnavailable, freshet.CodeInternal:
		return exitUnreachable
	}
	return exitInput
}
