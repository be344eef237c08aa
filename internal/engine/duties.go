package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/health"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// When the control plane dies, every POP hears nothing at the same moment. If
// all of them left the load balancers then, there would be no CDN; and nobody is
// left to count. So permits to leave are handed out before: at most
// Options.NotReady of them are out at any time. A permit is written down before
// the POP is told of it. It is given to another only when the POP that has it
// said, acting on what it was told later, that it has it no more; one that is
// not heard keeps its own, for it may have left already.

// duties is what POPs were told besides membership, and what they said of it.
// It is part of members, whose mu guards it.
type duties struct {
	of       map[string]store.Duty
	rule     freshet.Silence // of POPs that have none of their own
	notReady int             // permits that may be out
}

// loadDuties reads what earlier lives told the POPs.
func (e *Engine) loadDuties(ctx context.Context) error {
	e.members.duties = duties{of: map[string]store.Duty{}, rule: e.o.Silence, notReady: e.o.NotReady}
	if e.store.Duties == nil {
		return nil
	}
	list, err := e.store.Duties.ListDuties(ctx)
	for _, d := range list {
		e.members.duties.of[d.POP] = d
	}
	return err
}

// saveDuty changes a POP's duty, in the store first. The caller holds
// e.entrusting.
func (e *Engine) saveDuty(ctx context.Context, pop string, change func(*store.Duty)) error {
	e.members.mu.RLock()
	d := e.members.duties.of[pop]
	e.members.mu.RUnlock()
	d.POP = pop
	change(&d)
	if e.store.Duties != nil {
		if err := e.store.Duties.SaveDuty(ctx, d); err != nil {
			return err
		}
	}
	e.members.mu.Lock()
	defer e.members.mu.Unlock()
	if d.None() {
		delete(e.members.duties.of, pop)
	} else {
		e.members.duties.of[pop] = d
	}
	e.members.version++
	return nil
}

// DrainPOP has load balancers send a POP nobody, or ends that. It goes on to
// purge, and serves those who come all the same.
func (e *Engine) DrainPOP(ctx context.Context, id string, drained bool) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	if !e.members.known(id) {
		return freshet.Errorf(freshet.CodeNotFound, "There is no POP %q.", id)
	}
	return e.drain(ctx, id, drained)
}

// drain does it. The caller holds e.changing.
func (e *Engine) drain(ctx context.Context, id string, drained bool) error {
	if e.members.drained(id).IsZero() == !drained {
		return nil
	}
	e.entrusting.Lock()
	err := e.saveDuty(ctx, id, func(d *store.Duty) {
		if d.Drained = (time.Time{}); drained {
			d.Drained = now()
		}
	})
	e.entrusting.Unlock()
	if err != nil {
		return err
	}
	e.pushTopology(ctx)
	return nil
}

func (m *members) drained(pop string) time.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.duties.of[pop].Drained
}

// ruleOf returns what a POP is to do about silence, but for the permit. The
// caller holds mu.
func (m *members) ruleOf(pop string) freshet.Silence {
	if rule := m.declared[pop].Silence; rule != (freshet.Silence{}) {
		return rule
	}
	return m.duties.rule
}

// wants reports whether a POP is to have a permit if there is one left. A POP of
// this process is not there when the control plane is not. The caller holds mu.
func (m *members) wants(pop string) bool {
	rule, s := m.ruleOf(pop), m.standing[pop]
	return s.enrolled && !s.down && m.declared[pop].Remote && rule.Acts() && rule.Then == freshet.SilenceNotReady
}

// permits returns who holds a permit and may keep it; out is how many are out,
// those included that are to be given back. The caller holds mu.
func (m *members) permits() (kept map[string]bool, out int) {
	kept = map[string]bool{}
	for _, pop := range slices.Sorted(maps.Keys(m.duties.of)) {
		if !m.duties.of[pop].Permit || !m.standing[pop].enrolled {
			continue
		}
		if out++; len(kept) < m.duties.notReady && m.wants(pop) {
			kept[pop] = true
		}
	}
	return kept, out
}

