// Package apitest serves the native API over a scripted engine kept in
// memory, for the tests of the API, of its client and of the command line.
//
// It must not be imported by anything but tests. If it strays from what the
// engine does, those tests prove nothing; so it keeps to the words of the
// interfaces in package api.
package apitest

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/api"
	"github.com/freshet-vod/freshet/internal/audit"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/seal"
	"github.com/freshet-vod/freshet/internal/store"
)

// The access key that every Fake knows, and its account.
const (
	KeyID   = "test-key"
	Secret  = "test-secret"
	Account = "default"
)

// Epoch is when everything in a Fake was made, so that answers can be
// compared.
func Epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// Fake is an engine, a catalog and a keyring of one account. Its fields may be
// set before it serves and read between calls.
type Fake struct {
	mu      sync.Mutex
	changed chan struct{} // closed at each change of a job
	version uint64
	waiting int // calls of WaitJob that wait

	Submitted    []freshet.Submission
	Jobs         map[string]*freshet.JobReport
	Tasks        map[uint64]*freshet.TaskReport
	POPStates    []freshet.POPStatus
	DomainSet    map[string]freshet.Domain
	MediaSet     map[string]*freshet.Media
	KeySet       map[string]store.Key
	AuditList    []freshet.AuditRecord
	CallbackList []store.Callback // newest first
	Hook         *store.Webhook
	Accounts     map[string]store.Account
	Down         []freshet.TakedownRecord
	Evidence     []freshet.EvidenceLine
	// EvidenceFault, if set, ends an export after the lines.
	EvidenceFault error
	NonceList     []store.Nonce // of calls that wrote something other than a job
	Err           error         // if set, every call of the engine fails with it
	// Full, if set, is the error of calls that store something: of all, or of the
	// first FullFor of them.
	Full    error
	FullFor int
	// Shape, if set, is called with the report of each job that is accepted,
	// and makes of it what the test wants.
	Shape func(*freshet.JobReport)
}

// New returns a Fake with one domain and one key.
func New() *Fake {
	return &Fake{
		changed: make(chan struct{}), version: 1,
		Jobs: map[string]*freshet.JobReport{}, Tasks: map[uint64]*freshet.TaskReport{}, MediaSet: map[string]*freshet.Media{},
		POPStates: []freshet.POPStatus{{ID: "shield", State: "up", Ready: true, Traffic: freshet.TrafficBusy}, {ID: "edge-1", Parents: []string{"shield"}, State: "up", Ready: true}},
		DomainSet: map[string]freshet.Domain{
			"vod.example.com": {Account: Account, Name: "vod.example.com", Aliases: []string{"cdn.example.com"}, Origin: "http://origin.example.com"},
		},
		Accounts: map[string]store.Account{Account: {Name: Account, Created: Epoch()}},
		KeySet:   map[string]store.Key{KeyID: {ID: KeyID, Secret: Secret, Account: Account, Created: Epoch()}},
	}
}

// Serve serves f under an address of its own until the test ends.
func Serve(tb testing.TB, f *Fake) *httptest.Server {
	tb.Helper()
	s := httptest.NewServer(Handler(tb, f))
	tb.Cleanup(s.Close)
	return s
}

