package store

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// Quotas counts what accounts do in a day. Counting itself is part of the
// writes that it is about: see the charges of Jobs.Accept and of Plan.
type Quotas interface {
	// QuotaUsed returns how much of each kind an account was charged on a day. A
	// kind that was not charged is missing.
	QuotaUsed(ctx context.Context, account string, day int64) (map[freshet.QuotaKind]int, error)
}

// Charge is the price of a write. Either all charges of a write are taken, and
// the write is done, or neither; a charge that does not fit is a CodeLimited
// error whose cause is freshet.ErrQuotaExceeded.
type Charge struct {
	Account string
	Kind    freshet.QuotaKind
	Day     int64 // that of the account, counted from any beginning
	N       int
	Limit   int // that the day's sum may not exceed
}
