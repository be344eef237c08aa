package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// maxJobIDs is how many streams a call of DeleteStream may name (contract
// §4.14).
const maxJobIDs = 20

type deleteVideoAnswer struct {
	RequestID      string   `json:"RequestId" xml:"RequestId"`
	NonExistent    []string `json:"NonExistVideoIds" xml:"NonExistVideoIds"`
	Forbidden      []string `json:"ForbiddenVideoIds" xml:"ForbiddenVideoIds"`
	NonExistentRef []string `json:"NonExistReferenceIds" xml:"NonExistReferenceIds"`
}

// deleteVideo deletes media from the catalog (contract §4.14). Caches are not
// purged.
func (s *server) deleteVideo(ctx context.Context, c *call) (any, error) {
	n, err := s.manyMedia(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := s.Auth.Remember(ctx, c.identity.Nonce, c.identity.NonceExpires); err != nil {
		return nil, err
	}
	ids := make([]string, len(n.media))
	for i, m := range n.media {
		ids[i] = m.ID
	}
	now := present()
	gone, err := s.Media.DeleteMedia(ctx, now, store.Deletion{Account: c.identity.Account, IDs: ids, Events: func(m *freshet.Media) []store.Event {
		return deletionEvents(m, now)
	}})
	if err != nil {
		return nil, fmt.Errorf("deleting media: %w", err)
	}
	for _, id := range ids { // that somebody else deleted a moment before
		if !slices.Contains(gone, id) {
			n.absent = append(n.absent, id)
		}
	}
	if len(gone) == 0 && len(n.forbidden) == 0 {
		return nil, &fault{kind: videoNotFound}
	}
	return deleteVideoAnswer{
		RequestID: c.requestID, Forbidden: n.forbidden, NonExistentRef: n.absentRefs,
		NonExistent: slices.DeleteFunc(n.absent, func(id string) bool { return slices.Contains(n.forbidden, id) }),
	}, nil
}

// present is now as far as the store keeps it.
func present() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// deletionEvents are what is told of the deletion of a media: to the receiver
// that was named when it came, if one was (contract §5.4).
func deletionEvents(m *freshet.Media, now time.Time) []store.Event {
	own, _ := vod.ParseUserData(m.UserData) // what an import brought may be anything
	e := store.Event{
		Type: vod.EventDeleted, App: cmp.Or(m.AppID, vod.DefaultApp), Media: m.ID,
		Body: vod.Deleted{Media: m.ID, MediaType: string(m.Kind()), Type: vod.DeleteAll, Extend: own.Extend, At: now}.Body(),
	}
	e.URL, e.Way = vod.Receiver(m.UserData)
	e.Way = strings.ToUpper(e.Way)
	return []store.Event{e}
}

// deleteStream deletes streams of a media (contract §4.14).
func (s *server) deleteStream(ctx context.Context, c *call) (any, error) {
	if c.text("VideoId") == "" && c.text("ReferenceId") == "" {
		return nil, missing("VideoId")
	}
	jobs := items(c.params.Get("JobIds"), maxJobIDs)
	switch {
	case len(jobs) == 0:
		return nil, missing("JobIds")
	case len(jobs) > maxJobIDs:
		return nil, &fault{kind: jobIDsExceededMax}
	}
	m, err := s.oneMedia(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := s.Auth.Remember(ctx, c.identity.Nonce, c.identity.NonceExpires); err != nil {
		return nil, err
	}
	err = s.Media.DeleteStreams(ctx, present(), c.identity.Account, m.ID, jobs)
	if e, ok := errors.AsType[*freshet.Error](err); ok && e.Code == freshet.CodeNotFound {
		if e.Field == "jobs" {
			return nil, &fault{kind: streamNotFound}
		}
		return nil, &fault{kind: videoNotFound}
	}
	if err != nil {
		return nil, fmt.Errorf("deleting streams: %w", err)
	}
	return requestIDAnswer{c.requestID}, nil
}