// Handler returns the API over f.
func Handler(tb testing.TB, f *Fake) http.Handler {
	tb.Helper()
	box, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		tb.Fatal(err)
	}
	a, err := auth.New(tb.Context(), auth.Options{Keys: keyStore{f}, Accounts: keyStore{f}, Box: box})
	if err != nil {
		tb.Fatal(err)
	}
	h, err := api.New(api.Options{
		Authenticate: func(r *http.Request, body []byte) (api.Identity, error) {
			id, err := a.Native(r, body)
			return api.Identity(id), err
		},
		Engine: f, POPs: f, Domains: f, Media: f, Keys: a, Accounts: a, Takedowns: f, Evidence: f, Callbacks: f, Operator: Account, Audit: audit.New(auditStore{f}),
		Log: slog.New(slog.DiscardHandler), Room: f.room,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// Update changes what f holds, and wakes those who wait for a job.
func (f *Fake) Update(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	f.version++
	close(f.changed)
	f.changed = make(chan struct{})
}

// Submit implements [api.Engine].
func (f *Fake) Submit(_ context.Context, s freshet.Submission) (freshet.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Err != nil {
		return freshet.Receipt{}, f.Err
	}
	f.Submitted = append(f.Submitted, s)
	var r freshet.Receipt
	rows := []freshet.RowReport{}
	for _, id := range s.Media {
		if slices.Contains(s.Forbidden, id) {
			r.Forbidden = append(r.Forbidden, id)
			continue
		}
		if f.MediaSet[id] == nil || s.Type == freshet.Reinstate && !f.ends(id) {
			r.NonExistent = append(r.NonExistent, id)
			continue
		}
		rows = append(rows, freshet.RowReport{Row: freshet.Row{Media: id, State: freshet.RowAccepted, Modified: Epoch()}})
	}
	if s.Direct != nil {
		rows = append(rows, freshet.RowReport{Row: freshet.Row{State: freshet.RowAccepted, Modified: Epoch()}})
	}
	if len(rows) == 0 {
		return r, nil
	}
	r.JobID = fmt.Sprintf("%016x", len(f.Jobs)+1)
	job := freshet.Job{
		Account: s.Account, ID: r.JobID, Type: s.Type, Filter: s.Filter, Direct: s.Direct, Denial: s.Denial, Native: true, Created: Epoch(),
	}
	if s.Type == freshet.Takedown {
		f.begins(s, r.JobID, rows)
	}
	f.Jobs[r.JobID] = &freshet.JobReport{Job: job, Rows: rows}
	if f.Shape != nil {
		f.Shape(f.Jobs[r.JobID])
	}
	return r, nil
}

// DryRun implements [api.Engine].
func (f *Fake) DryRun(_ context.Context, s freshet.Submission) (freshet.DryRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var run freshet.DryRun
	for _, id := range s.Media {
		if slices.Contains(s.Forbidden, id) {
			run.Forbidden = append(run.Forbidden, id)
			continue
		}
		m := f.MediaSet[id]
		if m == nil {
			run.NonExistent = append(run.NonExistent, id)
			continue
		}
		row := freshet.PlannedRow{Media: id}
		for _, st := range m.Streams {
			row.URLs = append(row.URLs, freshet.PlannedURL{Media: id, URL: st.URL, Kind: "file", Stream: string(st.Definition) + "/" + string(st.Format)})
		}
		run.Rows = append(run.Rows, row)
	}
	return run, f.Err
}

// JobReport implements [api.Engine].
func (f *Fake) JobReport(_ context.Context, _, id string) (*freshet.JobReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.report(id)
}

func (f *Fake) report(id string) (*freshet.JobReport, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	j := f.Jobs[id]
	if j == nil {
		return nil, freshet.Errorf(freshet.CodeNotFound, "There is no job %q.", id)
	}
	c := *j
	return &c, nil
}

// ListJobs implements [api.Engine].
func (f *Fake) ListJobs(_ context.Context, _ string, before time.Time, limit int) ([]*freshet.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var jobs []*freshet.Job
	for _, r := range f.Jobs {
		if before.IsZero() || r.Created.Before(before) {
			job := r.Job
			for _, row := range r.Rows {
				job.Rows = append(job.Rows, row.Row)
			}
			jobs = append(jobs, &job)
		}
	}
	slices.SortFunc(jobs, func(a, b *freshet.Job) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	})
	return jobs[:min(limit, len(jobs))], nil
}

// WaitJob implements [api.Engine].
func (f *Fake) WaitJob(ctx context.Context, _, id string, since uint64) (*freshet.JobReport, uint64, error) {
	for {
		f.mu.Lock()
		r, err := f.report(id)
		version, changed := f.version, f.changed
		f.mu.Unlock()
		if err != nil || since == 0 || version > since || r.Done {
			return r, version, err
		}
		f.wait(1)
		select {
		case <-changed:
			f.wait(-1)
		case <-ctx.Done():
			f.wait(-1)
			return nil, since, ctx.Err()
		}
	}
}

func (f *Fake) wait(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting += n
}

// Waiting returns how many calls of WaitJob wait for a change.
func (f *Fake) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting
}

