package varnish_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/cache"
	"github.com/freshet-vod/freshet/internal/cache/cachetest"
	"github.com/freshet-vod/freshet/internal/cache/varnish"
	"github.com/freshet-vod/freshet/internal/cache/varnish/varnishtest"
)

// site is an origin whose every page says how often it was asked.
type site struct {
	asked  atomic.Int64
	header http.Header
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.asked.Add(1)
	w.Header().Set("Cache-Control", "max-age=3600")
	maps.Copy(w.Header(), s.header)
	_, _ = fmt.Fprintf(w, "%s %d", r.URL.RequestURI(), n)
}

func (h *harness) body(t *testing.T, url string) string {
	t.Helper()
	resp, err := h.Get(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	line, _ := bufio.NewReader(resp.Body).ReadString('\n')
	return line
}

func pattern(kind freshet.SelectorKind, text string, hosts ...string) cache.Order {
	return cache.Order{At: freshet.Position{Epoch: 1, Pos: 1}, Selector: freshet.Selector{Kind: kind, Pattern: text, Hosts: hosts}}
}

func prefix(path string) cache.Order {
	return pattern(freshet.SelectPrefix, "http://"+cachetest.Host+path)
}

func TestHostilePatternsReachNobody(t *testing.T) {
	t.Parallel()
	h := open(t, &site{}, setup{})
	other := "http://other.example.com/a"
	own := "http://" + cachetest.Host + "/own"
	first, mine := h.body(t, other), h.body(t, own)
	age := func() { // what has just come in may be fetched again: see freshet-xkey.vcl
		t.Helper()
		stored := time.Now()
		h.eventually(t, func() bool { return time.Since(stored) > 150*time.Millisecond })
	}
	age()
	pid, err := h.srv.PID()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"x || obj.status != 0", "x && obj.status == 200", `x" || obj.status != 0`, `x\" || obj.status != 0`, "x\nobj.status == 200", "x\r\nX-Freshet-Op: flush",
		"x\tobj.status", "^/ban/0$|", `\`, `"`, `'`, "%", "\x00", "$", "#", "é", "a b", "||", "&&", "obj.status == 200",
	} {
		for _, o := range []cache.Order{
			prefix("/" + text), pattern(freshet.SelectRegex, "zz"+text, cachetest.Host), pattern(freshet.SelectTag, text, cachetest.Host),
			pattern(freshet.SelectRegex, "zz", text), pattern(freshet.SelectTag, "film", text), pattern(freshet.SelectPrefix, "http://"+text+"/"),
			{Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{"http://" + cachetest.Host + "/" + text, "http://" + text + "/"}}},
		} {
			for _, r := range h.drv.Purge(t.Context(), o) {
				if r.Outcome == freshet.OutcomeFailed && r.Reason != freshet.ReasonRefused {
					t.Errorf("%q: %v %v %s", o.Selector, r.Outcome, r.Reason, r.Detail)
				}
			}
			if got := h.body(t, other); got != first {
				t.Errorf("%q removed an object of another host: %q became %q", o.Selector, first, got)
				first = got
			}
			if re, err := regexp.Compile(o.Selector.Pattern); o.Selector.Kind == freshet.SelectRegex && err == nil && re.MatchString(own) {
				age()
				mine = h.body(t, own) // "zz||" does name everything
				age()
			}
			if got := h.body(t, own); got != mine {
				t.Errorf("%q removed an object that it does not name: %q became %q", o.Selector, mine, got)
				mine = got
			}
		}
	}
	if now, err := h.srv.PID(); err != nil || now != pid {
		t.Errorf("Varnish's child %d became %d, %v", pid, now, err)
	}
}

// A match that takes Varnish too many steps makes its child panic.
func TestPatternsAndLongURLsDoNotKillVarnish(t *testing.T) {
	t.Parallel()
	h := open(t, &site{}, setup{})
	pid, err := h.srv.PID()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, tail := range []string{strings.Repeat("ab", 1000) + "zabc", strings.Repeat("a", 2000), strings.Repeat("/a-1.ts?", 250), strings.Repeat("ab", 4000)} {
		h.body(t, "http://"+cachetest.Host+"/"+tail)
		for _, re := range []string{`a[a-m]*c`, `a.*z`, `a{1,30}b`, `(a|ab|aba)b.*z`, `/[^/]+/.*\.mp4$`, `(?i)[a-z0-9.?/-]+zz`, `(ab?){1,4}x.*y`} {
			r := h.drv.Purge(t.Context(), pattern(freshet.SelectRegex, re, cachetest.Host))[0]
			if r.Outcome != freshet.OutcomeDone {
				t.Errorf("%s: %v %v %s", re, r.Outcome, r.Reason, r.Detail)
			}
			h.body(t, "http://"+cachetest.Host+"/"+tail)
		}
	}
	if now, err := h.srv.PID(); err != nil || now != pid {
		t.Fatalf("Varnish's child %d became %d, %v", pid, now, err)
	}
	t.Log("took", time.Since(began))
}

