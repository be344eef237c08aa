package rpc_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/store"
)

const (
	keyID   = "testid"
	secret  = "testsecret"
	account = "acme"
)

// scripted is an Engine that knows a few media and answers at once.
type scripted struct {
	mu     sync.Mutex          // guards what follows
	media  map[string][]string // canonical URLs by media ID
	jobs   map[string]*freshet.Job
	tasks  []freshet.Task
	subs   []freshet.Submission
	asked  []freshet.TaskFilter
	waited time.Duration
	fail   error
	state  freshet.RowState // of new rows; planned if ""
}

func newScripted() *scripted {
	return &scripted{
		media: map[string][]string{
			"m1": {"http://vod.example.com/m1/hd.m3u8", "http://vod.example.com/m1/a,b.mp4"},
			"m2": {"http://plain.example.com/m2.mp4"},
		},
		jobs: map[string]*freshet.Job{},
	}
}

func (e *scripted) Submit(_ context.Context, s freshet.Submission) (freshet.Receipt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return freshet.Receipt{}, e.fail
	}
	e.subs = append(e.subs, s)
	job := &freshet.Job{
		Account: s.Account, Type: s.Type, Filter: s.Filter, UserData: s.UserData, Policy: s.Policy,
		Created: time.Now().Truncate(time.Second),
	}
	job.ID = fmt.Sprintf("%016x", len(e.jobs)+1)
	var receipt freshet.Receipt
	if s.Direct != nil {
		job.Direct = s.Direct
		job.Rows = []freshet.Row{{Job: job.ID, State: freshet.RowPlanned, Modified: job.Created}}
		for i := range s.Direct.Groups {
			receipt.Tasks = append(receipt.Tasks, uint64(2000000000+i))
		}
	}
	for _, id := range s.Media {
		switch _, ok := e.media[id]; {
		case ok && !slices.Contains(s.Forbidden, id):
			e.addRow(job, id)
		case slices.Contains(s.Forbidden, id):
			receipt.Forbidden = append(receipt.Forbidden, id)
		default:
			receipt.NonExistent = append(receipt.NonExistent, id)
		}
	}
	if len(job.Rows) > 0 {
		e.jobs[job.ID] = job
		receipt.JobID = job.ID
	}
	return receipt, nil
}

func (e *scripted) addRow(job *freshet.Job, media string) {
	row := freshet.Row{Job: job.ID, Index: len(job.Rows), Media: media, State: freshet.RowPlanned, Modified: job.Created}
	if e.state != "" {
		row.State = e.state
	}
	if row.State == freshet.RowFailed {
		row.Fault, row.Message = "InvalidVideo.NoneStream", "The video has no stream to play for the request parameter."
	}
	kind := "file"
	if job.Type == freshet.Prefetch {
		kind = "preload"
	}
	if row.State == freshet.RowPlanned {
		for _, u := range e.media[media] {
			e.tasks = append(e.tasks, freshet.Task{
				Account: job.Account, ID: uint64(1000000001 + len(e.tasks)), Job: job.ID, Media: media, URL: u, Item: row.Index,
				ObjectType: kind, Status: freshet.TaskComplete, Final: 2, Targets: 2, Created: job.Created,
			})
		}
	}
	job.Rows = append(job.Rows, row)
}

func (e *scripted) WaitPlanned(_ context.Context, acc, job, _ string, atMost time.Duration) (*freshet.Job, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waited = atMost
	if e.fail != nil {
		return nil, e.fail
	}
	j, ok := e.jobs[job]
	if !ok || j.Account != acc {
		return nil, freshet.Errorf(freshet.CodeNotFound, "There is no such job.")
	}
	return j, nil
}

func (e *scripted) RowTasks(_ context.Context, acc string, row freshet.Row) ([]freshet.RowTask, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []freshet.RowTask
	for _, t := range e.tasks {
		if t.Account == acc && t.Job == row.Job && t.Media == row.Media {
			out = append(out, freshet.RowTask{ID: t.ID, URL: t.URL})
		}
	}
	return out, nil
}

func (e *scripted) FindTasks(_ context.Context, f freshet.TaskFilter) (freshet.TaskPage, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, f)
	if e.fail != nil {
		return freshet.TaskPage{}, e.fail
	}
	var p freshet.TaskPage
	for _, t := range e.tasks {
		if t.Account != f.Account || len(f.IDs) > 0 && !slices.Contains(f.IDs, t.ID) || f.URL != "" && f.URL != t.URL ||
			f.ObjectType != "" && f.ObjectType != t.ObjectType || f.Status != "" && f.Status != t.Status ||
			f.Domain != "" && !strings.HasPrefix(t.URL, "http://"+f.Domain+"/") {
			continue
		}
		p.Total++
		if p.Total > f.Offset && len(p.Tasks) < f.Limit {
			p.Tasks = append(p.Tasks, t)
		}
	}
	return p, nil
}

