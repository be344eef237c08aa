package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/mediaquery"
	"github.com/freshet-vod/freshet/internal/store"
)

func runSearch(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"EveryFieldIsFound":               searchFields,
		"PagesAreInOrder":                 searchPages,
		"AgreesWithAModel":                searchModel,
		"ChangesAreFoundAtOnce":           searchChanges,
		"TakedownsAreFoundAsBlocked":      searchTakedowns,
		"OthersAreNeitherFoundNorCounted": searchTenants,
		"TotalsBeyondTheLimitAreClose":    searchTotals,
	})
}

// match parses an expression.
func match(t *testing.T, text string) mediaquery.Query {
	t.Helper()
	q, err := mediaquery.Parse(text)
	ok(t, err)
	return q
}

// foundIDs searches videos of account a, and checks the total against what is
// found.
func foundIDs(t *testing.T, s Everything, text string) []string {
	t.Helper()
	page, err := s.SearchMedia(t.Context(), store.MediaQuery{Account: "a", Kind: freshet.StreamVideo, Match: match(t, text), Limit: 100})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if page.Total != len(page.Media) {
		t.Errorf("%s: total is %d, found %d", text, page.Total, len(page.Media))
	}
	return mediaIDs(page.Media)
}

// films makes media m0 to m5, the newest last.
func films(t *testing.T, s Everything) []*freshet.Media {
	t.Helper()
	var list []*freshet.Media
	for i := range 6 {
		m := video("a", fmt.Sprintf("m%d", i), fmt.Sprintf("http://h/%d", i))
		m.Created, m.Modified = day0().Add(time.Duration(i)*time.Hour), day0().Add(time.Duration(100-i)*time.Hour)
		list = append(list, m)
	}
	list[0].Title, list[0].Tags, list[0].Description = "Der Große Film", []string{"Eins", "Zwei"}, "über alles"
	list[1].Title, list[1].CateID, list[1].AppID = "短视频合集", 7, "app-2"
	list[2].Title, list[2].CateID, list[2].StorageLocation, list[2].Size = "film", 7, "bucket", 1000
	list[3].Status, list[3].Duration, list[3].CateID = "Blocked", 60.5, 8
	list[4].Status, list[4].Title = "UploadSucc", `a "quoted" title, with 'all' AND (odd) * ^ letters`
	ok(t, s.PutMedia(t.Context(), day0(), list))
	return list
}

func searchFields(t *testing.T, s Everything) {
	films(t, s)
	for text, want := range map[string]string{
		"":                                   "m5 m4 m3 m2 m1 m0",
		"Title = 'film'":                     "m2 m0",
		"Title = 'große FILM'":               "m0",
		"Title = 'ilm'":                      "m2 m0",
		"Title = 'i'":                        "m4 m2 m0",
		"Title = 'fi'":                       "m2 m0",
		"Title = 'm'":                        "m2 m0",
		"Title = 'film '":                    "",
		"Title = '视频'":                       "m1",
		"Title = '短'":                        "m1",
		"Title = '视频合'":                      "m1",
		"Title = '频视'":                       "",
		"Title = ''":                         "m5 m4 m3 m2 m1 m0",
		`Title = '"quoted"'`:                 "m4",
		`Title = 'AND (odd) * ^'`:            "m4",
		"Title = 'flm'":                      "",
		"Title in ('合集','quoted')":           "m4 m1",
		"Title in ('film','视频')":             "m2 m1 m0",
		"Tags = 'zwei'":                      "m0",
		"Tags = 's,z'":                       "m0",
		"Title = 'zwei'":                     "",
		"Description = 'ber'":                "m0",
		"VideoId = 'm3'":                     "m3",
		"VideoId in ('m3','x','m0')":         "m3 m0",
		"VideoId='m3' and CateId=7":          "",
		"CateId = 7":                         "m2 m1",
		"CateId in (7, 8)":                   "m3 m2 m1",
		"CateId = 0":                         "m5 m4 m0",
		"StorageLocation = 'bucket'":         "m2",
		"StorageLocation in ('bucket','')":   "m5 m4 m3 m2 m1 m0",
		"AppId in ('app-2')":                 "m1",
		"AppId = 'app-1000000'":              "m5 m4 m3 m2 m0",
		"Status in ('Blocked','UploadSucc')": "m4 m3",
		"Status = 'Normal'":                  "m5 m2 m1 m0",
		"Status in ('Normal','Blocked')":     "m5 m3 m2 m1 m0",
		"Status = 'Nonsense'":                "",
		"Size = [1000,1000]":                 "m2",
		"Size = (1000,]":                     "",
		"Size = (,)":                         "m2",
		"Duration = (60,60.5]":               "m3",
		"Duration = (60,60.5)":               "",
		"CreationTime = ['2026-03-14T16:09:26Z','2026-03-14T18:09:27Z')": "m3 m2 m1",
		"CreationTime = (,'2026-03-14T15:09:27Z')":                       "m0",
		"ModificationTime = ['2026-03-18T16:09:26Z',]":                   "m3 m2 m1 m0",
		"(CateId = 7 or Status = 'Blocked')":                             "m3 m2 m1",
		"(CateId = 7 or Title = 'film') and Status = 'Normal'":           "m2 m1 m0",
		"CateId = 7 and Title = 'film'":                                  "m2",
		"Title = 'film' and Title = 'Gr'":                                "m0",
		"Title = 'film' and Size = [1,]":                                 "m2",
		"MediaSource = 'general'":                                        "m5 m4 m3 m2 m1 m0",
		"MediaSource = 'live'":                                           "",
	} {
		if got := strings.Join(foundIDs(t, s, text), " "); got != want {
			t.Errorf("%s: found %q, want %q", text, got, want)
		}
	}
}

