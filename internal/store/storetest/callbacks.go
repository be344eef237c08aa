package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runCallbacks(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"ARuleIsReplacedAsAWhole":                rulesReplaced,
		"RulesOfOthersAreNotThere":               rulesApart,
		"RulesOfAnAccountAreBounded":             rulesBounded,
		"EventsAreQueuedWithThePlanIfARuleWants": eventsQueued,
		"APlanThatIsNotSavedQueuesNothing":       eventsNotQueued,
		"AnEventGoesWhereItSaysItself":           eventsOverride,
		"AnAttemptIsRecordedAndTriedAgain":       callbacksRetried,
		"AClaimThatWasLostChangesNothing":        callbacksLost,
		"ClaimsAreFairBetweenAccountsAndHosts":   callbacksFair,
		"BoundsPerAccountAndHostHold":            callbacksBounded,
		"DeletingARuleGivesUpWhatWaits":          callbacksGivenUp,
		"WhatWasGivenUpCanWaitAgain":             callbacksAgain,
		"CallbacksOfOthersAreNotThere":           callbacksApart,
		"EndedCallbacksAreTrimmed":               callbacksTrimmed,
		"TheBacklogIsCounted":                    callbacksCounted,
	})
}

const submitted = "SubmitMediaRefreshComplete"

func rule(account, app string, events ...string) store.CallbackRule {
	return store.CallbackRule{
		Account: account, App: app, Type: store.ByHTTP, URL: "https://" + app + ".example.com/cb", Events: events,
		Auth: true, AuthKey: "Key123", Modified: day0(),
	}
}

func wantRule(t *testing.T, s Everything, account, app string, want *store.CallbackRule) {
	t.Helper()
	got, found, err := s.CallbackRule(t.Context(), account, app)
	ok(t, err)
	if found != (want != nil) {
		t.Fatalf("rule of %s %s: found %t", account, app, found)
	}
	if want != nil {
		same(t, got, *want)
	}
}

func rulesReplaced(t *testing.T, s Everything) {
	first := rule("acme", "app-1", "ALL")
	ok(t, s.PutCallbackRule(t.Context(), first))
	second := store.CallbackRule{Account: "acme", App: "app-1", Type: store.ByMNS, MNSEndpoint: "e", MNSQueue: "q", Modified: day0()}
	wantRule(t, s, "acme", "app-1", &first)
	ok(t, s.PutCallbackRule(t.Context(), second))
	wantRule(t, s, "acme", "app-1", &second)
	ok(t, s.DeleteCallbackRule(t.Context(), day0(), "acme", "app-1"))
	ok(t, s.DeleteCallbackRule(t.Context(), day0(), "acme", "app-1"))
	wantRule(t, s, "acme", "app-1", nil)
}

func rulesApart(t *testing.T, s Everything) {
	mine := rule("acme", "app-1", "ALL")
	ok(t, s.PutCallbackRule(t.Context(), mine))
	wantRule(t, s, "other", "app-1", nil)
	wantRule(t, s, "acme", "app-2", nil)
	ok(t, s.DeleteCallbackRule(t.Context(), day0(), "other", "app-1"))
	wantRule(t, s, "acme", "app-1", &mine)
}

func rulesBounded(t *testing.T, s Everything) {
	for i := range store.MaxCallbackRules {
		ok(t, s.PutCallbackRule(t.Context(), rule("acme", fmt.Sprintf("app-%d", i))))
	}
	wantCode(t, s.PutCallbackRule(t.Context(), rule("acme", "app-x")), freshet.CodeTooLarge)
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-0", "ALL")))
	ok(t, s.PutCallbackRule(t.Context(), rule("other", "app-x")))
}