func TestBansAreBoundedAndTheLedgerOutlivesTheDriver(t *testing.T) {
	t.Parallel()
	h := open(t, &site{}, setup{server: varnishtest.Options{Args: []string{"-p", "ban_lurker_age=8"}}})
	h.body(t, "http://"+cachetest.Host+"/a")
	add := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if r := h.drv.Purge(t.Context(), prefix(fmt.Sprintf("/%d/", i)))[0]; r.Outcome != freshet.OutcomeDone {
				t.Fatalf("ban %d: %v %v %s", i, r.Outcome, r.Reason, r.Detail)
			}
		}
	}
	full := func(o cache.Order) {
		t.Helper()
		if r := h.drv.Purge(t.Context(), o)[0]; r.Outcome != freshet.OutcomeFailed || !r.Reason.Transient() || !strings.Contains(r.Detail, "50 bans") {
			t.Fatalf("%v %v %s", r.Outcome, r.Reason, r.Detail)
		}
	}
	add(0, 30)
	add(0, 30) // the same again: no more bans
	o := h.setup.driver
	o.Control, o.URL = h.srv.Control, h.srv.URL
	d, err := varnish.New(t.Context(), o) // as after a restart of the agent
	if err != nil {
		t.Fatal(err)
	}
	_ = h.drv.Close()
	h.drv = d
	add(30, 50)
	full(prefix("/one-more/"))
	list, err := h.srv.Admin(t.Context(), "ban.list")
	if err != nil {
		t.Fatal(err)
	}
	active := 0
	for line := range strings.SplitSeq(list, "\n") {
		if f := strings.Fields(line); len(f) > 2 && !strings.Contains(f[2], "C") {
			active++
		}
	}
	if active != 50 {
		t.Errorf("%d bans are active:\n%s", active, list)
	}
	// The lurker works through them; then there is room again.
	h.eventually(t, func() bool { return h.drv.Purge(t.Context(), prefix("/one-more/"))[0].Outcome == freshet.OutcomeDone })
}

func (h *harness) eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it never happened")
		}
	}
}

func TestRepeatsThatAnEarlierBanCoversAreNotCarriedOut(t *testing.T) {
	t.Parallel()
	h := open(t, &site{}, setup{})
	first := h.drv.Purge(t.Context(), prefix("/film/"))[0]
	repeat := prefix("/film/7/")
	repeat.Since = first.Executed
	if r := h.drv.Purge(t.Context(), repeat)[0]; r.Outcome != freshet.OutcomeAlready {
		t.Errorf("%v %s", r.Outcome, r.Detail)
	}
	later := prefix("/film/7/")
	later.Since = first.Executed.Add(time.Millisecond)
	if r := h.drv.Purge(t.Context(), later)[0]; r.Outcome != freshet.OutcomeDone {
		t.Errorf("%v %s", r.Outcome, r.Detail)
	}
}