// entitled returns the POPs that are to get a permit now: those first whose
// caches can do nothing else about silence.
func (m *members) entitled() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, out := m.permits()
	var unable, able []string
	for _, pop := range slices.Sorted(maps.Keys(m.declared)) {
		switch c := m.live[pop]; {
		case !m.wants(pop) || m.duties.of[pop].Permit || c != nil && c.old():
		case c != nil && !c.reported.IsZero() && !c.report.Revalidates:
			unable = append(unable, pop)
		default:
			able = append(able, pop)
		}
	}
	list := append(unable, able...)
	return list[:max(min(len(list), m.duties.notReady-out), 0)]
}

// entrust hands out the permits that are left, and tells of them.
func (e *Engine) entrust(ctx context.Context) {
	e.entrusting.Lock()
	defer e.entrusting.Unlock()
	list := e.members.entitled()
	for _, pop := range list {
		err := e.saveDuty(ctx, pop, func(d *store.Duty) { d.Permit = true })
		if err != nil {
			e.log.LogAttrs(ctx, slog.LevelError, "a permit to be not ready in silence could not be recorded", slog.String("pop", pop), slog.Any("error", err))
			return
		}
		e.log.LogAttrs(ctx, slog.LevelInfo, "a POP may declare itself not ready when this control plane is silent", slog.String("pop", pop))
	}
	if len(list) > 0 {
		e.pushTopology(ctx)
	}
}

// discharge forgets what a POP was told that is a member no more.
func (e *Engine) discharge(ctx context.Context, pop string) error {
	e.entrusting.Lock()
	err := e.saveDuty(ctx, pop, func(d *store.Duty) { *d = store.Duty{POP: pop} })
	e.entrusting.Unlock()
	e.entrust(ctx)
	return err
}

// takeReport takes in how a POP stands, and answers with the heads.
func (e *Engine) takeReport(ctx context.Context, pop string, req []byte) ([]byte, error) {
	r, err := wire.DecodeReport(req)
	if err != nil {
		return nil, err
	}
	if e.members.known(pop) && e.members.reported(pop, r) {
		e.entrusting.Lock()
		err := e.saveDuty(ctx, pop, func(d *store.Duty) { d.Permit = false })
		e.entrusting.Unlock()
		if err != nil {
			return nil, err
		}
		e.entrust(ctx)
	}
	heads := make([]freshet.Cursor, 0, len(freshet.Subjects()))
	for _, subject := range freshet.Subjects() {
		heads = append(heads, freshet.Cursor{Subject: subject, At: e.members.head(subject)})
	}
	return wire.EncodeHeads(heads), nil
}

// reported takes in a report and tells whether the POP has given back a permit.
func (m *members) reported(pop string, r freshet.Report) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.contactOf(pop)
	c.report, c.reported = r, time.Now()
	kept, _ := m.permits()
	return m.duties.of[pop].Permit && !kept[pop] && !r.Permit && r.Topology >= m.version
}

// show adds to a POP's status what was told to it and what it reported. The
// caller holds mu.
func (m *members) show(s *freshet.POPStatus, c *contact, down bool) {
	s.Drained = m.duties.of[s.ID].Drained
	kept, _ := m.permits()
	rule := m.ruleOf(s.ID)
	heard := c != nil && !c.reported.IsZero()
	switch {
	case !rule.Acts():
		s.OnSilence = string(freshet.SilenceOff)
	case kept[s.ID]:
		s.OnSilence = string(freshet.SilenceNotReady)
	case heard && !c.report.Revalidates, c != nil && c.old():
		s.OnSilence = freshet.SilenceUnable
	default:
		s.OnSilence = string(freshet.SilenceRevalidate)
	}
	s.Traffic = freshet.TrafficUnknown
	if !heard || s.State != "up" && !down {
		return
	}
	s.Obstacles, s.Silent = c.report.Obstacles, c.report.Silent
	if t := c.report.Traffic; t.Known {
		s.Traffic = freshet.TrafficBusy
		if t.Quiet >= freshet.QuietFor {
			s.Traffic = freshet.TrafficQuiet
		}
	}
}

// serves reports whether a POP that is not ready answers those who come all the
// same: it knows what it must, and only the load balancers are to pass it over.
func (c *contact) serves() bool {
	return len(c.report.Obstacles) > 0 && !slices.ContainsFunc(c.report.Obstacles, func(check string) bool {
		return check != health.Drained && check != health.Silence
	})
}

// old reports whether a POP is of a release that knows nothing of silence.
func (c *contact) old() bool { return c.speaks > 0 && c.speaks < wire.Version3 }
