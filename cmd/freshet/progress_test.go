package main

import (
	"bytes"
	"strings"
	"testing"
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
			if !strings.Contains(text, "tasks") || !strings.Contains(text, "edge-1") || !strings.Contains(text, "1 failed") {
				t.Errorf("shown: %q", text)
			}
			if done && !strings.Contains(text, "10 / 10") {
				t.Errorf("the end is not shown: %q", text)
			}
		})
	}
}

func TestProgress_LinesElsewhereAreNotRepeated(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(t.Context(), &remote{deps: deps{err: &out}})
	p.update(reportOf(false, 1, 2))
	p.update(reportOf(false, 1, 2))
	p.update(reportOf(true, 2, 2))
	p.end()
	want := "job j: 1 of 1 media planned, 1 of 2 tasks final, 1 failed\njob j: 1 of 1 media planned, 2 of 2 tasks final, 1 failed\n"
	if out.String() != want {
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
