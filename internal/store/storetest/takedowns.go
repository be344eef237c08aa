package storetest

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runTakedowns(t *testing.T, open Open) { //nolint:funlen // a table
	subtests(t, open, map[string]func(*testing.T, Everything){
		"the catalog says Blocked while a takedown holds": func(t *testing.T, s Everything) {
			putFilm(t, s, "film", "http://vod.example.com/a.mp4")
			takedown(t, s, "t1", freshet.Denial{Status: 451, Reason: "court order 7", By: "key1"}, "film")
			wantStatus(t, s, freshet.StatusBlocked)
			putFilm(t, s, "film", "http://vod.example.com/a.mp4", "http://vod.example.com/b.mp4")
			wantStatus(t, s, freshet.StatusBlocked) // an import unblocks nothing
			list, err := s.Media(t.Context(), "acme", []string{"film"})
			ok(t, err)
			list[0].Title = "edited"
			ok(t, s.PutMedia(t.Context(), day0(), list)) // nor does who writes it back block it for good
			wantStatus(t, s, freshet.StatusBlocked)
			reinstate(t, s, "acme", "r1", "film")
			wantStatus(t, s, freshet.StatusNormal)
		},
		"a takedown is remembered after its end": func(t *testing.T, s Everything) {
			putFilm(t, s, "film")
			takedown(t, s, "t1", freshet.Denial{Status: 451, Reason: "court order 7", By: "key1"}, "film")
			takedown(t, s, "t2", freshet.Denial{Status: 404, By: "key2"}, "film") // holds already
			reinstate(t, s, "acme", "r1", "film")
			takedown(t, s, "t3", freshet.Denial{Status: 404}, "film")
			list, err := s.ListTakedowns(t.Context(), store.TakedownQuery{Account: "acme", Limit: 10})
			ok(t, err)
			same(t, list, []freshet.TakedownRecord{
				{Account: "acme", Media: "film", Job: "t3", Denial: freshet.Denial{Status: 404}, Since: day0()},
				{
					Account: "acme", Media: "film", Job: "t1", Denial: freshet.Denial{Status: 404, Reason: "court order 7", By: "key1"},
					Since: day0(), Ended: day0(), EndedBy: "op", Reinstate: "r1",
				},
			})
			active, err := s.ListTakedowns(t.Context(), store.TakedownQuery{Account: "acme", Active: true, Media: []string{"film"}, Limit: 10})
			ok(t, err)
			same(t, len(active), 1)
		},
		"what entries deny and allow is the list": func(t *testing.T, s Everything) {
			enrol(t, s, "edge-1")
			putFilm(t, s, "film")
			takedown(t, s, "t1", freshet.Denial{Status: 451}, "film")
			d := listing(freshet.EntryDeny, "t1", "http://vod.example.com/a", "http://vod.example.com/b")
			p := purge("acme", "t1", 0, 1)
			planNext(t, s, d, p)
			if !d.At.Before(p.At) {
				t.Errorf("the denial is at %s and the purge at %s", d.At, p.At)
			}
			want := []freshet.DeniedURL{{URL: "http://vod.example.com/a", At: d.At, Status: 451}, {URL: "http://vod.example.com/b", At: d.At, Status: 451}}
			wantDenied(t, s, want...)
			after, err := s.Denied(t.Context(), "http://vod.example.com/a", 5)
			ok(t, err)
			same(t, after, want[1:])
			last, err := s.LastDenial(t.Context())
			ok(t, err)
			same(t, last, d.At)
			found, item, err := s.TaskEntry(t.Context(), "acme", d.FirstTask+1)
			ok(t, err)
			same(t, []any{found.Kind, found.Status, item}, []any{freshet.EntryDeny, 451, 1})

			reinstate(t, s, "acme", "r1", "film")
			a := listing(freshet.EntryAllow, "r1", "http://vod.example.com/a", "http://vod.example.com/b")
			planNext(t, s, a)
			wantDenied(t, s)
		},
		"a URL that another media denies stays denied": func(t *testing.T, s Everything) {
			enrol(t, s, "edge-1")
			putFilm(t, s, "one")
			putFilm(t, s, "two")
			takedown(t, s, "t1", freshet.Denial{Status: 451}, "one")
			planNext(t, s, listing(freshet.EntryDeny, "t1", "http://vod.example.com/shared", "http://vod.example.com/own"))
			takedown(t, s, "t2", freshet.Denial{Status: 404}, "two")
			second := listing(freshet.EntryDeny, "t2", "http://vod.example.com/shared")
			second.Status = 404
			planNext(t, s, second)
			reinstate(t, s, "acme", "r1", "one")
			rows := planNext(t, s, listing(freshet.EntryAllow, "r1", "http://vod.example.com/own", "http://vod.example.com/shared"))
			e, err := s.Entry(t.Context(), rows[0])
			ok(t, err)
			same(t, e.Selector.URLs, []string{"http://vod.example.com/own"})
			wantDenied(t, s, freshet.DeniedURL{URL: "http://vod.example.com/shared", At: second.At, Status: 404})
			reinstate(t, s, "acme", "r2", "two")
			same(t, len(planNext(t, s, listing(freshet.EntryAllow, "r2", "http://vod.example.com/shared"))), 1)
			wantDenied(t, s)
		},
		"a media that changes makes its takedown stale, until it is renewed": runStale,
		"takedowns of other accounts are not there": func(t *testing.T, s Everything) {
			putFilm(t, s, "film")
			takedown(t, s, "t1", freshet.Denial{Status: 451}, "film")
			list, err := s.ListTakedowns(t.Context(), store.TakedownQuery{Account: "other", Limit: 10})
			ok(t, err)
			same(t, len(list), 0)
			reinstate(t, s, "other", "r1", "film")
			wantStatus(t, s, freshet.StatusBlocked)
		},
	})
}

