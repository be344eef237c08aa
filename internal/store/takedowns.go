package store

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// Takedowns keeps which media are denied, and by that which URLs.
//
// A takedown begins when a job of its type is accepted: from that commit on the
// catalog tells the media's status as blocked. A URL is denied from the entry on
// that says so: SavePlan keeps the list, in the transaction that appends the
// entry. A media that two takedowns name at once has one, with the status of the
// later.
type Takedowns interface {
	// ListTakedowns returns takedowns of the account, newest first: of the media
	// given, of all without; the active ones only, or all.
	ListTakedowns(ctx context.Context, q TakedownQuery) ([]freshet.TakedownRecord, error)
	// DeniedOf returns the URLs that are denied on behalf of a media, sorted.
	DeniedOf(ctx context.Context, account, media string) ([]string, error)
	// Denied returns the deny list of all accounts in order of URL, after one, at
	// most limit.
	Denied(ctx context.Context, after string, limit int) ([]freshet.DeniedURL, error)
	// StaleTakedowns returns active takedowns whose media, or whose domains,
	// changed since they were last planned, at most limit.
	StaleTakedowns(ctx context.Context, limit int) ([]freshet.TakedownRecord, error)
	// LastDenial returns the position of the last entry that changed the deny
	// list; zero: there is none.
	LastDenial(ctx context.Context) (freshet.Position, error)
}

// TakedownQuery selects takedowns.
type TakedownQuery struct {
	Account string // always restricts
	Media   []string
	Active  bool // leave out those that ended
	Limit   int
}

// DenyList keeps an agent's copy of the deny list.
type DenyList interface {
	// LoadDenied returns the list, in order of URL, and up to which position every
	// entry of the log is reflected; false if none was ever saved.
	LoadDenied(ctx context.Context) (list []freshet.DeniedURL, upTo freshet.Position, ok bool, err error)
	// SaveDenied changes the list, durably.
	SaveDenied(ctx context.Context, c DenyChange) error
}

// DenyChange is one change of an agent's deny list.
type DenyChange struct {
	// Replace drops everything first: what follows is the whole list, up to the
	// position UpTo.
	Replace bool
	UpTo    freshet.Position
	Deny    []freshet.DeniedURL
	Allow   []string
}
