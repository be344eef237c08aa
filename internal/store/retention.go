package store

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
)

// Retention forgets what has been kept for long enough, always from the oldest
// on, in transactions that hold nobody up.
type Retention interface {
	// ForgetLog deletes purges and prefetches of the log that were created
	// before a time and stand before a position, with what was derived of them:
	// from the oldest on, up to the first that must stay, at most limit. It
	// returns how many, and the first that must stay although it is old enough,
	// nil if there is none: it is not closed, or stands at or after the
	// position.
	ForgetLog(ctx context.Context, before time.Time, below freshet.Position, limit int) (n int, held *freshet.Entry, err error)
	// ForgetJobs deletes jobs that were created before a time and of which no
	// entry is left in the log, from the oldest on, at most limit.
	ForgetJobs(ctx context.Context, before time.Time, limit int) (int, error)
	// ForgetEvidence deletes whole days (UTC) of evidence that ended before a
	// time and speak of no entry that is left in the log. What remains can be
	// verified as before. It returns how many days.
	ForgetEvidence(ctx context.Context, before time.Time) (int, error)

	// Forgotten returns, by subject, the last entry that ForgetLog deleted; one
	// of which nothing was deleted has the zero Position.
	Forgotten(ctx context.Context) (map[string]freshet.Position, error)
	// LastBefore returns, by subject, about the last purge and prefetch that
	// were created before a time, whether they are left in the log or not: the
	// order of the log is taken for that of time.
	LastBefore(ctx context.Context, before time.Time) (map[string]freshet.Position, error)
	// ReadLasting returns entries of a subject that are never forgotten
	// (changes of membership and of the deny list) with after < At <= upTo, in
	// order, at most limit entries and (but for the first) about maxBytes of
	// packed URLs.
	ReadLasting(ctx context.Context, subject string, after, upTo freshet.Position, limit, maxBytes int) ([]*freshet.Entry, error)
}
