package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// RegisterMedia implements [store.MediaOps].
func (s *Store) RegisterMedia(ctx context.Context, now time.Time, media []*freshet.Media) ([]store.Registered, error) {
	out := make([]store.Registered, len(media))
	err := s.w.submit(ctx, &op{
		do: func(ctx context.Context, t *tx) error {
			for i, m := range media {
				id, err := t.owner(ctx, m)
				if err != nil {
					return err
				}
				if id != "" {
					out[i] = store.Registered{ID: id}
					continue
				}
				if err := t.putMedia(ctx, m, now); err != nil {
					return fmt.Errorf("storing media %s: %w", m.ID, err)
				}
				out[i] = store.Registered{ID: m.ID, New: true}
			}
			return nil
		},
		done: func(*tx) {
			for i, r := range out {
				s.known.add(media[i].Account, r.ID)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// owner returns the ID of the media that has the original of m, or "".
func (t *tx) owner(ctx context.Context, m *freshet.Media) (string, error) {
	for _, n := range namesOf(m) {
		if n.kind != nameFile {
			continue
		}
		var id string
		exists, err := t.get(ctx, []any{&id},
			`SELECT id FROM media_name WHERE account = ? AND kind = 2 AND name = ? ORDER BY id LIMIT 1`, m.Account, n.name)
		if err != nil || exists {
			return id, err
		}
	}
	return "", nil
}

// DeleteMedia implements [store.MediaOps].
func (s *Store) DeleteMedia(ctx context.Context, now time.Time, d store.Deletion) ([]string, error) {
	var gone []string
	err := s.w.submit(ctx, &op{
		do: func(ctx context.Context, t *tx) error {
			gone = nil // of a transaction that was rolled back
			for _, id := range d.IDs {
				was, err := t.deleteMedia(ctx, d, id, now)
				if err != nil {
					return fmt.Errorf("deleting media %s: %w", id, err)
				}
				if was {
					gone = append(gone, id)
				}
			}
			return nil
		},
		done: func(*tx) { s.known.remove(d.Account, gone...) },
	})
	if err != nil {
		return nil, err
	}
	return gone, nil
}

func (t *tx) deleteMedia(ctx context.Context, d store.Deletion, id string, now time.Time) (bool, error) {
	old, err := t.oldMedia(ctx, d.Account, id)
	m := old.media
	if err != nil || m == nil {
		return false, err
	}
	if err := t.exec(ctx, `DELETE FROM media WHERE key = ?`, old.key); err != nil {
		return false, err
	}
	if err := t.index(ctx, old, nil); err != nil {
		return false, err
	}
	if err := t.remember(ctx, d.Account, id, now, urlsOf(m.Streams)); err != nil {
		return false, err
	}
	if d.Events == nil {
		return true, nil
	}
	return true, t.queueEvents(ctx, d.Account, now, d.Events(m))
}

func urlsOf(streams []freshet.Stream) []string {
	urls := make([]string, len(streams))
	for i := range streams {
		urls[i] = streams[i].URL
	}
	return distinct(urls)
}

// DeleteStreams implements [store.MediaOps].
func (s *Store) DeleteStreams(ctx context.Context, now time.Time, account, media string, jobs []string) error {
	return s.write(ctx, func(ctx context.Context, t *tx) error {
		old, err := t.oldMedia(ctx, account, media)
		if err != nil {
			return fmt.Errorf("reading media: %w", err)
		}
		m := old.media
		if m == nil {
			return &freshet.Error{Code: freshet.CodeNotFound, Field: "media", Message: "There is no such media."}
		}
		for _, job := range jobs {
			if !slices.ContainsFunc(m.Streams, func(s freshet.Stream) bool { return s.JobID == job }) {
				return &freshet.Error{Code: freshet.CodeNotFound, Field: "jobs", Message: "The media has no such stream."}
			}
		}
		m.Streams = slices.DeleteFunc(m.Streams, func(s freshet.Stream) bool { return slices.Contains(jobs, s.JobID) })
		m.Modified = now
		if err := t.putMedia(ctx, m, now); err != nil {
			return fmt.Errorf("storing media %s: %w", media, err)
		}
		return nil
	})
}
