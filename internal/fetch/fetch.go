// Package fetch reads small texts, playlists above all, from the origins that
// an operator declared, and asks them what they have of an object.
//
// But for the caches it is the only package that asks origins, and must not
// know what it reads or why. The planner calls it, and the probes of POPs do. What it reads is bounded in
// size, time and number, it follows neither proxies of the environment nor
// redirects to anywhere else, and it keeps no cookies: if it could be steered
// to another host, a playlist could make the server ask its own network
// (promise P9).
package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Options say how a Client fetches. A zero field means the default.
type Options struct {
	MaxBytes      int64         // of an answer; compressed, a quarter of it; 4 MiB
	Timeout       time.Duration // of one attempt as a whole; 10 s
	HeaderTimeout time.Duration // until the answer begins; 5 s
	// MinRate is how many bytes of the answer must come each second, after the
	// first MinRateAfter of it; 1 KiB, negative: any.
	MinRate      int64
	MinRateAfter time.Duration // 3 s
	MaxRedirects int           // within the same origin; 0: a redirect is a fault
	PerHost      int           // requests at a time to one origin; 16
	Retries      int           // further attempts after a fault that may pass; 1, negative: none
	RetryDelay   time.Duration // before each of them; 200 ms
	UserAgent    string        // "Freshet"
	Resolver     *net.Resolver // of the names of origins; the system's
	// Guard decides at the last moment whether an address may be connected to,
	// as the Control of a net.Dialer; nil: any may.
	Guard func(network, address string, c syscall.RawConn) error
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 4 << 20
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.HeaderTimeout <= 0 {
		o.HeaderTimeout = min(5*time.Second, o.Timeout)
	}
	if o.MinRate == 0 {
		o.MinRate = 1 << 10
	}
	if o.MinRateAfter <= 0 {
		o.MinRateAfter = 3 * time.Second
	}
	if o.PerHost <= 0 {
		o.PerHost = 16
	}
	switch {
	case o.Retries == 0:
		o.Retries = 1
	case o.Retries < 0:
		o.Retries = 0
	}
	if o.RetryDelay <= 0 {
		o.RetryDelay = 200 * time.Millisecond
	}
	if o.UserAgent == "" {
		o.UserAgent = "Freshet"
	}
	return o
}

// Client fetches from origins. It may be used concurrently.
type Client struct {
	options   Options
	transport *http.Transport

	mu    sync.Mutex // guards slots
	slots map[string]chan struct{}
}

// New makes a Client.
func New(o Options) *Client {
	o = o.withDefaults()
	dialer := &net.Dialer{Timeout: o.HeaderTimeout, KeepAlive: 30 * time.Second, Resolver: o.Resolver}
	if o.Guard != nil {
		dialer.Control = func(network, address string, c syscall.RawConn) error {
			if err := o.Guard(network, address, c); err != nil {
				return errGuarded // what the address was is not for whoever named the host
			}
			return nil
		}
	}
	return &Client{
		options: o,
		slots:   map[string]chan struct{}{},
		transport: &http.Transport{
			Proxy:                  nil, // never what the environment says
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    o.HeaderTimeout,
			ResponseHeaderTimeout:  o.HeaderTimeout,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    o.PerHost,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true, // decompressed here, where it is bounded
		},
	}
}

// Close closes idle connections. Calls in progress end by themselves.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Get reads the object at canonicalURL from the origin of its domain, whose
// base URL is origin. It returns the body and the canonical address at which
// it was found, which differs only after a redirect. The error is an [*Error],
// or that of ctx.
//
// The origin is asked under its own host name, as the built-in cache does; the
// domain's goes into X-Forwarded-Host.
func (c *Client) Get(ctx context.Context, origin, canonicalURL string) (body []byte, at string, err error) {
	target, err := newTarget(origin, canonicalURL)
	if err != nil {
		return nil, "", &Error{Kind: KindAddress, URL: canonicalURL, Err: err}
	}
	release, err := c.acquire(ctx, target.base.Host)
	if err != nil {
		return nil, "", err
	}
	defer release()
	for attempt := 0; ; attempt++ {
		body, at, err = c.attempt(ctx, target)
		if err == nil {
			return body, at, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, "", cause
		}
		e, ok := errors.AsType[*Error](err)
		if !ok || !e.Transient() || attempt >= c.options.Retries {
			return nil, "", err
		}
		if err := pause(ctx, c.options.RetryDelay); err != nil {
			return nil, "", err
		}
	}
}

