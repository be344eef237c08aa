package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/audit"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/policy"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/trace"
)

// Engine takes submissions and tells what became of them. Everything it
// returns belongs to the account asked for.
type Engine interface {
	// Submit accepts work durably.
	Submit(ctx context.Context, s freshet.Submission) (freshet.Receipt, error)
	// DryRun plans a submission and does nothing.
	DryRun(ctx context.Context, s freshet.Submission) (freshet.DryRun, error)
	// JobReport returns a job with its progress.
	JobReport(ctx context.Context, account, id string) (*freshet.JobReport, error)
	// ListJobs returns jobs, newest first, created before a time if it is set.
	ListJobs(ctx context.Context, account string, before time.Time, limit int) ([]*freshet.Job, error)
	// WaitJob returns a report once it is newer than version since, with 0 or
	// a job that is done at once, or an error when ctx ends.
	WaitJob(ctx context.Context, account, id string, since uint64) (*freshet.JobReport, uint64, error)
	// RowTasks returns the tasks of a row in the order of its plan.
	RowTasks(ctx context.Context, account string, row freshet.Row) ([]freshet.RowTask, error)
	// TaskReport returns a task with what every POP said of it.
	TaskReport(ctx context.Context, account string, id uint64) (*freshet.TaskReport, error)
}

// POPs shows the points of presence, marks them down or up, and lets them join
// and leave.
type POPs interface {
	// POPs returns every POP.
	POPs(ctx context.Context) ([]freshet.POPStatus, error)
	// SetPOP marks a POP down (excused) or up, or drained or not. One that may
	// get traffic is a CodeConflict error, unless it is said to be cut off.
	SetPOP(ctx context.Context, id string, c freshet.POPChange) error
	// AddPOP makes a one-time token for a POP, new or not. No parents leave
	// those that it has; ttl 0 is the default.
	AddPOP(ctx context.Context, id string, parents []string, ttl time.Duration) (freshet.Invitation, error)
	// RevokePOP ends a POP's credential and live connection.
	RevokePOP(ctx context.Context, id string) error
	// RemovePOP ends its membership too, with the same check.
	RemovePOP(ctx context.Context, id string, cutOff bool) error
}

// Domains keeps acceleration domains.
type Domains interface {
	// PutDomain inserts or replaces a domain by name, and tells the POPs.
	PutDomain(ctx context.Context, d freshet.Domain) error
	// Domains returns the domains of an account, of all with "".
	Domains(ctx context.Context, account string) ([]freshet.Domain, error)
	// ChangeDomains changes domains of an account (of any with "") by name, all
	// or none. One that is not there is a CodeNotFound error.
	ChangeDomains(ctx context.Context, account string, names []string, change func(*freshet.Domain) error) error
	// RemoveDomain removes a domain that was never approved.
	RemoveDomain(ctx context.Context, account, name string) error
}

// Media keeps the catalog.
type Media interface {
	// PutMedia inserts or replaces media.
	PutMedia(ctx context.Context, now time.Time, media []*freshet.Media) error
	// Media returns those of the account's media that exist.
	Media(ctx context.Context, account string, ids []string) ([]*freshet.Media, error)
	// ListMedia returns media with IDs greater than after, in order of ID.
	ListMedia(ctx context.Context, account, after string, limit int) ([]*freshet.Media, error)
}

// Keys keeps access keys and nonces.
type Keys interface {
	// CreateKey makes a key, with a policy unless that is ""; its secret is told
	// once.
	CreateKey(ctx context.Context, account, document string) (store.Key, error)
	// Key returns a key of the account; of any account with "".
	Key(ctx context.Context, account, id string) (store.Key, error)
	// ChangeKey changes a key of the account (of any account with "") and
	// returns it.
	ChangeKey(ctx context.Context, account, id string, change func(*store.Key)) (store.Key, error)
	// DeleteKey deletes a key of the account; of any account with "".
	DeleteKey(ctx context.Context, account, id string) error
	// IssueToken makes a temporary credential of a key of the account; of any
	// account with "". The policy, unless it is "", narrows what the key may.
	IssueToken(ctx context.Context, account, id string, lasts time.Duration, document string) (auth.Session, error)
	// ListKeys returns the keys of an account, oldest first.
	ListKeys(ctx context.Context, account string) ([]store.Key, error)
	// Remember stores the nonce of a call before it writes something other
	// than a job, so that a restart opens no window for replays. 0 is none.
	Remember(ctx context.Context, nonce uint64, expires time.Time) error
}

