package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/auth"
)

// DefaultEndpoint is where a server on this machine listens.
const DefaultEndpoint = "http://127.0.0.1:8080"

// maxAnswer bounds an answer in memory. The largest, a plan of twenty long
// media, is a few tens of megabytes.
const maxAnswer = 256 << 20

// Options say which server, and as whom.
type Options struct {
	Endpoint        string // http://HOST:PORT; empty means DefaultEndpoint
	AccessKeyID     string
	AccessKeySecret string
	SecurityToken   string            // of a temporary key
	UserAgent       string            // empty means "freshet-client"
	Transport       http.RoundTripper // nil means one of the client's own
	// Patience is how long a call may wait in all for a server that says when to
	// come again (Retry-After): it has done nothing of the call. Longer waits are
	// left to the caller, with the error. 0 is 30 seconds; less is none at all.
	Patience time.Duration
	// Waiting hears of each such wait; may be nil.
	Waiting func(err error, wait time.Duration)
}

// Client calls one server. It is safe for use by many goroutines.
type Client struct {
	base   *url.URL
	keyID  string
	secret string
	token  string
	agent  string
	http   *http.Client

	patience time.Duration
	waiting  func(error, time.Duration)
}

// New returns a Client. It connects to nothing yet.
func New(o Options) (*Client, error) {
	if o.Endpoint == "" {
		o.Endpoint = DefaultEndpoint
	}
	base, err := url.Parse(o.Endpoint)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" || base.User != nil {
		return nil, freshet.Invalid("endpoint", "The endpoint must be a URL such as %s.", DefaultEndpoint)
	}
	if base.Path != "" && base.Path != "/" || base.RawQuery != "" || base.Fragment != "" {
		// The signature covers the path that the server sees.
		return nil, freshet.Invalid("endpoint", "The endpoint may not hold a path or a query.")
	}
	if o.AccessKeyID == "" || o.AccessKeySecret == "" {
		return nil, freshet.Invalid("access_key", "An access key ID and its secret are needed.")
	}
	if o.UserAgent == "" {
		o.UserAgent = "freshet-client"
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Waiting == nil {
		o.Waiting = func(error, time.Duration) {}
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	return &Client{
		base: &url.URL{Scheme: base.Scheme, Host: base.Host}, keyID: o.AccessKeyID, secret: o.AccessKeySecret, token: o.SecurityToken, agent: o.UserAgent,
		patience: o.Patience, waiting: o.Waiting,
		http: &http.Client{
			Transport: o.Transport,
			// A redirect would be asked with a signature for another path.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 2 * time.Minute, // a plan of untidy playlists takes its time
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   4,
		ForceAttemptHTTP2:     true,
	}
}

// Close ends idle connections. Calls in progress go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// do sends a request, again and again while the server says when to come and
// there is patience; the caller closes the answer's body. An answer that is not
// 2xx is an error.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, b body) (*http.Response, error) {
	left := c.patience
	for try := 0; ; try++ {
		resp, err := c.once(ctx, method, path, query, b)
		wait, ok := again(err, try)
		if end, bound := ctx.Deadline(); !ok || wait > left || bound && time.Until(end) < wait {
			return resp, err
		}
		c.waiting(err, wait)
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
		left -= wait
	}
}

// again tells how long to wait before a call is made once more, if the server
// said when: as long as it said, longer each time, and a little more, so that
// callers who were refused together do not come back together.
func again(err error, try int) (time.Duration, bool) {
	e, ok := errors.AsType[*freshet.Error](err)
	if !ok || e.RetryAfter <= 0 || !freshet.Retryable(e) {
		return 0, false
	}
	wait := max(e.RetryAfter, 500*time.Millisecond<<min(try, 10))
	return wait + rand.N(wait/4+1), true //nolint:gosec // nothing secret hangs on it
}

// once sends a request once.
func (c *Client) once(ctx context.Context, method, path string, query url.Values, b body) (*http.Response, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	var r io.Reader
	if b.data != nil {
		r = bytes.NewReader(b.data)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), r)
	if err != nil {
		return nil, freshet.Errorf(freshet.CodeInvalid, "The request cannot be made: %w.", err)
	}
	req.Header.Set("User-Agent", c.agent)
	if b.data != nil {
		req.Header.Set("Content-Type", b.kind)
	}
	if c.token != "" {
		req.Header.Set("X-Acs-Accesskey-Id", c.keyID)
		req.Header.Set("X-Acs-Security-Token", c.token)
	}
	auth.SignV3(req, c.keyID, c.secret, b.data, time.Now(), uuid.NewString())
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// body is what a request carries.
type body struct {
	kind string
	data []byte
}

// unreachable words a failed call. When the caller's own context ended, that
// is the error: nothing is wrong with the server.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &freshet.Error{
		Code: freshet.CodeUnavailable, Kind: freshet.KindUnreachable, Err: err,
		Message: fmt.Sprintf("The server at %s does not answer: %v.", c.base, cause(err)),
	}
}

