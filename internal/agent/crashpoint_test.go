package agent_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/store/journal"
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

// disk is the product's journal in memory. It survives the lives of its agent.
type disk struct {
	*journal.Memory
	tb    testing.TB
	mu    sync.Mutex
	check func(store.AgentState) // sees each state just before it is durable
	fail  bool                   // it is full
	delay time.Duration          // a commit takes so long
}

func newDisk(tb testing.TB) *disk {
	tb.Helper()
	return &disk{Memory: journal.NewMemory(), tb: tb}
}

// diskEnd is what one life sees of the disk. What a life asks after its end
// the journal refuses, as the life's context is over.
type diskEnd struct {
	*disk
	k *killer
}

func (j *diskEnd) Commit(ctx context.Context, s store.Step) error {
	if !j.k.before("commit") || j.delay > 0 && !wait(ctx, j.delay) {
		return errKilled
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.k.isDead():
		return errKilled
	case j.fail:
		return errors.New("model: the disk is full")
	}
	if j.check != nil && s.State != nil {
		j.check(*s.State)
	}
	// From here on it is on its way to the disk: an end of the life does not
	// hold it up.
	if err := j.Memory.Commit(context.WithoutCancel(ctx), s); err != nil {
		return err
	}
	if !j.k.after("commit") {
		return errKilled
	}
	return nil
}

// fill makes the disk full, or gives it room again.
func (d *disk) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = full
}

// entries returns what is kept.
func (d *disk) entries() []*freshet.Entry {
	list, err := d.Kept(context.Background())
	if err != nil {
		d.tb.Error(err)
	}
	return list
}

// spooled returns how many messages wait.
func (d *disk) spooled() int {
	list, err := d.Spooled(context.Background(), 0, math.MaxInt)
	if err != nil {
		d.tb.Error(err)
	}
	return len(list)
}

// state returns what is saved.
func (d *disk) state() store.AgentState {
	st, _, err := d.LoadAgent(context.Background())
	if err != nil {
		d.tb.Error(err)
	}
	return st
}
