package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet"
)

func reportOf(done bool, final, total int) *freshet.JobReport {
	j := &freshet.JobReport{Job: freshet.Job{ID: "j"}, Done: done, Rows: []freshet.RowReport{{Row: freshet.Row{State: freshet.RowPlanned}}}}
	j.Tally = freshet.Tally{Complete: final - 1, Failed: 1, Pending: total - final}
	j.POPs = []freshet.POPTally{{POP: "edge\x1b[2J-1", Final: final, Targets: total, Failed: 1}}
	return j
}

func TestProgress_BarsOfATerminalEndWithTheWait(t *testing.T) {
	t.Parallel()
	for name, done := range map[string]bool{"the job is done": true, "the wait ended before": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			p := newProgress(t.Context(), &remote{deps: deps{err: &out, screen: &out, terminal: true}})
			p.update(reportOf(false, 1, 2))
			p.update(reportOf(false, 3, 10))
			if done {
				p.update(reportOf(true, 10, 10))
			}
			ended := make(chan struct{})
			go func() { defer close(ended); p.end() }()
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatal("the bars do not end")
			}
			text := out.String()
			if !strings.Contains(text, "deliveries") || !strings.Contains(text, "edge-1") || !strings.Contains(text, "1 failed") {
				t.Errorf("shown: %q", text)
			}
			if done && !strings.Contains(text, "10 / 10") {
				t.Errorf("the end is not shown: %q", text)
			}
		})
	}
}

func TestProgress_ElsewhereALineEveryTenSecondsAndAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(t.Context(), &remote{deps: deps{err: &out}})
		for i := range 25 {
			p.update(reportOf(false, 10*i, 300))
			time.Sleep(time.Second)
		}
		p.update(reportOf(true, 300, 300))
		p.end()
		want := "job j: 100 of 300 deliveries final, 1 failed, 10/s, 0:20 left\n" +
			"job j: 200 of 300 deliveries final, 1 failed, 10/s, 0:10 left\n" +
			"job j: 300 of 300 deliveries final, 1 failed, 12/s\n"
		if out.String() != want {
			t.Errorf("shown: %q", out.String())
		}
	})
}

func TestProgress_SaysSoWhileMuchIsNotPlannedYet(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(t.Context(), &remote{deps: deps{err: &out, screen: &out, terminal: true}})
	j := reportOf(false, 1, 2)
	j.Rows = append(j.Rows, freshet.RowReport{Row: freshet.Row{State: freshet.RowPlanning}})
	p.update(j)
	p.end()
	if !strings.Contains(out.String(), "1 of 2 media planned") {
		t.Errorf("shown: %q", out.String())
	}
}

func TestProgress_ManyPOPsFitATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(t.Context(), &remote{deps: deps{err: &out, screen: &out, terminal: true}})
	j := reportOf(false, 1, 2)
	for i := range 100 {
		j.POPs = append(j.POPs, freshet.POPTally{POP: fmt.Sprintf("pop-%02d", i), Final: i, Targets: 100})
	}
	p.update(j)
	p.end()
	text := out.String()
	if !strings.Contains(text, "pop-00") || strings.Contains(text, "pop-50") || !strings.Contains(text, "and 89 more POPs") {
		t.Errorf("shown: %q", text)
	}
}

func TestProgress_ProgramsAreToldNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(t.Context(), &remote{deps: deps{err: &out}, json: true})
	p.update(reportOf(true, 2, 2))
	p.end()
	if out.Len() > 0 {
		t.Errorf("shown: %q", out.String())
	}
}

func TestMeter_ElsewhereALineEveryTenSeconds(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"people": {"media", "list"}, "programs": {"media", "list", "--json"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				m := newMeter(t.Context(), deps{args: args, err: &out}, "list", "media", 0)
				for range 25 {
					time.Sleep(time.Second)
					m.add(1000)
				}
				m.end()
				want := "list: 10,000 media, 1,000/s, 0:10\nlist: 20,000 media, 1,000/s, 0:20\n"
				if name == "programs" {
					want = ""
				}
				if out.String() != want {
					t.Errorf("shown: %q", out.String())
				}
			})
		})
	}
}

func TestMeter_OnATerminalOnlyWhatTakesAWhile(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	quick := newMeter(t.Context(), deps{screen: &out, terminal: true}, "verify", "messages", 0)
	quick.set(5, 5)
	quick.end()
	if out.Len() > 0 {
		t.Errorf("shown of what took no time: %q", out.String())
	}
	slow := newMeter(t.Context(), deps{screen: &out, terminal: true}, "verify", "messages", 0)
	slow.draw() // as its timer does
	slow.set(1500, 3000)
	slow.end()
	if !strings.Contains(out.String(), "1,500 of 3,000 messages") {
		t.Errorf("shown: %q", out.String())
	}
}

func TestByteBar_CountsWhatIsRead(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := newByteBar(t.Context(), deps{err: &out, screen: &out, terminal: true}, "import", 4096)
	n, err := b.reader(bytes.NewReader(make([]byte, 4096))).Read(make([]byte, 4096))
	if n != 4096 || err != nil {
		t.Fatal(n, err)
	}
	b.note("line 3: bad")
	b.end()
	if text := out.String(); !strings.Contains(text, "4.0 KiB") || !strings.Contains(text, "line 3: bad") {
		t.Errorf("shown: %q", text)
	}
}
