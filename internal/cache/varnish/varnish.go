// Package varnish is the driver of Varnish 7: it speaks to Freshet's VCL
// (deploy/varnish) on a listener of its own inside Varnish, and prefetches
// through the front door as a viewer does.
//
// It must not know the agent or the log. App makes one per Varnish and hands it
// to an agent. Stock Varnish stores what it was fetching when a purge came: if
// this package said that nothing older is left when a fill was still on its
// way, viewers would get the old body after Complete.
package varnish

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/denyfolder"
	"github.com/freshet-vod/freshet/internal/cache/door"
)

// maxBatch bounds the objects of a call. Each costs two requests of a few
// hundred bytes; a thousand take some tens of milliseconds.
const maxBatch = 1000

// Options are the options of New.
type Options struct {
	Control string        // Freshet's listener inside Varnish: http://HOST:PORT, or unix:/PATH
	URL     string        // where it answers viewers: http://HOST:PORT, or unix:/PATH
	Soft    bool          // exact purges leave bodies that viewers get once the origin has confirmed them
	Keep    time.Duration // how long such bodies are kept; default 1 h
	Fillers int           // prefetches of one call that run at a time; default 16
	// DenyFolder is where Varnish looks for what it must refuse, as in
	// freshet.vcl; empty: it cannot refuse anything.
	DenyFolder string
}

// Driver implements cache.Driver over one Varnish.
type Driver struct {
	o      Options
	door   *door.Door
	quick  *lane // requests that Varnish answers at once
	slow   *lane // requests that wait for fills
	powers cache.Powers
	notes  notes
	bans   ledger
	denied *denyfolder.Folder

	domains atomic.Pointer[[]freshet.Domain]
}

var (
	_ cache.Driver   = (*Driver)(nil)
	_ cache.Follower = (*Driver)(nil)
	_ cache.Denier   = (*Driver)(nil)
)

// New makes the driver of a Varnish. The error names a bad address. New asks
// Varnish once whether it has xkey, and succeeds if Varnish is away: then
// Powers claims tags, since what cannot be had is refused when it is asked for,
// but what is not claimed is never asked for.
func New(ctx context.Context, o Options) (*Driver, error) {
	if o.Keep <= 0 {
		o.Keep = time.Hour
	}
	if o.Fillers <= 0 {
		o.Fillers = 16
	}
	front, err := door.New(door.Options{URL: o.URL, Idle: o.Fillers})
	if err != nil {
		return nil, err
	}
	network, addr, _, err := door.Target(o.Control)
	if err != nil {
		return nil, err
	}
	d := &Driver{o: o, door: front, quick: newLane(network, addr, 16, answerWithin), slow: newLane(network, addr, 64, 0)}
	d.domains.Store(&[]freshet.Domain{})
	d.notes.d, d.bans.d = d, d
	d.powers = cache.Powers{
		Driver: "varnish", MaxBatch: maxBatch, Prefix: true, Regex: true, Tag: true,
		Soft: true, Prefetch: true, Inspect: true, Stamps: true, KeepsCursor: true,
	}
	if o.DenyFolder != "" {
		d.denied, d.powers.Denies = denyfolder.New(o.DenyFolder, spelt), true
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if r := d.one(ctx, request{op: opHello, host: notesHost, path: "/"}); r.err == nil {
		d.powers.Tag = r.can(canTag)
	}
	return d, nil
}

// Close ends idle connections.
func (d *Driver) Close() error {
	d.quick.close()
	d.slow.close()
	d.door.Close()
	return nil
}

// Powers implements cache.Driver.
func (d *Driver) Powers() cache.Powers { return d.powers }

// SetTopology implements cache.Follower.
func (d *Driver) SetTopology(t freshet.Topology) {
	domains := slices.Clone(t.Domains)
	d.domains.Store(&domains)
	d.door.SetTopology(t)
}

// names returns the host names under which an object of host may be stored:
// its own first, and the other names of its domain. A VCL that gives requests
// their canonical host has it under the first alone; the others cost a request
// each and find nothing.
func (d *Driver) names(host string) []string {
	dom, ok := freshet.FindDomain(*d.domains.Load(), host)
	if !ok || len(dom.Aliases) == 0 {
		return []string{host}
	}
	names := make([]string, 0, len(dom.Aliases)+2)
	names = append(names, host)
	for _, n := range append([]string{dom.Name}, dom.Aliases...) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// one makes one request.
func (d *Driver) one(ctx context.Context, r request) reply {
	return d.quick.do(ctx, []request{r})[0]
}

// fanned is a list of requests of which several may concern one object.
type fanned struct {
	requests []request
	object   []int // request → object
}

// fan makes one request per name of each URL.
func (d *Driver) fan(urls []string, ask func(host, path string) request) fanned {
	var f fanned
	for i, u := range urls {
		host, path := freshet.SplitURL(u)
		for _, name := range d.names(host) {
			f.requests = append(f.requests, ask(name, path))
			f.object = append(f.object, i)
		}
	}
	return f
}

// failed turns a reply that says nothing into a result.
func failed(ctx context.Context, err error) cache.Result {
	r := cache.Failed(reasonOf(err), err.Error())
	if ctx.Err() != nil {
		r.Outcome, r.Reason, r.Detail = freshet.OutcomeCancelled, freshet.ReasonNone, context.Cause(ctx).Error()
	}
	return r
}

// unavailable is the error of a call without objects.
func unavailable(doing string, err error) error {
	return &freshet.Error{Code: freshet.CodeUnavailable, Message: "Varnish could not be asked.", Err: fmt.Errorf("%s: %w", doing, err)}
}

// each calls do for 0 to n-1 on a few goroutines and waits for them.
func each(n, workers int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, workers) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
