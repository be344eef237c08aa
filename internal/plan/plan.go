// Package plan turns one media of a job, or a job by URL, into the list of
// URLs that the log will carry: which streams, which playlists, which
// segments, and what is remembered from before.
//
// A plan is a value: making one changes nothing. What it costs is paid when it
// is stored. The package must not know the log's transport, the store's SQL or HTTP;
// it names the small interfaces that it needs. The engine's planner workers
// call it, and so does the dry run. If it leaves a URL out and does not say so
// in the row's problems or fault, a takedown reports success over a film that
// still plays (promise P6).
package plan

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/hls"
	"github.com/freshet-vod/freshet/internal/trace"
)

// Catalog tells what is remembered of a media.
type Catalog interface {
	// Remembered returns the canonical URLs that were ever yielded for a media
	// and seen since a time.
	Remembered(ctx context.Context, account, id string, since time.Time) ([]string, error)
	// KnownURLs yields the canonical URLs of all media of an account, and those
	// remembered of them and seen since a time.
	KnownURLs(ctx context.Context, account string, since time.Time) iter.Seq2[[]string, error]
}

// Fetcher reads playlists from origins.
type Fetcher interface {
	// Get reads the object at a canonical URL from the origin with the given
	// base URL, and returns it with the canonical URL at which it was found.
	// If its error has a method Reason() string, that is what users are shown.
	Get(ctx context.Context, origin, canonicalURL string) (body []byte, at string, err error)
}

// Options say what a Planner works with.
type Options struct {
	Catalog Catalog
	Fetcher Fetcher
	// Guarded reads from the origins that tenants declared; nil: those are not
	// read from.
	Guarded Fetcher
	// Domains returns the domains of an account as they are now.
	Domains func(account string) []freshet.Domain
	Limits  Limits
}

// Limits bound what the plan of one media may cost. A zero field means the
// default.
type Limits struct {
	Playlists   int           // that are read; 200
	Depth       int           // of playlists that name playlists; 3
	URLs        int           // in all, remembered ones included; 200,000
	Time        time.Duration // for reading playlists; 2 minutes
	Concurrency int           // playlists read at a time; 8
	Problems    int           // that are named one by one; 1,000
	Remember    time.Duration // how old a remembered URL may be; 30 days
	Playlist    hls.Limits    // of each playlist
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, n int) {
		if *v <= 0 {
			*v = n
		}
	}
	set(&l.Playlists, 200)
	set(&l.Depth, 3)
	set(&l.URLs, 200_000)
	set(&l.Concurrency, 8)
	set(&l.Problems, 1000)
	if l.Time <= 0 {
		l.Time = 2 * time.Minute
	}
	if l.Remember <= 0 {
		l.Remember = 30 * 24 * time.Hour
	}
	return l
}

// Planner makes plans. It may be used concurrently.
type Planner struct {
	catalog Catalog
	fetcher Fetcher
	guarded Fetcher
	domains func(account string) []freshet.Domain
	limits  Limits
}

// New makes a Planner.
func New(o Options) *Planner {
	return &Planner{
		catalog: o.Catalog, fetcher: o.Fetcher, guarded: o.Guarded, domains: o.Domains,
		limits: o.Limits.withDefaults(),
	}
}

// from returns what reads from the origin of a domain.
func (p *Planner) from(d freshet.Domain) Fetcher {
	switch {
	case !d.Guarded:
		return p.fetcher
	case p.guarded == nil:
		return noFetcher{}
	}
	return p.guarded
}

// noFetcher reads nothing.
type noFetcher struct{}

// Get implements [Fetcher].
func (noFetcher) Get(context.Context, string, string) ([]byte, string, error) {
	return nil, "", errors.New("origins that tenants declared are not read from")
}

// stage is one step of a plan. Its error means that the plan cannot be made
// now; what is wrong with the media itself goes into the draft.
type stage struct {
	name string
	run  func(context.Context, *draft) error
}

// stages is the whole of planning, in order.
func (p *Planner) stages() []stage {
	return []stage{
		{"resolve", p.resolve},   // which streams the filter means
		{"address", p.address},   // under which domain each is cached
		{"match", p.match},       // which known URLs a job's patterns mean
		{"expand", p.expand},     // what their playlists name
		{"remember", p.remember}, // what they named before
		{"dedupe", p.dedupe},     // each object once
	}
}

// Plan makes the plan of one row of a job: of media, or of job.Direct, whose
// row has none. A nil media of a job that names it no longer exists. The error
// is for faults that may pass (the context's end, the store); faults of the
// media are in the row.
func (p *Planner) Plan(ctx context.Context, job *freshet.Job, row freshet.Row, media *freshet.Media) (freshet.PlannedRow, error) {
	return p.run(ctx, p.newDraft(job, row, media), p.stages())
}

// traced runs a stage, recorded under its name.
func traced(ctx context.Context, d *draft, s stage) error {
	ctx, span := trace.Start(ctx, s.name)
	err := s.run(ctx, d)
	span.End(err)
	return err
}

func (p *Planner) run(ctx context.Context, d *draft, stages []stage) (freshet.PlannedRow, error) {
	for _, s := range stages {
		if d.ended {
			break
		}
		err := traced(ctx, d, s)
		if err == nil && ctx.Err() != nil {
			// A stage may take the context's end for an origin's fault;
			// such a plan must not be believed.
			err = context.Cause(ctx)
		}
		if err != nil {
			return freshet.PlannedRow{}, fmt.Errorf("planning media %q of job %s: %s: %w", d.row.Media, d.job.ID, s.name, err)
		}
	}
	return d.result(), nil
}
