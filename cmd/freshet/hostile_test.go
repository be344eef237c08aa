package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/plaintext"
)

// evil is what somebody would put into a title, a validator or an error to make
// a terminal lie: it clears, recolours, renames the window, fills the clipboard
// and turns the reading direction round.
const evil = "shown\x1b[2J\x1b[31m\x1b]0;owned\x07\x1b]52;c;eA==\x1b\\\u009b1m\u202e\u2066\r\x08\x7f\u0085gone"

// hostileServer is one whose every text is evil.
func hostileServer() *apitest.Fake {
	f, at := scripted(), apitest.Epoch()
	f.MediaSet["m-1"] = &freshet.Media{
		Account: apitest.Account, ID: "m-1", Title: evil, Status: freshet.StatusNormal, Updated: at,
		Streams: []freshet.Stream{{JobID: evil, Format: "m3u8", Definition: "HD", Type: "video", URL: "http://vod.example.com/" + evil}},
	}
	f.POPStates = append(f.POPStates, freshet.POPStatus{ID: evil, State: evil, URL: evil, Parents: []string{evil}})
	f.DomainSet[evil] = freshet.Domain{Account: apitest.Account, Name: evil, Origin: evil, Aliases: []string{evil}, IgnoreParams: []string{evil}}
	f.Tasks[1000000001].URL, f.Tasks[1000000001].Description, f.Tasks[1000000001].Deliveries[0].POP = evil, evil, evil
	f.AuditList = []freshet.AuditRecord{{ID: 1, Time: at, Account: evil, KeyID: evil, Address: evil, Action: evil, Object: evil, Outcome: evil}}
	for i := range f.CallbackList {
		f.CallbackList[i].Error, f.CallbackList[i].Event = evil, evil
	}
	f.Down = []freshet.TakedownRecord{{Media: evil, Job: evil, Denial: freshet.Denial{Status: 451, Reason: evil, By: evil}, Since: at}}
	shape := f.Shape
	f.Shape = func(j *freshet.JobReport) {
		shape(j)
		for i := range j.Rows {
			j.Rows[i].Message, j.Rows[i].Problems = evil, []freshet.Problem{{URL: evil, Reason: evil}}
			j.Rows[i].Failed = []freshet.Task{{ID: 1000000002, URL: evil, Description: evil}}
		}
		j.POPs = append(j.POPs, freshet.POPTally{POP: evil, Targets: 1})
	}
	return f
}

// TestNothingThatATerminalActsOnIsPrinted: whatever a server says.
func TestNothingThatATerminalActsOnIsPrinted(t *testing.T) {
	t.Parallel()
	srv := apitest.Serve(t, hostileServer())
	env := map[string]string{envEndpoint: srv.URL, "FRESHET_ACCESS_KEY_ID": apitest.KeyID, "FRESHET_ACCESS_KEY_SECRET": apitest.Secret}
	run := func(args ...string) string {
		var out, errs bytes.Buffer
		execute(t.Context(), deps{args: args, in: strings.NewReader("{\"MediaId\":\"x\",\"" + "\u009b2J\u202e" + "\":1}\n"), out: &out, err: &errs, env: func(k string) string { return env[k] }})
		return out.String() + errs.String()
	}
	for _, line := range []string{
		"purge m-1 --wait", "jobs", "job 0000000000000001", "job 0000000000000001 --tasks", "task 1000000001", "media list",
		"media show m-1", "media import -", "domain list", "pops", "callbacks", "audit", "audit export", "takedown --list", "key list", "account list",
		"plan purge m-1", "task " + evil, "media show " + evil, "job " + evil, "purge --url " + evil, "no-such-command " + evil,
	} {
		args := strings.SplitN(line, " ", 3)
		if strings.HasPrefix(line, "job 0") || strings.HasPrefix(line, "purge m") || strings.HasPrefix(line, "plan") {
			args = strings.Fields(line)
		}
		for _, more := range [][]string{nil, {"--json"}} {
			got := run(append(slices.Clip(args), more...)...)
			if got == "" || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && r != '\t' && plaintext.Unsafe(r) }) {
				t.Errorf("freshet %q %v prints %q", args, more, got)
			}
		}
	}
	// Programs get all of it back, and people enough to know what it is.
	if got := run("task", "1000000001", "--json"); !strings.Contains(got, `shown\u001b[2J`) || !strings.Contains(got, `\u202e`) {
		t.Errorf("JSON is not whole: %q", got)
	}
	if got := run("task", "1000000001"); !strings.Contains(got, "showngone") {
		t.Errorf("text is lost: %q", got)
	}
}
