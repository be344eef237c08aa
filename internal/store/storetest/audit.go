package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runAudit(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"ARecordIsKeptWhole":                  auditKept,
		"ARecordComesWithItsWrite":            auditRides,
		"ARefusedWriteTakesNoRecordWithIt":    auditRefused,
		"ANonceOnlyBegins":                    auditBegun,
		"PagesShowEachRecordOnce":             auditPages,
		"FiltersFilter":                       auditFilters,
		"PruningLeavesTheNewest":              auditPruned,
		"P8_AnAccountSeesItsOwnRecordsOnly":   auditTenants,
		"WritesOfOtherCallersTakeNoForeignID": auditBatches,
	})
}

// record is the n-th call of an account.
func record(account string, n int) *freshet.AuditRecord {
	return &freshet.AuditRecord{
		Time: day0().Add(time.Duration(n) * time.Second), Account: account, KeyID: "AK" + account, Address: "192.0.2.7",
		UserAgent: "curl/8", Action: fmt.Sprintf("Act%d", n%3), Object: fmt.Sprintf("m%d", n),
		Outcome: freshet.AuditOK, RequestID: fmt.Sprintf("R%d", n),
	}
}

// trail returns every record that q selects, page by page.
func trail(t *testing.T, s Everything, q freshet.AuditQuery) []freshet.AuditRecord {
	t.Helper()
	list := []freshet.AuditRecord{}
	if q.Limit == 0 {
		q.Limit = 100
	}
	for {
		page, err := s.AuditPage(t.Context(), q)
		ok(t, err)
		list = append(list, page.Records...)
		switch {
		case page.Next == 0:
			return list
		case q.Oldest:
			q.After = page.Next
		default:
			q.Before = page.Next
		}
	}
}

func carried(t *testing.T, r *freshet.AuditRecord) context.Context {
	t.Helper()
	return store.WithRide(t.Context(), &store.Ride{Record: r})
}

func auditKept(t *testing.T, s Everything) {
	r := record("a", 0)
	r.Job = "00000000000000aa"
	ok(t, s.PutAudit(t.Context(), r))
	if r.ID == 0 {
		t.Fatal("the record got no ID")
	}
	same(t, trail(t, s, freshet.AuditQuery{}), []freshet.AuditRecord{*r})
	r.Outcome, r.Object, r.Job = "Forbidden", "other", ""
	ok(t, s.AmendAudit(t.Context(), r))
	same(t, trail(t, s, freshet.AuditQuery{}), []freshet.AuditRecord{*r})
}

func auditRides(t *testing.T, s Everything) {
	writes := map[string]func(context.Context) error{
		"job": func(ctx context.Context) error { return s.Accept(ctx, newJob("a", "j1", "m"), store.Nonce{}) },
		"key": func(ctx context.Context) error { return s.PutKey(ctx, store.Key{ID: "k", Account: "a"}) },
		"domain": func(ctx context.Context) error {
			return s.PutDomain(ctx, freshet.Domain{Account: "a", Name: "d.example"})
		},
		"media": func(ctx context.Context) error {
			return s.PutMedia(ctx, day0(), []*freshet.Media{video("a", "m1")})
		},
		"log": func(ctx context.Context) error {
			return s.Append(ctx, day0(), membership(freshet.MemberEnrol, "p1"))
		},
		"pop": func(ctx context.Context) error {
			_, err := s.InvitePOP(ctx, store.Invitation{ID: "p2", Token: digest("t"), Expires: day0()})
			return err
		},
	}
	for name, write := range writes {
		r := record("a", 1)
		r.Outcome, r.RequestID = "", name
		ctx := carried(t, r)
		ok(t, write(ctx))
		if r.ID == 0 || r.Outcome != freshet.AuditOK || name == "job" && r.Job != "j1" {
			t.Errorf("%s: after the write its record is %+v", name, r)
		}
		ok(t, s.PutKey(ctx, store.Key{ID: "later", Account: "a"})) // a second write adds no second record
	}
	got := map[string]int{}
	for _, r := range trail(t, s, freshet.AuditQuery{}) {
		got[r.RequestID]++
	}
	for name := range writes {
		if got[name] != 1 {
			t.Errorf("the write of a %s left %d records", name, got[name])
		}
	}
}

func auditRefused(t *testing.T, s Everything) {
	ok(t, s.Accept(t.Context(), newJob("a", "j1", "m"), store.Nonce{}))
	r := record("a", 0)
	wantCode(t, s.Accept(carried(t, r), newJob("a", "j1", "m"), store.Nonce{}), freshet.CodeConflict)
	if got := trail(t, s, freshet.AuditQuery{}); len(got) != 0 || r.ID != 0 {
		t.Fatalf("a refused write left %+v", got)
	}
}