func (e *scripted) Domains(context.Context, string) ([]freshet.Domain, error) {
	return []freshet.Domain{
		{Name: "vod.example.com", Aliases: []string{"alias.example.com"}, TLS: true},
		{Name: "plain.example.com"},
		{Name: "off.example.com", Offline: true},
	}, nil
}

// last returns the newest submission.
func (e *scripted) last(t *testing.T) freshet.Submission {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.subs) == 0 {
		t.Fatal("nothing was submitted")
	}
	return e.subs[len(e.subs)-1]
}

func (e *scripted) lastFilter(t *testing.T) freshet.TaskFilter {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.asked) == 0 {
		t.Fatal("nothing was looked for")
	}
	return e.asked[len(e.asked)-1]
}

// The policies of the keys.
const (
	almostAll = `{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"acs:vod:*:acme:media/forbidden*"}]}`
	onePlain = `{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:*","Resource":"acs:vod:*:*:domain/plain.example.com"}]}`
	readOnly = `{"Version":"1","Statement":[{"Effect":"Allow","Action":["vod:GetMediaRefreshJobs","vod:Refresh*"],"Resource":"acs:vod:*:*:media/m2"},
		{"Effect":"Allow","Action":"vod:GetMediaRefreshJobs","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"192.0.2.0/24"}}}]}`
)

// memKeys is a store.Keys with a few keys.
type memKeys struct{ nonces *[]store.Nonce }

func (memKeys) PutKey(context.Context, store.Key) error { return nil }

func (memKeys) Key(_ context.Context, id string) (store.Key, error) {
	switch id {
	case keyID:
		return store.Key{ID: id, Secret: secret, Account: account, Policy: almostAll}, nil
	case "reader":
		return store.Key{ID: id, Secret: secret, Account: account, Policy: readOnly}, nil
	case "plain":
		return store.Key{ID: id, Secret: secret, Account: account, Policy: onePlain}, nil
	case "second":
		return store.Key{ID: id, Secret: secret, Account: "other"}, nil
	case "off":
		return store.Key{ID: id, Secret: secret, Account: account, Disabled: true}, nil
	}
	return store.Key{}, freshet.Errorf(freshet.CodeNotFound, "There is no such access key.")
}

func (m memKeys) KeyOf(ctx context.Context, account, id string) (store.Key, error) {
	k, err := m.Key(ctx, id)
	if err == nil && k.Account != account {
		return store.Key{}, freshet.Errorf(freshet.CodeNotFound, "There is no such access key.")
	}
	return k, err
}

func (memKeys) ListKeys(context.Context, string) ([]store.Key, error) { return nil, nil }
func (m memKeys) PutNonce(_ context.Context, _ time.Time, n store.Nonce) error {
	if m.nonces != nil {
		*m.nonces = append(*m.nonces, n)
	}
	return nil
}

func (memKeys) Nonces(context.Context, time.Time) ([]store.Nonce, error) { return nil, nil }

type fixture struct {
	engine  *scripted
	handler http.Handler
}

func setup(tb testing.TB, change ...func(*rpc.Options)) *fixture {
	tb.Helper()
	a, err := auth.New(context.Background(), auth.Options{Keys: memKeys{}})
	if err != nil {
		tb.Fatal(err)
	}
	f := &fixture{engine: newScripted()}
	o := rpc.Options{Engine: f.engine, Auth: a}
	for _, c := range change {
		c(&o)
	}
	f.handler = rpc.New(o)
	return f
}

var nonces atomic.Int64

func nonce() string { return "n" + strconv.FormatInt(nonces.Add(1), 10) }

// request makes a call that is signed with V1 and asks for JSON. kv are names
// and values.
func request(action string, kv ...string) *http.Request {
	p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}}
	for i := 0; i < len(kv); i += 2 {
		p.Set(kv[i], kv[i+1])
	}
	auth.SignV1(http.MethodPost, p, keyID, secret, time.Now(), nonce())
	return httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/?"+p.Encode(), nil)
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (f *fixture) do(r *http.Request) answer {
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	b, _ := io.ReadAll(w.Body)
	return answer{w.Code, w.Header(), string(b)}
}

func (f *fixture) call(action string, kv ...string) answer { return f.do(request(action, kv...)) }
