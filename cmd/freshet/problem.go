package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/freshet-vod/freshet"
	faults "github.com/freshet-vod/freshet/internal/fault"
)

// exitMeaning is one of the exit codes, with what it means.
type exitMeaning struct {
	code    int
	name    string // the code of its problem in JSON, where the server named none
	meaning string
}

// exitCodes are those of the table of everything that can go wrong.
func exitCodes() []exitMeaning {
	names := map[int]string{
		exitOK: "ok", exitInput: "invalid", exitUsage: "usage", exitFailed: "failed", exitTimeout: "timeout",
		exitNotFound: "not_found", exitUnreachable: "unavailable", exitInterrupted: "interrupted",
	}
	var out []exitMeaning
	for _, e := range faults.All() {
		if e.Face == faults.Exit {
			out = append(out, exitMeaning{e.Status, names[e.Status], e.Means})
		}
	}
	return out
}

// problem is an error as programs are told it on standard error, with --json:
// as those of the API (RFC 9457), with the exit code.
type problem struct {
	Type       string       `json:"type"`
	Title      string       `json:"title"`
	Detail     string       `json:"detail"`
	Code       string       `json:"code"`
	Kind       string       `json:"kind,omitempty"`
	ExitCode   int          `json:"exit_code"`
	Field      string       `json:"field,omitempty"`
	Remedy     string       `json:"remedy"`                        // what to do about it
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
	p := problemOf(err)
	if err := writeJSON(d.err, p, false); err != nil {
		fmt.Fprintln(d.err, "freshet:", clean(err.Error()))
	}
	return p.ExitCode
}

func problemOf(err error) problem {
	p := problem{Type: "about:blank", Detail: err.Error()}
	if h, ok := errors.AsType[hintedError](err); ok {
		p.DidYouMean = h.guesses
	}
	exit, isExit := errors.AsType[exitError](err)
	e, isFault := errors.AsType[*freshet.Error](err)
	_, isUsage := errors.AsType[usageError](err)
	switch {
	case isExit:
		p.ExitCode, p.Detail = exit.code, exit.text
	case isUsage:
		p.ExitCode = exitUsage
	case errors.Is(err, context.Canceled):
		p.ExitCode = exitInterrupted
	case isFault:
		p.ofServer(e)
	default:
		p.ExitCode = exitInput
	}
	if line, ok := faults.Find(faults.Exit, strconv.Itoa(p.ExitCode)); ok {
		p.Title = line.Means
		p.Remedy = cmp.Or(p.Remedy, line.Remedy)
	}
	for _, c := range exitCodes() {
		if c.code == p.ExitCode {
			p.Code = cmp.Or(p.Code, c.name)
		}
	}
	p.Detail = cmp.Or(p.Detail, p.Title) // the output says which
	return p
}

// ofServer takes what the server, or the client in its place, said.
func (p *problem) ofServer(e *freshet.Error) {
	line := faults.Of(e)
	p.ExitCode, p.Type, p.Code, p.Kind = codeOf(e.Code), line.Type(), string(e.Code), string(e.Kind)
	p.Field, p.Detail, p.Remedy = e.Field, e.Message, line.Remedy
	p.RetryAfter = int(math.Ceil(e.RetryAfter.Seconds()))
	if e.Code == freshet.CodeInternal && e.Err != nil {
		p.Request = e.Err.Error()
	}
	for _, s := range e.Sub {
		p.Errors = append(p.Errors, faultOfOne{Line: s.Line, ID: s.ID, Detail: s.Message})
	}
}
