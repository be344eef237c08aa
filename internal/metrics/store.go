package metrics

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// The operations of the store whose time is shown: those that end on disk, and
// the one that every planner waits for.
const (
	opAccept   = "accept"
	opClaim    = "claim"
	opPlan     = "plan"
	opEvidence = "evidence"
)

// Jobs times the operations of a store of jobs.
func (c *Control) Jobs(s store.Jobs) store.Jobs { return &jobs{s, c} }

// Evidences times the operations of a store of evidence.
func (c *Control) Evidences(s store.Evidence) store.Evidence { return &evidences{s, c} }

type jobs struct {
	store.Jobs
	c *Control
}

// Accept implements [store.Jobs].
func (j *jobs) Accept(ctx context.Context, job *freshet.Job, nonce store.Nonce, charges ...store.Charge) error {
	defer j.c.since(opAccept, time.Now())
	return j.Jobs.Accept(ctx, job, nonce, charges...)
}

// Claim implements [store.Jobs].
func (j *jobs) Claim(ctx context.Context, c store.Claim) ([]store.Claimed, error) {
	defer j.c.since(opClaim, time.Now())
	return j.Jobs.Claim(ctx, c)
}

// SavePlan implements [store.Jobs].
func (j *jobs) SavePlan(ctx context.Context, p *store.Plan) error {
	defer j.c.since(opPlan, time.Now())
	return j.Jobs.SavePlan(ctx, p)
}

type evidences struct {
	store.Evidence
	c *Control
}

// SaveEvidence implements [store.Evidence].
func (e *evidences) SaveEvidence(ctx context.Context, msgs []*store.Received) error {
	defer e.c.since(opEvidence, time.Now())
	return e.Evidence.SaveEvidence(ctx, msgs)
}

// The outcomes of an attempt to deliver a callback.
const (
	attemptDelivered = "delivered"
	attemptFailed    = "failed"
	attemptGivenUp   = "given_up"
)

// Callbacks counts the attempts that a store of callbacks is told of.
func (c *Control) Callbacks(s store.Callbacks) store.Callbacks { return &callbacks{s, c} }

type callbacks struct {
	store.Callbacks
	c *Control
}

// SettleCallback implements [store.Callbacks].
func (b *callbacks) SettleCallback(ctx context.Context, o store.CallbackOutcome) error {
	err := b.Callbacks.SettleCallback(ctx, o)
	if err == nil {
		outcome := attemptFailed
		switch {
		case o.Delivered:
			outcome = attemptDelivered
		case o.Next.IsZero():
			outcome = attemptGivenUp
		}
		b.c.callbacks.WithLabelValues(outcome).Inc()
	}
	return err
}

func (c *Control) since(operation string, begun time.Time) { c.Stored(operation, time.Since(begun)) }