func runStale(t *testing.T, s Everything) {
	t.Helper()
	stale := func() (media []string) {
		list, err := s.StaleTakedowns(t.Context(), 10)
		ok(t, err)
		for _, r := range list {
			media = append(media, r.Media)
		}
		return media
	}
	renew := func(id string) error {
		j := newJob("acme", id, "film")
		j.Type, j.Denial = freshet.Takedown, &freshet.Denial{Status: 451, Renew: true}
		return s.Accept(t.Context(), j, store.Nonce{})
	}
	putFilm(t, s, "film", "http://vod.example.com/a.mp4")
	takedown(t, s, "t1", freshet.Denial{Status: 451}, "film")
	same(t, stale(), []string(nil))
	putFilm(t, s, "film", "http://vod.example.com/a.mp4") // the same again
	same(t, stale(), []string(nil))
	putFilm(t, s, "film", "http://vod.example.com/b.mp4")
	same(t, stale(), []string{"film"})
	ok(t, renew("t2"))
	same(t, stale(), []string(nil))
	ok(t, s.PutDomain(t.Context(), freshet.Domain{Account: "acme", Name: "vod.example.com", Origin: "http://o.example"}))
	same(t, stale(), []string{"film"})
	reinstate(t, s, "acme", "r1", "film")
	same(t, stale(), []string(nil))
	wantCode(t, renew("t3"), freshet.CodeConflict)
	if _, err := s.Job(t.Context(), "acme", "t3"); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("the refused job is there: %v", err)
	}
	wantStatus(t, s, freshet.StatusNormal)
}

func putFilm(t *testing.T, s Everything, id string, urls ...string) {
	t.Helper()
	m := &freshet.Media{Account: "acme", ID: id, Status: freshet.StatusNormal}
	for _, u := range urls {
		m.Streams = append(m.Streams, freshet.Stream{Format: "mp4", Definition: "HD", Type: freshet.StreamVideo, URL: u})
	}
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{m}))
}

