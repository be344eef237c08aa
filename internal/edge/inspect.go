package edge

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/freshet-vod/freshet"
)

// State is what the cache holds of one object.
type State struct {
	Copy    freshet.Copy // of the variant with the lowest generation
	Fresh   bool         // it is a whole object, and viewers get it without the origin being asked
	Joined  bool         // a fill in flight was waited for
	Filling bool         // a fill that can be joined is in flight
}

// Inspect tells what is stored. With join it first waits for the fills in
// flight that a new request could join now, until ctx ends; a fill that a purge
// detaches meanwhile is waited for no longer.
func (c *Cache) Inspect(ctx context.Context, url string, join bool) (State, error) {
	return c.InspectAs(ctx, url, nil, join)
}

// InspectAs is Inspect of the variant that a viewer with this header gets; with
// nil, of all.
func (c *Cache) InspectAs(ctx context.Context, url string, header http.Header, join bool) (State, error) {
	st, flights := c.look(url, header)
	if !join || len(flights) == 0 {
		return st, nil
	}
	for _, f := range flights {
		select {
		case <-f.done:
		case <-f.cut:
		case <-ctx.Done():
			return st, context.Cause(ctx)
		}
	}
	st, _ = c.look(url, header)
	st.Joined = true
	return st, nil
}

// look describes an object now and returns the flights that can be joined.
func (c *Cache) look(url string, header http.Header) (State, []*flight) {
	host, _ := freshet.SplitURL(url)
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	o := c.shelf.object(host, url, false)
	if o == nil {
		return State{}, nil
	}
	flights := slices.DeleteFunc(slices.Clone(o.flights), func(f *flight) bool { return f.alone })
	w := worst(o.variants)
	if header != nil {
		w = o.pick(&request{header: header})
	}
	return State{
		Copy: w.copy(), Filling: len(flights) > 0,
		Fresh: w != nil && w.Status == http.StatusOK && w.fresh(time.Now()),
	}, flights
}