// tell plans a job of one media with events of its own.
func tell(t *testing.T, s Everything, account, job string, events ...store.Event) {
	t.Helper()
	ok(t, s.Accept(t.Context(), newJob(account, job, "m-"+job), store.Nonce{}))
	rows := claim(t, s, "tell", day0(), 1)
	if len(rows) != 1 || rows[0].Job.ID != job {
		t.Fatalf("claimed %v, want the row of job %s", rowNames(rows), job)
	}
	p := planned(rows[0])
	p.Events = events
	ok(t, s.SavePlan(t.Context(), p))
}

func event(job, app string) store.Event {
	return store.Event{Type: submitted, App: app, Media: "m-" + job, Job: job}
}

func deliver(t *testing.T, s Everything, now time.Time, change ...func(*store.CallbackClaim)) []store.Callback {
	t.Helper()
	c := store.CallbackClaim{Worker: "w", Now: now, Lease: time.Minute, Limit: 100, PerAccount: 100, PerHost: 100}
	for _, f := range change {
		f(&c)
	}
	list, _, err := s.ClaimCallbacks(t.Context(), c)
	ok(t, err)
	return list
}

func callbacks(t *testing.T, s Everything, account string, failed bool) []store.Callback {
	t.Helper()
	list, err := s.ListCallbacks(t.Context(), store.CallbackQuery{Account: account, Failed: failed, Limit: 1000})
	ok(t, err)
	return list
}

func jobsOf(list []store.Callback) []string {
	var names []string
	for i := range list {
		names = append(names, list[i].Job)
	}
	return names
}

func eventsQueued(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", "DeleteMediaComplete", submitted)))
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-2", "DeleteMediaComplete")))
	select {
	case <-s.CallbacksQueued():
		t.Error("told of a callback that is not there")
	default:
	}
	tell(t, s, "acme", "j1", event("j1", "app-1"))
	select {
	case <-s.CallbacksQueued():
	default:
		t.Error("not told that something was queued")
	}
	tell(t, s, "acme", "j2", event("j2", "app-2"))
	tell(t, s, "acme", "j3", event("j3", "app-3"))
	tell(t, s, "other", "j4", event("j4", "app-1"))
	withBody := event("j5", "app-1")
	withBody.Body = []byte(`{"a":1}`)
	tell(t, s, "acme", "j5", withBody)
	list := callbacks(t, s, "acme", false)
	same(t, jobsOf(list), []string{"j5", "j1"})
	got := deliver(t, s, day0())
	same(t, jobsOf(got), []string{"j1", "j5"})
	same(t, string(got[1].Body), `{"a":1}`)
	if len(got[0].ID) != 16 || got[0].ID == got[1].ID {
		t.Errorf("IDs %q, %q", got[0].ID, got[1].ID)
	}
	want := store.Callback{
		ID: got[0].ID, Account: "acme", Event: submitted, App: "app-1", URL: "https://app-1.example.com/cb", Host: "app-1.example.com",
		Media: "m-j1", Job: "j1", Created: day0(), Worker: "w", Due: day0().Add(time.Minute),
	}
	same(t, got[0], want)
	if more := deliver(t, s, day0()); len(more) > 0 {
		t.Errorf("claimed twice: %v", jobsOf(more))
	}
}

func eventsNotQueued(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", store.AllEvents)))
	ok(t, s.Accept(t.Context(), newJob("acme", "j1", "m"), store.Nonce{}))
	rows := claim(t, s, "a", day0(), 1)
	claim(t, s, "b", day0().Add(2*time.Minute), 1)
	p := planned(rows[0])
	p.Events = []store.Event{event("j1", "app-1")}
	wantCode(t, s.SavePlan(t.Context(), p), freshet.CodeConflict)
	if list := callbacks(t, s, "acme", false); len(list) > 0 {
		t.Errorf("queued %v", jobsOf(list))
	}
}

