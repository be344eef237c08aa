package apitest

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// PutMedia implements [api.Media].
func (f *Fake) PutMedia(_ context.Context, _ time.Time, media []*freshet.Media) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Err != nil {
		return f.Err
	}
	for _, m := range media {
		f.MediaSet[m.ID] = m
	}
	return nil
}

// Media implements [api.Media].
func (f *Fake) Media(_ context.Context, _ string, ids []string) ([]*freshet.Media, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var media []*freshet.Media
	for _, id := range ids {
		if m := f.MediaSet[id]; m != nil {
			media = append(media, m)
		}
	}
	return media, nil
}

// ListMedia implements [api.Media].
func (f *Fake) ListMedia(_ context.Context, _, after string, limit int) ([]*freshet.Media, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var media []*freshet.Media
	for _, id := range slices.Sorted(maps.Keys(f.MediaSet)) {
		if id > after && len(media) < limit {
			media = append(media, f.MediaSet[id])
		}
	}
	return media, nil
}

// AddMedia puts a media with one stream into f.
func (f *Fake) AddMedia(ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		f.MediaSet[id] = &freshet.Media{
			Account: Account, ID: id, Title: "Film " + id, Type: "video", Status: freshet.StatusNormal,
			Streams: []freshet.Stream{{Format: "mp4", Definition: "HD", Type: freshet.StreamVideo, URL: "http://vod.example.com/" + id + ".mp4"}},
		}
	}
}
