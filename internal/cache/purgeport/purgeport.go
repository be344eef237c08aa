// Package purgeport is the driver of a cache beside which nothing of Freshet
// runs: it sends PURGE requests to the cache's purge port and fills it through
// its front door.
//
// It must not claim more than the cache said: nothing can be looked at, so that
// whoever calls it can only report what was acknowledged. Package app makes it
// for POPs that are agentless. If it took an odd answer for a yes, a film that
// is still there would be reported as gone.
package purgeport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/door"
	"github.com/freshet-vod/freshet/internal/trace"
)

const (
	maxBatch = 256
	// connections bounds the requests in flight to one purge port, which may be
	// that of a cache under load.
	connections = 16
	answerAfter = 10 * time.Second // longest wait for the answer to a PURGE
	maxAnswer   = 64 << 10         // bytes that are read of one
)

// Options are the options of New.
type Options struct {
	Driver string // the cache's kind, for Powers
	URL    string // where the cache answers viewers: http://HOST:PORT
	Purge  string // the port that takes PURGE, if that is not URL
}

// Driver implements cache.Driver over a purge port.
type Driver struct {
	o       Options
	door    *door.Door
	base    string
	client  *http.Client
	turns   chan struct{}
	domains atomic.Pointer[[]freshet.Domain]
}

var (
	_ cache.Driver   = (*Driver)(nil)
	_ cache.Follower = (*Driver)(nil)
)

// New makes a driver. The error names a bad address.
func New(o Options) (*Driver, error) {
	if o.Purge == "" {
		o.Purge = o.URL
	}
	front, err := door.New(door.Options{URL: o.URL})
	if err != nil {
		return nil, err
	}
	network, addr, base, err := door.Target(o.Purge)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	d := &Driver{o: o, door: front, base: base.String(), turns: make(chan struct{}, connections), client: &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, addr)
			},
			MaxIdleConnsPerHost: connections, IdleConnTimeout: 30 * time.Second,
			ResponseHeaderTimeout: answerAfter, MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	d.domains.Store(&[]freshet.Domain{})
	return d, nil
}

// Close ends idle connections.
func (d *Driver) Close() error {
	d.door.Close()
	d.client.CloseIdleConnections()
	return nil
}

// SetTopology implements cache.Follower.
func (d *Driver) SetTopology(t freshet.Topology) {
	d.domains.Store(&t.Domains)
	d.door.SetTopology(t)
}

// Powers implements cache.Driver.
func (d *Driver) Powers() cache.Powers {
	return cache.Powers{Driver: d.o.Driver, MaxBatch: maxBatch, Prefetch: true}
}

// Purge implements cache.Driver: one PURGE for each name of the URL's domain,
// since nothing is known of how the cache names its objects.
func (d *Driver) Purge(ctx context.Context, o cache.Order) []cache.Result {
	if o.Selector.Kind != freshet.SelectExact {
		return []cache.Result{cache.Failed(freshet.ReasonUnsupported, "a purge port takes single URLs only; patterns need an agent beside the cache")}
	}
	out := make([]cache.Result, o.Len())
	var wg sync.WaitGroup
	for i, u := range o.Selector.URLs {
		select {
		case d.turns <- struct{}{}:
		case <-ctx.Done():
			out[i] = cache.Result{Outcome: freshet.OutcomeCancelled, Detail: context.Cause(ctx).Error()}
			continue
		}
		wg.Go(func() {
			defer func() { <-d.turns }()
			out[i] = d.purge(ctx, u)
		})
	}
	wg.Wait()
	return out
}

// purge purges a URL under every name of its domain.
func (d *Driver) purge(ctx context.Context, url string) cache.Result {
	host, path := freshet.SplitURL(url)
	names := []string{host}
	if domain, ok := freshet.FindDomain(*d.domains.Load(), host); ok {
		names = append([]string{domain.Name}, domain.Aliases...)
	}
	all := cache.Result{Outcome: freshet.OutcomeAlready}
	for _, name := range names {
		r := d.send(ctx, name, path)
		switch r.Outcome {
		case freshet.OutcomeDone:
			all.Outcome, all.Detail = freshet.OutcomeDone, r.Detail
		case freshet.OutcomeAlready:
		case freshet.OutcomeFailed, freshet.OutcomeCancelled, freshet.OutcomeNone, freshet.OutcomeCovered, freshet.OutcomeExcused:
			return r
		}
	}
	return all
}