func eventsOverride(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", submitted)))
	byQueue := rule("acme", "app-2", submitted)
	byQueue.Type, byQueue.URL = store.ByMNS, ""
	ok(t, s.PutCallbackRule(t.Context(), byQueue))
	for i, tt := range []struct{ app, url, way, want string }{
		{"app-1", "", "", "https://app-1.example.com/cb"},
		{"app-1", "http://own.example.com:80/", store.ByHTTP, "http://own.example.com:80/"},
		{"app-1", "http://own.example.com/", store.ByMNS, ""},
		{"app-1", "", store.ByMNS, ""},
		{"app-2", "", "", ""},
		{"app-2", "", store.ByHTTP, ""},
		{"app-2", "http://own.example.com/", store.ByHTTP, "http://own.example.com/"},
	} {
		e := event(fmt.Sprintf("j%d", i), tt.app)
		e.URL, e.Way = tt.url, tt.way
		tell(t, s, "acme", e.Job, e)
		got := ""
		if list := callbacks(t, s, "acme", false); len(list) > 0 && list[0].Job == e.Job {
			got = list[0].URL
		}
		same(t, got, tt.want)
	}
}

func callbacksRetried(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", submitted)))
	tell(t, s, "acme", "j1", event("j1", "app-1"))
	at := day0()
	for i := range 3 {
		got := deliver(t, s, at)
		if len(got) != 1 || got[0].Attempts != i {
			t.Fatalf("attempt %d: claimed %+v", i, got)
		}
		if early := deliver(t, s, at); len(early) > 0 {
			t.Fatalf("claimed twice: %+v", early)
		}
		o := store.CallbackOutcome{ID: got[0].ID, Worker: "w", Now: at, Error: "status 500", Next: at.Add(time.Second)}
		if i == 2 {
			o.Next = time.Time{}
		}
		ok(t, s.SettleCallback(t.Context(), o))
		if early := deliver(t, s, at.Add(999*time.Millisecond)); len(early) > 0 {
			t.Fatalf("claimed before it was due: %+v", early)
		}
		at = at.Add(time.Second)
	}
	if more := deliver(t, s, at.Add(time.Hour)); len(more) > 0 {
		t.Fatalf("claimed after it was given up: %+v", more)
	}
	list := callbacks(t, s, "acme", true)
	if len(list) != 1 || list[0].State != store.CallbackFailed || list[0].Attempts != 3 || list[0].Error != "status 500" ||
		!list[0].Tried.Equal(day0().Add(2*time.Second)) {
		t.Errorf("given up: %+v", list)
	}
	tell(t, s, "acme", "j2", event("j2", "app-1"))
	got := deliver(t, s, at)
	ok(t, s.SettleCallback(t.Context(), store.CallbackOutcome{ID: got[0].ID, Worker: "w", Now: at, Delivered: true}))
	list = callbacks(t, s, "acme", false)
	if len(list) != 2 || list[0].State != store.CallbackDelivered || list[0].Attempts != 1 || list[0].Error != "" {
		t.Errorf("delivered: %+v", list)
	}
}

// callbacksCounted holds that the backlog is of all accounts, and holds what
// waits and nothing else.
func callbacksCounted(t *testing.T, s Everything) {
	wants := func(waiting, failing int) {
		t.Helper()
		b, err := s.CallbackBacklog(t.Context())
		ok(t, err)
		if b.Waiting != waiting || b.Failing != failing || b.Oldest.IsZero() != (waiting == 0) || b.Oldest.After(day0().Add(time.Minute)) {
			t.Errorf("%+v, want %d waiting and %d failing", b, waiting, failing)
		}
	}
	wants(0, 0)
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", submitted)))
	ok(t, s.PutCallbackRule(t.Context(), rule("other", "app-1", submitted)))
	tell(t, s, "acme", "j1", event("j1", "app-1"))
	wants(1, 0)
	first := deliver(t, s, day0())
	ok(t, s.SettleCallback(t.Context(), store.CallbackOutcome{ID: first[0].ID, Worker: "w", Now: day0(), Error: "status 500", Next: day0().Add(time.Hour)}))
	wants(1, 1)
	tell(t, s, "other", "j2", event("j2", "app-1"))
	wants(2, 1)
	second := deliver(t, s, day0())
	ok(t, s.SettleCallback(t.Context(), store.CallbackOutcome{ID: second[0].ID, Worker: "w", Now: day0(), Delivered: true}))
	wants(1, 1)
	third := deliver(t, s, day0().Add(time.Hour))
	ok(t, s.SettleCallback(t.Context(), store.CallbackOutcome{ID: third[0].ID, Worker: "w", Now: day0(), Error: "status 500"}))
	wants(0, 0)
}

