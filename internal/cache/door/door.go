// Package door makes requests through a cache's front door, as a viewer does:
// to fill the cache, or to see what viewers get.
//
// It must not know what kind of cache is behind the door. Drivers prefetch
// through it, and POPs probe through it. If it took half a body for a whole
// one, a prefetch would warm a cache with what no viewer can use.
package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/trace"
	"github.com/freshet-vod/freshet/internal/urlsign"
)

// Options are the options of New.
type Options struct {
	URL         string        // where the cache answers viewers: http://HOST:PORT, or unix:/PATH
	Idle        int           // connections kept open; default 32
	HeaderAfter time.Duration // longest wait for a header; default 2 min, since a cache may wait for its origin
	StallAfter  time.Duration // longest wait for the next bytes of a body; default 1 min
}

// Door is a cache's front door. It never follows redirects and uses no proxy of
// the environment: what it asks goes to the cache and nowhere else.
type Door struct {
	o       Options
	base    *url.URL
	client  *http.Client
	buffers sync.Pool // of *[]byte
	domains atomic.Pointer[[]freshet.Domain]
}

// SetTopology implements cache.Follower: a domain whose caches ask for signed
// URLs is asked for them. Of the types that put the signature before the path
// nothing is signed, since the caches that are filled through a door do not cut
// that off.
func (d *Door) SetTopology(t freshet.Topology) { d.domains.Store(&t.Domains) }

// signed returns the URL to ask for.
func (d *Door) signed(canonical string) string {
	list := d.domains.Load()
	if list == nil {
		return canonical
	}
	host, _ := freshet.SplitURL(canonical)
	dom, _ := freshet.FindDomain(*list, host)
	return urlsign.ForCache(dom, canonical, time.Now(), false)
}

// New makes a Door. The error names what is wrong with the URL.
func New(o Options) (*Door, error) {
	if o.Idle <= 0 {
		o.Idle = 32
	}
	if o.HeaderAfter <= 0 {
		o.HeaderAfter = 2 * time.Minute
	}
	if o.StallAfter <= 0 {
		o.StallAfter = time.Minute
	}
	network, addr, base, err := Target(o.URL)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &Door{o: o, base: base, client: &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, addr)
			},
			DisableCompression: true, MaxIdleConns: o.Idle, MaxIdleConnsPerHost: o.Idle, IdleConnTimeout: 30 * time.Second,
			ResponseHeaderTimeout: o.HeaderAfter, MaxResponseHeaderBytes: 64 << 10, ReadBufferSize: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Target splits the address of a listener, http://HOST[:PORT] or unix:/PATH,
// into what is dialled and the base of its URLs.
func Target(raw string) (network, addr string, base *url.URL, err error) {
	if path, ok := strings.CutPrefix(raw, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return "", "", nil, freshet.Invalid("url", "%q is not of the form unix:/PATH", raw)
		}
		return "unix", path, &url.URL{Scheme: "http", Host: "localhost"}, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/")+u.RawQuery != "" {
		return "", "", nil, freshet.Invalid("url", "%q is neither http://HOST:PORT nor unix:/PATH", raw)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return "tcp", net.JoinHostPort(u.Hostname(), port), &url.URL{Scheme: "http", Host: u.Host}, nil
}

// Close ends idle connections.
func (d *Door) Close() { d.client.CloseIdleConnections() }

// Answer is what a request through the door came to.
type Answer struct {
	Status    int
	Header    http.Header
	Size      int64          // bytes of the body that were read
	Length    int64          // bytes that were announced; -1: none were
	Reason    freshet.Reason // why it is not a whole, good answer; none if it is
	Detail    string
	FirstByte time.Duration // from the request to the first byte of its answer
	Cancelled bool          // the caller's context ended it
}

// Whole reports whether the answer is a success, read to its end.
func (a Answer) Whole() bool { return a.Reason == freshet.ReasonNone && !a.Cancelled }

// Validator returns the ETag, or Last-Modified where there is none.
func (a Answer) Validator() string {
	if v := a.Header.Get("Etag"); v != "" {
		return v
	}
	return a.Header.Get("Last-Modified")
}

// Fetch gets a canonical URL through the door and reads the whole body. The
// header is added to the request; nil adds nothing.
func (d *Door) Fetch(ctx context.Context, canonical string, header http.Header) Answer {
	return d.fetch(ctx, canonical, header, math.MaxInt64)
}

// peekBytes is as much of a body as Peek reads: a short one keeps its
// connection, a film is left where it is.
const peekBytes = 4 << 10

// Peek does the same for the beginning of the body only, which is all that
// Reason and Size speak of.
func (d *Door) Peek(ctx context.Context, canonical string, header http.Header) Answer {
	return d.fetch(ctx, canonical, header, peekBytes)
}

