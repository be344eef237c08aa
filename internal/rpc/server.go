package rpc

import (
	"context"
	_ "embed" // the list of operations
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/audit"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/body"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/trace"
)

// MaxHeaderBytes is what the listener must accept as a request head: the SDKs
// put every parameter into the URL, and a legal ObjectPath holds 1000 lines
// (contract §12).
const MaxHeaderBytes = 4 << 20

// bodyTime is how long a client may take to send its body. It bounds how long a
// stranger can hold what was read of it.
const bodyTime = time.Minute

const (
	defaultMaxBody     = 4 << 20
	defaultWaitPlanned = time.Second
)

// version is the only version of the API.
const version = "2017-03-21"

// Engine is what the vendor's API needs of the core. Errors are
// [*freshet.Error]; anything else is a fault of the server.
type Engine interface {
	// Submit accepts a job; when it returns, the job is durable.
	Submit(ctx context.Context, s freshet.Submission) (freshet.Receipt, error)
	// WaitPlanned returns a job of the account, after waiting at most so long
	// for its rows (of one media, unless that is "") to be final. An unknown
	// job is a CodeNotFound error; an unknown media is not waited for.
	WaitPlanned(ctx context.Context, account, job, media string, atMost time.Duration) (*freshet.Job, error)
	// RowTasks returns the tasks of a row in plan order; their URLs are
	// canonical.
	RowTasks(ctx context.Context, account string, row freshet.Row) ([]freshet.RowTask, error)
	// FindTasks returns a page of tasks, newest first. The time span of the
	// filter includes both its ends.
	FindTasks(ctx context.Context, f freshet.TaskFilter) (freshet.TaskPage, error)
	// Domains returns the domains of the account.
	Domains(ctx context.Context, account string) ([]freshet.Domain, error)
}

// Authenticator establishes who calls; [auth.Auth] is one.
type Authenticator interface {
	Vendor(ctx context.Context, r *auth.Request) (auth.Identity, error)
	// Remember stores the nonce of a call that may write, and wrote no job.
	Remember(ctx context.Context, nonce uint64, expires time.Time) error
}

// Callbacks keeps where events go; a store is one.
type Callbacks interface {
	PutCallbackRule(ctx context.Context, r store.CallbackRule) error
	CallbackRule(ctx context.Context, account, app string) (store.CallbackRule, bool, error)
	DeleteCallbackRule(ctx context.Context, now time.Time, account, app string) error
}

// Options are what the handler needs. Zero values of the last five take
// defaults.
type Options struct {
	Engine Engine
	Auth   Authenticator
	Log    *slog.Logger
	// Media is the catalog; nil = operations about media are not built.
	Media Media
	// Signer signs play URLs; nil = they are handed out unsigned.
	Signer Signer
	// Callbacks keeps where events go; without it, its operations are not built.
	Callbacks Callbacks
	// Domains adds and changes domains; without it those operations are not
	// built.
	Domains Domains
	// Operator is the account whose domains need no approval and may have
	// sources anywhere; "" is every account.
	Operator string
	// CheckHost says at once that the host of a source can never be reached by a
	// tenant's domain (promise P9). It may be nil: caches look again when they
	// connect.
	CheckHost func(host string) error
	// HostID is shown in errors; "" = the host that the client asked for.
	HostID string
	// MaxBody bounds the body of a call in bytes; 4 MB.
	MaxBody int64
	// Limits bounds what accounts do; nil: nothing.
	Limits Limits
	// Room is nil while there is room for more, and else the error of calls that
	// store something: the disk is nearly full. It may be nil: there always is.
	Room func() error
	// Tracer records calls of those who are known; nil: nobody does.
	Tracer *trace.Tracer
	// Audit writes down who called what; nil: nobody does.
	Audit *audit.Trail
	// WaitPlanned is how long GetMediaRefreshJobs waits for a row's outcome;
	// 1 second (contract §4.1 U8).
	WaitPlanned time.Duration
	// MaxPreload is how many URLs one PreloadVodObjectCaches may name; 100, and
	// 1,000 at most (contract §3.3).
	MaxPreload int
}

//go:embed actions.txt
var actionNames string

// server is the handler.
type server struct {
	Options
	built map[string]operation
	known map[string]bool // every operation of the vendor, built or not
}

