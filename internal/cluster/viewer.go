package cluster

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// Response is what a viewer got.
type Response struct {
	Status      int
	Body        []byte
	Version     int // of the origin's content
	CacheStatus string
	Whole       bool // the body came to its end
}

// Hit tells whether the POP answered from what it stored.
func (r Response) Hit() bool { return strings.Contains(r.CacheStatus, "; hit") }

// Get asks a POP for a path as a viewer does.
func (c *Cluster) Get(ctx context.Context, pop, path string) (Response, error) {
	v, err := c.Begin(ctx, pop, path)
	if err != nil {
		return Response{}, err
	}
	return v.Finish(), nil
}

// Viewer is a request whose header has come and whose body has not been read.
type Viewer struct{ resp *http.Response }

// Begin asks a POP for a path and returns when the header has come.
func (c *Cluster) Begin(ctx context.Context, pop, path string) (*Viewer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.doors[pop]+path, nil)
	if err != nil {
		return nil, err
	}
	req.Host = Domain
	resp, err := c.http.Do(req) //nolint:bodyclose // Finish closes it
	if err != nil {
		return nil, err
	}
	return &Viewer{resp}, nil
}

// Finish reads the body to its end.
func (v *Viewer) Finish() Response {
	body, err := io.ReadAll(v.resp.Body)
	_ = v.resp.Body.Close()
	return Response{
		Status: v.resp.StatusCode, Body: body, Version: VersionOf(body),
		CacheStatus: v.resp.Header.Get("Cache-Status"), Whole: err == nil,
	}
}
