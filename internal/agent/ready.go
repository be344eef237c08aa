package agent

import (
	"github.com/freshet-vod/freshet"
)

// readiness decides whether the POP may take traffic. A POP that was away must
// catch up before it serves; later it may lag like any other.
type readiness struct {
	contact bool             // the control plane was heard
	reach   freshet.Position // the watermark that must be reached first
	caught  bool             // it was
	told    bool             // what OnReady was told last
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
func (l *life) judgeReady() {
	if l.ready.contact && !l.ledger.durable.Before(l.ready.reach) {
		l.ready.caught = true
	}
	down, removed := l.standing(l.o.POP)
	now := l.ready.caught && !down && !removed && l.denialsKnown()
	if now == l.ready.told {
		return
	}
	l.ready.told = now
	l.publish()
	l.o.OnReady(now)
	kick(l.beatNow)
}