func auditBegun(t *testing.T, s Everything) {
	r := record("a", 0)
	r.Outcome = ""
	ctx := carried(t, r)
	ok(t, s.PutNonce(ctx, day0(), store.Nonce{Fingerprint: 1, Expires: day0().Add(time.Hour)}))
	begun := *r
	same(t, begun.Outcome, freshet.AuditBegun)
	same(t, trail(t, s, freshet.AuditQuery{}), []freshet.AuditRecord{begun})
	r.Object = "learned later"
	ok(t, s.PutKey(ctx, store.Key{ID: "k", Account: "a"}))
	same(t, r.Outcome, freshet.AuditOK)
	same(t, r.ID, begun.ID)
	same(t, trail(t, s, freshet.AuditQuery{}), []freshet.AuditRecord{*r})
	ok(t, s.PutNonce(ctx, day0(), store.Nonce{Fingerprint: 2, Expires: day0().Add(time.Hour)}))
	same(t, trail(t, s, freshet.AuditQuery{}), []freshet.AuditRecord{*r})
}

func auditPages(t *testing.T, s Everything) {
	var want []freshet.AuditRecord
	for i := range 57 {
		r := record([]string{"a", "b"}[i%2], i)
		ok(t, s.PutAudit(t.Context(), r))
		want = append(want, *r)
	}
	for _, limit := range []int{1, 7, 56, 57, 58} {
		same(t, trail(t, s, freshet.AuditQuery{Oldest: true, Limit: limit}), want)
		newest := trail(t, s, freshet.AuditQuery{Limit: limit})
		same(t, len(newest), len(want))
		for i := range newest {
			same(t, newest[i], want[len(want)-1-i])
		}
	}
	page, err := s.AuditPage(t.Context(), freshet.AuditQuery{})
	ok(t, err)
	same(t, len(page.Records), 0) // no limit is none
}

func auditFilters(t *testing.T, s Everything) {
	for i := range 30 {
		r := record("a", i)
		if i%5 == 0 {
			r.Outcome = "Throttling.User"
		}
		ok(t, s.PutAudit(t.Context(), r))
	}
	count := func(q freshet.AuditQuery) int {
		a := len(trail(t, s, q))
		q.Oldest, q.Limit = true, 4
		same(t, a, len(trail(t, s, q)))
		return a
	}
	same(t, count(freshet.AuditQuery{Action: "Act1"}), 10)
	same(t, count(freshet.AuditQuery{Action: "Act"}), 0)
	same(t, count(freshet.AuditQuery{Failed: true}), 6)
	same(t, count(freshet.AuditQuery{Failed: true, Action: "Act1"}), 2)
	same(t, count(freshet.AuditQuery{Since: day0().Add(20 * time.Second)}), 10)
	same(t, count(freshet.AuditQuery{Since: day0().Add(time.Hour)}), 0)
	same(t, count(freshet.AuditQuery{Since: day0().Add(-time.Hour)}), 30)
}

func auditPruned(t *testing.T, s Everything) {
	for i := range 10 {
		ok(t, s.PutAudit(t.Context(), record("a", i)))
	}
	n, err := s.PruneAudit(t.Context(), day0().Add(4*time.Second))
	ok(t, err)
	same(t, n, 4)
	same(t, len(trail(t, s, freshet.AuditQuery{})), 6)
	last := trail(t, s, freshet.AuditQuery{})[0].ID
	n, err = s.PruneAudit(t.Context(), day0().Add(time.Hour))
	ok(t, err)
	same(t, n, 5)
	r := record("a", 11)
	ok(t, s.PutAudit(t.Context(), r))
	if r.ID <= last {
		t.Fatalf("record %d came after record %d", r.ID, last)
	}
}

func auditTenants(t *testing.T, s Everything) {
	ok(t, s.PutAudit(t.Context(), record("a", 1)))
	for _, other := range []string{"b", "A", "a ", "a%", "_"} {
		same(t, len(trail(t, s, freshet.AuditQuery{Account: other})), 0)
		same(t, len(trail(t, s, freshet.AuditQuery{Account: other, Oldest: true})), 0)
	}
	same(t, len(trail(t, s, freshet.AuditQuery{Account: "a"})), 1)
}

// auditBatches has many callers write at once: each gets the ID of its own
// record.
func auditBatches(t *testing.T, s Everything) {
	const n = 64
	records := make([]*freshet.AuditRecord, n)
	done := make(chan error)
	for i := range records {
		records[i] = record("a", i)
		records[i].Outcome = ""
		ctx := carried(t, records[i])
		go func() {
			done <- s.Accept(ctx, newJob("a", fmt.Sprintf("j%d", i/2), "m"), store.Nonce{}) // every second one is refused
		}()
	}
	refused := 0
	for range records {
		if err := <-done; err != nil {
			wantCode(t, err, freshet.CodeConflict)
			refused++
		}
	}
	same(t, refused, n/2)
	kept := map[uint64]freshet.AuditRecord{}
	for _, r := range trail(t, s, freshet.AuditQuery{}) {
		kept[r.ID] = r
	}
	same(t, len(kept), n/2)
	for i, r := range records {
		if r.ID != 0 {
			same(t, kept[r.ID], *r)
			same(t, r.Job, fmt.Sprintf("j%d", i/2))
		}
	}
}
