package edgecache

import (
	"context"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
)

// Deny implements cache.Denier.
func (d *Driver) Deny(ctx context.Context, urls []freshet.DeniedURL) []cache.Result {
	if ctx.Err() != nil {
		return every(len(urls), freshet.OutcomeCancelled)
	}
	d.c.Deny(urls)
	return every(len(urls), freshet.OutcomeDone)
}

// Allow implements cache.Denier.
func (d *Driver) Allow(ctx context.Context, urls []string) []cache.Result {
	if ctx.Err() != nil {
		return every(len(urls), freshet.OutcomeCancelled)
	}
	d.c.Allow(urls)
	return every(len(urls), freshet.OutcomeDone)
}

// SetDenied implements cache.Denier.
func (d *Driver) SetDenied(_ context.Context, urls []freshet.DeniedURL) error {
	d.c.SetDenied(urls)
	return nil
}

func every(n int, o freshet.Outcome) []cache.Result {
	out := make([]cache.Result, n)
	for i := range out {
		out[i].Outcome = o
	}
	return out
}
