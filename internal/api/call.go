package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/audit"
	"github.com/freshet-vod/freshet/internal/body"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/trace"
)

// bodyTime is how long a client may take to send its body. It bounds how long
// a slot for a large body can be held.
const bodyTime = time.Minute

// call is one request on its way through a handler.
type call struct {
	w      *writer
	r      *http.Request
	id     string // of the request, in answers and in the log
	caller Identity
	entry  *audit.Entry // of a call that may write
	body   []byte
	query  url.Values
}

// serve makes an http.Handler of a route: it reads the body, authenticates,
// and turns the handler's error into a problem. It is the only place that
// does, and the only one that logs.
func (s *server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: &writer{ResponseWriter: w}, r: r, id: uuid.NewString()}
		c.w.Header().Set("X-Request-Id", c.id)
		c.w.Header().Set("Cache-Control", "no-store")
		c.w.Header().Set("X-Content-Type-Options", "nosniff")
		defer func() { //nolint:contextcheck // it logs with the request's context
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // a value of panic, compared as net/http does
					panic(p)
				}
				s.Log.LogAttrs(r.Context(), slog.LevelError, "a handler panicked",
					slog.String("request_id", c.id), slog.String("account", c.caller.Account), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
				c.fail(freshet.Errorf(freshet.CodeInternal, "panic"))
			}
		}()
		err := s.handle(r.Context(), rt, c)
		if err == nil {
			return
		}
		if r.Context().Err() != nil {
			c.ended(err)
			return
		}
		if worthALine(err) {
			s.Log.LogAttrs(r.Context(), slog.LevelError, "a request failed", slog.String("request_id", c.id), slog.String("account", c.caller.Account),
				slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
		}
		if _, told := errors.AsType[toldError](err); !told {
			c.fail(err)
		}
	})
}

// worthALine tells whether somebody should look at an error. A queue or a disk
// that is full refuses call after call: metrics count them, and the disk has said
// so once.
func worthALine(err error) bool {
	e, ok := errors.AsType[*freshet.Error](err)
	switch {
	case !ok, e.Code == freshet.CodeInternal:
		return true
	case e.Kind == freshet.KindQueue, e.Kind == freshet.KindDisk:
		return false
	}
	return e.Code == freshet.CodeUnavailable
}

// ended answers a request whose client went away, or seems to: one that only said
// that it will send no more still reads, and must not take silence for success.
func (c *call) ended(err error) {
	if c.w.begun {
		return
	}
	if freshet.ErrorCode(err) == freshet.CodeInternal {
		err = freshet.Errorf(freshet.CodeUnavailable, "The request was ended before it was answered.")
	}
	c.fail(err)
}

// toldError is a fault that the client knows of already: it is logged only.
type toldError struct{ error }

// Unwrap returns the fault.
func (e toldError) Unwrap() error { return e.error }

func (s *server) handle(ctx context.Context, rt route, c *call) error {
	if rt.open {
		return rt.handle(c)
	}
	limit := int64(maxBody)
	if rt.upload {
		limit = maxUpload
		select {
		case s.uploads <- struct{}{}:
			defer func() { <-s.uploads }()
		default:
			return &freshet.Error{
				Code: freshet.CodeLimited, Kind: freshet.KindImports, RetryAfter: time.Second,
				Message: "Too many imports are running; try again in a moment.",
			}
		}
	}
	if err := c.readBody(limit); err != nil {
		return err
	}
	var err error
	if c.caller, err = s.Authenticate(c.r, c.body); err != nil {
		return err
	}
	if rt.mayWrite() && !rt.frees && s.Room != nil {
		if err := s.Room(); err != nil { // before it is written down: the audit trail takes room, too
			return err
		}
	}
	ctx, span := s.Tracer.Request(ctx, c.r.Header, rt.pattern)
	if span != nil {
		c.r = c.r.WithContext(ctx)
	}
	span.Str(trace.Account, c.caller.Account)
	span.Str(trace.RequestID, c.id)
	if rt.mayWrite() {
		err = s.audited(ctx, rt, c)
	} else {
		err = s.permitted(ctx, rt, c)
	}
	span.End(err)
	return err
}

