package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	faults "github.com/freshet-vod/freshet/internal/fault" // fault is what programs are told
)

// TestErrors_SendNobodyToACommandThatIsNotThere follows what the table tells
// people to type and to set.
func TestErrors_SendNobodyToACommandThatIsNotThere(t *testing.T) {
	t.Parallel()
	root, _ := newRoot(deps{servers: servers(), env: func(string) string { return "" }})
	config, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, e := range faults.All() {
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(e.Remedy, -1) {
			if line, ok := strings.CutPrefix(m[1], "freshet "); ok {
				commands++
				args := strings.Fields(line)
				found, rest, err := root.Find(args)
				if err != nil || found == root || len(rest) > 0 && found.HasSubCommands() {
					t.Errorf("%s: there is no command %q", e.Code, m[1])
				}
				for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(line, -1) {
					if found.Flag(flag[1]) == nil {
						t.Errorf("%s: %q has no such flag", e.Code, m[1])
					}
				}
			}
			if regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)+$`).MatchString(m[1]) && !bytes.Contains(config, []byte("### `"+m[1]+"`\n")) {
				t.Errorf("%s: there is no key %s", e.Code, m[1])
			}
		}
	}
	if commands < 20 {
		t.Errorf("%d commands were found in the table", commands)
	}
}

func TestErrors_ExitCodesAreInTheTable(t *testing.T) {
	t.Parallel()
	ours := []int{exitOK, exitInput, exitUsage, exitFailed, exitTimeout, exitNotFound, exitUnreachable, exitInterrupted}
	for _, code := range ours {
		if e, ok := faults.Find(faults.Exit, strconv.Itoa(code)); !ok || e.Status != code {
			t.Errorf("internal/fault lacks the exit code %d", code)
		}
	}
	n := 0
	for _, e := range faults.All() {
		if e.Face == faults.Exit {
			n++
		}
	}
	if n != len(ours) {
		t.Errorf("the table has %d exit codes", n)
	}
}

// TestErrors_AreShownWithWhatToDo holds what people read after each error.
func TestErrors_AreShownWithWhatToDo(t *testing.T) {
	t.Parallel()
	for _, e := range faults.All() {
		if e.Face != faults.Native {
			continue
		}
		t.Run(e.Code, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			err := &freshet.Error{Code: freshet.Code(e.Code), Message: "It went wrong."}
			if e.Code != string(freshet.CodeInvalid) && freshet.ErrorCode(err) != "" {
				err.Kind = freshet.ErrorKind(e.Code)
			}
			report(deps{err: &b}, fmt.Errorf("calling: %w", err))
			remedy := "What to do: " + e.Remedy + "\n"
			if e.Code == string(freshet.CodeInvalid) {
				remedy = "" // the message names what to mend
			}
			if want := "freshet: It went wrong.\n" + remedy; b.String() != want {
				t.Errorf("shown is %q, expected %q", b.String(), want)
			}
		})
	}
	var b bytes.Buffer
	report(deps{err: &b}, &freshet.Error{Code: freshet.CodeInvalid, Message: "No.", Remedy: "What a newer\x1b[31m server says."})
	if got := b.String(); !strings.Contains(got, "What to do: What a newer") || strings.Contains(got, "\x1b") {
		t.Errorf("shown is %q", got)
	}
}
