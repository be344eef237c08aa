// Package storetest says what every store promises: a suite of tests that an
// implementation of the interfaces of package store passes unchanged.
//
// It must not know any implementation, nor look behind the interfaces. Tests
// of store/sqlite and store/journal call it. What it does not test, two
// stores will one day do differently.
package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

// Everything is a store that the control plane can run on.
type Everything interface { //nolint:interfacebloat // it is all of them
	Work
	store.Catalog
	store.MediaOps
	store.MediaSearch
	store.Keys
	store.Accounts
	store.POPs
	store.CallbackRules
	store.Webhooks
	store.Callbacks
	store.Takedowns
	store.Audit
	store.Retention
	store.Duties
	store.Quotas
	Close() error
}

// Work is the part of it that purges and prefetches go through.
type Work interface {
	store.Jobs
	store.Log
	store.Tasks
	store.States
	store.Evidence
}

// Open opens an empty store of its own for one test, which closes it when the
// test ends.
type Open func(t *testing.T) Everything

// Run runs the whole suite. Every subtest has a store of its own.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, group := range map[string]func(*testing.T, Open){
		"Jobs": runJobs, "Claim": runClaim, "Log": runLog, "Epoch": runEpoch, "Tasks": runTasks,
		"States": runStates, "Evidence": runEvidence, "Catalog": runCatalog, "Remember": runRemember,
		"Domains": runDomains, "Keys": runKeys, "Accounts": runAccounts, "POPs": runPOPs, "Tenants": runTenants, "Callbacks": runCallbacks, "Webhooks": runWebhooks,
		"MediaOps": runMediaOps, "Search": runSearch,
		"Takedowns": runTakedowns,
		"Audit":     runAudit,
		"Retention": runRetention,
		"Quotas":    runQuotas,
		"Duties":    runDuties,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			group(t, open)
		})
	}
}

// subtests runs a table of tests, each with a store of its own.
func subtests(t *testing.T, open Open, table map[string]func(*testing.T, Everything)) {
	t.Helper()
	for name, test := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// day0 is when tests happen.
func day0() time.Time { return time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC) }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantCode(t *testing.T, err error, code freshet.Code) {
	t.Helper()
	if freshet.ErrorCode(err) != code {
		t.Fatalf("error is %v, want code %q", err, code)
	}
	if _, is := errors.AsType[*freshet.Error](err); !is {
		t.Fatalf("error %v is not meant for a user", err)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("not as expected (-want +got):\n%s", d)
	}
}

// newJob makes a job by media.
func newJob(account, id string, media ...string) *freshet.Job {
	j := &freshet.Job{Account: account, ID: id, Type: freshet.Purge, Created: day0()}
	for i, m := range media {
		j.Rows = append(j.Rows, freshet.Row{
			Job: id, Index: i, Media: m, State: freshet.RowAccepted, Modified: j.Created,
		})
	}
	return j
}

// purge makes a purge entry of n URLs.
func purge(account, job string, row, n int) *freshet.Entry {
	e := &freshet.Entry{
		Kind: freshet.EntryPurge, Account: account, Job: job, Row: row, Domain: "vod.example.com",
		Selector: freshet.Selector{Kind: freshet.SelectExact}, Created: day0(),
	}
	for i := range n {
		e.Selector.URLs = append(e.Selector.URLs, fmt.Sprintf("http://vod.example.com/%s/%d/seg-%05d.ts", job, row, i))
	}
	return e
}

func prefetch(account, job string, row, n int) *freshet.Entry {
	e := purge(account, job, row, n)
	e.Kind, e.FinishBy = freshet.EntryPrefetch, day0().Add(time.Hour)
	return e
}

func membership(change freshet.MembershipChange, pop string) *freshet.Entry {
	return &freshet.Entry{
		Kind: freshet.EntryMembership, Membership: freshet.Membership{Change: change, POP: pop}, Created: day0(),
	}
}

func enrol(t *testing.T, s Everything, pops ...string) {
	t.Helper()
	for _, p := range pops {
		ok(t, s.Append(t.Context(), day0(), membership(freshet.MemberEnrol, p)))
	}
}

func claim(t *testing.T, s Everything, worker string, now time.Time, limit int) []store.Claimed {
	t.Helper()
	rows, err := s.Claim(t.Context(), store.Claim{Worker: worker, Now: now, Lease: time.Minute, Limit: limit})
	ok(t, err)
	return rows
}

// planned is the plan that ends a claimed row with the entries given.
func planned(c store.Claimed, entries ...*freshet.Entry) *store.Plan {
	row := c.Row
	row.State, row.Modified = freshet.RowPlanned, day0()
	return &store.Plan{Claim: c, Row: row, Entries: entries, Now: day0()}
}

// logged accepts a job of one row by URL and plans it into entries.
func logged(t *testing.T, s Everything, account, job string, entries ...*freshet.Entry) {
	t.Helper()
	ok(t, s.Accept(t.Context(), newJob(account, job, ""), store.Nonce{}))
	rows := claim(t, s, "logged", day0(), 1)
	if len(rows) != 1 || rows[0].Job.ID != job {
		t.Fatalf("claimed %v, want the row of job %s", rows, job)
	}
	ok(t, s.SavePlan(t.Context(), planned(rows[0], entries...)))
}

// positions lists where entries are.
func positions(entries []*freshet.Entry) []freshet.Position {
	var list []freshet.Position
	for _, e := range entries {
		list = append(list, e.At)
	}
	return list
}

func rowNames(rows []store.Claimed) []string {
	var list []string
	for _, r := range rows {
		list = append(list, fmt.Sprintf("%s/%d", r.Row.Job, r.Row.Index))
	}
	return list
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
