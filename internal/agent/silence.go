package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// silence is whether the control plane is there. It is if it answers: what is
// pushed may be old by the time it is read, and a connection in one direction is
// none. A POP that was out of contact for longer than it was told to bear takes
// nothing that it has stored for granted, until it is in contact again and has
// carried out what it missed (P5).
type silence struct {
	heard time.Time // when the last question was asked that was answered
	on    bool
	back  bool             // the control plane answers again
	reach freshet.Position // the head of the log when it did
	told  bool             // OnVigil was called in this life
	toldV bool             // with what
}

// rule returns what the POP is to do about silence.
func (l *life) rule() freshet.Silence { return l.topology.pops[l.o.POP].Silence }

// answered takes in that a question was answered which was asked at a time, and
// where the log ended then.
func (l *life) answered(asked time.Time, head freshet.Position) {
	s := &l.silence
	purges := l.reader.subjects[freshet.SubjectPurge]
	if purges.failed > 0 && purges.cursor.Before(purges.target) && !s.on {
		return // who cannot read what he misses is not in contact
	}
	if asked.After(s.heard) {
		s.heard = asked
	}
	if s.on && !s.back {
		s.back, s.reach = true, head
	}
}

// judgeSilence tells OnVigil of a change.
func (l *life) judgeSilence(ctx context.Context) {
	s, rule := &l.silence, l.rule()
	acts := rule.Acts() && l.dialect.now() >= wire.Version3 && l.ready.contact
	if s.heard.IsZero() || !l.ready.contact && !s.on {
		s.heard = time.Now()
	}
	quiet := elapsed(s.heard)
	switch {
	case acts && quiet >= rule.After:
		s.back = false
		if !s.on {
			s.on = true
			l.logSilence(ctx, rule)
		}
	case s.on && (s.back || !acts) && !l.ledger.durable.Before(s.reach):
		s.on, s.back, s.reach = false, false, freshet.Position{}
		l.log.LogAttrs(ctx, slog.LevelInfo, "the control plane answers again, and what it had to say is carried out")
	}
	if acts && quiet < rule.After {
		l.wakeAt(s.heard.Add(rule.After))
	}
	if !s.told || s.toldV != s.on {
		s.told, s.toldV = true, s.on
		if l.o.OnVigil != nil {
			l.o.OnVigil(s.on)
		}
	}
}

func (l *life) logSilence(ctx context.Context, rule freshet.Silence) {
	attrs := []slog.Attr{slog.Duration("for", rule.After), slog.Bool("ready", !l.leaves(rule))}
	if l.o.OnVigil == nil {
		l.log.LogAttrs(ctx, slog.LevelWarn, "the control plane is silent, and the caches here cannot be made to revalidate everything: they go on as before", attrs...)
		return
	}
	l.log.LogAttrs(ctx, slog.LevelWarn, "the control plane is silent: everything is revalidated until it answers", attrs...)
}

// leaves reports whether the POP is to get no viewers while there is silence.
func (*life) leaves(rule freshet.Silence) bool {
	return rule.Then == freshet.SilenceNotReady && rule.Permit
}

// elapsed is how long ago a time was, by whichever of the two clocks says more:
// the one that only runs on stands still while a machine is suspended.
func elapsed(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// reportOften tells the control plane how the POP stands, every ReportEvery or
// as often as the time needs that it may be silent, and when asked.
func (l *life) reportOften(ctx context.Context) {
	for {
		if l.dialect.now() >= wire.Version3 { // an older one would not understand
			asked := time.Now()
			if head, err := l.sendReport(ctx); err == nil {
				l.post(ctx, func() { l.answered(asked, head) })
			}
		}
		timer := time.NewTimer(l.reportEvery())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-l.reportNow:
			timer.Stop()
			if !sleep(ctx, l.o.HeartbeatMin) { // which makes one of many
				return
			}
		case <-timer.C:
		}
	}
}

func (l *life) reportEvery() time.Duration {
	every := l.o.ReportEvery
	if bear := time.Duration(l.bears.Load()); bear > 0 {
		every = min(every, max(bear/4, 50*time.Millisecond))
	}
	return every
}

// sendReport returns the head of the purges.
func (l *life) sendReport(ctx context.Context) (freshet.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, max(l.reportEvery(), l.o.HeartbeatEvery))
	defer cancel()
	r := freshet.Report{Revalidates: l.o.OnVigil != nil}
	if known := l.report.Load(); known != nil {
		r.Topology, r.Silent, r.Permit = known.Topology, known.Silent, known.Permit
	}
	for _, o := range l.Obstacles() {
		r.Obstacles = append(r.Obstacles, o.Check)
	}
	if l.o.Traffic != nil {
		r.Traffic = freshet.Traffic{Known: true, Quiet: l.o.Traffic()}
	}
	msg, err := l.o.Bus.Do(ctx, bus.CallReport, wire.EncodeReport(r))
	if err != nil {
		return freshet.Position{}, err
	}
	heads, err := wire.DecodeHeads(msg)
	if err != nil {
		return freshet.Position{}, err
	}
	var head freshet.Position
	for _, h := range heads {
		if h.Subject == freshet.SubjectPurge {
			head = h.At
		}
	}
	return head, nil
}

// keepReport makes what changed known to reportOften.
func (l *life) keepReport(changed bool) {
	r := freshet.Report{Topology: l.topology.now.Version, Silent: l.silence.on, Permit: l.rule().Permit}
	old := l.report.Load()
	if old == nil || old.Topology != r.Topology || old.Silent != r.Silent || old.Permit != r.Permit {
		l.report.Store(&r)
		changed = true
	}
	if changed {
		kick(l.reportNow)
	}
}
