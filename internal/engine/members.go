package engine

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

// members knows the POPs: who is enrolled, down or removed (recorded in the
// log), whose deadline passed (recorded facts), and what each said last
// (heartbeats; these decide nothing but what operators see, and deadlines).
type members struct {
	mu        sync.RWMutex // guards what follows
	declared  map[string]freshet.POP
	standing  map[string]standing
	live      map[string]*contact
	heads     map[string]freshet.Position
	deadlines map[string]deadlines
	domains   []freshet.Domain
	version   uint64
	started   time.Time
	unheard   map[string]bool  // POPs whose first heartbeat since the start is awaited
	allHeard  chan struct{}    // closed when there are none left
	beyond    freshet.Position // the log's next position is known to be after it
	duties    duties
}

// standing is what the membership entries so far say of one POP.
type standing struct {
	enrolled bool
	down     bool
	since    freshet.Position // the last enrolment: what stands before is not for it
	removed  freshet.Position // the last removal
	lastUp   freshet.Position // the last return from being down
}

// contact is what was last heard of a POP.
type contact struct {
	beat     freshet.Heartbeat
	at       time.Time    // of the last heartbeat
	progress time.Time    // of the last evidence, or advance of the watermark
	speaks   wire.Version // in which it last asked for the topology; 0: it has not since the start
	unable   bool         // it said that its caches cannot refuse objects
	report   freshet.Report
	reported time.Time // when it came; zero: none did
}

func newMembers(pops []freshet.POP) *members {
	m := &members{
		declared: map[string]freshet.POP{}, standing: map[string]standing{}, live: map[string]*contact{},
		heads: map[string]freshet.Position{}, deadlines: map[string]deadlines{},
		// Versions only need to grow, over restarts too; see outdo.
		version: uint64(time.Now().UnixMilli()), started: time.Now(),
		unheard: map[string]bool{}, allHeard: make(chan struct{}),
	}
	for _, p := range pops {
		m.declared[p.ID] = p
	}
	return m
}

// declare takes in what a POP is, and tells whether that is news.
func (m *members) declare(p freshet.POP) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.declared[p.ID]
	if ok && old.Remote == p.Remote && old.Area == p.Area && slices.Equal(old.Parents, p.Parents) {
		return false
	}
	m.declared[p.ID] = p
	m.version++
	return true
}

// undeclare forgets a POP that is a member no more, and what it said.
func (m *members) undeclare(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.declared, id)
	delete(m.live, id)
	m.version++
}

// apply takes in membership entries, in log order.
func (m *members) apply(entries ...*freshet.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		s := m.standing[e.Membership.POP]
		switch e.Membership.Change {
		case freshet.MemberEnrol:
			if !s.enrolled {
				s.since = e.At
			}
			s.enrolled, s.down = true, false
		case freshet.MemberRemove:
			s.enrolled, s.down, s.removed = false, false, e.At
		case freshet.MemberDown:
			s.down = true
		case freshet.MemberUp:
			if s.down {
				s.lastUp = e.At
			}
			s.down = false
		}
		m.standing[e.Membership.POP] = s
	}
	m.version++
}

// excuse is why a delivery that has no evidence does not block its task.
type excuse int

const (
	excuseNone    excuse = iota
	excuseOverdue        // blocks still; its deadline passed
	excuseDown           // the POP is, or was, marked down
	excuseRemoved        // the POP was removed
)

// excuse tells how an entry without evidence from a POP stands. It depends on
// recorded facts only.
func (m *members) excuse(pop string, e entryMeta) excuse {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.excused(pop, e)
}

// excused is excuse for a caller that holds mu.
func (m *members) excused(pop string, e entryMeta) excuse {
	s := m.standing[pop]
	switch {
	case e.At.Before(s.removed) || !s.enrolled && !s.removed.IsZero():
		return excuseRemoved
	case s.down || e.At.Before(s.lastUp):
		return excuseDown
	}
	if m.deadlines[pop].passed(e.At, e.FinishBy) {
		return excuseOverdue
	}
	return excuseNone
}