func callbacksLost(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", submitted)))
	tell(t, s, "acme", "j1", event("j1", "app-1"))
	first := deliver(t, s, day0())
	later := day0().Add(time.Minute)
	second := deliver(t, s, later, func(c *store.CallbackClaim) { c.Worker = "v" })
	if len(second) != 1 || second[0].ID != first[0].ID {
		t.Fatalf("claimed %+v after the lease", second)
	}
	ok(t, s.SettleCallback(t.Context(), store.CallbackOutcome{ID: first[0].ID, Worker: "w", Now: later, Error: "lost"}))
	list := callbacks(t, s, "acme", false)
	if list[0].State != store.CallbackWaiting || list[0].Attempts != 0 || list[0].Worker != "v" {
		t.Errorf("after the loser's word: %+v", list[0])
	}
}

func callbacksFair(t *testing.T, s Everything) {
	for _, account := range []string{"a", "b"} {
		ok(t, s.PutCallbackRule(t.Context(), rule(account, "app", submitted)))
	}
	to := func(account, job, host string) {
		e := event(job, "app")
		e.URL, e.Way = "http://"+host+"/", store.ByHTTP
		tell(t, s, account, job, e)
	}
	for i := range 8 {
		to("a", fmt.Sprintf("a-x%d", i), "x.example.com")
	}
	to("a", "a-y", "y.example.com")
	to("b", "b-x", "x.example.com")
	got := jobsOf(deliver(t, s, day0(), func(c *store.CallbackClaim) { c.Limit = 4 }))
	if !slices.Contains(got, "a-y") || !slices.Contains(got, "b-x") || len(got) != 4 {
		t.Errorf("first claim took %v: the other host and the other account must be among them", got)
	}
	// Whoever was served last comes last.
	to("b", "b-x2", "x.example.com")
	first := deliver(t, s, day0(), func(c *store.CallbackClaim) { c.Limit = 1 })
	second := deliver(t, s, day0(), func(c *store.CallbackClaim) { c.Limit = 1 })
	if len(first) != 1 || len(second) != 1 || first[0].Account == second[0].Account {
		t.Errorf("two claims of one: %v, %v", jobsOf(first), jobsOf(second))
	}
}

func callbacksBounded(t *testing.T, s Everything) {
	for _, account := range []string{"a", "b"} {
		ok(t, s.PutCallbackRule(t.Context(), rule(account, "app", submitted)))
		for i := range 6 {
			e := event(fmt.Sprintf("%s%d", account, i), "app")
			e.URL, e.Way = fmt.Sprintf("http://h%d.example.com/", i%2), store.ByHTTP
			tell(t, s, account, e.Job, e)
		}
	}
	got := deliver(t, s, day0(), func(c *store.CallbackClaim) {
		c.PerAccount, c.PerHost = 4, 3
		c.Accounts, c.Hosts = map[string]int{"a": 3}, map[string]int{"h0.example.com": 2}
	})
	accounts, hosts := map[string]int{}, map[string]int{}
	for i := range got {
		accounts[got[i].Account]++
		hosts[got[i].Host]++
	}
	same(t, accounts, map[string]int{"a": 1, "b": 3})
	same(t, hosts, map[string]int{"h0.example.com": 1, "h1.example.com": 3})
}

