package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/health"
)

// readiness decides whether the POP may take traffic. A POP that was away must
// catch up before it serves; later it may lag like any other.
type readiness struct {
	contact bool             // the control plane was heard
	reach   freshet.Position // the watermark that must be reached first
	caught  bool             // it was
	told    bool             // what OnReady was told last
	free    bool             // balancers may send viewers, as was said last
	checks  string           // the names of the obstacles then
	drained bool             // an operator drains the POP
	undrain freshet.Position // the watermark that must be reached after that
}

// firstContact notes the head of the log at the first contact.
func (l *life) firstContact(head freshet.Position) {
	if l.ready.contact {
		return
	}
	l.ready.contact = true
	l.ready.reach = freshet.Later(l.ready.reach, head)
}

// mustReach makes the POP catch up with everything known now before it takes
// traffic again.
func (l *life) mustReach(at freshet.Position) {
	l.ready.caught = false
	l.ready.reach = freshet.Later(l.ready.reach, freshet.Later(at, l.reader.subjects[freshet.SubjectPurge].target))
}

// judgeReady tells OnReady of a change. Only the durable watermark counts:
// after a crash the POP would otherwise have served what it does not know.
func (l *life) judgeReady(ctx context.Context) {
	if l.ready.contact && !l.ledger.durable.Before(l.ready.reach) {
		l.ready.caught = true
	}
	why := l.obstacles()
	if n := len(why); n > 0 && why[n-1].Check == health.Turn {
		l.takeTurn(ctx)
	}
	l.hindered(why)
	serves := !slices.ContainsFunc(why, Obstacle.bars)
	checks, first := "", ""
	for i, o := range why {
		checks += o.Check + " "
		if i == 0 {
			first = o.Why
		}
	}
	l.o.OnObstacle(first)
	l.keepReport(checks != l.ready.checks)
	l.ready.checks = checks
	if free := len(why) == 0; free != l.ready.free {
		l.ready.free = free
		l.publish()
		kick(l.beatNow)
	}
	if serves != l.ready.told {
		l.ready.told = serves
		l.o.OnReady(serves)
	}
}

// obstacles lists what keeps the POP from taking traffic, nil for nothing. What
// is to keep a POP from it for another reason is added here, and nowhere else.
func (l *life) obstacles() []Obstacle {
	var list []Obstacle
	add := func(check, why string) { list = append(list, Obstacle{check, why}) }
	down, removed := l.standing(l.o.POP)
	_, known := l.topology.pops[l.o.POP]
	switch {
	case removed:
		add(health.Standing, "the POP was removed")
	case down:
		add(health.Standing, "the POP is marked down: freshet pop up ends that")
	case l.topology.have && !known:
		add(health.Known, "the control plane knows no POP of this ID: check pop.id here, and pops there")
	}
	switch {
	case l.topology.pops[l.o.POP].Drained:
		add(health.Drained, "an operator drains the POP: freshet pop up ends that")
	case l.ledger.durable.Before(l.ready.undrain):
		add(health.Drained, fmt.Sprintf("the POP was drained, and carries out purges up to %s before it gets viewers again", l.ready.undrain))
	}
	if rule := l.rule(); l.silence.on && l.leaves(rule) {
		add(health.Silence, fmt.Sprintf("the control plane was silent for more than %v, and what it had to say is not carried out yet", rule.After))
	}
	if !l.ready.contact {
		add(health.Contact, "the control plane was not heard since the start")
	}
	if !l.denialsKnown() {
		add(health.Denials, "it is not known yet what must be refused: the control plane has to tell")
	}
	if !l.ready.caught && l.ready.contact {
		add(health.CaughtUp, fmt.Sprintf("purges up to %s have to be carried out first, and are up to %s",
			l.ready.reach, l.ledger.durable))
	}
	if l.rush.wanted && !slices.ContainsFunc(list, Obstacle.bars) { // its turn is asked for when nothing else is in the way
		add(health.Turn, "the cache has to ask about all that it holds, and waits for its turn to do so")
	}
	return list
}

// Obstacle is something that keeps a POP from taking traffic.
type Obstacle struct {
	Check string // one of package health's
	Why   string // a sentence without addresses
}

// bars reports whether those who come all the same are refused. Otherwise the POP
// knows everything that it must know, or asks.
func (o Obstacle) bars() bool { return o.Check != health.Drained && o.Check != health.Silence }

// Obstacles lists what keeps the POP from taking traffic now, nil for nothing.
func (a *Agent) Obstacles() []Obstacle {
	var list []Obstacle
	if p := a.hindrance.Load(); p != nil {
		list = append(list, *p...)
	}
	if a.cacheAway.Load() {
		list = append(list, Obstacle{health.Cache, "the cache does not answer"})
	}
	return list
}

// hindered publishes obstacles. A POP that has none costs nothing.
func (a *Agent) hindered(list []Obstacle) {
	if len(list) == 0 {
		a.hindrance.Store(nil)
		return
	}
	a.hindrance.Store(&list)
}

// errStuck is what Alive says of a loop that does not turn.
var errStuck = errors.New("the agent's loop does not turn")

// turning is a loop that may be asked whether it turns.
type turning struct {
	events chan<- func()
	over   <-chan struct{}
}

// Alive asks the agent's loop for a sign of life. It fails if there was none
// when ctx ended. An agent that is just starting is alive: whatever it waits
// for, it tries again.
func (a *Agent) Alive(ctx context.Context) error {
	t := a.loops.Load()
	if t == nil {
		return nil
	}
	seen := make(chan struct{})
	select {
	case t.events <- func() { close(seen) }:
	case <-t.over:
		return nil
	case <-ctx.Done():
		return errStuck
	}
	select {
	case <-seen:
	case <-t.over:
	case <-ctx.Done():
		return errStuck
	}
	return nil
}