// New makes the handler of the vendor's API. It is to be mounted at "/" and
// answers every other path with InvalidAction.NotFound. Options without an
// Engine or Auth are a mistake in the program: it panics.
func New(o Options) http.Handler {
	if o.Engine == nil || o.Auth == nil {
		panic("rpc: Options need an Engine and an Auth")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.WaitPlanned <= 0 {
		o.WaitPlanned = defaultWaitPlanned
	}
	if o.MaxPreload <= 0 {
		o.MaxPreload = defaultMaxPreload
	}
	o.MaxPreload = min(o.MaxPreload, freshet.MaxDirectPerJob)
	s := &server{Options: o, known: make(map[string]bool), built: make(map[string]operation)}
	for name := range strings.FieldsSeq(actionNames) {
		s.known[name] = true
	}
	for _, group := range s.groups() {
		maps.Copy(s.built, group)
	}
	return s
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(r)
	answer, err := s.serve(r.Context(), w, c)
	if err != nil {
		f := faultOf(err)
		if f.kind == internalError {
			s.Log.ErrorContext(r.Context(), "call failed",
				slog.String("request_id", c.requestID), slog.String("account", c.identity.Account), slog.String("action", c.action), slog.Any("error", err))
		}
		s.writeFault(w, c, f)
		return
	}
	write(w, c, http.StatusOK, c.action+"Response", answer)
}

// serve makes the checks of contract §3.1 in their order, then runs the
// operation.
func (s *server) serve(ctx context.Context, w http.ResponseWriter, c *call) (any, error) {
	parsed := s.parse(w, c)
	if m := c.http.Method; m != http.MethodGet && m != http.MethodPost {
		return nil, &fault{kind: unsupportedHTTPMethod}
	}
	if parsed != nil {
		return nil, parsed
	}
	if c.http.URL.Path != "/" && c.http.URL.Path != "" {
		return nil, &fault{kind: actionNotFound}
	}
	if name, twice := c.params.Twice(); twice {
		return nil, invalid(name)
	}
	op, err := s.dispatch(c)
	if err != nil {
		return nil, err
	}
	if c.badFormat {
		return nil, invalid("Format")
	}
	c.identity, err = s.Auth.Vendor(ctx, &auth.Request{
		Method: c.http.Method, Path: "/", Host: c.http.Host, Params: c.params,
		Header: c.http.Header, Body: c.body, Write: op.write,
		Remote: c.http.RemoteAddr, TLS: c.http.TLS != nil,
	})
	if err != nil {
		return nil, err
	}
	if op.run == nil {
		return nil, &fault{kind: unsupportedOperation}
	}
	ctx, span := s.Tracer.Request(ctx, c.http.Header, c.action)
	span.Str(trace.Account, c.identity.Account)
	span.Str(trace.RequestID, c.requestID)
	answer, err := s.admitted(ctx, c, op)
	if err != nil {
		span.Fail(table(faultOf(err).kind).code)
	}
	span.End(nil)
	return answer, err
}

// parse reads the body and decodes the parameters, and finds out which format
// the answer must have, also if the call is refused.
func (s *server) parse(w http.ResponseWriter, c *call) error {
	form, err := s.readBody(w, c)
	if err == nil {
		c.params, err = auth.ParseParams(c.http.URL.RawQuery, form)
	}
	c.scheme = auth.SchemeOf(&auth.Request{Params: c.params, Header: c.http.Header})
	c.chooseFormat()
	return err
}

// readBody reads the body and returns it as a form if it is one (contract
// §1.2).
func (s *server) readBody(w http.ResponseWriter, c *call) (string, error) {
	r := c.http
	read, err := body.Read(w, r, body.Limits{Bytes: s.MaxBody, Within: bodyTime})
	if large, ok := errors.AsType[*body.TooLargeError](err); ok {
		return "", &fault{kind: requestTooLarge, name: fmt.Sprint(large.Limit)}
	}
	if errors.Is(err, body.ErrEncoded) {
		return "", invalid("Content-Encoding")
	}
	if err != nil {
		return "", &fault{kind: invalidParameter, name: "body", cause: err}
	}
	c.body = read
	if isForm(r.Header.Get("Content-Type")) {
		return string(read), nil
	}
	return "", nil
}

// dispatch finds the operation (contract §1.7).
func (s *server) dispatch(c *call) (operation, error) {
	c.action = c.system("Action", "X-Acs-Action")
	if c.action == "" {
		return operation{}, missing("Action")
	}
	switch c.system("Version", "X-Acs-Version") {
	case version:
	case "":
		return operation{}, missing("Version")
	default:
		return operation{}, &fault{kind: invalidVersion}
	}
	if op, ok := s.built[c.action]; ok {
		return op, nil
	}
	if s.known[c.action] {
		return operation{}, nil
	}
	return operation{}, &fault{kind: actionNotFound}
}