// acquire waits for one of the origin's slots, so that a job of many media
// does not fall upon an origin all at once. Slots are kept for good: there are
// as many as the operator declared origins.
func (c *Client) acquire(ctx context.Context, host string) (release func(), err error) {
	c.mu.Lock()
	slot, ok := c.slots[host]
	if !ok {
		slot = make(chan struct{}, c.options.PerHost)
		c.slots[host] = slot
	}
	c.mu.Unlock()
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt makes one request and follows the redirects that are allowed. Its
// timeout covers the body too, so that an origin that sends a byte a second
// cannot hold a planner.
func (c *Client) attempt(ctx context.Context, t target) (body []byte, at string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	ctx, slow := context.WithCancelCause(ctx)
	defer slow(nil)
	for hops := 0; ; hops++ {
		resp, err := c.send(ctx, t)
		if err != nil {
			return nil, "", c.fault(ctx, t, err)
		}
		switch {
		case resp.StatusCode == http.StatusOK:
			body, err := c.read(resp, slow)
			if err != nil {
				return nil, "", c.fault(ctx, t, err)
			}
			return body, t.address(), nil
		case resp.StatusCode < 300 || resp.StatusCode > 399 || resp.StatusCode == http.StatusNotModified:
			_ = resp.Body.Close()
			return nil, "", &Error{Kind: KindStatus, Status: resp.StatusCode, URL: t.address()}
		}
		_ = resp.Body.Close()
		if hops >= c.options.MaxRedirects {
			return nil, "", &Error{Kind: KindRedirect, Status: resp.StatusCode, URL: t.address(), Limit: int64(c.options.MaxRedirects)}
		}
		if t, err = t.redirected(resp.Header.Get("Location")); err != nil {
			return nil, "", &Error{Kind: KindRedirect, Status: resp.StatusCode, URL: t.address(), Err: err}
		}
	}
}

func (c *Client) send(ctx context.Context, t target) (*http.Response, error) {
	return c.ask(ctx, t, http.MethodGet, http.Header{"Accept-Encoding": {"gzip"}})
}

func (c *Client) ask(ctx context.Context, t target, method string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.request(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.Header.Set("User-Agent", c.options.UserAgent)
	req.Header.Set("Accept", "*/*")
	// A plan is made from what the origin has now; a cache in front of it
	// must not answer with what is about to be purged.
	req.Header.Set("Cache-Control", "no-cache")
	req.Header.Set("X-Forwarded-Host", t.host)
	return c.transport.RoundTrip(req)
}

// read returns the whole body, decompressed, or an error. slow ends the request
// if the body comes too slowly.
func (c *Client) read(resp *http.Response, slow context.CancelCauseFunc) ([]byte, error) {
	defer func() { _ = resp.Body.Close() }()
	limit := c.options.MaxBytes
	if resp.ContentLength > limit {
		return nil, &tooLargeError{limit: limit}
	}
	in := io.Reader(resp.Body)
	if c.options.MinRate > 0 {
		p := newPaced(in, c.options.MinRate, c.options.MinRateAfter, slow)
		defer p.timer.Stop()
		in = p
	}
	r, err := decoded(in, resp.Header.Values("Content-Encoding"), limit)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// paced ends a body that comes too slowly: by the time that n bytes take at the
// least rate, after a first while that is free, n bytes must be there. A timer
// that only a read moves would not do: a read may never return.
type paced struct {
	r     io.Reader
	rate  int64
	until time.Time // without the bytes
	n     int64
	timer *time.Timer
}

func newPaced(r io.Reader, rate int64, free time.Duration, slow context.CancelCauseFunc) *paced {
	return &paced{
		r: r, rate: rate, until: time.Now().Add(free),
		timer: time.AfterFunc(free, func() { slow(errSlow) }),
	}
}

// Read implements io.Reader.
func (p *paced) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n += int64(n)
	p.timer.Reset(time.Until(p.until) + time.Duration(float64(p.n)/float64(p.rate)*float64(time.Second)))
	return n, err
}