func searchPages(t *testing.T, s Everything) {
	films(t, s)
	for _, c := range []struct {
		match                 string
		modified, asc, tieAsc bool
		want                  string
	}{
		{"", false, false, false, "m5 m4 m3 m2 m1 m0"},
		{"", false, true, true, "m0 m1 m2 m3 m4 m5"},
		{"", true, false, false, "m0 m1 m2 m3 m4 m5"},
		{"", true, true, true, "m5 m4 m3 m2 m1 m0"},
		{"(CateId in (7,8) or Title = 'film')", false, false, false, "m3 m2 m1 m0"},
		{"(CateId in (7,8) or Title = 'film')", true, false, false, "m0 m1 m2 m3"},
		{"Title = 'film'", true, true, true, "m2 m0"},
		{"CateId = 7", false, true, true, "m1 m2"},
	} {
		want := strings.Fields(c.want)
		q := store.MediaQuery{
			Account: "a", Kind: freshet.StreamVideo, Match: match(t, c.match), Limit: 2,
			ByModified: c.modified, Ascending: c.asc, TieAscending: c.tieAsc,
		}
		for byCursor := range 2 {
			var got []string
			q.After = nil
			for q.Offset = 0; q.Offset < 10; q.Offset += 2 {
				page, err := s.SearchMedia(t.Context(), q)
				ok(t, err)
				same(t, page.Total, len(want))
				got = append(got, mediaIDs(page.Media)...)
				if len(page.Media) == 0 {
					break
				}
				if byCursor == 1 {
					q.After = &page.Last
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v, by cursor %d: %v", c, byCursor, got)
			}
		}
	}
}

// searchModel compares searches of random media with what a look at each of
// them says.
func searchModel(t *testing.T, s Everything) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	words := []string{"red", "blue", "green", "night", "light", "red light"}
	var list []*freshet.Media
	for i := range 400 {
		m := video("a", fmt.Sprintf("m%03d", i))
		m.Created, m.Modified = day0().Add(time.Duration(r.IntN(50))*time.Second), day0().Add(time.Duration(r.IntN(50))*time.Second)
		m.Title = words[r.IntN(len(words))] + " " + words[r.IntN(len(words))]
		m.CateID, m.Size = int64(r.IntN(5)), int64(r.IntN(100))
		m.Status = []string{freshet.StatusNormal, "Blocked"}[r.IntN(2)]
		list = append(list, m)
	}
	ok(t, s.PutMedia(t.Context(), day0(), list))
	for range 150 {
		title, cate, size := words[r.IntN(len(words))], int64(r.IntN(6)), int64(r.IntN(100))
		forms := []struct {
			text string
			has  func(m *freshet.Media) bool
		}{
			{fmt.Sprintf("Title = '%s'", title), func(m *freshet.Media) bool { return strings.Contains(m.Title, title) }},
			{fmt.Sprintf("CateId = %d", cate), func(m *freshet.Media) bool { return m.CateID == cate }},
			{fmt.Sprintf("Size = [%d,)", max(size, 1)), func(m *freshet.Media) bool { return m.Size >= max(size, 1) }},
			{"Status = 'Blocked'", func(m *freshet.Media) bool { return m.Status == "Blocked" }},
		}
		a, b, c := forms[r.IntN(4)], forms[r.IntN(4)], forms[r.IntN(4)]
		text := fmt.Sprintf("(%s or %s) and %s", a.text, b.text, c.text)
		var want []string
		for _, m := range list {
			if (a.has(m) || b.has(m)) && c.has(m) {
				want = append(want, m.ID)
			}
		}
		q := store.MediaQuery{Account: "a", Kind: freshet.StreamVideo, Match: match(t, text), Limit: 500, ByModified: r.IntN(2) == 0}
		page, err := s.SearchMedia(t.Context(), q)
		ok(t, err)
		same(t, page.Total, len(want))
		same(t, sorted(mediaIDs(page.Media)), sorted(want))
		if !slices.IsSortedFunc(page.Media, func(x, y *freshet.Media) int {
			if q.ByModified {
				return y.Modified.Compare(x.Modified)
			}
			return y.Created.Compare(x.Created)
		}) {
			t.Errorf("%s: not in order", text)
		}
	}
}