// cause drops the method and URL that net/http puts before an error: the
// message names the server already.
func cause(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// call sends in, if it is not nil, and decodes the answer into out.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var b body
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return freshet.Errorf(freshet.CodeInvalid, "The request cannot be encoded: %w.", err)
		}
		b = body{"application/json", data}
	}
	resp, err := c.do(ctx, method, path, query, b)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.unreachable(ctx, err)
	case len(data) > maxAnswer:
		return freshet.Errorf(freshet.CodeTooLarge, "The server's answer is longer than %d bytes.", maxAnswer)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return freshet.Errorf(freshet.CodeInternal, "The server's answer is not understood: %w.", err)
	}
	return nil
}

// readProblem turns a fault back into the error that the server had.
func readProblem(resp *http.Response) error {
	var p api.Problem
	data, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil || p.Code == "" {
		// Not a Freshet server, or a proxy before it.
		e := freshet.Errorf(codeOf(resp.StatusCode), "The server answered %s, and not as Freshet does.", resp.Status)
		if e.Code == freshet.CodeUnavailable {
			e.Kind = freshet.KindUnreachable
		}
		return e // without RetryAfter: a proxy does not know what was done of the call
	}
	return problemError(p, resp.Header.Get("Retry-After"))
}

// retryAfterOf reads a Retry-After in seconds; 0: there is none that can be read.
func retryAfterOf(text string) time.Duration {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return 0
	}
	return time.Duration(min(n, maxRetryAfter)) * time.Second
}

// maxRetryAfter bounds what is believed of a Retry-After: a day, in seconds.
const maxRetryAfter = 24 * 60 * 60

func problemError(p api.Problem, retryAfter string) *freshet.Error {
	e := &freshet.Error{Code: p.Code, Kind: p.Kind, Field: p.Field, Message: p.Detail, Remedy: p.Remedy, Err: requestError(p.RequestID)}
	e.RetryAfter = retryAfterOf(retryAfter)
	for _, s := range p.Errors {
		e.Sub = append(e.Sub, freshet.Sub{Line: s.Line, ID: s.ID, Message: s.Detail})
	}
	return e
}

// requestError is the cause of a fault at the server as far as the client
// knows it: the request's ID, under which the server's log tells more.
type requestError string

// Error implements error.
func (r requestError) Error() string { return "request " + string(r) }

func codeOf(status int) freshet.Code {
	switch {
	case status == http.StatusUnauthorized:
		return freshet.CodeUnauthenticated
	case status == http.StatusForbidden:
		return freshet.CodeForbidden
	case status == http.StatusNotFound:
		return freshet.CodeNotFound
	case status == http.StatusTooManyRequests:
		return freshet.CodeLimited
	case status >= http.StatusInternalServerError:
		return freshet.CodeUnavailable
	}
	return freshet.CodeInvalid
}
