package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api/apitest"
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

// TestP10_CommandsComeAgainAndSaySo runs a command against a server whose queue
// is full for a moment, and one whose disk is.
func TestP10_CommandsComeAgainAndSaySo(t *testing.T) {
	t.Parallel()
	f := apitest.New()
	f.AddMedia("m-1")
	f.Full = &freshet.Error{Code: freshet.CodeUnavailable, Kind: freshet.KindQueue, RetryAfter: time.Second, Message: "The queue is full."}
	f.FullFor = 1
	endpoint := apitest.Serve(t, f).URL
	run := func(args ...string) (code int, out, told string) {
		t.Helper()
		var o, e bytes.Buffer
		code = execute(t.Context(), deps{
			args: args, in: strings.NewReader(""), out: &o, err: &e, servers: servers(),
			env: func(k string) string {
				return map[string]string{
					"FRESHET_ENDPOINT": endpoint, "FRESHET_ACCESS_KEY_ID": apitest.KeyID, "FRESHET_ACCESS_KEY_SECRET": apitest.Secret,
				}[k]
			},
		})
		return code, o.String(), e.String()
	}
	if code, out, told := run("purge", "m-1"); code != exitOK || !strings.Contains(out, "0000000000000001") ||
		!strings.Contains(told, "freshet: The queue is full. Trying again in 1s.\n") {
		t.Errorf("ends with %d, %q, %q", code, out, told)
	}
	f.Update(func() {
		f.Full = &freshet.Error{Code: freshet.CodeUnavailable, Kind: freshet.KindDisk, RetryAfter: time.Minute, Message: "The disk is nearly full."}
	})
	code, _, told := run("purge", "m-1")
	if want, _ := faults.Find(faults.Native, "disk_low"); code != exitUnreachable || !strings.Contains(told, "freshet: The disk is nearly full.\nWhat to do: "+want.Remedy) {
		t.Errorf("ends with %d, %q", code, told)
	}
}