// Identity is who calls, and what they may do.
type Identity struct {
	Account string
	KeyID   string
	// Nonce is the fingerprint of the signature's nonce, to be stored with
	// what the call writes; 0 = none.
	Nonce        uint64
	NonceExpires time.Time
	// Policies restrict the caller; empty = everything in the account.
	Policies policy.Set
	// Facts are what the policies' conditions ask of the request.
	Facts policy.Facts
	// Temporary tells that the caller's credential ends by itself.
	Temporary bool
}

// Authenticate tells who sent a request with the given body. Its errors are
// *freshet.Error.
type Authenticate func(r *http.Request, body []byte) (Identity, error)

// Options are the parts that the API speaks for. All are needed.
type Options struct {
	Authenticate Authenticate
	Engine       Engine
	POPs         POPs
	Domains      Domains
	Media        Media
	Keys         Keys
	Accounts     Accounts
	Takedowns    Takedowns
	Evidence     Evidence
	Callbacks    Callbacks
	// Operator is the account that runs the place: the only one that may mark
	// POPs and declare where origins are.
	Operator string
	// CheckHost says at once that the host of an origin can never be reached by
	// a tenant's domain (promise P9); nil: caches alone look, when they connect.
	CheckHost func(host string) error
	// Room is nil while there is room for more, and else the error of calls that
	// store something: the disk is nearly full. It may be nil: there always is.
	Room func() error
	// Audit writes down who called what, and shows it.
	Audit *audit.Trail
	// Tracer records calls of those who are known; nil: nobody does.
	Tracer *trace.Tracer
	Log    *slog.Logger
}

func (o Options) check() error {
	var faults []error
	for _, p := range []struct {
		name string
		set  bool
	}{
		{"Authenticate", o.Authenticate != nil},
		{"Engine", o.Engine != nil},
		{"POPs", o.POPs != nil},
		{"Domains", o.Domains != nil},
		{"Media", o.Media != nil},
		{"Keys", o.Keys != nil},
		{"Takedowns", o.Takedowns != nil},
		{"Evidence", o.Evidence != nil},
		{"Callbacks", o.Callbacks != nil},
		{"Audit", o.Audit != nil},
		{"Accounts", o.Accounts != nil},
		{"Log", o.Log != nil},
	} {
		if !p.set {
			faults = append(faults, errors.New("api: "+p.name+" is nil"))
		}
	}
	if o.Operator == "" {
		faults = append(faults, errors.New("api: Operator is empty"))
	}
	return errors.Join(faults...)
}

// server holds what handlers need.
type server struct {
	Options
	mux     *http.ServeMux
	uploads chan struct{} // one slot per large body in memory
}

// New returns the handler of everything under /v1/. Event streams end when
// the request's context does; a server that is stopped gracefully should
// cancel its base context, or it waits for them.
func New(o Options) (http.Handler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &server{Options: o, mux: http.NewServeMux(), uploads: make(chan struct{}, maxUploads)}
	for _, r := range s.routes() {
		s.mux.Handle(r.pattern, s.serve(r))
	}
	for _, rest := range []string{"/v1", "/v1/"} {
		s.mux.Handle(rest, s.serve(route{open: true, handle: s.noRoute}))
	}
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(s.serve(route{open: true, handle: crossOrigin}))
	return guard.Handler(s.cleanOnly()), nil
}

// cleanOnly keeps the mux from answering a path that is not clean with a
// redirect, in HTML: a signature covers the path, so no client could follow.
func (s *server) cleanOnly() http.Handler {
	refuse := s.serve(route{open: true, handle: func(*call) error {
		return freshet.Errorf(freshet.CodeNotFound, "There is nothing at this path.")
	}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; p != path.Clean(p) {
			refuse.ServeHTTP(w, r)
			return
		}
		s.mux.ServeHTTP(w, r)
	})
}

func crossOrigin(*call) error {
	return freshet.Errorf(freshet.CodeForbidden, "The request was made by another site's page.")
}
