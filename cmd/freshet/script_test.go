package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api/apitest"
	"github.com/freshet-vod/freshet/internal/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"freshet": func() { os.Exit(run()) }})
}

// TestScripts runs the command line as its users do, against a server with a
// scripted engine. Each script has a server of its own.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			f := scripted()
			env.Setenv("FRESHET_ENDPOINT", apitest.Serve(t, f).URL)
			env.Setenv("FRESHET_ACCESS_KEY_ID", apitest.KeyID)
			env.Setenv("FRESHET_ACCESS_KEY_SECRET", apitest.Secret)
			env.Values["fake"] = f
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": exitCode,
			// waiting returns once a command waits for a job.
			"waiting": func(ts *testscript.TestScript, _ bool, _ []string) {
				f := ts.Value("fake").(*apitest.Fake)
				tick, late := time.NewTicker(5*time.Millisecond), time.After(10*time.Second)
				defer tick.Stop()
				for f.Waiting() == 0 {
					select {
					case <-tick.C:
					case <-late:
						ts.Fatalf("nothing waits")
					}
				}
			},
			"submitted": func(ts *testscript.TestScript, neg bool, args []string) {
				f := ts.Value("fake").(*apitest.Fake)
				var got string
				f.Update(func() { got = describe(f.Submitted) })
				if want := strings.Join(args, " "); (got == want) == neg {
					ts.Fatalf("submitted %q", got)
				}
			},
		},
	})
}

// exitCode runs a command and wants a code of it: code 3 freshet job x.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code is %s, not %s", got, args[0])
	}
}

func describe(list []freshet.Submission) string {
	if len(list) == 0 {
		return "nothing"
	}
	s := list[len(list)-1]
	words := []string{string(s.Type), strings.Join(s.Media, ",")}
	if d := s.Direct; d != nil {
		words = append(words, strings.Join(append(append(d.URLs, d.Prefixes...), d.Tags...), ","))
		for _, h := range d.Headers {
			words = append(words, strings.ReplaceAll(h, "\n", ";"))
		}
		if d.Area != "" {
			words = append(words, "area "+string(d.Area))
		}
		if d.ParentsOnly {
			words = append(words, "parents")
		}
		if d.Soft {
			words = append(words, "soft")
		}
		for _, p := range d.Patterns {
			words = append(words, "regex "+p.String())
		}
		for _, u := range d.Bare {
			words = append(words, "bare "+u)
		}
	}
	f := s.Filter
	if f.Everything {
		words = append(words, "everything")
	}
	if d := s.Denial; d != nil {
		words = append(words, fmt.Sprintf("denied %d by %s", d.Status, d.By))
		if d.Reason != "" {
			words = append(words, "for "+d.Reason)
		}
	}
	for _, v := range f.Formats {
		words = append(words, string(v))
	}
	for _, v := range f.Definitions {
		words = append(words, string(v))
	}
	for _, v := range f.StreamTypes {
		words = append(words, string(v))
	}
	if f.Multiple {
		words = append(words, "multiple")
	}
	if f.Slices {
		words = append(words, "slices", num(f.SliceCount))
	}
	return strings.Join(words, " ")
}

// scripted is an engine in which jobs of m-slow never end, those of m-bad
// fail, and all others are complete at once.
func scripted() *apitest.Fake {
	f := apitest.New()
	f.AddMedia("m-1", "m-2", "m-slow", "m-bad")
	for i := 1; i <= 22; i++ {
		f.AddMedia(fmt.Sprintf("n-%d", i))
	}
	at := apitest.Epoch()
	f.Tasks[1000000001] = &freshet.TaskReport{
		Task: freshet.Task{
			ID: 1000000001, Job: "0000000000000001", Media: "m-1", At: freshet.Position{Epoch: 1, Pos: 7}, URL: "http://vod.example.com/m-1.mp4",
			ObjectType: "file", Status: freshet.TaskRefreshing, Final: 1, Targets: 2, Created: at,
		},
		Deliveries: []freshet.Delivery{
			{
				POP: "shield", Outcome: freshet.OutcomeDone, Verified: freshet.VerifiedInspect, Attempts: 1, ExecutedAt: at.Add(time.Second),
				ReceivedAt: at.Add(time.Second), Before: &freshet.Copy{FetchedAt: at, Validator: "\"v1\x1b[2J\u009b31m\"", Size: 1536}, Incarnation: "i",
				Rounds: 2, WindowMs: 1250,
			},
			{POP: "edge-1"},
		},
	}
	f.Tasks[1000000002] = &freshet.TaskReport{
		Task: freshet.Task{ID: 1000000002, Media: "m-bad", URL: "http://vod.example.com/bad.mp4", ObjectType: "preload", Status: freshet.TaskFailed, Targets: 1, Final: 1, Description: "Origin Return StatusCode 5XX", Created: at},
		Deliveries: []freshet.Delivery{
			{POP: "shield", Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonOrigin5xx, Attempts: 3, ExecutedAt: at},
		},
	}
	f.CallbackList = []store.Callback{
		{ID: "cb00000000000003", Account: apitest.Account, Event: store.FinishEvent, Job: "0000000000000001", Attempts: 2, Due: at, Error: "The receiver did not answer within 5s."},
		{ID: "cb00000000000002", Account: apitest.Account, Event: "SubmitMediaRefreshComplete", Media: "m-2", State: store.CallbackFailed, Attempts: 3, Error: "The receiver answered with status 500."},
		{ID: "cb00000000000001", Account: apitest.Account, Event: "SubmitMediaRefreshComplete", Media: "m-1", State: store.CallbackDelivered, Attempts: 1},
		{ID: "cb00000000000000", Account: "other", Event: "SubmitMediaRefreshComplete", Media: "m-0", State: store.CallbackFailed},
	}
	f.Shape = func(j *freshet.JobReport) {
		j.Done = true
		for i := range j.Rows {
			r := &j.Rows[i]
			r.State, r.Tally = freshet.RowPlanned, freshet.Tally{Complete: 3}
			r.Tasks = []freshet.TaskSpan{{First: 1000000001, Count: 2}, {First: 1000000009, Count: 1}}
			switch r.Media {
			case "m-slow":
				r.Tally, j.Done = freshet.Tally{Complete: 1, Refreshing: 1, Pending: 1}, false
			case "m-bad":
				r.Tally = freshet.Tally{Complete: 2, Failed: 1}
				r.Failed = []freshet.Task{{ID: 1000000002, URL: "http://vod.example.com/bad.mp4", Description: "Origin Timeout"}}
				r.Problems = []freshet.Problem{{URL: "http://vod.example.com/x.m3u8", Reason: "the playlist cannot be read"}}
			}
			j.Tally.Complete += r.Tally.Complete
			j.Tally.Refreshing += r.Tally.Refreshing
			j.Tally.Pending += r.Tally.Pending
			j.Tally.Failed += r.Tally.Failed
		}
		n := j.Tally.Total()
		j.POPs = []freshet.POPTally{{POP: "edge-1", Targets: n, Final: n - j.Tally.Pending, Failed: j.Tally.Failed}, {POP: "shield", Targets: n, Final: n}}
	}
	return f
}