// permitted runs a handler for a caller who is known, if they may.
func (s *server) permitted(ctx context.Context, rt route, c *call) error {
	if rt.operate && c.caller.Account != s.Operator {
		return freshet.Errorf(freshet.CodeForbidden, "Only the operator's account %s may do this.", s.Operator).Of(freshet.KindOperator)
	}
	if rt.lasting && c.caller.Temporary {
		return freshet.Errorf(freshet.CodeForbidden, "A temporary credential may not do this: what it made could outlast it.").Of(freshet.KindTemporary)
	}
	if !rt.perResource {
		for _, action := range rt.actions {
			if !c.may(action, policy.Account()) {
				return refused(action)
			}
		}
	}
	var err error
	if c.query, err = queryOf(c.r, rt.params); err != nil {
		return err
	}
	if rt.writes {
		if err := s.Keys.Remember(ctx, c.caller.Nonce, c.caller.NonceExpires); err != nil {
			return err
		}
	}
	return rt.handle(c)
}

// may tells whether the caller may do an action to a resource.
func (c *call) may(action string, r policy.Resource) bool {
	return c.caller.Policies.Allows(policy.Request{Account: c.caller.Account, Action: action, Resource: r, Facts: c.caller.Facts})
}

// refused is the fault of a caller whose policy does not allow an action.
func refused(action string) error {
	return freshet.Errorf(freshet.CodeForbidden, "The access key's policy does not allow %s here.", action).Of(freshet.KindPolicy)
}

func (c *call) readBody(limit int64) error {
	read, err := body.Read(c.w, c.r, body.Limits{Bytes: limit, Undeclared: maxUndeclared, Within: bodyTime})
	if large, ok := errors.AsType[*body.TooLargeError](err); ok {
		if large.Undeclared {
			return freshet.Errorf(freshet.CodeTooLarge, "The body is longer than %d bytes, the limit of one that does not say its length (Content-Length).", large.Limit)
		}
		return freshet.Errorf(freshet.CodeTooLarge, "The body is longer than %d bytes.", large.Limit)
	}
	if errors.Is(err, body.ErrEncoded) {
		return freshet.Invalid("Content-Encoding", "The body must be sent as it is, without a Content-Encoding.")
	}
	if err != nil {
		return freshet.Errorf(freshet.CodeInvalid, "The body could not be read whole: %w.", err)
	}
	c.body = read
	return nil
}

// decode reads the body as exactly one JSON value without unknown keys.
func (c *call) decode(v any) error {
	if t, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); t != "" && strings.TrimSpace(t) != "application/json" {
		return freshet.Invalid("Content-Type", "The body must be application/json.")
	}
	if err := checkKeys(c.body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return freshet.Errorf(freshet.CodeInvalid, "The body holds more than one JSON value.")
	}
	return nil
}

func badJSON(err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return freshet.Invalid(clip(t.Field), "%s may not be a JSON %s.", clip(t.Field), clip(t.Value))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = clip(strings.Trim(name, `"`))
		return freshet.Invalid(name, "The key %q is unknown.", name)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return freshet.Errorf(freshet.CodeInvalid, "The body is not JSON: it is empty or ends early.")
	}
	return freshet.Errorf(freshet.CodeInvalid, "The body is not JSON: %s.", strings.TrimPrefix(err.Error(), "json: "))
}

// reply writes a value as JSON.
func (c *call) reply(status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	// A client that went away is its own affair.
	_, _ = c.w.Write(append(text, '\n'))
	return nil
}

// writer remembers whether the answer has begun: afterwards no problem can be
// written any more.
type writer struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *writer) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *writer) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
