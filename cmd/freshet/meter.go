package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

const (
	// barWidth leaves room for a name and counts on 80 columns.
	barWidth = 78
	// drawnAfter is how long something must take before a meter is drawn, where
	// it mostly takes less.
	drawnAfter = 500 * time.Millisecond
)

// meter shows how far something long is, with its rate and the remaining time:
// a bar on a terminal, elsewhere a line every ten seconds; with --json only the
// bar.
type meter struct {
	d     deps
	ctx   context.Context //nolint:containedctx // mpb takes it when the bar is made
	name  string
	unit  string // of what is counted; "" is bytes
	quiet bool
	pace  *pace
	last  time.Time // the last line

	mu    sync.Mutex
	bars  *mpb.Progress // nil until it is drawn
	bar   *mpb.Bar
	timer *time.Timer // draws it
	ended bool
}

// newMeter makes a meter that is drawn when what it shows takes a while. Total
// 0 is unknown.
func newMeter(ctx context.Context, d deps, name, unit string, total int64) *meter {
	m := &meter{d: d, ctx: ctx, name: name, unit: unit, pace: newPace(total), last: time.Now(), quiet: !d.terminal && wantsJSON(d.args)}
	if d.terminal {
		m.timer = time.AfterFunc(drawnAfter, m.draw)
	}
	return m
}

// newByteBar makes a meter of bytes that is drawn at once, if their number is
// known.
func newByteBar(ctx context.Context, d deps, name string, total int64) *meter {
	m := newMeter(ctx, d, name, "", total)
	if d.terminal && total > 0 {
		m.draw()
	}
	return m
}

// listMeter makes a meter of what goes to standard output. Where that is a
// terminal, one sees how far it is.
func (r *remote) listMeter(cmd *cobra.Command, name, unit string) *meter {
	d := r.deps
	d.terminal = d.terminal && d.columns == 0
	m := newMeter(cmd.Context(), d, name, unit, 0)
	m.quiet = m.quiet || d.columns > 0
	return m
}

// exportMeter makes a meter of what goes to a file, or to standard output.
func (r *remote) exportMeter(cmd *cobra.Command, file, unit string) *meter {
	if file != "-" {
		return newMeter(cmd.Context(), r.deps, "export", unit, 0)
	}
	return r.listMeter(cmd, "export", unit)
}

func (m *meter) draw() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bars != nil || m.ended {
		return
	}
	done, total := m.pace.now()
	m.bars = mpb.NewWithContext(m.ctx, mpb.WithOutput(m.d.screen), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
	filler := mpb.BarStyle().Build()
	if total == 0 {
		filler = mpb.SpinnerStyle().Build()
	}
	m.bar = m.bars.MustAdd(total, filler,
		mpb.PrependDecorators(decor.Name(clean(m.name), decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + m.text() })))
	m.bar.SetCurrent(done)
}

// text tells in words how far it is.
func (m *meter) text() string {
	done, total := m.pace.now()
	var parts []string
	switch {
	case total > 0:
		parts = append(parts, m.amount(done)+" of "+m.amount(total)+m.units())
	case done > 0:
		parts = append(parts, m.amount(done)+m.units())
	}
	if speed := m.pace.speed(m.amount); speed != "" {
		parts = append(parts, speed)
	}
	return strings.Join(parts, ", ")
}

func (m *meter) amount(n int64) string {
	if m.unit == "" {
		return size(n)
	}
	return thousands(n)
}

func (m *meter) units() string {
	if m.unit == "" {
		return ""
	}
	return " " + m.unit
}

// set moves the meter; a total may become known late.
func (m *meter) set(done, total int64) {
	m.pace.set(done, total)
	m.moved()
}

// add moves the meter on.
func (m *meter) add(n int64) {
	m.pace.add(n)
	m.moved()
}

func (m *meter) moved() {
	done, total := m.pace.now()
	m.mu.Lock()
	bar := m.bar
	m.mu.Unlock()
	switch {
	case bar != nil:
		if total > 0 {
			bar.SetTotal(total, false)
		}
		bar.SetCurrent(done)
	case m.d.terminal || m.quiet || time.Since(m.last) < betweenLines:
	default:
		m.last = time.Now()
		fmt.Fprintf(m.d.err, "%s: %s\n", clean(m.name), m.text())
	}
}

// note prints a line above the bar. Programs are not told.
func (m *meter) note(line string) {
	if m.quiet {
		return
	}
	m.mu.Lock()
	bars := m.bars
	m.mu.Unlock()
	if bars != nil {
		_, _ = fmt.Fprintln(bars, clean(line))
		return
	}
	fmt.Fprintln(m.d.err, clean(line))
}

// end leaves the bar as it is, and gives the terminal back.
func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	if m.timer != nil {
		m.timer.Stop()
	}
	if m.bars == nil {
		return
	}
	if done, total := m.pace.now(); total > 0 && done >= total {
		m.bar.SetTotal(total, true)
	}
	m.bar.Abort(false) // does nothing to one that is complete
	m.bars.Wait()
}

// reader counts what is read.
func (m *meter) reader(r io.Reader) io.Reader { return &countingReader{r: r, m: m} }

// countingReader moves a meter. It hides whatever else the reader can do, so
// that no byte passes the meter by.
type countingReader struct {
	r io.Reader
	m *meter
}

// Read implements [io.Reader].
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.m.add(int64(n))
	return n, err
}

// writer counts what is written, one line a call.
func (m *meter) writer(w io.Writer) io.Writer { return &countingWriter{w: w, m: m} }

type countingWriter struct {
	w io.Writer
	m *meter
}

// Write implements [io.Writer].
func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.m.add(1)
	return n, err
}
