package store

import (
	"context"
	"time"

	"github.com/freshet-vod/freshet"
)

// MediaOps finds and changes single media for operations of the vendor's API.
type MediaOps interface {
	// MediaNamed returns those media of the account that have one of the
	// references (freshet.Media.ReferenceID), in the order of references; of
	// several with one reference the one with the lowest ID.
	MediaNamed(ctx context.Context, account string, references []string) ([]*freshet.Media, error)
	// RegisterMedia stores media of one account whose originals no media of
	// the account has. Of the others it tells who has them.
	RegisterMedia(ctx context.Context, now time.Time, media []*freshet.Media) ([]Registered, error)
	// DeleteMedia deletes media and returns which of them existed, in order.
	// The URLs of their streams become remembered ones, and what d tells of
	// them is queued, all in one transaction.
	DeleteMedia(ctx context.Context, now time.Time, d Deletion) ([]string, error)
	// DeleteStreams deletes those streams of a media that have one of the job
	// IDs; their URLs become remembered ones. If there is no such media it is a
	// CodeNotFound error with the field "media"; if it has not all of the
	// streams, with the field "jobs", and nothing happens.
	DeleteStreams(ctx context.Context, now time.Time, account, media string, jobs []string) error
}

// Registered is what became of a media in MediaOps.RegisterMedia.
type Registered struct {
	ID  string // of the media that has the original
	New bool   // it was stored by this call
}

// Deletion says which media to delete.
type Deletion struct {
	Account string
	IDs     []string
	// Events returns what is to be told of the deletion of a media; may be nil.
	Events func(*freshet.Media) []Event
}