func searchChanges(t *testing.T, s Everything) {
	list := films(t, s)
	list[2].Title, list[2].CateID, list[2].Created = "Neuer Name", 9, day0().Add(99*time.Hour)
	list[2].Tags = []string{"neu"}
	ok(t, s.PutMedia(t.Context(), day0(), list[2:3]))
	same(t, foundIDs(t, s, "Title = 'film'"), []string{"m0"})
	same(t, foundIDs(t, s, "Title = 'neuer'"), []string{"m2"})
	same(t, foundIDs(t, s, "Tags = 'ne'"), []string{"m2"})
	same(t, foundIDs(t, s, "CateId = 7"), []string{"m1"})
	same(t, foundIDs(t, s, ""), []string{"m2", "m5", "m4", "m3", "m1", "m0"})
	list[2].Type = "audio"
	ok(t, s.PutMedia(t.Context(), day0(), list[2:3]))
	same(t, foundIDs(t, s, ""), []string{"m5", "m4", "m3", "m1", "m0"})
	page, err := s.SearchMedia(t.Context(), store.MediaQuery{Account: "a", Kind: freshet.StreamAudio, Match: match(t, "Title = 'neuer'"), Limit: 9})
	ok(t, err)
	same(t, mediaIDs(page.Media), []string{"m2"})
	same(t, foundIDs(t, s, "VideoId in ('m2','m3')"), []string{"m3"})
	same(t, deleted(t, s, "a", "m0", "m2"), []string{"m0", "m2"})
	same(t, len(foundIDs(t, s, "Title = 'film'")), 0)
	same(t, foundIDs(t, s, ""), []string{"m5", "m4", "m3", "m1"})
	ok(t, s.PutMedia(t.Context(), day0(), list[:1]))
	same(t, foundIDs(t, s, "Title = 'film'"), []string{"m0"})
}

func searchTakedowns(t *testing.T, s Everything) {
	films(t, s)
	job := newJob("a", "j1", "m1", "m4")
	job.Type = freshet.Takedown
	ok(t, s.Accept(t.Context(), job, store.Nonce{}))
	same(t, foundIDs(t, s, "Status = 'Blocked'"), []string{"m4", "m3", "m1"})
	same(t, foundIDs(t, s, "Status in ('Normal','UploadSucc')"), []string{"m5", "m2", "m0"})
	m := video("a", "m4", "http://h/9")
	m.Title, m.Created = "imported meanwhile", day0().Add(4*time.Hour)
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{m}))
	same(t, foundIDs(t, s, "Status = 'Blocked'"), []string{"m4", "m3", "m1"})
	back := newJob("a", "j2", "m1", "m4")
	back.Type = freshet.Reinstate
	ok(t, s.Accept(t.Context(), back, store.Nonce{}))
	same(t, foundIDs(t, s, "Status = 'Blocked'"), []string{"m3"})
	same(t, foundIDs(t, s, "Status = 'Normal'"), []string{"m5", "m4", "m2", "m1", "m0"})
}

func searchTenants(t *testing.T, s Everything) {
	films(t, s)
	theirs := video("b", "m1")
	theirs.Title, theirs.CateID = "film", 7
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{theirs}))
	for _, text := range []string{"", "Title = 'film'", "Title = 'fi'", "CateId = 7", "VideoId in ('m1','m2')", "(CateId = 7 or Title = 'film')"} {
		for account, want := range map[string]int{"b": 1, "c": 0, "": 0, "A": 0} {
			page, err := s.SearchMedia(t.Context(), store.MediaQuery{Account: account, Kind: freshet.StreamVideo, Match: match(t, text), Limit: 9})
			ok(t, err)
			if page.Total != want || len(page.Media) != want || want == 1 && page.Media[0].Account != "b" {
				t.Errorf("%q of %q: %d of %d", text, account, len(page.Media), page.Total)
			}
		}
	}
}

func searchTotals(t *testing.T, s Everything) {
	const n = 24_000
	for at := 0; at < n; at += 1000 {
		var list []*freshet.Media
		for i := at; i < at+1000; i++ {
			m := video("a", fmt.Sprintf("m%05d", i))
			m.Created, m.CateID = day0().Add(time.Duration(i)*time.Second), int64(1+i%2)
			list = append(list, m)
		}
		ok(t, s.PutMedia(t.Context(), day0(), list))
	}
	for text, want := range map[string]int{"": n, "CateId = 1": n / 2, "CateId in (1,2)": n} {
		page, err := s.SearchMedia(t.Context(), store.MediaQuery{Account: "a", Kind: freshet.StreamVideo, Match: match(t, text), Limit: 1})
		ok(t, err)
		if page.Total < want*9/10 || page.Total > want*11/10 {
			t.Errorf("%q: total %d, want about %d", text, page.Total, want)
		}
	}
}