// send makes one PURGE.
func (d *Driver) send(ctx context.Context, host, path string) cache.Result {
	req, err := http.NewRequestWithContext(ctx, "PURGE", d.base+path, nil)
	if err != nil {
		return cache.Failed(freshet.ReasonRefused, "the URL cannot be asked for: "+err.Error())
	}
	req.Host = host
	// Sent again if the port closed an idle connection at that moment; the field
	// itself is not sent.
	req.Header["Idempotency-Key"] = []string{}
	trace.Tell(ctx, req.Header)
	resp, err := d.client.Do(req)
	if err != nil {
		return unanswered(ctx, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return unanswered(ctx, err)
	}
	return judge(resp.StatusCode)
}

// unanswered is a PURGE whose answer did not come, or not whole. It may have
// been carried out; saying so would be a guess.
func unanswered(ctx context.Context, err error) cache.Result {
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return cache.Result{Outcome: freshet.OutcomeCancelled, Detail: context.Cause(ctx).Error()}
	case errors.As(err, &timeout) && timeout.Timeout():
		return cache.Failed(freshet.ReasonTimeout, "the purge port did not answer in time")
	}
	return cache.Failed(freshet.ReasonUnreachable, err.Error())
}

// judge puts the answer to a PURGE into the closed lists. Varnish answers 200,
// whether there was anything or not; nginx's modules answer 404 or 412 if there
// was nothing; newer ones answer 202 to what they will do later.
func judge(status int) cache.Result {
	switch {
	case status == http.StatusOK || status == http.StatusNoContent:
		return cache.Result{Outcome: freshet.OutcomeDone}
	case status == http.StatusAccepted:
		return cache.Result{Outcome: freshet.OutcomeDone, Detail: "the cache will carry it out later"}
	case status == http.StatusNotFound || status == http.StatusPreconditionFailed:
		return cache.Result{Outcome: freshet.OutcomeAlready}
	case status >= http.StatusInternalServerError && status != http.StatusNotImplemented,
		status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return cache.Failed(freshet.ReasonUnreachable, fmt.Sprintf("the purge port answers %d", status))
	}
	return cache.Failed(freshet.ReasonRefused, fmt.Sprintf("the purge port answers %d: does it take PURGE from this address?", status))
}

// Prefetch implements cache.Driver: a GET through the front door. That the
// answer came whole is all that can be said. A refusal may have been stored, so
// that it is purged.
func (d *Driver) Prefetch(ctx context.Context, objs []cache.Object) []cache.Result {
	out := make([]cache.Result, len(objs))
	for i, obj := range objs {
		if ctx.Err() != nil {
			out[i] = cache.Result{Outcome: freshet.OutcomeCancelled, Detail: context.Cause(ctx).Error()}
			continue
		}
		out[i] = d.door.Fill(ctx, obj)
		if r := out[i].Reason; r == freshet.ReasonOrigin4xx || r == freshet.ReasonRefused {
			d.purge(ctx, obj.URL) // if it cannot be removed, the failure that is reported stands anyhow
		}
	}
	return out
}

// Inspect implements cache.Driver: it cannot be done.
func (d *Driver) Inspect(_ context.Context, objs []cache.Object, _ cache.InspectMode) []cache.State {
	out := make([]cache.State, len(objs))
	for i := range out {
		out[i].Fault = freshet.ReasonUnsupported
	}
	return out
}

// Flush implements cache.Driver: it cannot be done.
func (d *Driver) Flush(context.Context, time.Time) error {
	return freshet.Errorf(freshet.CodeInvalid, "a purge port cannot make a cache revalidate what it holds")
}

// Incarnation implements cache.Driver. Nothing is known of the content's life.
func (d *Driver) Incarnation(context.Context) (string, error) { return "agentless", nil }

// ReadCursor implements cache.Driver: there is none.
func (d *Driver) ReadCursor(context.Context) (freshet.Position, error) {
	return freshet.Position{}, nil
}

// WriteCursor implements cache.Driver: it cannot be done, and Powers say so.
func (d *Driver) WriteCursor(context.Context, freshet.Position) error {
	return freshet.Errorf(freshet.CodeInvalid, "a purge port keeps no cursor")
}
