package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
)

// exitMeaning is one of the exit codes, with what it means.
type exitMeaning struct {
	code    int
	name    string // the code of its fault in JSON, where the server named none
	meaning string
}

// exitCodes is the one table of them, which scripts rely on.
func exitCodes() []exitMeaning {
	return []exitMeaning{
		{exitOK, "ok", "all complete"},
		{exitInput, "invalid", "bad input, or an import of which some lines were refused"},
		{exitUsage, "usage", "wrong usage: the command line is not understood, and nothing was done"},
		{exitFailed, "failed", "something failed somewhere, or is not as it should be"},
		{exitTimeout, "timeout", "the wait timed out; the job goes on"},
		{exitNotFound, "not_found", "not found, or forbidden; with several media: some of them"},
		{exitUnreachable, "unavailable", "the server cannot be reached, or cannot answer now"},
		{exitInterrupted, "interrupted", "interrupted; what was said on the way out holds"},
	}
}

// fault is an error as programs are told it on standard error, with --json: a
// problem as those of the API (RFC 9457), with the exit code.
type fault struct {
	Type       string       `json:"type"`
	Title      string       `json:"title"`
	Detail     string       `json:"detail"`
	Code       string       `json:"code"`
	ExitCode   int          `json:"exit_code"`
	Field      string       `json:"field,omitempty"`
	Request    string       `json:"request,omitempty"`             // how the server's log names the call
	RetryAfter int          `json:"retry_after_seconds,omitempty"` // when the same call may succeed
	DidYouMean []string     `json:"did_you_mean,omitempty"`
	Errors     []faultOfOne `json:"errors,omitempty"`
}

// faultOfOne is the fault of one item.
type faultOfOne struct {
	Line   int    `json:"line,omitempty"`
	ID     string `json:"id,omitempty"`
	Detail string `json:"detail"`
}

// wantsJSON looks for --json on a command line that may be wrong.
func wantsJSON(args []string) bool {
	for _, a := range args {
		if a == "--" {
			return false
		}
		if value, ok := strings.CutPrefix(a, "--json="); ok {
			on, err := strconv.ParseBool(value)
			return err == nil && on
		}
		if a == "--json" {
			return true
		}
	}
	return false
}

// tell shows an error, in the form that the command line asks for, and
// returns the exit code for it.
func tell(d deps, err error) int {
	if !wantsJSON(d.args) {
		code := report(d, err)
		if h, ok := errors.AsType[hintedError](err); ok {
			fmt.Fprintf(d.err, "  did you mean %s?\n", clean(strings.Join(h.guesses, " or ")))
		}
		return code
	}
	f := faultOf(err)
	if err := writeJSON(d.err, f, false); err != nil {
		fmt.Fprintln(d.err, "freshet:", clean(err.Error()))
	}
	return f.ExitCode
}

func faultOf(err error) fault {
	f := fault{Type: "about:blank", Detail: err.Error()}
	if h, ok := errors.AsType[hintedError](err); ok {
		f.DidYouMean = h.guesses
	}
	exit, isExit := errors.AsType[exitError](err)
	e, isFault := errors.AsType[*freshet.Error](err)
	_, isUsage := errors.AsType[usageError](err)
	switch {
	case isExit:
		f.ExitCode, f.Detail = exit.code, exit.text
	case isUsage:
		f.ExitCode = exitUsage
	case errors.Is(err, context.Canceled):
		f.ExitCode = exitInterrupted
	case isFault:
		f.ExitCode, f.Code, f.Field, f.Detail = codeOf(e.Code), string(e.Code), e.Field, e.Message
		f.RetryAfter = int(math.Ceil(e.RetryAfter.Seconds()))
		if e.Code == freshet.CodeInternal && e.Err != nil {
			f.Request = e.Err.Error()
		}
		for _, s := range e.Sub {
			f.Errors = append(f.Errors, faultOfOne{Line: s.Line, ID: s.ID, Detail: s.Message})
		}
	default:
		f.ExitCode = exitInput
	}
	all := exitCodes()
	if i := slices.IndexFunc(all, func(c exitMeaning) bool { return c.code == f.ExitCode }); i >= 0 {
		f.Title = strings.ToUpper(all[i].meaning[:1]) + all[i].meaning[1:]
		if f.Code == "" {
			f.Code = all[i].name
		}
	}
	if f.Detail == "" {
		f.Detail = f.Title // the output says which
	}
	return f
}
