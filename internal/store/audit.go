package store

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
)

// Audit keeps who called which write operation.
//
// Most records come with the write that they are about: a store commits the
// [Ride] of a call's context in the same transaction as the call's first write,
// so that there is neither a write without its record nor a record of a write
// that did not happen.
type Audit interface {
	// PutAudit adds a record by itself, and sets its ID. It need not be on disk
	// before it returns, but a process that is killed does not lose it.
	PutAudit(ctx context.Context, rec *freshet.AuditRecord) error
	// AmendAudit replaces the object, job and outcome of the record with rec's
	// ID, under the same terms.
	AmendAudit(ctx context.Context, rec *freshet.AuditRecord) error
	// AuditPage returns records in the order that q asks for.
	AuditPage(ctx context.Context, q freshet.AuditQuery) (freshet.AuditPage, error)
	// PruneAudit deletes records from before a time, some thousands at most,
	// and tells how many. The newest record of all stays, so that IDs are not
	// used twice.
	PruneAudit(ctx context.Context, before time.Time) (int, error)
}

// Ride is the audit record of a call on its way into the store. One call has
// one Ride, and makes its writes one after another.
type Ride struct {
	// Record is committed with the call's first write, by which it gets its ID:
	// as AuditOK, or as AuditBegun if that write only prepares for another (the
	// nonce of the call). The next write then makes it AuditOK.
	Record *freshet.AuditRecord
}

// rideKey is the key of a context's Ride.
type rideKey struct{}

// WithRide returns a context whose writes carry r. A record belongs to the
// request, and not to any one method of a store, which is what the values of a
// context are for.
func WithRide(ctx context.Context, r *Ride) context.Context {
	return context.WithValue(ctx, rideKey{}, r)
}

// RideOf returns the Ride of a context, nil if there is none.
func RideOf(ctx context.Context) *Ride {
	r, _ := ctx.Value(rideKey{}).(*Ride)
	return r
}
