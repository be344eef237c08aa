package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
)

// busy refuses a few calls before it lets one through.
type busy struct {
	refuse int
	after  string // Retry-After
	bare   bool   // not as Freshet does
	bodies [][]byte
}

// RoundTrip implements [http.RoundTripper].
func (b *busy) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	b.bodies = append(b.bodies, body)
	answer := &http.Response{StatusCode: http.StatusAccepted, Header: http.Header{}, Request: r, Body: io.NopCloser(bytes.NewBufferString(`{"id":"0000000000000001"}`))}
	if len(b.bodies) <= b.refuse {
		problem := `{"code":"unavailable","kind":"queue_full","detail":"The queue is full.","status":503}`
		if b.bare {
			problem = "<html>"
		}
		answer.StatusCode, answer.Body = http.StatusServiceUnavailable, io.NopCloser(bytes.NewBufferString(problem))
		if b.after != "" {
			answer.Header.Set("Retry-After", b.after)
		}
	}
	return answer, err
}

// TestP10_ClientsComeAgainWhenTheyWereTold holds how long a call waits, how
// often it asks, and what ends it.
func TestP10_ClientsComeAgainWhenTheyWereTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		server   busy
		patience time.Duration
		within   time.Duration // 0: no bound
		calls    int
		ok       bool
		atLeast  time.Duration
		atMost   time.Duration
	}{
		{"let in at once", busy{}, 0, 0, 1, true, 0, 0},
		{"let in at the third time", busy{refuse: 2, after: "2"}, 0, 0, 3, true, 4 * time.Second, 5 * time.Second},
		{"each wait is longer, whatever the server says", busy{refuse: 4, after: "1"}, time.Minute, 0, 5, true, 8 * time.Second, 10 * time.Second},
		{"out of patience", busy{refuse: 99, after: "4"}, 10 * time.Second, 0, 3, false, 8 * time.Second, 10 * time.Second},
		{"told to wait for longer than there is patience", busy{refuse: 1, after: "60"}, 0, 0, 1, false, 0, 0},
		{"the caller's time would be over", busy{refuse: 1, after: "5"}, 0, 4 * time.Second, 1, false, 0, 0},
		{"no patience", busy{refuse: 1, after: "1"}, -1, 0, 1, false, 0, 0},
		{"not told when", busy{refuse: 1}, 0, 0, 1, false, 0, 0},
		{"told when by something else", busy{refuse: 1, after: "1", bare: true}, 0, 0, 1, false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				waits := 0
				api, err := client.New(client.Options{
					AccessKeyID: "a", AccessKeySecret: "b", Transport: &c.server, Patience: c.patience,
					Waiting: func(err error, wait time.Duration) {
						if waits++; freshet.ErrorCode(err) != freshet.CodeUnavailable || wait <= 0 {
							t.Errorf("told of %v, %s", err, wait)
						}
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx := t.Context()
				if c.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.within)
					defer cancel()
				}
				began := time.Now()
				_, err = api.Submit(ctx, client.JobRequest{Type: freshet.Purge, Media: []string{"m"}})
				took := time.Since(began)
				e, refused := errors.AsType[*freshet.Error](err)
				if (err == nil) != c.ok || err != nil && (!refused || e.Code != freshet.CodeUnavailable) {
					t.Errorf("ends with %v", err)
				}
				if len(c.server.bodies) != c.calls || waits != c.calls-1 || took < c.atLeast || took > c.atMost {
					t.Errorf("%d calls and %d waits in %s", len(c.server.bodies), waits, took)
				}
				for _, b := range c.server.bodies {
					if !bytes.Equal(b, c.server.bodies[0]) || len(b) == 0 {
						t.Errorf("sent %q, then %q", c.server.bodies[0], b)
					}
				}
			})
		})
	}
}

// TestP10_AWaitEndsWithItsCaller holds that Ctrl-C is not waited for, and says
// why there was a wait.
func TestP10_AWaitEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		api, err := client.New(client.Options{
			AccessKeyID: "a", AccessKeySecret: "b", Transport: &busy{refuse: 9, after: "9"},
			Waiting: func(error, time.Duration) { time.AfterFunc(time.Second, cancel) },
		})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = api.Submit(ctx, client.JobRequest{Type: freshet.Purge, Media: []string{"m"}})
		if time.Since(began) != time.Second || !errors.Is(err, context.Canceled) {
			t.Error(fmt.Errorf("after %s: %w", time.Since(began), err))
		}
	})
}
