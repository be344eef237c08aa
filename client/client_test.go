package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial serves a Fake and returns a client of it. between, if given, stands
// between the two.
func dial(t *testing.T, between ...func(http.Handler) http.Handler) (*apitest.Fake, *client.Client) {
	t.Helper()
	f := apitest.New()
	f.AddMedia("m-1", "m-2")
	h := apitest.Handler(t, f)
	for _, b := range between {
		h = b(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return f, open(t, s.URL)
}

func open(t *testing.T, endpoint string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Endpoint: endpoint, AccessKeyID: apitest.KeyID, AccessKeySecret: apitest.Secret, Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestEveryCall_MakesTheRoundTrip(t *testing.T) {
	t.Parallel()
	f, c := dial(t)
	ctx := t.Context()
	receipt, err := c.Submit(ctx, client.JobRequest{Type: freshet.Purge, Media: []string{"m-1", "gone"}})
	if d := cmp.Diff(freshet.Receipt{JobID: "0000000000000001", NonExistent: []string{"gone"}}, receipt); err != nil || d != "" {
		t.Error(err, d)
	}
	plan, err := c.Plan(ctx, client.JobRequest{Type: freshet.Purge, Media: []string{"m-2"}})
	if err != nil || len(plan.Rows) != 1 || plan.Rows[0].URLs[0].URL != "http://vod.example.com/m-2.mp4" {
		t.Error(plan, err)
	}
	job, err := c.Job(ctx, receipt.JobID)
	if err != nil || job.ID != receipt.JobID || len(job.Rows) != 1 || job.Rows[0].Media != "m-1" {
		t.Error(job, err)
	}
	jobs, err := c.Jobs(ctx, apitest.Epoch().Add(time.Hour), 10)
	if err != nil || len(jobs.Jobs) != 1 {
		t.Error(jobs, err)
	}
	if jobs, err := c.Jobs(ctx, apitest.Epoch(), 0); err != nil || len(jobs.Jobs) != 0 {
		t.Error(jobs, err)
	}
	media, err := c.ListMedia(ctx, "m-1", 1)
	if err != nil || len(media.Media) != 1 || media.Next != "m-2" {
		t.Error(media, err)
	}
	if m, err := c.Media(ctx, "m-1"); err != nil || m.Title != "Film m-1" {
		t.Error(m, err)
	}
	if d, err := c.PutDomain(ctx, freshet.Domain{Name: "a.example.com", Origin: "http://o"}); err != nil || d.Account != apitest.Account {
		t.Error(d, err)
	}
	if d, err := c.Domains(ctx); err != nil || len(d) != 2 {
		t.Error(d, err)
	}
	if p, err := c.SetPOP(ctx, "edge-1", freshet.POPChange{Down: new(true)}); err != nil || p.State != "down" {
		t.Error(p, err)
	}
	if p, err := c.POPs(ctx); err != nil || len(p) != 2 {
		t.Error(p, err)
	}
	if i, err := c.AddPOP(ctx, "edge-2", []string{"shield"}, 90*time.Minute); err != nil || i.Token == "" || i.POP.ID != "edge-2" ||
		i.Control == "" || !i.Expires.Equal(apitest.Epoch().Add(90*time.Minute)) {
		t.Error(i, err)
	}
	if p, err := c.RevokePOP(ctx, "edge-2"); err != nil || p.Access != freshet.AccessRevoked || p.AccessSince.IsZero() {
		t.Error(p, err)
	}
	if err := c.RemovePOP(ctx, "edge-2", true); err != nil {
		t.Error(err)
	}
	if err := c.RemovePOP(ctx, "edge-2", false); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Error(err)
	}
	key, err := c.CreateKey(ctx, client.NewKey{})
	if err != nil || key.Secret == "" {
		t.Error(key, err)
	}
	if k, err := c.SetKey(ctx, key.ID, true); err != nil || !k.Disabled {
		t.Error(k, err)
	}
	if k, err := c.Keys(ctx, ""); err != nil || len(k) != 2 {
		t.Error(k, err)
	}
	if len(f.Submitted) != 1 || f.Submitted[0].Nonce == 0 || f.Submitted[0].NonceExpires.IsZero() {
		t.Errorf("a signed write carries its nonce: %+v", f.Submitted)
	}
}

func TestTask_EveryOutcomeReasonAndVerificationComesBack(t *testing.T) {
	t.Parallel()
	f, c := dial(t)
	want := &freshet.TaskReport{Task: freshet.Task{ID: 9, At: freshet.Position{Epoch: 2, Pos: 7}, Status: freshet.TaskFailed, Created: apitest.Epoch()}}
	for o := freshet.OutcomeNone; o <= freshet.OutcomeExcused; o++ {
		want.Deliveries = append(want.Deliveries, freshet.Delivery{POP: "p", Outcome: o, CoveredBy: &freshet.Position{Epoch: 2, Pos: 9}})
	}
	for r := freshet.ReasonNone; r <= freshet.ReasonSuperseded; r++ {
		want.Deliveries = append(want.Deliveries, freshet.Delivery{POP: "p", Reason: r, Before: &freshet.Copy{FetchedAt: apitest.Epoch(), Validator: "\"x\"", Size: 3}})
	}
	for v := freshet.VerifiedNone; v <= freshet.VerifiedProbe; v++ {
		want.Deliveries = append(want.Deliveries, freshet.Delivery{POP: "p", Verified: v, ExecutedAt: apitest.Epoch()})
	}
	for rounds := range 5 {
		want.Deliveries = append(want.Deliveries, freshet.Delivery{POP: "p", Rounds: rounds, WindowMs: int64(rounds) * 86_400_000})
	}
	f.Tasks[9] = want
	got, err := c.Task(t.Context(), 9)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestErrors_ComeBackAsTheServerHadThem(t *testing.T) {
	t.Parallel()
	f, c := dial(t)
	_, err := c.Submit(t.Context(), client.JobRequest{Type: freshet.Purge, Media: []string{"x", "y"}})
	e, ok := errors.AsType[*freshet.Error](err)
	if !ok || e.Code != freshet.CodeNotFound || e.Field != "media" || len(e.Sub) != 2 || e.Sub[1].ID != "y" {
		t.Errorf("got %+v", err)
	}
	f.Update(func() {
		f.Err = &freshet.Error{Code: freshet.CodeUnavailable, Message: "Busy.", RetryAfter: 2 * time.Second}
	})
	_, err = c.POPs(t.Context())
	e, ok = errors.AsType[*freshet.Error](err)
	if !ok || e.Code != freshet.CodeUnavailable || e.RetryAfter != 2*time.Second || e.Message != "Busy." || !freshet.Retryable(err) {
		t.Errorf("got %+v", err)
	}
}

func TestErrors_AServerThatIsNotFreshet(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]freshet.Code{
		401: freshet.CodeUnauthenticated, 403: freshet.CodeForbidden, 404: freshet.CodeNotFound, 429: freshet.CodeLimited,
		502: freshet.CodeUnavailable, 418: freshet.CodeInvalid, 302: freshet.CodeInvalid,
	} {
		_, c := dial(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(status)
				fmt.Fprint(w, "<html>")
			})
		})
		if _, err := c.POPs(t.Context()); freshet.ErrorCode(err) != code {
			t.Errorf("%d: got %v", status, err)
		}
	}
	_, c := dial(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
	})
	if _, err := c.POPs(t.Context()); freshet.ErrorCode(err) != freshet.CodeInternal {
		t.Errorf("an odd good answer: %v", err)
	}
}

