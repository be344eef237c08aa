package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// enrol brings the membership in the log to what is declared.
func (e *Engine) enrol(ctx context.Context) error {
	past, err := e.store.Log.Members(ctx)
	if err != nil {
		return err
	}
	e.members.apply(past...)
	var changes []*freshet.Entry
	for _, id := range slices.Sorted(maps.Keys(e.members.declared)) {
		if !e.members.standing[id].enrolled {
			changes = append(changes, membership(freshet.MemberEnrol, id))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.members.standing)) {
		if _, ok := e.members.declared[id]; !ok && e.members.standing[id].enrolled {
			changes = append(changes, membership(freshet.MemberRemove, id))
			e.log.LogAttrs(ctx, slog.LevelWarn, "a POP is declared no more and is removed", slog.String("pop", id))
		}
	}
	if len(changes) > 0 {
		if err := e.store.Log.Append(ctx, now(), changes...); err != nil {
			return err
		}
		e.members.apply(changes...)
	}
	e.entrust(ctx)
	return e.reloadDomains(ctx)
}

func membership(c freshet.MembershipChange, pop string) *freshet.Entry {
	return &freshet.Entry{Kind: freshet.EntryMembership, Membership: freshet.Membership{Change: c, POP: pop}, Created: now()}
}

// SetPOP marks a POP down (excused: it takes no traffic from clients or
// children) or up again, and no longer drained. Only an operator's word does this; a deadline never
// excuses.
func (e *Engine) SetPOP(ctx context.Context, id string, down bool) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	if !e.members.known(id) {
		return freshet.Errorf(freshet.CodeNotFound, "There is no POP %q.", id)
	}
	if !down {
		if err := e.drain(ctx, id, false); err != nil {
			return err
		}
	}
	if p, _ := e.members.topology().POP(id); p.Down == down {
		return nil
	}
	change := freshet.MemberUp
	if down {
		change = freshet.MemberDown
	}
	return e.changeMember(ctx, change, id)
}

// AddPOP makes a POP a member, or gives a member other parents, and tells the
// POPs. Entries of the log target it from now on.
func (e *Engine) AddPOP(ctx context.Context, p freshet.POP) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	changed := e.members.declare(p)
	if !e.members.known(p.ID) {
		return e.changeMember(ctx, freshet.MemberEnrol, p.ID)
	}
	defer e.entrust(ctx)
	if changed {
		e.pushTopology(ctx)
	}
	return nil
}

// RemovePOP ends a POP's membership: it owes nothing any more, and no entry
// targets it. One that is no member is no error.
func (e *Engine) RemovePOP(ctx context.Context, id string) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	if !e.members.known(id) {
		return nil
	}
	if err := e.changeMember(ctx, freshet.MemberRemove, id); err != nil {
		return err
	}
	e.members.undeclare(id)
	if err := e.discharge(ctx, id); err != nil {
		return err
	}
	e.members.greeted(id) // planning waits for it no more
	return nil
}

// changeMember records a change of membership and lets everything follow from
// it.
func (e *Engine) changeMember(ctx context.Context, change freshet.MembershipChange, id string) error {
	entry := membership(change, id)
	if err := e.store.Log.Append(ctx, now(), entry); err != nil {
		return err
	}
	e.members.apply(entry)
	wake(e.pushNow)
	e.pushTopology(ctx)
	e.entrust(ctx)
	// What only this POP owed is final now, or owed again.
	var jobs []string
	e.ledger.owing(func(m entryMeta, pops []string) {
		if slices.Contains(pops, id) {
			jobs = append(jobs, m.Job)
		}
	})
	folded, err := e.store.States.Folded(ctx)
	if err != nil {
		return err
	}
	if err := e.saveAll(ctx, folded); err != nil {
		return err
	}
	e.changes.touch(jobs...)
	return nil
}

// Topology returns what the POPs are told.
func (e *Engine) Topology() freshet.Topology { return e.members.topology() }

// movesPause bounds how often the topology is told because POPs have new
// addresses. It names every POP and goes to every POP: told once for each, the
// start of a thousand would be a thousand million lines.
const movesPause = 200 * time.Millisecond

// tellMoves is the loop that tells the POPs each other's new addresses: the
// first at once, those that follow together.
func (e *Engine) tellMoves(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.moved:
		}
		e.pushTopology(ctx)
		pause(ctx, movesPause)
	}
}

// pushTopology tells every POP, in every version that an agent may need, each
// on a channel of its own: what an agent cannot read it could not pass over on
// a channel that it knows.
func (e *Engine) pushTopology(ctx context.Context) {
	t := e.members.topology()
	for _, push := range []struct {
		ch bus.Channel
		v  wire.Version
	}{{bus.ChannelTopology3, wire.Version3}, {bus.ChannelTopology2, wire.Version2}, {bus.ChannelTopology, wire.Version1}} {
		if err := e.o.Bus.Push(ctx, push.ch, wire.EncodeTopologyAs(push.v, t)); err != nil {
			// Agents ask for it every now and then, too.
			e.log.LogAttrs(ctx, slog.LevelWarn, "topology could not be pushed",
				slog.String("channel", string(push.ch)), slog.Any("error", err))
		}
	}
}

// POPs returns every enrolled POP as an operator sees it.
func (e *Engine) POPs(ctx context.Context) ([]freshet.POPStatus, error) {
	heads, err := e.store.Log.Heads(ctx)
	if err != nil {
		return nil, err
	}
	denial, err := e.store.Takedowns.LastDenial(ctx)
	if err != nil {
		return nil, err
	}
	head := heads[freshet.SubjectPurge]
	debts, at := e.ledger.debts(), now()
	var list []freshet.POPStatus
	for _, p := range e.members.topology().POPs {
		s := freshet.POPStatus{ID: p.ID, Parents: p.Parents, URL: p.URL, Remote: p.Remote, Head: head, State: "never"}
		e.members.mu.RLock()
		if c := e.members.live[p.ID]; c != nil && !c.at.IsZero() {
			s.State, s.LastContact = "up", c.at.UTC().Truncate(time.Millisecond)
			if time.Since(c.at) > e.o.LostAfter {
				s.State = "lost"
			}
			b := c.beat
			s.Ready, s.Watermark, s.Exceptions = b.Ready && s.State == "up", b.Watermark, len(b.Exceptions)
			s.Incarnation, s.Release = b.Incarnation, b.Release
			s.DenyList = c.denyState(denial)
		}
		e.members.show(&s, e.members.live[p.ID], p.Down)
		e.members.mu.RUnlock()
		if p.Down {
			s.State = "down"
		}
		s.Lag = lag(s.Watermark, head)
		if d := debts[p.ID]; d != nil && !p.Down {
			s.OwedPurges, s.OwedPrefetches, s.Owed = d.purges, d.prefetches, d.purges+d.prefetches
			if !d.oldest.IsZero() {
				s.LagSeconds = max(at.Sub(d.oldest), 0).Seconds()
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// lag is how many positions lie between a watermark and the head. Across
// epochs it is the head's own position, the most that can be known.
func lag(w, head freshet.Position) int {
	switch {
	case !w.Before(head):
		return 0
	case w.Epoch == head.Epoch:
		return int(head.Pos - w.Pos) //nolint:gosec // positions are far below 2^63
	}
	return int(head.Pos) //nolint:gosec // as above
}
