package api

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/fault"
)

// Problem is a fault as it is written: RFC 9457, with members of our own.
type Problem struct {
	Type      string            `json:"type"` // leads to what docs/errors.md says of it
	Title     string            `json:"title"`
	Status    int               `json:"status"`
	Detail    string            `json:"detail"`
	Code      freshet.Code      `json:"code"`
	Kind      freshet.ErrorKind `json:"kind,omitempty"`
	Field     string            `json:"field,omitempty"`
	Remedy    string            `json:"remedy"` // what to do about it
	RequestID string            `json:"request_id"`
	Errors    []ItemProblem     `json:"errors,omitempty"`
}

// ItemProblem is the fault of one item of a request.
type ItemProblem struct {
	Line   int    `json:"line,omitempty"`
	ID     string `json:"id,omitempty"`
	Detail string `json:"detail"`
}

// ProblemType is the media type of a problem.
const ProblemType = "application/problem+json"

// maxDetail bounds what a problem says, in bytes: some repeat what they were
// sent, and a path or a key can have a megabyte.
const maxDetail = 4096

// problem words an error for the caller. What is no freshet.Error, and what is
// our own fault, is told by the request's ID only: its text is for the log.
func (c *call) problem(err error) (Problem, *freshet.Error) {
	e, ok := errors.AsType[*freshet.Error](err)
	if !ok || e.Code == freshet.CodeInternal {
		e = &freshet.Error{Code: freshet.CodeInternal, Message: "Freshet failed to answer; its log knows more under this request ID."}
	}
	line := fault.Of(e)
	p := Problem{
		Type: line.Type(), Status: line.Status, Detail: shorten(e.Message, maxDetail),
		Code: e.Code, Kind: e.Kind, Field: clip(e.Field), Remedy: line.Remedy, RequestID: c.id,
	}
	p.Title = http.StatusText(p.Status)
	for _, s := range e.Sub {
		p.Errors = append(p.Errors, ItemProblem{Line: s.Line, ID: s.ID, Detail: s.Message})
	}
	return p, e
}

// fail writes a problem, unless the answer has begun: then the connection is
// cut, so that the client does not take the half for the whole.
func (c *call) fail(err error) {
	if c.w.begun {
		panic(http.ErrAbortHandler)
	}
	p, e := c.problem(err)
	h := c.w.Header()
	h.Set("Content-Type", ProblemType)
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `ACS3-HMAC-SHA256, Basic realm="freshet"`)
	}
	text, err := json.Marshal(p)
	if err != nil { // text and numbers always encode
		text = nil
	}
	c.w.WriteHeader(p.Status)
	_, _ = c.w.Write(append(text, '\n'))
}
