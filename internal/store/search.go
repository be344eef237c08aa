package store

import (
	"context"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/mediaquery"
)

// MediaSearch finds media by what describes them.
type MediaSearch interface {
	// SearchMedia returns a page of the media that match. It reads what is in
	// indexes only: what it costs depends on how much of the account matches,
	// and not on how many media there are, or others have.
	SearchMedia(ctx context.Context, q MediaQuery) (MediaPage, error)
}

// MediaQuery asks for media of one account.
type MediaQuery struct {
	Account string
	Kind    freshet.StreamType // video or audio, as freshet.Media.Kind
	Match   mediaquery.Query
	// ByModified sorts by the time of modification, otherwise of creation;
	// Ascending puts the oldest first. What is equal is sorted by creation,
	// TieAscending puts the oldest first.
	ByModified, Ascending, TieAscending bool
	Offset, Limit                       int
	// After is the Last of the page before; then Offset does not count, and
	// TieAscending must be as Ascending.
	After *MediaCursor
}

// MediaCursor is a place in a sorted list of media.
type MediaCursor struct{ Place, Modified int64 }

// MediaPage is what SearchMedia found.
type MediaPage struct {
	Media []*freshet.Media
	// Total is how many match; above MaxExactTotal it is an estimate.
	Total int
	Last  MediaCursor // of the last of Media
}

// MaxExactTotal is up to where matches are counted one by one.
const MaxExactTotal = 10_000
