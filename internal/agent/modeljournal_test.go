package agent_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/wire"
)

var errKilled = errors.New("model: the process was killed")

// killer ends one life of an agent as kill -9 does: from then on nothing that
// the life does has an effect. It strikes before or after the nth call of one
// kind, or when told.
type killer struct {
	mu    sync.Mutex
	life  int
	dead  bool
	op    string // with "before purge" and so on; empty: never by itself
	n     int
	end   context.CancelFunc
	fired bool
}

func (k *killer) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dead = true
	k.end()
}

func (k *killer) isDead() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.dead
}

func (k *killer) strike(when string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.dead && k.op == when {
		if k.n--; k.n == 0 {
			k.dead, k.fired = true, true
			k.end()
		}
	}
	return !k.dead
}

func (k *killer) before(op string) bool { return k.strike("before " + op) }
func (k *killer) after(op string) bool  { return k.strike("after " + op) }

// disk is a journal in memory that survives the lives of its agent.
type disk struct {
	mu       sync.Mutex
	state    store.AgentState
	saved    bool
	kept     map[freshet.Position]*freshet.Entry
	spool    []store.SpooledMessage
	topology []byte
	check    func(store.AgentState) // sees each state before it is committed
	fail     bool
}

func newDisk() *disk { return &disk{kept: map[freshet.Position]*freshet.Entry{}} }

// diskEnd is what one life sees of the disk.
type diskEnd struct {
	*disk
	k *killer
}

func (j *diskEnd) LoadAgent(context.Context) (store.AgentState, bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state, j.saved, nil
}

func (j *diskEnd) Commit(_ context.Context, s store.Step) error {
	if !j.k.before("commit") {
		return errKilled
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.k.isDead() {
		return errKilled
	}
	if j.fail {
		return errors.New("model: the disk is full")
	}
	if s.State != nil {
		if j.check != nil {
			j.check(*s.State)
		}
		j.state, j.saved = *s.State, true
	}
	for _, at := range s.Drop {
		delete(j.kept, at)
	}
	for _, e := range s.Keep {
		// Through the codec, as a real journal would.
		b, err := wire.DecodeEntries(wire.EncodeEntries(wire.EntryBatch{Subject: "kept", Entries: []*freshet.Entry{e}}))
		if err != nil {
			return err
		}
		j.kept[e.At] = b.Entries[0]
	}
	j.spool = append(j.spool, s.Evidence...)
	if !j.k.after("commit") {
		return errKilled
	}
	return nil
}

func (j *diskEnd) Kept(context.Context) ([]*freshet.Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.SortedFunc(maps.Values(j.kept), func(a, b *freshet.Entry) int { return a.At.Compare(b.At) }), nil
}

func (j *diskEnd) Spooled(_ context.Context, above uint64, limit int) ([]store.SpooledMessage, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []store.SpooledMessage
	for _, m := range j.spool {
		if m.Number > above && len(out) < limit {
			out = append(out, m)
		}
	}
	return out, nil
}

func (j *diskEnd) Unspool(_ context.Context, upTo uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.k.isDead() {
		return errKilled
	}
	j.spool = slices.DeleteFunc(j.spool, func(m store.SpooledMessage) bool { return m.Number <= upTo })
	return nil
}

func (j *diskEnd) SaveTopology(_ context.Context, topology []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.topology = topology
	return nil
}

func (j *diskEnd) LoadTopology(context.Context) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.topology, nil
}

// entries returns what is kept.
func (d *disk) entries() []*freshet.Entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Values(d.kept))
}

// spooled returns how many messages wait.
func (d *disk) spooled() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.spool)
}
