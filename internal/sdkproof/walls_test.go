package sdkproof_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/store"
)

// tenant is an account with a key and with one thing of each kind, by the name
// that stands for it in the table of calls.
type tenant struct {
	client.Key
	api    *client.Client
	things map[string]string
}

// walls is a server with three tenants that ask for each other's things.
type walls struct {
	server  *app.Server
	tenants []*tenant
	// nobody's things are called like the tenants' in everything but one letter,
	// so that an answer that repeats their names is as long.
	nobody map[string]string
	nonces atomic.Int64
	// statements is how many the store ran for calls that were compared.
	statements atomic.Int64
}

// answer is what a caller can learn by a call, and what the store was asked
// for it.
type answer struct {
	Text       string
	Statements []string
}

// host of the tenant with a letter; nobody has the letter n.
func wallHost(letter string) string { return letter + ".example.com" }

// mediaLine is a media of a tenant, as a line of an import.
func mediaLine(id, host, title string) string {
	return `{"MediaId":"` + id + `","ReferenceId":"ref-` + id + `","Title":"` + title + `","MediaType":"video","Status":"Normal","Tags":["` + title + `"],"Streams":[` +
		`{"JobId":"stream-` + id + `","Format":"mp4","Definition":"HD","StreamType":"video","PlayURL":"http://` + host + `/` + id + `.mp4"}]}` + "\n"
}

func newWalls(t *testing.T) *walls {
	t.Helper()
	letters := []string{"a", "b", "c"}
	w := &walls{server: server(t, func(c *config.Config) {
		for _, letter := range letters {
			c.Domains = append(c.Domains, config.Domain{Name: wallHost(letter), Origin: c.Domains[0].Origin, Account: "tenant-" + letter})
		}
	})}
	for _, letter := range letters {
		w.tenants = append(w.tenants, w.tenant(t, letter))
	}
	w.nobody = map[string]string{"pop": "lokal"}
	for name, theirs := range w.tenants[0].things {
		switch name {
		case "task":
			w.nobody[name] = strings.Repeat("9", len(theirs))
		case "job", "key", "callback": // the last letter is of the ID itself
			w.nobody[name] = theirs[:len(theirs)-1] + either(strings.HasSuffix(theirs, "0"), "1", "0")
		default:
			w.nobody[name] = regexp.MustCompile(`\ba\b`).ReplaceAllString(theirs, "n")
		}
	}
	return w
}

// tenant makes a tenant with its things. What is told to its receiver waits, for
// nobody is there.
func (w *walls) tenant(t *testing.T, letter string) *tenant {
	t.Helper()
	account := "tenant-" + letter
	k, err := operator(t, w.server).CreateKey(t.Context(), client.NewKey{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Endpoint: "http://" + w.server.Addr(), AccessKeyID: k.ID, AccessKeySecret: k.Secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	x := &tenant{Key: k, api: c, things: map[string]string{
		"account": account, "host": wallHost(letter), "media": "media-" + letter + "-1", "denied": "denied-" + letter + "-1",
		"title": "title " + letter, "app": "app-" + letter + "-1", "key": k.ID, "pop": "local",
	}}
	lines := mediaLine(x.things["media"], x.things["host"], x.things["title"]) + mediaLine(x.things["denied"], x.things["host"], "denied")
	if sum, err := c.Import(t.Context(), strings.NewReader(lines), nil); err != nil || sum.Imported != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if _, err := c.SetWebhook(t.Context(), "http://callbacks.example.com/"+letter); err != nil {
		t.Fatal(err)
	}
	w.vendor(t, x, "SetMessageCallback", map[string]string{
		"CallbackURL": "http://callbacks.example.com/" + letter, "EventTypeList": "ALL", "AppId": x.things["app"],
	})
	x.things["job"] = field(t, w.vendor(t, x, "RefreshMediaPlayUrls", map[string]string{"MediaIds": x.things["media"], "TaskType": "Refresh"}).Text, "MediaRefreshJobId")
	if _, err := c.Takedown(t.Context(), client.TakedownRequest{Media: []string{x.things["denied"]}}); err != nil {
		t.Fatal(err)
	}
	x.things["task"] = w.lastTask(t, x, either(letter == "c", 1000, 1))
	w.settle(t, x)
	tick := time.NewTicker(10 * time.Millisecond) // a callback is queued after the job is done
	defer tick.Stop()
	for x.things["callback"] == "" {
		told, err := c.Callbacks(t.Context(), false, "", 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, cb := range told.Callbacks {
			x.things["callback"] = cb.ID
		}
		<-tick.C
	}
	return x
}

// lastTask purges so many URLs and returns the last task. Tasks count for each
// account: after many, there is one whose number no other account has.
func (w *walls) lastTask(t *testing.T, x *tenant, n int) string {
	t.Helper()
	r := client.JobRequest{Type: freshet.Purge}
	for i := range n {
		r.URLs = append(r.URLs, fmt.Sprintf("http://%s/%d", x.things["host"], i))
	}
	receipt, err := x.api.Submit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	report, err := x.api.Wait(t.Context(), receipt.JobID, nil)
	if err != nil {
		t.Fatal(err)
	}
	spans := report.Rows[0].Tasks
	last := spans[len(spans)-1]
	return strconv.FormatUint(last.First+uint64(last.Count)-1, 10)
}

// settle waits until all that a tenant asked for is done.
func (w *walls) settle(t require, x *tenant) {
	ctx := t.Context()
	jobs, err := w.server.Engine().ListJobs(ctx, x.Account, time.Time{}, 20)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, j := range jobs {
		if _, err := x.api.Wait(ctx, j.ID, nil); err != nil {
			t.Fatalf("%v", err)
		}
	}
}

// vendor makes a call of the vendor's API.
func (w *walls) vendor(t require, x *tenant, action string, params map[string]string) answer {
	p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}}
	for name, value := range params {
		p.Set(name, value)
	}
	auth.SignV1(http.MethodPost, p, x.ID, x.Secret, time.Now(), w.nonce())
	return w.serve(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.server.Addr()+"/?"+p.Encode(), http.NoBody))
}

