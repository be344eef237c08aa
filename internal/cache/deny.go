package cache

import (
	"context"

	"github.com/freshet-vod/freshet"
)

// Denier is a Driver whose cache can refuse objects (Powers.Denies). The agent
// keeps the list, in its journal; a Denier has the cache obey it. Calls come one
// at a time.
type Denier interface {
	// Deny makes the cache refuse the URLs, one result per URL. With done or
	// already, no request that begins later gets a byte of the object, whatever is
	// stored, and a crash of the cache does not undo it.
	Deny(ctx context.Context, urls []freshet.DeniedURL) []Result
	// Allow ends that, one result per URL.
	Allow(ctx context.Context, urls []string) []Result
	// SetDenied makes the cache refuse exactly these URLs. It is called before the
	// POP may take traffic. What cannot be refused is no error here: Deny told it,
	// when the URL was denied.
	SetDenied(ctx context.Context, urls []freshet.DeniedURL) error
}

// Deny calls d's Deny, if it has the power. Otherwise every URL fails as
// unsupported.
func Deny(ctx context.Context, d Driver, urls []freshet.DeniedURL) []Result {
	if n, ok := denier(d); ok {
		return exactly(len(urls), n.Deny(ctx, urls))
	}
	return unsupported(len(urls))
}

// Allow calls d's Allow, if it has the power. Otherwise there is nothing to
// allow.
func Allow(ctx context.Context, d Driver, urls []string) []Result {
	if n, ok := denier(d); ok {
		return exactly(len(urls), n.Allow(ctx, urls))
	}
	out := make([]Result, len(urls))
	for i := range out {
		out[i] = Result{Outcome: freshet.OutcomeAlready}
	}
	return out
}

// SetDenied calls d's SetDenied, if it has the power.
func SetDenied(ctx context.Context, d Driver, urls []freshet.DeniedURL) error {
	if n, ok := denier(d); ok {
		return n.SetDenied(ctx, urls)
	}
	return nil
}

func denier(d Driver) (Denier, bool) {
	n, ok := d.(Denier)
	return n, ok && d.Powers().Denies
}

func unsupported(n int) []Result {
	out := make([]Result, n)
	for i := range out {
		out[i] = Failed(freshet.ReasonUnsupported, "the cache cannot refuse objects")
	}
	return out
}

// Deny implements Denier, if the driver does.
func (f *fenced) Deny(ctx context.Context, urls []freshet.DeniedURL) []Result {
	return Deny(ctx, f.Driver, urls)
}

// Allow implements Denier, if the driver does.
func (f *fenced) Allow(ctx context.Context, urls []string) []Result {
	return Allow(ctx, f.Driver, urls)
}

// SetDenied implements Denier, if the driver does.
func (f *fenced) SetDenied(ctx context.Context, urls []freshet.DeniedURL) error {
	return SetDenied(ctx, f.Driver, urls)
}

// Deny implements Denier, if the driver does.
func (w *timed) Deny(ctx context.Context, urls []freshet.DeniedURL) []Result {
	ctx, cancel := bound(ctx, w.t.Other)
	defer cancel()
	return lateResults(ctx, Deny(ctx, w.Driver, urls))
}

// Allow implements Denier, if the driver does.
func (w *timed) Allow(ctx context.Context, urls []string) []Result {
	ctx, cancel := bound(ctx, w.t.Other)
	defer cancel()
	return lateResults(ctx, Allow(ctx, w.Driver, urls))
}

// SetDenied implements Denier, if the driver does.
func (w *timed) SetDenied(ctx context.Context, urls []freshet.DeniedURL) error {
	return w.other(ctx, func(ctx context.Context) error { return SetDenied(ctx, w.Driver, urls) })
}

// Deny implements Denier: every cache of the POP refuses, for any may be asked
// by a viewer.
func (g *Group) Deny(ctx context.Context, urls []freshet.DeniedURL) []Result {
	return g.everywhere(len(urls), func(_ int, d Driver) []Result { return Deny(ctx, d, urls) })
}

// Allow implements Denier.
func (g *Group) Allow(ctx context.Context, urls []string) []Result {
	return g.everywhere(len(urls), func(_ int, d Driver) []Result { return Allow(ctx, d, urls) })
}

func (g *Group) everywhere(n int, ask func(int, Driver) []Result) []Result {
	answers := concurrently(g.all, ask)
	out := make([]Result, n)
	for i := range out {
		out[i] = combined(answers, i, 0)
	}
	return out
}

// SetDenied implements Denier.
func (g *Group) SetDenied(ctx context.Context, urls []freshet.DeniedURL) error {
	for _, err := range concurrently(g.all, func(_ int, d Driver) error { return SetDenied(ctx, d, urls) }) {
		if err != nil {
			return err
		}
	}
	return nil
}