// RowTasks implements [api.Engine]. A row has the tasks of Tasks that are its
// media's.
func (f *Fake) RowTasks(_ context.Context, _ string, row freshet.Row) ([]freshet.RowTask, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var tasks []freshet.RowTask
	for _, id := range slices.Sorted(maps.Keys(f.Tasks)) {
		if t := f.Tasks[id]; t.Media == row.Media {
			tasks = append(tasks, freshet.RowTask{ID: id, URL: t.URL})
		}
	}
	return tasks, nil
}

// TaskReport implements [api.Engine].
func (f *Fake) TaskReport(_ context.Context, _ string, id uint64) (*freshet.TaskReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.Tasks[id]; t != nil {
		return t, nil
	}
	return nil, freshet.Errorf(freshet.CodeNotFound, "There is no task %d.", id)
}

// POPs implements [api.POPs].
func (f *Fake) POPs(context.Context) ([]freshet.POPStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.POPStates), f.Err
}

// SetPOP implements [api.POPs].
func (f *Fake) SetPOP(_ context.Context, id string, c freshet.POPChange) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.POPStates {
		p := &f.POPStates[i]
		switch {
		case p.ID != id:
			continue
		case c.Drained != nil && *c.Drained:
			p.Drained, p.Ready, p.Obstacles = Epoch(), false, []string{"drained"}
		case c.Down != nil && *c.Down && !c.CutOff && p.Traffic == freshet.TrafficBusy:
			return freshet.Errorf(freshet.CodeConflict, "Viewers asked the POP %s.", id).Of(freshet.KindTraffic)
		case c.Down != nil && *c.Down:
			p.State = "down"
		default:
			p.State, p.Ready, p.Obstacles, p.Drained = "up", true, nil, time.Time{}
		}
		return nil
	}
	return freshet.Errorf(freshet.CodeNotFound, "There is no POP %q.", id)
}

// AddPOP implements [api.POPs]. The token is a word of its own.
func (f *Fake) AddPOP(_ context.Context, id string, parents []string, ttl time.Duration) (freshet.Invitation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(parents, "nowhere") {
		return freshet.Invitation{}, freshet.Invalid("parents", "There is no POP %q to fill from: add it first.", "nowhere")
	}
	i := slices.IndexFunc(f.POPStates, func(p freshet.POPStatus) bool { return p.ID == id })
	if i < 0 {
		i = len(f.POPStates)
		f.POPStates = append(f.POPStates, freshet.POPStatus{ID: id, State: "never", Remote: true, Access: freshet.AccessAwaiting})
	}
	p := &f.POPStates[i]
	p.Parents, p.TokenExpires = parents, Epoch().Add(cmp.Or(ttl, time.Hour))
	return freshet.Invitation{POP: *p, Token: "fp1." + id + ".0.swordfish", Expires: p.TokenExpires, Control: "nats://0.0.0.0:4222"}, f.Err
}

// RevokePOP implements [api.POPs].
func (f *Fake) RevokePOP(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.POPStates {
		if p := &f.POPStates[i]; p.ID == id {
			p.Access, p.AccessSince = freshet.AccessRevoked, Epoch()
			return nil
		}
	}
	return freshet.Errorf(freshet.CodeNotFound, "There is no POP %q.", id)
}

// RemovePOP implements [api.POPs].
func (f *Fake) RemovePOP(_ context.Context, id string, _ bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.POPStates, func(p freshet.POPStatus) bool { return p.ID == id })
	if i < 0 {
		return freshet.Errorf(freshet.CodeNotFound, "There is no POP %q.", id)
	}
	f.POPStates = slices.Delete(f.POPStates, i, i+1)
	return nil
}

// room is what the API asks before it stores something.
func (f *Fake) room() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	full := f.Full
	if f.FullFor > 0 {
		if f.FullFor--; f.FullFor == 0 {
			f.Full = nil
		}
	}
	return full
}
