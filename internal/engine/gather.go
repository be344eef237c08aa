package engine

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
)

// collectBatch bounds the evidence messages of one commit.
const collectBatch = 512

// patience is how many times CollectLinger a commit waits in all.
const patience = 10

// gather takes what evidence there is, and waits for more as long as POPs owe
// some about the same entries and it keeps coming: one commit for all costs
// little more than one for the first, and the acknowledgements of the first
// would only get into the way of the rest. When nobody else can answer,
// waiting would be all loss.
func (e *Engine) gather(ctx context.Context, first *arrival) []*arrival {
	batch := []*arrival{first}
	others := company{ledger: e.ledger, owing: map[freshet.Position]*awaited{}}
	others.joined(first)
	last := time.Now().Add(patience * e.o.CollectLinger)
	linger := time.NewTimer(e.o.CollectLinger)
	defer linger.Stop()
	add := func(a *arrival) {
		batch = append(batch, a)
		others.joined(a)
	}
	for len(batch) < collectBatch {
		select {
		case a := <-e.intake:
			add(a)
			continue
		default:
		}
		if others.complete() {
			return batch
		}
		select {
		case a := <-e.intake:
			add(a)
			linger.Reset(min(e.o.CollectLinger, time.Until(last)))
		case <-linger.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// company is who else may be about to answer for the entries of a batch.
type company struct {
	ledger *ledger
	owing  map[freshet.Position]*awaited
	many   bool // too many entries to be worth the count: some POP owes something
}

// awaited is what is known of one entry's debtors. Whoever answered owes nothing
// any more, so that all before the first one that was found need no second look:
// a batch of a thousand POPs' messages looks at each POP once.
type awaited struct {
	answered map[string]bool // by the batch
	first    int             // no target before it is a debtor
}

// countedEntries bounds the entries whose debtors are counted: with more than
// that the commit is large anyway.
const countedEntries = 8

func (c *company) joined(a *arrival) {
	for _, facts := range a.msg.Entries {
		d := c.owing[facts.At]
		if d == nil {
			if c.many = c.many || len(c.owing) >= countedEntries; c.many {
				return
			}
			d = &awaited{answered: map[string]bool{}}
			c.owing[facts.At] = d
		}
		d.answered[a.msg.POP] = true
	}
}

func (c *company) complete() bool {
	if c.many {
		return false
	}
	for at, d := range c.owing {
		var owes bool
		if d.first, owes = c.ledger.debtor(at, d.first, d.answered); owes {
			return false
		}
	}
	return true
}
