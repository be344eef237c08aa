package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// eventPause keeps reports to five a second: more than an eye can follow,
	// and each one costs a walk over the job's entries.
	eventPause = 200 * time.Millisecond
	// eventBeat is how often a silent stream shows that it lives. Proxies cut
	// connections that are silent for 30 or 60 seconds.
	eventBeat = 15 * time.Second
	// eventWrite bounds the time in which a client must take an event.
	eventWrite = 30 * time.Second
)

// jobEvents sends a report at each change of a job, as server-sent events, and
// ends when the job is done. A client that lost its connection asks again: the
// first event is always the whole present state, so there is nothing to
// resume.
func (s *server) jobEvents(c *call) error {
	ctx, id := c.r.Context(), c.r.PathValue("id")
	var since uint64
	var last []byte
	for {
		wait, cancel := context.WithTimeout(ctx, eventBeat)
		report, version, err := s.Engine.WaitJob(wait, c.caller.Account, id, since)
		silent := wait.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the client went away
		case err != nil && silent && errors.Is(err, context.DeadlineExceeded):
			if err := c.event(": still here\n\n"); err != nil {
				return nil //nolint:nilerr // the client went away
			}
			continue
		case err != nil:
			return s.breakOff(c, err)
		}
		since = version
		text, err := json.Marshal(whole(report))
		if err != nil {
			return fmt.Errorf("encoding a report: %w", err)
		}
		if !bytes.Equal(text, last) {
			last = text
			if err := c.event(fmt.Sprintf("event: report\ndata: %s\n\n", text)); err != nil {
				return nil //nolint:nilerr // the client went away
			}
		}
		if report.Done {
			return nil
		}
		if !pause(ctx, eventPause) {
			return nil
		}
	}
}

// breakOff ends a stream by a fault: as a problem if nothing was sent yet,
// otherwise as an event.
func (s *server) breakOff(c *call, err error) error {
	if !c.w.begun {
		return err
	}
	p, _ := c.problem(err)
	text, encodeErr := json.Marshal(p)
	if encodeErr != nil {
		return errors.Join(err, encodeErr)
	}
	if err := c.event(fmt.Sprintf("event: problem\ndata: %s\n\n", text)); err != nil {
		return nil //nolint:nilerr // the client went away
	}
	return toldError{err}
}

func (c *call) event(text string) error {
	control := http.NewResponseController(c.w)
	if err := control.SetWriteDeadline(time.Now().Add(eventWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if !c.w.begun {
		c.w.Header().Set("Content-Type", "text/event-stream")
		c.w.Header().Set("X-Accel-Buffering", "no") // nginx in front would hold events back
		c.w.WriteHeader(http.StatusOK)
	}
	if _, err := c.w.Write([]byte(text)); err != nil {
		return err
	}
	return control.Flush()
}

// pause waits; false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
