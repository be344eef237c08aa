package callback

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/guard"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// attemptError is why an attempt failed.
type attemptError struct {
	shown string // for the account that owns the callback: no address of the operator's network
	err   error  // for the operator's log; may be nil
	final bool   // trying again is useless
}

// Error implements error.
func (f *attemptError) Error() string {
	if f.err == nil {
		return f.shown
	}
	return f.shown + ": " + f.err.Error()
}

// Unwrap returns the cause.
func (f *attemptError) Unwrap() error { return f.err }

// message is one callback as it goes out.
type message struct {
	url  string
	body []byte
	sign func(http.Header, time.Time) error
	good func(status int) bool
}

// attempt sends a callback once; nil: the receiver took it.
func (d *Deliverer) attempt(ctx context.Context, c *store.Callback) *attemptError {
	m, fault := d.compose(ctx, c)
	if fault != nil {
		return fault
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(m.body))
	if err != nil {
		return &attemptError{shown: "The URL is not valid.", err: err, final: true}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Freshet")
	if err := m.sign(req.Header, time.Now()); err != nil {
		return internal(err)
	}
	// The transport alone: no redirect is followed, no cookie kept.
	resp, err := d.transport.RoundTrip(req)
	if err != nil {
		return d.transportFault(err)
	}
	// The answer counts, not what it says; reading a little lets the connection
	// be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
	if !m.good(resp.StatusCode) {
		return &attemptError{shown: fmt.Sprintf("The receiver answered with status %d.", resp.StatusCode)}
	}
	return nil
}

// compose makes the message of a callback.
func (d *Deliverer) compose(ctx context.Context, c *store.Callback) (message, *attemptError) {
	if c.Native {
		return d.composeWebhook(ctx, c)
	}
	rule, ok, err := d.o.Receivers.CallbackRule(ctx, c.Account, c.App)
	if err != nil {
		return message{}, internal(err)
	}
	if !ok {
		return message{}, &attemptError{shown: "The rule of the application was deleted.", final: true}
	}
	m := message{
		url: c.URL, body: c.Body,
		sign: func(h http.Header, now time.Time) error { signVendor(h, c.URL, rule, now); return nil },
		good: func(status int) bool { return status == http.StatusOK },
	}
	if m.body == nil {
		if m.body, err = d.submitted(ctx, c); freshet.ErrorCode(err) == freshet.CodeNotFound {
			return m, &attemptError{shown: "The job does not exist any more.", err: err, final: true}
		}
	}
	if err != nil {
		return m, internal(err)
	}
	return m, nil
}

func (d *Deliverer) composeWebhook(ctx context.Context, c *store.Callback) (message, *attemptError) {
	w, ok, err := d.o.Receivers.Webhook(ctx, c.Account)
	if err != nil {
		return message{}, internal(err)
	}
	if !ok {
		return message{}, &attemptError{shown: "The webhook was deleted.", final: true}
	}
	return message{
		url: w.URL, body: c.Body,
		sign: func(h http.Header, now time.Time) error { return signWebhook(h, c, c.Body, w, now) },
		good: func(status int) bool { return status >= 200 && status <= 299 },
	}, nil
}

func internal(err error) *attemptError {
	return &attemptError{shown: "The event could not be read from the store.", err: err}
}

// submitted makes the body of SubmitMediaRefreshComplete. It is made anew for
// each attempt, from facts that do not change any more.
func (d *Deliverer) submitted(ctx context.Context, c *store.Callback) ([]byte, error) {
	job, err := d.o.Jobs.Job(ctx, c.Account, c.Job)
	if err != nil {
		return nil, err
	}
	if c.Row < 0 || c.Row >= len(job.Rows) {
		return nil, freshet.Errorf(freshet.CodeNotFound, "Job %s has no row %d.", c.Job, c.Row)
	}
	e := vod.Submitted{Job: job, Row: job.Rows[c.Row]}
	if e.Tasks, err = d.o.Jobs.RowTasks(ctx, c.Account, e.Row); err != nil {
		return nil, err
	}
	if e.Domains, err = d.o.Jobs.Domains(ctx, c.Account); err != nil {
		return nil, err
	}
	return e.Body(), nil
}

// transportFault words why no answer came. Nothing in the shown text tells
// what a name resolved to.
func (d *Deliverer) transportFault(err error) *attemptError {
	f := &attemptError{shown: "The receiver could not be reached.", err: err}
	if _, ok := errors.AsType[*guard.RefusedError](err); ok {
		f.shown = "The host's address may not be called."
		return f
	}
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		f.shown = fmt.Sprintf("The receiver did not answer within %s.", d.o.Timeout)
		return f
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		f.shown = "The host's name does not resolve."
		return f
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		f.shown = "The receiver's certificate is not valid."
		return f
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		f.shown = "The receiver's certificate is not valid."
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		f.err = e.Err // without the URL, which may hold a secret of the receiver's
	}
	return f
}
