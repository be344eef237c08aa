package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
)

// headerGeneration carries the generation of a fetch between built-in caches.
const headerGeneration = "Freshet-Generation"

// hopByHop are fields that concern one connection only (RFC 9110 §7.6.1);
// those that Connection names are added to them.
func hopByHop(h http.Header) []string {
	names := []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade", "Proxy-Authenticate", "Proxy-Authorization",
	}
	for _, field := range h["Connection"] {
		for name := range strings.SplitSeq(field, ",") {
			names = append(names, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	return names
}

func dropFields(h http.Header, names ...string) {
	for _, n := range names {
		delete(h, n)
	}
}

// source is one place that may answer a fetch.
type source struct {
	parent *parent // nil: the origin
	base   *url.URL
}

func (st *site) sources(objectURL string) []source {
	var list []source
	for _, p := range st.order(objectURL) {
		list = append(list, source{parent: &p, base: p.base})
	}
	if len(list) == 0 && st.origin != nil {
		list = append(list, source{base: st.origin})
	}
	return list
}

// ask sends the request of a flight to its sources, in turn, until one answers.
// A parent that is not ready or whose copy is older than a purge which was
// executed here already is passed over; for the latter the origin is asked in
// the end, because nobody else can be trusted.
func (c *Cache) ask(ctx context.Context, f *flight, base *variant) (*http.Response, *fault) {
	sources := f.site.sources(f.rq.url)
	last := &fault{status: http.StatusBadGateway, reason: freshet.ReasonOrigin5xx, detail: "no-upstream", err: errNoOrigin}
	for i := 0; i < len(sources); i++ {
		src := sources[i]
		more := i+1 < len(sources)
		resp, err := c.carrier(f.site, src).RoundTrip(c.upstreamRequest(ctx, f, src, base))
		if err != nil {
			last = upstreamFault(ctx, err)
			if ctx.Err() != nil {
				return nil, last
			}
			if src.parent != nil && last.reason == freshet.ReasonOrigin5xx {
				last.reason, last.detail = freshet.ReasonUnreachable, "parent-unreachable" // the origin was never asked
			}
			continue
		}
		if src.parent != nil {
			flt, behind := c.passOver(f, src, resp, more)
			if flt != nil {
				discard(resp)
				last = flt
				if behind && !more && f.site.origin != nil {
					sources = append(sources, source{base: f.site.origin})
				}
				continue
			}
		}
		resp.Header.Del(headerGeneration)
		return resp, nil
	}
	return nil, last
}

// passOver says why a parent's answer is not taken, nil if it is. A parent that
// is behind can be replaced by the origin, which is never behind.
func (c *Cache) passOver(f *flight, src source, resp *http.Response, more bool) (flt *fault, behind bool) {
	if notReady(resp) {
		return &fault{
			status: http.StatusServiceUnavailable, reason: freshet.ReasonUnreachable, detail: "parent-not-ready",
			err: errors.New("the parent is catching up"),
		}, false
	}
	if c.trust(f, src, resp) {
		return &fault{status: http.StatusBadGateway, reason: freshet.ReasonMismatch, detail: "parent-behind", err: errNoOrigin}, true
	}
	if resp.StatusCode == http.StatusServiceUnavailable && more {
		return &fault{
			status: http.StatusServiceUnavailable, reason: freshet.ReasonOrigin5xx, detail: "upstream-status", err: errors.New(resp.Status),
		}, false
	}
	return nil, false
}

// trust takes over the generation that a declared parent states, and reports
// whether the parent's copy is older than a purge of this very object that was
// executed here.
func (c *Cache) trust(f *flight, src source, resp *http.Response) (behind bool) {
	gen, err := freshet.ParsePosition(resp.Header.Get(headerGeneration))
	if err != nil {
		return false // no built-in cache, or it does not take us for a peer
	}
	tags, _ := parseTags(resp.Header)
	c.shelf.mu.Lock()
	defer c.shelf.mu.Unlock()
	if gen.Before(tagged(f.own, f.tags, f.rq.site.name, tags)) {
		return true
	}
	f.parent, f.stated = src.parent, &gen
	f.generation = freshet.Earlier(f.generation, gen)
	return false
}

// notReady reports whether a built-in cache answered that it takes no traffic
// yet, which says nothing about the object.
func notReady(resp *http.Response) bool {
	return resp.StatusCode == http.StatusServiceUnavailable && strings.Contains(resp.Header.Get("Cache-Status"), "detail=not-ready")
}

func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // a short body read to its end keeps the connection
	_ = resp.Body.Close()
}

// upstreamRequest makes the request for the whole object: without the viewer's
// ranges, conditions and anything that only peers may say.
func (c *Cache) upstreamRequest(ctx context.Context, f *flight, src source, base *variant) *http.Request {
	rq := f.rq
	u := *src.base
	path, query, _ := strings.Cut(rq.path, "?")
	full := strings.TrimSuffix(u.EscapedPath(), "/") + path
	u.RawPath, u.RawQuery, u.Fragment = full, query, ""
	if p, err := url.PathUnescape(full); err == nil {
		u.Path = p
	} else {
		u.Path, u.RawPath = full, ""
	}
	h := rq.header.Clone()
	dropFields(h, hopByHop(h)...)
	dropFields(h, "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since",
		headerPeer, headerGeneration, "Content-Length", "Content-Type", "Expect")
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = []string{""} // keeps the transport from adding its own
	}
	h["Via"] = append(slices.Clone(h["Via"]), "1.1 "+c.name)
	if base != nil {
		if e := base.Header.Get("ETag"); e != "" {
			h.Set("If-None-Match", e)
		}
		if m := base.Header.Get("Last-Modified"); m != "" {
			h.Set("If-Modified-Since", m)
		}
	}
	req := &http.Request{
		Method: http.MethodGet, URL: &u, Host: u.Host, Header: h,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if src.parent != nil {
		req.Host = rq.site.name
		if len(c.opt.PeerKey) > 0 {
			h.Set(headerPeer, signPeer(c.opt.PeerKey, c.opt.POP, time.Now(), peerTarget(req.Method, req.Host, u.RequestURI())))
		}
	}
	return req.WithContext(ctx)
}

// upstreamFault puts a failed exchange into words.
func upstreamFault(ctx context.Context, err error) *fault {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	netErr, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errStalled), isNet && netErr.Timeout():
		return &fault{status: http.StatusGatewayTimeout, reason: freshet.ReasonTimeout, detail: "upstream-timeout", err: err}
	case errors.Is(err, errGuarded):
		return &fault{status: http.StatusBadGateway, reason: freshet.ReasonRefused, detail: "origin-not-allowed", err: errGuarded}
	case errors.Is(err, errClosed):
		return &fault{status: http.StatusServiceUnavailable, reason: freshet.ReasonUnreachable, detail: "closing", err: err}
	}
	return &fault{status: http.StatusBadGateway, reason: freshet.ReasonOrigin5xx, detail: "upstream-error", err: err}
}

// watchdog ends a fetch that makes no progress.
type watchdog struct {
	timer *time.Timer
	limit time.Duration
}

func newWatchdog(limit time.Duration, cancel context.CancelCauseFunc) *watchdog {
	return &watchdog{limit: limit, timer: time.AfterFunc(limit, func() { cancel(errStalled) })}
}

// rest lets the dog sleep while nothing is asked of the upstream.
func (w *watchdog) rest() { w.timer.Stop() }

// body wraps a body so that the dog watches each read, and only those: a slow
// viewer is no fault of the upstream.
func (w *watchdog) body(rc io.ReadCloser) io.ReadCloser { return &watchedBody{ReadCloser: rc, dog: w} }

type watchedBody struct {
	io.ReadCloser

	dog *watchdog
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	b.dog.timer.Reset(b.dog.limit)
	defer b.dog.rest()
	return b.ReadCloser.Read(p)
}
