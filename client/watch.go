package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
)

const (
	// maxEvent bounds one event: a report of twenty rows with their positions
	// and problems.
	maxEvent = 32 << 20
	// silence is how long a stream may say nothing; the server says something
	// every 15 seconds.
	silence = 45 * time.Second
	// outage is how long a watch that once had its server goes on asking for
	// it: long enough for a restart.
	outage = time.Minute

	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Watch yields a job's report at once and at each change, and ends when the
// job is done. A lost connection is opened again, for a minute; a server that
// never answered is an error at once. An error is the last thing yielded.
func (c *Client) Watch(ctx context.Context, id string) iter.Seq2[*freshet.JobReport, error] {
	return func(yield func(*freshet.JobReport, error) bool) {
		wait := firstPause
		had := false          // the server answered once
		var failing time.Time // since when it does not; zero: it does
		for {
			ended, err := c.watchOnce(ctx, id, func(r *freshet.JobReport) bool {
				had, failing, wait = true, time.Time{}, firstPause
				return yield(r, nil)
			})
			if ended {
				return
			}
			if failing.IsZero() {
				failing = time.Now()
			}
			switch {
			case ctx.Err() != nil:
				err = ctx.Err()
			case err != nil && had && freshet.Retryable(err) && time.Since(failing) < outage:
				err = nil
			case err == nil && time.Since(failing) >= outage:
				err = &freshet.Error{Code: freshet.CodeUnavailable, Kind: freshet.KindUnreachable, Message: "The server keeps ending the stream of reports."}
			}
			if err == nil {
				err = pause(ctx, wait)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			wait = min(2*wait, maxPause)
		}
	}
}

// Wait watches a job until it is done, tells each report to progress unless
// that is nil, and returns the last one.
func (c *Client) Wait(ctx context.Context, id string, progress func(*freshet.JobReport)) (*freshet.JobReport, error) {
	var last *freshet.JobReport
	for r, err := range c.Watch(ctx, id) {
		if err != nil {
			return last, err
		}
		last = r
		if progress != nil {
			progress(r)
		}
	}
	return last, nil
}

// watchOnce reads one stream; true if the job is done or the caller has
// enough, false if the stream ended before that.
func (c *Client) watchOnce(ctx context.Context, id string, report func(*freshet.JobReport) bool) (bool, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer silent.Stop()
	resp, err := c.do(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(id)+"/events", nil, body{})
	if err != nil {
		return false, c.silent(ctx, err)
	}
	defer resp.Body.Close()
	events := bufio.NewScanner(resp.Body)
	events.Buffer(nil, maxEvent)
	var name, data string
	for events.Scan() {
		silent.Reset(silence)
		line := events.Text()
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			name = v
		} else if v, ok := strings.CutPrefix(line, "data: "); ok {
			data = v
		}
		if line != "" || data == "" {
			continue
		}
		done, err := dispatch(name, data, report)
		if done || err != nil {
			return done, err
		}
		name, data = "", ""
	}
	if err := events.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, c.silent(ctx, c.unreachable(ctx, err))
	}
	return false, nil
}

// dispatch acts on one event; true if nothing more is wanted.
func dispatch(name, data string, report func(*freshet.JobReport) bool) (bool, error) {
	switch name {
	case "report":
		r := new(freshet.JobReport)
		if err := json.Unmarshal([]byte(data), r); err != nil {
			return false, freshet.Errorf(freshet.CodeInternal, "The server's answer is not understood: %w.", err)
		}
		return !report(r) || r.Done, nil
	case "problem":
		var p api.Problem
		if err := json.Unmarshal([]byte(data), &p); err != nil {
			return false, freshet.Errorf(freshet.CodeInternal, "The server's answer is not understood: %w.", err)
		}
		return false, problemError(p, "")
	}
	return false, nil // kinds that later servers may send
}

// silent tells a stream that fell silent from one that the caller ended.
func (c *Client) silent(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSilent) {
		return &freshet.Error{Code: freshet.CodeUnavailable, Kind: freshet.KindUnreachable, Message: "The server stopped answering.", Err: errSilent}
	}
	return err
}

var errSilent = errors.New("nothing was heard for too long")

// pause waits, or returns the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