func TestRepeatsKeepWhatIsNewer_EvenAfterTheLedgerIsLost(t *testing.T) {
	t.Parallel()
	h := open(t, &site{header: http.Header{"Cache-Tag": {"film"}}}, setup{})
	url := "http://" + cachetest.Host + "/film/1"
	for _, o := range []cache.Order{
		prefix("/film/"), pattern(freshet.SelectRegex, "/film/", cachetest.Host), pattern(freshet.SelectTag, "film", cachetest.Host),
	} {
		old := h.body(t, url)
		first := h.drv.Purge(t.Context(), o)[0]
		h.eventually(t, func() bool { return time.Since(first.Executed) > 150*time.Millisecond })
		kept := h.body(t, url)
		if kept == old {
			t.Fatalf("%v removed nothing", o.Selector)
		}
		opt := h.setup.driver
		opt.Control, opt.URL = h.srv.Control, h.srv.URL
		d, err := varnish.New(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		o.Since = first.Executed
		if r := d.Purge(t.Context(), o)[0]; r.Outcome != freshet.OutcomeDone {
			t.Errorf("%v %v %s", r.Outcome, r.Reason, r.Detail)
		}
		if got := h.body(t, url); got != kept {
			t.Errorf("a repeat of %v removed a newer body", o.Selector)
		}
		o.Since = time.Now()
		d.Purge(t.Context(), o)
		if got := h.body(t, url); got == kept {
			t.Errorf("%v with a later time removed nothing", o.Selector)
		}
		_ = d.Close()
	}
}

func TestVarnishThatIsAway(t *testing.T) {
	t.Parallel()
	h := open(t, &site{}, setup{})
	if err := h.srv.Stop(); err != nil {
		t.Fatal(err)
	}
	d, err := varnish.New(t.Context(), varnish.Options{Control: h.srv.Control, URL: h.srv.URL})
	if err != nil || !d.Powers().Tag {
		t.Fatalf("%+v, %v", d, err)
	}
	defer d.Close()
	url := "http://" + cachetest.Host + "/a"
	for _, drv := range []*varnish.Driver{d, h.drv} {
		for _, r := range append(drv.Purge(t.Context(), cache.Order{Selector: freshet.Selector{Kind: freshet.SelectExact, URLs: []string{url}}}),
			append(drv.Purge(t.Context(), prefix("/")), drv.Prefetch(t.Context(), []cache.Object{{URL: url}})...)...) {
			if r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonUnreachable {
				t.Errorf("%v %v %s", r.Outcome, r.Reason, r.Detail)
			}
		}
		if st := drv.Inspect(t.Context(), []cache.Object{{URL: url}}, cache.InspectJoin)[0]; st.Fault != freshet.ReasonUnreachable {
			t.Errorf("%+v", st)
		}
		if _, err := drv.Incarnation(t.Context()); !freshet.Retryable(err) {
			t.Error(err)
		}
	}
}

// A VCL that stores an object at its third request only, and one that stores
// another never.
func TestPrefetchMeetsAnAdmissionPolicy(t *testing.T) {
	t.Parallel()
	var s site
	h := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Asked", strconv.FormatInt(s.asked.Load()+1, 10))
		s.ServeHTTP(w, r)
	}), setup{server: varnishtest.Options{VCL: `
sub vcl_recv { if (req.url == "/never") { return (pass); } }
sub vcl_backend_response {
  if (std.integer(beresp.http.X-Asked, 0) < 3) {
    set beresp.uncacheable = true;
    set beresp.ttl = 1h;
    return (deliver);
  }
}`}})
	r := h.drv.Prefetch(t.Context(), []cache.Object{{URL: "http://" + cachetest.Host + "/third"}})[0]
	if r.Outcome != freshet.OutcomeDone || !r.After.Stored() || s.asked.Load() != 3 {
		t.Errorf("%v %v %s after %d requests", r.Outcome, r.Reason, r.Detail, s.asked.Load())
	}
	r = h.drv.Prefetch(t.Context(), []cache.Object{{URL: "http://" + cachetest.Host + "/never"}})[0]
	if r.Outcome != freshet.OutcomeFailed || r.Reason != freshet.ReasonRefused || !strings.Contains(r.Detail, "did not store") {
		t.Errorf("%v %v %s", r.Outcome, r.Reason, r.Detail)
	}
}

func TestFlushCatchesFillsInFlight(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	s := &site{}
	h := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.asked.Load() == 0 {
			s.asked.Add(1)
			arrived <- struct{}{}
			<-release
		}
		s.ServeHTTP(w, r)
	}), setup{})
	url := "http://" + cachetest.Host + "/a"
	early := make(chan string, 1)
	go func() { early <- h.body(t, url) }()
	<-arrived
	if err := h.drv.Flush(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	close(release)
	old := <-early
	if got := h.body(t, url); got == old {
		t.Errorf("the fill in flight was stored: %q", got)
	}
	if got, again := h.body(t, url), h.body(t, url); got != again {
		t.Error("nothing is stored any more")
	}
	if id, err := h.drv.Incarnation(t.Context()); err != nil || id == "" {
		t.Error(id, err)
	}
}

func TestShippedExampleIsComplete(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs varnishd")
	}
	if err := varnishtest.Check(t.Context(), "default.vcl"); err != nil {
		t.Error(err)
	}
}

func TestLogTellsOfViewersRequests(t *testing.T) {
	t.Parallel()
	h := open(t, &site{}, setup{})
	h.body(t, "http://"+cachetest.Host+"/a")
	h.eventually(t, func() bool {
		lines, err := h.srv.Log(t.Context(), "%{Host}i %U %{Varnish:hitmiss}x")
		return err == nil && slices.Contains(lines, cachetest.Host+" /a miss")
	})
	if n, err := h.srv.Stat(t.Context(), "MAIN.cache_miss"); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
}
