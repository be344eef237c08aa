package fetch

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Description is what an origin says of an object, without its body.
type Description struct {
	Status       int    // 200 whatever kind of success it was
	ETag         string // "" if it has none
	LastModified string // the same
	Length       int64  // of the whole body in bytes; -1: it does not say
	Location     string // of a redirect, which is not followed
}

// Describe asks the origin of a domain, whose base URL is origin, what it has
// at canonicalURL. It is asked as for Get, once, and every status is an answer.
// The question is a HEAD; where that tells too little (some origins know none),
// it is a GET of the first byte. The error is an [*Error], or that of ctx.
func (c *Client) Describe(ctx context.Context, origin, canonicalURL string) (Description, error) {
	t, err := newTarget(origin, canonicalURL)
	if err != nil {
		return Description{}, &Error{Kind: KindAddress, URL: canonicalURL, Err: err}
	}
	release, err := c.acquire(ctx, t.base.Host)
	if err != nil {
		return Description{}, err
	}
	defer release()
	d, err := c.describe(ctx, t, http.MethodHead)
	if err == nil && d.Status == http.StatusOK && d.ETag+d.LastModified != "" {
		return d, nil
	}
	if err != nil && context.Cause(ctx) == nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindTimeout {
			return Description{}, err // a second question would take as long
		}
	}
	return c.describe(ctx, t, http.MethodGet)
}

func (c *Client) describe(ctx context.Context, t target, method string) (Description, error) {
	own, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	header := http.Header{}
	if method == http.MethodGet {
		header.Set("Range", "bytes=0-0")
	}
	resp, err := c.ask(own, t, method, header)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return Description{}, cause
		}
		return Description{}, c.fault(own, t, err)
	}
	// A byte or two, if the origin knows ranges; of a whole film no more than
	// what keeps the connection of a small answer.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
	d := Description{
		Status: resp.StatusCode, ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified"),
		Length: resp.ContentLength, Location: resp.Header.Get("Location"),
	}
	total := WholeLength(resp.Header.Get("Content-Range"))
	switch {
	case d.Status == http.StatusPartialContent:
		d.Status, d.Length = http.StatusOK, total
	case d.Status == http.StatusRequestedRangeNotSatisfiable && total == 0:
		d.Status, d.Length = http.StatusOK, 0 // an empty object has no first byte
	case d.Status > 200 && d.Status < 300:
		d.Status = http.StatusOK
	}
	return d, nil
}

// WholeLength reads the length of the whole body out of a Content-Range; -1 if
// it does not say.
func WholeLength(contentRange string) int64 {
	_, total, ok := strings.Cut(contentRange, "/")
	if !ok {
		return -1
	}
	n, err := strconv.ParseUint(strings.TrimSpace(total), 10, 63)
	if err != nil {
		return -1
	}
	return int64(n)
}