func wantStatus(t *testing.T, s Everything, want string) {
	t.Helper()
	list, err := s.Media(t.Context(), "acme", []string{"film"})
	ok(t, err)
	all, err := s.ListMedia(t.Context(), "acme", "", 10)
	ok(t, err)
	if len(list) != 1 || list[0].Status != want || all[0].Status != want {
		t.Fatalf("the media is %+v, in the list %+v, want status %s", list, all, want)
	}
}

func takedown(t *testing.T, s Everything, job string, d freshet.Denial, media ...string) {
	t.Helper()
	j := newJob("acme", job, media...)
	j.Type, j.Denial, j.Native = freshet.Takedown, &d, true
	ok(t, s.Accept(t.Context(), j, store.Nonce{}))
	got, err := s.Job(t.Context(), "acme", job)
	ok(t, err)
	same(t, got, j)
}

func reinstate(t *testing.T, s Everything, account, job string, media ...string) {
	t.Helper()
	j := newJob(account, job, media...)
	j.Type, j.Denial = freshet.Reinstate, &freshet.Denial{By: "op"}
	ok(t, s.Accept(t.Context(), j, store.Nonce{}))
}

// planNext plans all that waits: the entries are of the last row.
func planNext(t *testing.T, s Everything, entries ...*freshet.Entry) []freshet.Position {
	t.Helper()
	for {
		rows := claim(t, s, "planner", day0().Add(time.Second), 1)
		if len(rows) == 0 {
			t.Fatal("no row waits to be planned")
		}
		p := planned(rows[0])
		last := rows[0].Job.ID == entries[0].Job
		if last {
			p.Entries = entries
		}
		ok(t, s.SavePlan(t.Context(), p))
		if last {
			return p.Row.Entries
		}
	}
}

// listing makes an entry that denies or allows URLs.
func listing(kind freshet.EntryKind, job string, urls ...string) *freshet.Entry {
	e := purge("acme", job, 0, 0)
	e.Kind, e.Selector.URLs = kind, urls
	if kind == freshet.EntryDeny {
		e.Status = 451
	}
	return e
}

func wantDenied(t *testing.T, s Everything, want ...freshet.DeniedURL) {
	t.Helper()
	got, err := s.Denied(t.Context(), "", 100)
	ok(t, err)
	same(t, got, want)
}

// runDenyList is what journals promise of their copy of the list.
func runDenyList(t *testing.T, j store.Journal) {
	t.Helper()
	ctx := t.Context()
	at := func(n uint64) freshet.Position { return freshet.Position{Epoch: 1, Pos: n} }
	want := func(upTo uint64, known bool, list ...freshet.DeniedURL) {
		t.Helper()
		got, to, have, err := j.LoadDenied(ctx)
		ok(t, err)
		same(t, got, list)
		if have != known || known && to != at(upTo) {
			t.Fatalf("the list is known %v up to %s, want %v up to %s", have, to, known, at(upTo))
		}
	}
	a, b := freshet.DeniedURL{URL: "http://a/", At: at(3), Status: 451}, freshet.DeniedURL{URL: "http://b/", At: at(4), Status: 404}
	want(0, false)
	ok(t, j.SaveDenied(ctx, store.DenyChange{Deny: []freshet.DeniedURL{b, a}}))
	want(0, false, a, b)
	ok(t, j.SaveDenied(ctx, store.DenyChange{Replace: true, UpTo: at(9), Deny: []freshet.DeniedURL{b}}))
	want(9, true, b)
	a.At = at(12)
	ok(t, j.SaveDenied(ctx, store.DenyChange{Deny: []freshet.DeniedURL{a}, Allow: []string{b.URL, "http://never/"}}))
	want(9, true, a)
	wantCode(t, j.SaveDenied(ctx, store.DenyChange{Deny: []freshet.DeniedURL{{URL: "x", At: freshet.Position{Pos: 1 << 63}}}}), freshet.CodeInvalid)
	want(9, true, a)
}