func TestErrors_NobodyThere(t *testing.T) {
	t.Parallel()
	c := open(t, "http://127.0.0.1:1")
	_, err := c.POPs(t.Context())
	if freshet.ErrorCode(err) != freshet.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	for _, err := range c.Watch(t.Context(), "x") {
		if freshet.ErrorCode(err) != freshet.CodeUnavailable {
			t.Errorf("a watch that never had its server: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.POPs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled by the caller: %v", err)
	}
}

func TestNew_RefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for _, o := range []client.Options{
		{Endpoint: "ftp://x", AccessKeyID: "a", AccessKeySecret: "b"},
		{Endpoint: "http://", AccessKeyID: "a", AccessKeySecret: "b"},
		{Endpoint: "http://x/freshet", AccessKeyID: "a", AccessKeySecret: "b"},
		{Endpoint: "http://u:p@x", AccessKeyID: "a", AccessKeySecret: "b"},
		{AccessKeyID: "a"},
		{AccessKeySecret: "b"},
	} {
		if _, err := client.New(o); freshet.ErrorCode(err) != freshet.CodeInvalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestWait_FollowsAJobToItsEnd(t *testing.T) {
	t.Parallel()
	f, c := dial(t)
	receipt, err := c.Submit(t.Context(), client.JobRequest{Type: freshet.Purge, Media: []string{"m-1"}})
	if err != nil {
		t.Fatal(err)
	}
	reports := 0
	last, err := c.Wait(t.Context(), receipt.JobID, func(*freshet.JobReport) {
		if reports++; reports == 1 {
			f.Update(func() { f.Jobs[receipt.JobID].Tally.Complete = 4; f.Jobs[receipt.JobID].Done = true })
		}
	})
	if err != nil || !last.Done || last.Tally.Complete != 4 || reports != 2 {
		t.Errorf("got %+v, %v after %d reports", last, err, reports)
	}
}

func TestWatch_ALostConnectionIsOpenedAgain(t *testing.T) {
	t.Parallel()
	var streams atomic.Int32
	f, c := dial(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/events") {
				next.ServeHTTP(w, r)
				return
			}
			switch streams.Add(1) {
			case 1: // one report, and the connection breaks
				fmt.Fprint(w, "event: report\ndata: {\"id\":\"x\",\"done\":false}\n\nevent: repo")
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				panic(http.ErrAbortHandler)
			case 2: // the server restarts
				w.WriteHeader(http.StatusServiceUnavailable)
			case 3: // it is stopping: an empty stream
			default:
				next.ServeHTTP(w, r)
			}
		})
	})
	receipt, err := c.Submit(t.Context(), client.JobRequest{Type: freshet.Purge, Media: []string{"m-1"}})
	if err != nil {
		t.Fatal(err)
	}
	f.Update(func() { f.Jobs[receipt.JobID].Done = true })
	last, err := c.Wait(t.Context(), receipt.JobID, nil)
	if err != nil || !last.Done || streams.Load() != 4 {
		t.Errorf("got %+v, %v after %d streams", last, err, streams.Load())
	}
}

