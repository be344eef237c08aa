package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/bus"
	"github.com/freshet-vod/freshet/internal/wire"
)

// asks has a POP ask for the topology in a version, which tells who it is.
func (p *popPlayed) asks(v wire.Version) {
	p.w.t.Helper()
	_, err := p.agent.Do(p.w.t.Context(), bus.CallTopology, wire.EncodeTopologyAs(v, freshet.Topology{}))
	must(p.w.t, err)
}

// pulls asks for the purge subject from its beginning in a version.
func (p *popPlayed) pulls(v wire.Version) (wire.EntryBatch, error) {
	p.w.t.Helper()
	answer, err := p.agent.Do(p.w.t.Context(), bus.CallPull,
		wire.EncodePullAs(v, wire.PullRequest{Subject: freshet.SubjectPurge, Limit: 100}))
	if err != nil {
		return wire.EntryBatch{}, err
	}
	if got := wire.VersionOf(answer); got > v {
		p.w.t.Errorf("asked in version %d, answered in %d", v, got)
	}
	return wire.DecodeEntries(answer)
}

// list asks for the deny list, some URLs at a time.
func (p *popPlayed) list(limit int) (urls []string) {
	p.w.t.Helper()
	q := wire.DenyPull{Limit: limit, Able: true}
	for {
		answer, err := p.agent.Do(p.w.t.Context(), bus.CallDenied, wire.EncodeDenyPull(q))
		must(p.w.t, err)
		page, err := wire.DecodeDenyPage(answer)
		must(p.w.t, err)
		for _, u := range page.URLs {
			urls = append(urls, u.URL)
		}
		if !page.More {
			return urls
		}
		q.After = urls[len(urls)-1]
	}
}

func (w *world) statusOf(media string) string {
	w.t.Helper()
	list, err := w.db.Media(w.t.Context(), account, []string{media})
	must(w.t, err)
	return list[0].Status
}

// A takedown denies before it purges, is complete when every POP says so, and
// ends as it began.
func TestTakedown_DeniesThenPurgesAndEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	a := w.pops["a"]
	job := w.submit(freshet.Takedown, "m1")
	at := job.Rows[0].Entries
	if len(at) != 2 || !at[0].Before(at[1]) {
		t.Fatalf("the entries are at %v", at)
	}
	deny, purge := a.entry(at[0]), a.entry(at[1])
	if deny.Kind != freshet.EntryDeny || deny.Status != freshet.StatusLegal || purge.Kind != freshet.EntryPurge ||
		!slices.Equal(deny.Selector.URLs, purge.Selector.URLs) || deny.FirstTask+3 != purge.FirstTask {
		t.Fatalf("denied %+v, purged %+v", deny, purge)
	}
	if s := w.statusOf("m1"); s != freshet.StatusBlocked {
		t.Errorf("the media is %s", s)
	}
	a.say(at[1], freshet.OutcomeDone)
	w.until(job.ID, "purged", func(r *freshet.JobReport) bool { return r.Tally == freshet.Tally{Pending: 3, Complete: 3} })
	a.say(at[0], freshet.OutcomeDone)
	w.until(job.ID, "denied", func(r *freshet.JobReport) bool { return r.Done && r.Tally == freshet.Tally{Complete: 6} })
	if got := a.list(2); !slices.Equal(got, slices.Sorted(slices.Values(deny.Selector.URLs))) {
		t.Errorf("the list is %q", got)
	}
	if r, err := w.Submit(t.Context(), freshet.Submission{Account: account, Type: freshet.Reinstate, Media: []string{"m1", "m2"}}); err != nil ||
		!slices.Equal(r.NonExistent, []string{"m2"}) {
		t.Errorf("reinstating what is not taken down: %+v, %v", r, err)
	}
	eventually(t, "the list is empty", func() bool { return len(a.list(0)) == 0 })
	if s := w.statusOf("m1"); s != freshet.StatusNormal {
		t.Errorf("the media is %s", s)
	}
	list, err := w.Takedowns(t.Context(), account, false)
	must(t, err)
	if len(list) != 1 || list[0].Active() || list[0].Job != job.ID {
		t.Errorf("the record is %+v", list)
	}
}