func (d *Door) fetch(ctx context.Context, canonical string, header http.Header, most int64) Answer {
	ctx, stalled := context.WithCancelCause(ctx)
	defer stalled(nil)
	host, path := freshet.SplitURL(d.signed(canonical))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base.String()+path, nil)
	if err != nil {
		return Answer{Reason: freshet.ReasonRefused, Detail: "the URL cannot be asked for: " + err.Error()}
	}
	req.Host = host
	maps.Copy(req.Header, header)
	trace.Tell(ctx, req.Header)
	began := time.Now()
	var first atomic.Int64 // written by the connection's goroutine
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotFirstResponseByte: func() { first.Store(int64(time.Since(began))) },
	}))
	resp, err := d.client.Do(req)
	a := Answer{FirstByte: time.Duration(first.Load())}
	if err != nil {
		return a.ended(ctx, err)
	}
	defer resp.Body.Close()
	a.Status, a.Header, a.Length = resp.StatusCode, resp.Header, resp.ContentLength
	watch := time.AfterFunc(d.o.StallAfter, func() { stalled(errStalled) })
	defer watch.Stop()
	a.Size, err = d.drain(io.LimitReader(&watched{resp.Body, watch, d.o.StallAfter}, most))
	if err != nil {
		return a.ended(ctx, err)
	}
	a.Reason, a.Detail = judge(resp)
	return a
}

// readBuffer is larger than that of a connection, so that bodies are read past
// the latter: a film is read in long steps and is not copied twice.
const readBuffer = 256 << 10

// drain reads to the end. io.Discard would read by 8 KiB.
func (d *Door) drain(r io.Reader) (n int64, err error) {
	buf, ok := d.buffers.Get().(*[]byte)
	if !ok {
		b := make([]byte, readBuffer)
		buf = &b
	}
	defer d.buffers.Put(buf)
	for {
		k, err := r.Read(*buf)
		n += int64(k)
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

var errStalled = errors.New("the body stalled")

// watched puts off the end of a body each time that bytes come.
type watched struct {
	io.Reader

	watch *time.Timer
	after time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.watch.Reset(w.after)
	return n, err
}

// ended puts the early end of a request into the closed list.
func (a Answer) ended(ctx context.Context, err error) Answer {
	a.Detail = err.Error()
	var timeout net.Error
	switch {
	case errors.Is(context.Cause(ctx), errStalled):
		a.Reason, a.Detail = freshet.ReasonTimeout, errStalled.Error()
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		a.Reason, a.Cancelled = freshet.ReasonTimeout, true
	case ctx.Err() != nil:
		a.Cancelled = true
	case errors.As(err, &timeout) && timeout.Timeout():
		a.Reason = freshet.ReasonTimeout
	case a.Status == 0:
		a.Reason = freshet.ReasonUnreachable
	default:
		a.Reason = freshet.ReasonMismatch // it ended in the middle of its body
	}
	return a
}

// judge says what is wrong with an answer that came whole.
func judge(resp *http.Response) (freshet.Reason, string) {
	switch s := resp.StatusCode; {
	case s == http.StatusOK:
		return freshet.ReasonNone, ""
	case s >= 400 && s < 500:
		return freshet.ReasonOrigin4xx, fmt.Sprintf("the answer is %d", s)
	case s >= 500:
		return freshet.ReasonOrigin5xx, fmt.Sprintf("the answer is %d", s)
	default:
		// Redirects among them: what they lead to is another object.
		return freshet.ReasonRefused, fmt.Sprintf("the answer is %d", s)
	}
}

// Fill implements cache.Filler: one GET of the whole object. An answer that no
// cache may store is refused: it would be asked for again and again.
func (d *Door) Fill(ctx context.Context, obj cache.Object) cache.Result {
	a := d.Fetch(ctx, obj.URL, obj.Header)
	r := a.Result()
	if why := a.Unstorable(); why != "" && r.Outcome == freshet.OutcomeDone {
		return cache.Result{Outcome: freshet.OutcomeFailed, Reason: freshet.ReasonRefused, Detail: why, FirstByte: a.FirstByte}
	}
	return r
}

// Unstorable says why no shared cache may store an answer, or "".
func (a Answer) Unstorable() string {
	for _, line := range a.Header.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			switch name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "="); name {
			case "no-store", "private":
				return "the answer says Cache-Control: " + name
			}
		}
	}
	for _, line := range a.Header.Values("Vary") {
		if strings.Contains(line, "*") {
			return "the answer says Vary: *"
		}
	}
	return ""
}

// Result puts an answer into the words of a prefetch.
func (a Answer) Result() cache.Result {
	switch {
	case a.Cancelled:
		return cache.Result{Outcome: freshet.OutcomeCancelled, Detail: a.Detail, FirstByte: a.FirstByte}
	case a.Reason != freshet.ReasonNone:
		return cache.Result{Outcome: freshet.OutcomeFailed, Reason: a.Reason, Detail: a.Detail, FirstByte: a.FirstByte}
	}
	return cache.Result{
		Outcome: freshet.OutcomeDone, FirstByte: a.FirstByte,
		After: freshet.Copy{Validator: a.Validator(), Size: a.Size},
	}
}
