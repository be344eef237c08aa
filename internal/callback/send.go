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

// Fault is why an attempt failed.
type Fault struct {
	Shown string // for the account that owns the callback: no address of the operator's network
	Err   error  // for the operator's log; may be nil
	final bool   // trying again is useless
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Shown
	}
	return f.Shown + ": " + f.Err.Error()
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// message is one callback as it goes out.
type message struct {
	url  string
	body []byte
	sign func(http.Header, time.Time)
	good func(status int) bool
}

// attempt sends a callback once; nil: the receiver took it.
func (d *Deliverer) attempt(ctx context.Context, c *store.Callback) *Fault {
	m, fault := d.compose(ctx, c)
	if fault != nil {
		return fault
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(m.body))
	if err != nil {
		return &Fault{Shown: "The URL is not valid.", Err: err, final: true}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "Freshet")
	m.sign(req.Header, time.Now())
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
		return &Fault{Shown: fmt.Sprintf("The receiver answered with status %d.", resp.StatusCode)}
	}
	return nil
}

// compose makes the message of a callback.
func (d *Deliverer) compose(ctx context.Context, c *store.Callback) (message, *Fault) {
	if c.Native {
		return d.composeWebhook(ctx, c)
	}
	rule, ok, err := d.o.Receivers.CallbackRule(ctx, c.Account, c.App)
	if err != nil {
		return message{}, internal(err)
	}
	if !ok {
		return message{}, &Fault{Shown: "The rule of the application was deleted.", final: true}
	}
	m := message{
		url: c.URL, body: c.Body,
		sign: func(h http.Header, now time.Time) { signVendor(h, c.URL, rule, now) },
		good: func(status int) bool { return status == http.StatusOK },
	}
	if m.body == nil {
		if m.body, err = d.submitted(ctx, c); freshet.ErrorCode(err) == freshet.CodeNotFound {
			return m, &Fault{Shown: "The job does not exist any more.", Err: err, final: true}
		}
	}
	if err != nil {
		return m, internal(err)
	}
	return m, nil
}

func (d *Deliverer) composeWebhook(ctx context.Context, c *store.Callback) (message, *Fault) {
	w, ok, err := d.o.Receivers.Webhook(ctx, c.Account)
	if err != nil {
		return message{}, internal(err)
	}
	if !ok {
		return message{}, &Fault{Shown: "The webhook was deleted.", final: true}
	}
	return message{
		url: w.URL, body: c.Body,
		sign: func(h http.Header, now time.Time) { signWebhook(h, c, c.Body, w, now) },
		good: func(status int) bool { return status >= 200 && status <= 299 },
	}, nil
}

func internal(err error) *Fault {
	return &Fault{Shown: "The event could not be read from the store.", Err: err}
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
func (d *Deliverer) transportFault(err error) *Fault {
	f := &Fault{Shown: "The receiver could not be reached.", Err: err}
	if _, ok := errors.AsType[*guard.Refused](err); ok {
		f.Shown = "The host's address may not be called."
		return f
	}
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		f.Shown = fmt.Sprintf("The receiver did not answer within %s.", d.o.Timeout)
		return f
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		f.Shown = "The host's name does not resolve."
		return f
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		f.Shown = "The receiver's certificate is not valid."
		return f
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		f.Shown = "The receiver's certificate is not valid."
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		f.Err = e.Err // without the URL, which may hold a secret of the receiver's
	}
	return f
}