func callbacksGivenUp(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", submitted)))
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-2", submitted)))
	tell(t, s, "acme", "j1", event("j1", "app-1"))
	tell(t, s, "acme", "j2", event("j2", "app-2"))
	ok(t, s.DeleteCallbackRule(t.Context(), day0(), "acme", "app-1"))
	same(t, jobsOf(callbacks(t, s, "acme", true)), []string{"j1"})
	same(t, jobsOf(deliver(t, s, day0())), []string{"j2"})
}

func callbacksAgain(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", submitted)))
	tell(t, s, "acme", "j1", event("j1", "app-1"))
	id := deliver(t, s, day0())[0].ID
	ok(t, s.RetryCallback(t.Context(), day0(), "acme", id)) // it is being tried
	if got := deliver(t, s, day0()); len(got) > 0 {
		t.Errorf("claimed while it is being tried: %+v", got)
	}
	ok(t, s.SettleCallback(t.Context(), store.CallbackOutcome{ID: id, Worker: "w", Now: day0(), Error: "x"}))
	wantCode(t, s.RetryCallback(t.Context(), day0(), "other", id), freshet.CodeNotFound)
	wantCode(t, s.RetryCallback(t.Context(), day0(), "acme", "0000000000000000"), freshet.CodeNotFound)
	ok(t, s.RetryCallback(t.Context(), day0().Add(time.Hour), "acme", id))
	got := deliver(t, s, day0().Add(time.Hour))
	if len(got) != 1 || got[0].Attempts != 0 || got[0].Error != "x" {
		t.Fatalf("claimed %+v", got)
	}
	ok(t, s.SettleCallback(t.Context(), store.CallbackOutcome{ID: id, Worker: "w", Now: day0(), Delivered: true}))
	wantCode(t, s.RetryCallback(t.Context(), day0(), "acme", id), freshet.CodeConflict)
}

func callbacksApart(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", submitted)))
	for _, job := range []string{"j1", "j2", "j3"} {
		tell(t, s, "acme", job, event(job, "app-1"))
	}
	if list := callbacks(t, s, "other", false); len(list) > 0 {
		t.Errorf("another account sees %v", jobsOf(list))
	}
	all := callbacks(t, s, "acme", false)
	page, err := s.ListCallbacks(t.Context(), store.CallbackQuery{Account: "acme", Before: all[0].ID, Limit: 1})
	ok(t, err)
	same(t, jobsOf(page), []string{"j2"})
	page, err = s.ListCallbacks(t.Context(), store.CallbackQuery{Account: "other", Before: all[0].ID, Limit: 9})
	ok(t, err)
	same(t, page, []store.Callback{})
}

func callbacksTrimmed(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("acme", "app-1", submitted)))
	for i := range 6 {
		job := fmt.Sprintf("j%d", i)
		tell(t, s, "acme", job, event(job, "app-1"))
	}
	for i, c := range deliver(t, s, day0()) {
		if i == 5 {
			break // one goes on waiting
		}
		ok(t, s.SettleCallback(t.Context(), store.CallbackOutcome{ID: c.ID, Worker: "w", Now: day0().Add(time.Duration(i) * time.Hour), Delivered: i%2 == 0}))
	}
	n, err := s.TrimCallbacks(t.Context(), day0().Add(time.Hour), 100)
	ok(t, err)
	same(t, n, 1)
	same(t, jobsOf(callbacks(t, s, "acme", false)), []string{"j5", "j4", "j3", "j2", "j1"})
	n, err = s.TrimCallbacks(t.Context(), day0(), 2)
	ok(t, err)
	same(t, n, 2)
	same(t, jobsOf(callbacks(t, s, "acme", false)), []string{"j5", "j4", "j3"})
	n, err = s.TrimCallbacks(t.Context(), day0().Add(100*time.Hour), 0)
	ok(t, err)
	same(t, n, 2)
	same(t, jobsOf(callbacks(t, s, "acme", false)), []string{"j5"})
}