// awaitAll begins to wait for a heartbeat of every POP that is not down.
func (m *members) awaitAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.standing {
		if s.enrolled && !s.down {
			m.unheard[id] = true
		}
	}
	if len(m.unheard) == 0 {
		close(m.allHeard)
	}
}

// greeted notes that a POP has said how much of the log it knows.
func (m *members) greeted(pop string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.unheard[pop] {
		return
	}
	if delete(m.unheard, pop); len(m.unheard) == 0 {
		close(m.allHeard)
	}
}

// raised notes that the log's next position is after one that a POP knows.
func (m *members) raised(known freshet.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.beyond = freshet.Later(m.beyond, known)
}

// raisedFor returns the highest position noted so.
func (m *members) raisedFor() freshet.Position {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.beyond
}

// silent returns the POPs that are awaited still.
func (m *members) silent() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Sorted(maps.Keys(m.unheard))
}

func (m *members) addDeadlines(list ...store.Deadline) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range list {
		m.deadlines[d.POP] = m.deadlines[d.POP].add(d)
	}
}

// headIs notes the last position pushed on a subject.
func (m *members) headIs(subject string, at freshet.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heads[subject] = freshet.Later(m.heads[subject], at)
}

func (m *members) head(subject string) freshet.Position {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.heads[subject]
}

// heard takes in a heartbeat and tells whether the topology changed by it.
func (m *members) heard(pop string, h freshet.Heartbeat) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.contactOf(pop)
	moved := c.beat.URL != h.URL && h.URL != ""
	if c.beat.Watermark.Before(h.Watermark) || c.at.IsZero() {
		c.progress = time.Now()
	}
	c.beat, c.at = h, time.Now()
	if moved {
		m.version++
	}
	return moved
}

// progressed notes that evidence of a POP arrived.
func (m *members) progressed(pop string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.contactOf(pop).progress = time.Now()
}

func (m *members) contactOf(pop string) *contact {
	c := m.live[pop]
	if c == nil {
		c = &contact{progress: m.started}
		m.live[pop] = c
	}
	return c
}

// lastProgress returns when a POP last moved; the engine's start counts.
func (m *members) lastProgress(pop string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.contactOf(pop).progress
}

func (m *members) setDomains(list []freshet.Domain) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.domains = list
	m.version++
}

// accountDomains returns the domains of an account, of all with "".
func (m *members) accountDomains(account string) []freshet.Domain {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if account == "" {
		return m.domains
	}
	var list []freshet.Domain
	for _, d := range m.domains {
		if d.Account == account {
			list = append(list, d)
		}
	}
	return list
}

// topology is what every POP must know. A parent that has not joined yet, or
// was removed, is not told: nobody could wait for it, nor fill from it.
func (m *members) topology() freshet.Topology {
	m.mu.RLock()
	defer m.mu.RUnlock()
	t := freshet.Topology{Version: m.version, Domains: approved(m.domains)}
	permits, _ := m.permits()
	for _, id := range slices.Sorted(maps.Keys(m.declared)) {
		s := m.standing[id]
		if !s.enrolled {
			continue
		}
		p := m.declared[id]
		p.Down, p.Drained = s.down, !m.duties.of[id].Drained.IsZero()
		p.Silence = m.ruleOf(id)
		p.Silence.Permit = permits[id]
		p.Parents = slices.DeleteFunc(slices.Clone(p.Parents), func(parent string) bool { return !m.standing[parent].enrolled })
		if c := m.live[id]; c != nil && c.beat.URL != "" {
			p.URL = c.beat.URL
		}
		t.POPs = append(t.POPs, p)
	}
	return t
}

// maxVersion bounds the version of a topology that an agent may claim to have:
// milliseconds until the year 5138, so that a broken agent cannot use them up.
const maxVersion = 100_000_000_000_000

// outdo makes the topology newer than one that an agent has of an earlier life
// of the control plane, whose clock was ahead of ours. Otherwise no agent
// would take in a change until our clock has caught up.
func (m *members) outdo(version uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if version > m.version && version < maxVersion {
		m.version = version + 1
	}
}

// known tells whether a POP is enrolled.
func (m *members) known(pop string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.standing[pop].enrolled
}
