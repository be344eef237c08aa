package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/freshet-vod/freshet"
)

// barWidth leaves room for a POP's name and counts on 80 columns.
const barWidth = 60

// progress shows how far a job is: bars on a terminal, one line per change
// elsewhere.
type progress struct {
	d     deps
	quiet bool            // nobody would read it
	bars  *mpb.Progress   // nil without a terminal
	ctx   context.Context //nolint:containedctx // mpb takes it when the first bar is made
	tasks *popBar
	pops  map[string]*popBar
	line  string // the last one printed
}

// popBar is a bar with the number of failures behind it.
type popBar struct {
	bar    *mpb.Bar
	failed atomic.Int64 // read by the goroutine that draws
}

func newProgress(ctx context.Context, r *remote) *progress {
	return &progress{d: r.deps, quiet: r.json && !r.terminal, ctx: ctx, pops: map[string]*popBar{}}
}

func (p *progress) update(j *freshet.JobReport) {
	if p.quiet {
		return
	}
	if !p.d.terminal {
		p.print(j)
		return
	}
	if p.bars == nil {
		p.bars = mpb.NewWithContext(p.ctx, mpb.WithOutput(p.d.screen), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
		p.tasks = p.add("tasks")
	}
	p.tasks.set(j.Tally.Complete+j.Tally.Failed, j.Tally.Total(), j.Tally.Failed, j.Done)
	for _, t := range j.POPs {
		if p.pops[t.POP] == nil {
			p.pops[t.POP] = p.add(t.POP)
		}
		p.pops[t.POP].set(t.Final, t.Targets, t.Failed, j.Done)
	}
}

// print writes a line if it differs from the last one.
func (p *progress) print(j *freshet.JobReport) {
	planned := 0
	for _, r := range j.Rows {
		if r.State.Final() {
			planned++
		}
	}
	line := fmt.Sprintf("job %s: %d of %d media planned, %d of %d tasks final, %d failed",
		j.ID, planned, len(j.Rows), j.Tally.Complete+j.Tally.Failed, j.Tally.Total(), j.Tally.Failed)
	if line != p.line {
		p.line = line
		fmt.Fprintln(p.d.err, clean(line))
	}
}

func (p *progress) add(name string) *popBar {
	b := &popBar{}
	b.bar = p.bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(clean(name), decor.WCSyncSpaceR)),
		mpb.AppendDecorators(
			decor.CountersNoUnit("%d / %d", decor.WCSyncSpace),
			decor.Any(func(decor.Statistics) string {
				if n := b.failed.Load(); n > 0 {
					return fmt.Sprintf(" %d failed", n)
				}
				return ""
			}),
		))
	return b
}

// set moves a bar. Its total grows while the job is planned, so the bar is
// complete only when the job is.
func (b *popBar) set(final, total, failed int, done bool) {
	b.failed.Store(int64(failed))
	b.bar.SetTotal(int64(total), false)
	b.bar.SetCurrent(int64(final))
	if done {
		b.bar.SetTotal(int64(total), true)
	}
}

// end leaves the bars as they are and gives the terminal back.
func (p *progress) end() {
	if p.bars == nil {
		return
	}
	p.tasks.bar.Abort(false) // does nothing to one that is complete
	for _, b := range p.pops {
		b.bar.Abort(false)
	}
	p.bars.Wait()
}

// byteBar shows how much of a file is read.
type byteBar struct {
	d    deps
	bars *mpb.Progress // nil without a terminal or a known size
	bar  *mpb.Bar
}

func newByteBar(ctx context.Context, d deps, name string, total int64) *byteBar {
	b := &byteBar{d: d}
	if d.terminal && total > 0 {
		b.bars = mpb.NewWithContext(ctx, mpb.WithOutput(d.screen), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
		b.bar = b.bars.AddBar(total,
			mpb.PrependDecorators(decor.Name(clean(name), decor.WCSyncSpaceR)),
			mpb.AppendDecorators(
				decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncSpace),
				decor.AverageSpeed(decor.SizeB1024(0), "% .1f", decor.WCSyncSpace),
				decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace),
			))
	}
	return b
}

func (b *byteBar) reader(r io.Reader) io.Reader {
	if b.bar == nil {
		return r
	}
	return &countingReader{r: r, bar: b.bar}
}

// countingReader moves a bar. It hides whatever else the reader can do, so
// that no byte passes the bar by.
type countingReader struct {
	r   io.Reader
	bar *mpb.Bar
}

// Read implements [io.Reader].
func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.bar.IncrBy(n)
	return n, err
}

// set moves the bar to a number of bytes.
func (b *byteBar) set(done int64) {
	if b.bar != nil {
		b.bar.SetCurrent(done)
	}
}

// note prints a line above the bar.
func (b *byteBar) note(line string) {
	if b.bars != nil {
		_, _ = fmt.Fprintln(b.bars, clean(line))
		return
	}
	fmt.Fprintln(b.d.err, line)
}

func (b *byteBar) end() {
	if b.bars == nil {
		return
	}
	b.bar.Abort(false) // does nothing to one that is complete
	b.bars.Wait()
}