// What an import adds to a media that is taken down is denied too.
func TestTakedown_IsRenewedWhenTheMediaChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "a")
	w.submit(freshet.Takedown, "m1")
	n := len(w.pops["a"].list(0))
	w.count.Store(5) // the media has five URLs from now on
	must(t, w.db.PutMedia(t.Context(), time.Now(), []*freshet.Media{{Account: account, ID: "m1", Title: "new", Status: freshet.StatusNormal}}))
	eventually(t, "what is new is denied", func() bool { return len(w.pops["a"].list(0)) == n+2 })
	jobs, err := w.ListJobs(t.Context(), account, time.Time{}, 10)
	must(t, err)
	if len(jobs) != 2 || jobs[0].Type != freshet.Takedown || !jobs[0].Denial.Renew {
		t.Errorf("the jobs are %+v", jobs)
	}
}

// An agent of the release before passes the entry by and does nothing: the
// control plane says so in its name, and never before it knows who asks.
func TestTakedown_AnOlderAgentIsNamedAsUnsupported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "old", "new")
	job := w.submit(freshet.Takedown, "m1")
	deny, purge := job.Rows[0].Entries[0], job.Rows[0].Entries[1]
	w.pops["new"].entry(deny)
	old := w.pops["old"]
	if b, err := old.pulls(wire.Version1); err == nil {
		t.Errorf("who has not said what it speaks is told %+v", b.Entries)
	}
	old.asks(wire.Version3)
	if b, err := old.pulls(wire.Version1); err == nil {
		t.Errorf("who speaks a newer version is told %+v in the old one", b.Entries)
	}
	old.asks(wire.Version2)
	for range 2 { // a repeat adds nothing
		b, err := old.pulls(wire.Version1)
		must(t, err)
		i := slices.IndexFunc(b.Entries, func(e *freshet.Entry) bool { return e.At == deny })
		if i < 0 || b.Entries[i].Kind != freshet.EntryMembership || b.Entries[i].Membership != (freshet.Membership{}) {
			t.Fatalf("told %+v", b.Entries)
		}
	}
	w.pops["new"].say(deny, freshet.OutcomeDone)
	for _, p := range w.pops {
		p.say(purge, freshet.OutcomeDone)
	}
	report := w.until(job.ID, "done", func(r *freshet.JobReport) bool { return r.Done })
	if report.Tally != (freshet.Tally{Complete: 3, Failed: 3}) {
		t.Errorf("tally %+v", report.Tally)
	}
	for i, p := range report.POPs {
		if failed := map[string]int{"new": 0, "old": 3}[p.POP]; p.Failed != failed {
			t.Errorf("POP %d: %+v", i, p)
		}
	}
	task, err := w.TaskReport(t.Context(), account, report.Rows[0].Failed[0].ID)
	must(t, err)
	for _, d := range task.Deliveries {
		if d.POP == "old" && (d.Outcome != freshet.OutcomeFailed || d.Reason != freshet.ReasonUnsupported) {
			t.Errorf("the old one: %+v", d)
		}
	}
	pops, err := w.POPs(t.Context())
	must(t, err)
	for _, p := range pops {
		if p.ID == "old" && p.State != "never" && p.DenyList != freshet.DenyUnsupported {
			t.Errorf("shown as %+v", p)
		}
	}
	// Upgraded, it keeps the list, and a later word of its own holds.
	old.stream = uint64(time.Now().UnixNano())
	old.say(deny, freshet.OutcomeDone)
	w.until(job.ID, "denied everywhere", func(r *freshet.JobReport) bool { return r.Tally == freshet.Tally{Complete: 6} })
}
