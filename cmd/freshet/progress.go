package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/freshet-vod/freshet"
)

// maxPOPBars is how many POPs have bars of their own, so that they fit a
// terminal: those that have furthest to go.
const maxPOPBars = 12

// progress shows how far a job is: bars on a terminal, elsewhere a line every
// ten seconds and at the end.
type progress struct {
	d     deps
	quiet bool            // nobody would read it
	ctx   context.Context //nolint:containedctx // mpb takes it when the first bar is made
	last  time.Time       // the last line
	pace  *pace           // of deliveries; nil before the first report

	bars    *mpb.Progress // nil without a terminal
	all     *popBar
	planned atomic.Pointer[string] // how far the planning is, until it is done
	pops    map[string]*popBar
	more    *mpb.Bar // says how many POPs have no bar
}

// popBar is a bar with the number of failures behind it.
type popBar struct {
	bar    *mpb.Bar
	failed atomic.Int64 // read by the goroutine that draws
}

func newProgress(ctx context.Context, r *remote) *progress {
	return &progress{d: r.deps, quiet: r.json && !r.terminal, ctx: ctx, last: time.Now(), pops: map[string]*popBar{}}
}

// deliveries counts those of all POPs.
func deliveries(j *freshet.JobReport) (final, total, failed int) {
	for _, t := range j.POPs {
		final, total, failed = final+t.Final, total+t.Targets, failed+t.Failed
	}
	return final, total, failed
}

func (p *progress) update(j *freshet.JobReport) {
	final, total, failed := deliveries(j)
	if p.pace == nil {
		p.pace = newPace(int64(total))
		p.pace.begin(int64(final))
	}
	p.pace.set(int64(final), int64(total))
	p.notePlanning(j)
	switch {
	case p.quiet:
	case p.d.terminal:
		p.draw(j, final, total, failed)
	case j.Done || time.Since(p.last) >= betweenLines:
		p.last = time.Now()
		fmt.Fprintln(p.d.err, clean(p.line(j, final, total, failed)))
	}
}

// notePlanning keeps how far the planning is: until it is done nobody knows
// how much there is to do.
func (p *progress) notePlanning(j *freshet.JobReport) {
	planned := 0
	for _, r := range j.Rows {
		if r.State.Final() {
			planned++
		}
	}
	text := ""
	if planned < len(j.Rows) {
		text = fmt.Sprintf("%d of %d media planned", planned, len(j.Rows))
	}
	p.planned.Store(&text)
}

func (p *progress) line(j *freshet.JobReport, final, total, failed int) string {
	text := fmt.Sprintf("job %s: ", j.ID)
	if planning := *p.planned.Load(); planning != "" {
		text += planning + ", "
	}
	text += fmt.Sprintf("%d of %d deliveries final, %d failed", final, total, failed)
	if speed := p.pace.speed(thousands); speed != "" {
		text += ", " + speed
	}
	return text
}

func (p *progress) draw(j *freshet.JobReport, final, total, failed int) {
	if p.bars == nil {
		p.bars = mpb.NewWithContext(p.ctx, mpb.WithOutput(p.d.screen), mpb.WithWidth(barWidth), mpb.WithAutoRefresh())
		p.all = p.add("deliveries", func() string {
			if text := *p.planned.Load(); text != "" {
				return "  " + text
			}
			if text := p.pace.speed(thousands); text != "" {
				return "  " + text
			}
			return ""
		})
	}
	p.all.set(final, total, failed, j.Done)
	p.choose(j.POPs)
	for _, t := range j.POPs {
		if b := p.pops[t.POP]; b != nil {
			b.set(t.Final, t.Targets, t.Failed, j.Done)
		}
	}
}

// choose makes bars for the POPs of the first report that names any.
func (p *progress) choose(pops []freshet.POPTally) {
	if len(p.pops) > 0 || len(pops) == 0 {
		return
	}
	list := slices.Clone(pops)
	if len(list) > maxPOPBars {
		slices.SortStableFunc(list, func(a, b freshet.POPTally) int { return cmp.Compare(b.Targets-b.Final, a.Targets-a.Final) })
		list = list[:maxPOPBars]
		slices.SortFunc(list, func(a, b freshet.POPTally) int { return cmp.Compare(a.POP, b.POP) })
	}
	for _, t := range list {
		p.pops[t.POP] = p.add(t.POP, nil)
	}
	if n := len(pops) - len(list); n > 0 {
		p.more = p.bars.MustAdd(1, nil, mpb.PrependDecorators(decor.Name(fmt.Sprintf("and %d more POPs", n))))
	}
}

// add makes a bar; more is shown behind its counts.
func (p *progress) add(name string, more func() string) *popBar {
	b := &popBar{}
	b.bar = p.bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(clean(name), decor.WCSyncSpaceR)),
		mpb.AppendDecorators(
			decor.CountersNoUnit("%d / %d", decor.WCSyncSpace),
			decor.Any(func(decor.Statistics) string {
				text := ""
				if n := b.failed.Load(); n > 0 {
					text = fmt.Sprintf(" %d failed", n)
				}
				if more != nil {
					text += more()
				}
				return text
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
	p.all.bar.Abort(false) // does nothing to one that is complete
	for _, b := range p.pops {
		b.bar.Abort(false)
	}
	if p.more != nil {
		p.more.Abort(false)
	}
	p.bars.Wait()
}
