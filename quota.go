package freshet

import "errors"

// What a call is refused for if its account has had its share. They are causes
// of errors with CodeLimited.
var (
	ErrQuotaExceeded = errors.New("the daily quota does not cover it")
	ErrQueueFull     = errors.New("the account's queue of prefetches is full")
)

// QuotaKind is what is counted by the day.
type QuotaKind string

// The kinds.
const (
	QuotaURLs        QuotaKind = "url"       // purged, one by one
	QuotaDirectories QuotaKind = "directory" // purged by prefix, tag or pattern
	QuotaPreloads    QuotaKind = "preload"   // URLs prefetched
)

// Quota is what an account may do in a day, and what is left of it.
type Quota struct {
	URLs        Share
	Directories Share
	Preloads    Share
}

// Share is one part of a Quota. Without a limit both are UnlimitedQuota.
type Share struct{ Quota, Left int }

// UnlimitedQuota is shown where nothing is limited: the vendor's API has a
// number there (contract §6.1).
const UnlimitedQuota = 1_000_000_000
