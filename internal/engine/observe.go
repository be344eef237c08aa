package engine

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Observer hears what the engine does, for metrics. Its methods are called on
// the paths of the work itself: they must return at once.
type Observer interface {
	// Accepted: a submission of so many rows was stored.
	Accepted(kind freshet.TaskType, rows int)
	// Refused: a submission was not, for a reason of a closed list.
	Refused(reason string)
	// Planned: a row is final, with a fault or so many URLs.
	Planned(kind freshet.TaskType, fault string, urls int, took time.Duration)
	// Evidence: a message was stored; a repeat says nothing new.
	Evidence(pop string, repeat bool)
	// Delivered: a POP ended so many deliveries alike.
	Delivered(pop string, o freshet.Outcome, why freshet.Reason, n int)
}

// The reasons for which the engine itself refuses.
const (
	refusedQueue = string(freshet.KindQueue)
	refusedDisk  = string(freshet.KindDisk)
)

// unobserved is the observer of an engine that has none.
type unobserved struct{}

func (unobserved) Accepted(freshet.TaskType, int)                         {}
func (unobserved) Refused(string)                                         {}
func (unobserved) Planned(freshet.TaskType, string, int, time.Duration)   {}
func (unobserved) Evidence(string, bool)                                  {}
func (unobserved) Delivered(string, freshet.Outcome, freshet.Reason, int) {}

// observe counts the facts of a message that was stored.
func (e *Engine) observe(msg *store.Received) {
	e.o.Observer.Evidence(msg.POP, msg.Duplicate)
	if msg.Duplicate {
		return
	}
	type end struct {
		o   freshet.Outcome
		why freshet.Reason
	}
	counts := map[end]int{}
	for _, entry := range msg.Entries {
		for i := range entry.Facts {
			counts[end{entry.Facts[i].Outcome, entry.Facts[i].Reason}]++
		}
	}
	for k, n := range counts {
		e.o.Observer.Delivered(msg.POP, k.o, k.why, n)
	}
}

// Present is how much work there is at one moment.
type Present struct {
	Heads     map[string]freshet.Position // the last entry of each subject
	Unplanned int                         // rows accepted and not planned yet
	Open      int                         // entries that are not final at every POP
}

// Present answers from memory, but for the heads.
func (e *Engine) Present(ctx context.Context) (Present, error) {
	heads, err := e.store.Log.Heads(ctx)
	if err != nil {
		return Present{}, err
	}
	e.unplanned.Lock()
	waiting := e.waiting
	e.unplanned.Unlock()
	return Present{Heads: heads, Unplanned: waiting, Open: e.ledger.size()}, nil
}