func TestWatch_AFaultOfTheJobEndsIt(t *testing.T) {
	t.Parallel()
	_, c := dial(t)
	last, err := c.Wait(t.Context(), "ffff", nil)
	if last != nil || freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("got %v, %v", last, err)
	}
}

func TestWatch_TheCallerMayHaveEnough(t *testing.T) {
	t.Parallel()
	_, c := dial(t)
	receipt, err := c.Submit(t.Context(), client.JobRequest{Type: freshet.Purge, Media: []string{"m-1"}})
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range c.Watch(t.Context(), receipt.JobID) {
		if err != nil || r.Done {
			t.Errorf("got %v, %v", r, err)
		}
		break
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(ctx, receipt.JobID, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a wait that timed out: %v", err)
	}
}

func FuzzWatch(f *testing.F) {
	f.Add("event: report\ndata: {\"id\":\"x\",\"done\":true}\n\n")
	f.Add(": still here\n\nevent: problem\ndata: {\"code\":\"not_found\"}\n\n")
	f.Add("data: {\n\nevent: report\ndata: 1\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		// The bubble makes the pauses between streams cost nothing.
		synctest.Test(t, func(t *testing.T) {
			c, err := client.New(client.Options{AccessKeyID: "a", AccessKeySecret: "b", Transport: answer(stream)})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			last, err := c.Wait(ctx, "x", nil)
			if err == nil && (last == nil || !last.Done) {
				t.Errorf("a watch of %q ended well with %+v", stream, last)
			}
		})
	})
}

// answer is a transport that answers everything with itself.
type answer string

// RoundTrip implements [http.RoundTripper].
func (a answer) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Body.WriteString(string(a))
	return w.Result(), nil
}

func TestClient_WithATemporaryCredential(t *testing.T) {
	t.Parallel()
	s := apitest.Serve(t, apitest.New())
	tok, err := open(t, s.URL).IssueToken(t.Context(), apitest.KeyID, client.NewToken{Lasts: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{
		Endpoint: s.URL, AccessKeyID: tok.AccessKeyID, AccessKeySecret: tok.AccessKeySecret, SecurityToken: tok.SecurityToken,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.POPs(t.Context()); err != nil {
		t.Error(err)
	}
}