// native makes a call of the native API.
func (w *walls) native(t require, x *tenant, method, path, body string) answer {
	r := httptest.NewRequestWithContext(t.Context(), method, "http://"+w.server.Addr()+path, strings.NewReader(body))
	auth.SignV3(r, x.ID, x.Secret, []byte(body), time.Now(), w.nonce())
	return w.serve(r)
}

func (w *walls) nonce() string { return "walls" + strconv.FormatInt(w.nonces.Add(1), 10) }

// serve serves a request within the process, and notes what the store is asked.
func (w *walls) serve(r *http.Request) answer {
	var (
		mu  sync.Mutex // guards a
		a   answer
		rec = httptest.NewRecorder()
	)
	ctx := store.WithWitness(r.Context(), func(statement string, rows int) {
		mu.Lock()
		defer mu.Unlock()
		a.Statements = append(a.Statements, fmt.Sprintf("%d rows of %s", rows, statement))
	})
	w.server.Handler().ServeHTTP(rec, r.WithContext(ctx))
	mu.Lock()
	defer mu.Unlock()
	a.Text = fmt.Sprintf("%d %s %s", rec.Code, rec.Header().Get("Content-Type"), rec.Body)
	return a
}

// require is what *testing.T and *rapid.T have in common.
type require interface {
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// field takes a text out of an answer.
func field(t *testing.T, answer, name string) string {
	t.Helper()
	m := regexp.MustCompile(`"` + name + `":"([^"]+)"`).FindStringSubmatch(answer)
	if m == nil {
		t.Fatalf("no %s in %s", name, answer)
	}
	return m[1]
}

// masked replaces what differs between any two calls.
func masked(answer string) string {
	for _, m := range []struct{ what, by string }{
		{`"(RequestId|request_id)":"[^"]+"`, `"$1":"…"`},
		{`"(MediaRefreshJobId|RefreshTaskId|PreloadTaskId|JobId|job_id|id)":"[0-9a-f,]{10,}"`, `"$1":"…"`},
		{`server string to sign is:[^"]*`, ""},
	} {
		answer = regexp.MustCompile(m.what).ReplaceAllString(answer, m.by)
	}
	return answer
}

// filled puts somebody's things into a text.
func filled(text string, things map[string]string) string {
	var pairs []string
	for name, thing := range things {
		pairs = append(pairs, "{"+name+"}", thing)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// unnamed takes somebody's things out of an answer. Longer names come first, for
// some hold others.
func unnamed(text string, things map[string]string) string {
	names := make([]string, 0, len(things))
	for name := range things {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return len(things[b]) - len(things[a]) })
	var pairs []string
	for _, name := range names {
		pairs = append(pairs, things[name], "{"+name+"}")
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// compare makes a call about another's things and about nobody's, and holds that
// neither the answer nor the way through the store tells them apart.
//
// What runs in the background changes the asker's own state between two calls,
// and with it what both find. So calls that differ are made again: a difference
// that another's thing makes stays.
func (w *walls) compare(t require, asker, other *tenant, c wallCall) {
	theirs := other.things
	if strings.Contains(c.text(), "{task}") {
		if theirs = w.tenants[2].things; asker == w.tenants[2] {
			return // it has every number that another has
		}
	}
	var diff string
	for range 8 {
		a, n := c.ask(t, w, asker, theirs), c.ask(t, w, asker, w.nobody)
		for _, x := range []*answer{&a, &n} {
			if strings.HasPrefix(x.Text, "50") {
				t.Fatalf("%s: %s", c, x.Text)
			}
			slices.Sort(x.Statements)
		}
		w.statements.Add(int64(len(a.Statements)))
		a.Text, n.Text = masked(unnamed(a.Text, theirs)), masked(unnamed(n.Text, w.nobody))
		if diff = cmp.Diff(n, a); diff == "" {
			return
		}
		w.settle(t, asker)
	}
	t.Errorf("%s tells another's from nobody's:\n%s", c, diff)
}

// TestP8_AnothersThingsAreNobodysThings: whichever operation of the vendor's API
// or route of the native one a tenant asks about another's things, it is
// answered byte for byte as if they were nobody's, and the store runs as many of
// the same statements, which find as many rows, so that time tells nothing
// either. The things stay as they are.
//
// The one exception is no secret: a host name that is taken cannot be added.
func TestP8_AnothersThingsAreNobodysThings(t *testing.T) {
	t.Parallel()
	w := newWalls(t)
	before := w.states(t)
	calls := wallCalls()
	for i, c := range calls { // each once with certainty
		w.compare(t, w.tenants[i%3], w.tenants[(i+1+i/3%2)%3], c)
	}
	if t.Failed() {
		return
	}
	rapid.Check(t, func(t *rapid.T) {
		asker := rapid.IntRange(0, 2).Draw(t, "asker")
		other := (asker + rapid.IntRange(1, 2).Draw(t, "other")) % 3
		c := calls[rapid.IntRange(0, len(calls)-1).Draw(t, "call")]
		if rapid.Bool().Draw(t, "own too") {
			c = c.withOwn(w.tenants[asker].things["media"])
		}
		w.compare(t, w.tenants[asker], w.tenants[other], c)
	})
	if n := w.statements.Load(); n < int64(len(calls)) {
		t.Errorf("the store told of %d statements only", n)
	}
	if d := cmp.Diff(before, w.states(t)); d != "" {
		t.Errorf("the tenants' things changed:\n%s", d)
	}
	for i, x := range w.tenants {
		jobs, err := x.api.Jobs(t.Context(), time.Time{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs.Jobs {
			if slices.ContainsFunc(j.Rows, func(r freshet.Row) bool { return r.Media != "" && !strings.Contains(r.Media, "-"+string("abc"[i])+"-") }) {
				t.Errorf("%s has a job %+v", x.Account, j)
			}
		}
	}
}

// TestP8_ListsHoldTheCallersOwn: whatever a tenant can ask without a name, it
// hears nothing of the others.
func TestP8_ListsHoldTheCallersOwn(t *testing.T) {
	t.Parallel()
	w := newWalls(t)
	for i, x := range w.tenants {
		for _, c := range wallLists() {
			a := c.ask(t, w, x, x.things)
			if !strings.HasPrefix(a.Text, "20") && !c.refused {
				t.Errorf("%s: %s", c, a.Text)
			}
			for j, other := range w.tenants {
				for name, thing := range other.things {
					if j != i && name != "task" && name != "pop" && strings.Contains(a.Text, thing) {
						t.Errorf("%s shows %s the %s of %s: %s", c, x.Account, name, other.Account, a.Text)
					}
				}
			}
		}
	}
}

// states is what the tenants see of their things.
func (w *walls) states(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, x := range w.tenants {
		var b strings.Builder
		for _, c := range wallStates() {
			fmt.Fprintf(&b, "%s: %s\n", c, masked(c.ask(t, w, x, x.things).Text))
		}
		out = append(out, b.String())
	}
	return out
}

func either[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}
