package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runCatalog(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"MediaKeepEveryField":       mediaKeepEveryField,
		"MediaComeInTheOrderAsked":  mediaInOrder,
		"ListMediaPages":            listMedia,
		"HaveMediaSeesEveryChange":  haveMedia,
		"AThousandMediaAtOnce":      manyMedia,
		"AReplacementReplacesWhole": mediaReplaced,
		"MediaKeepTheirTimes":       mediaTimes,
	})
}

func video(account, id string, urls ...string) *freshet.Media {
	m := &freshet.Media{Account: account, ID: id, Status: freshet.StatusNormal}
	for _, u := range urls {
		m.Streams = append(m.Streams, freshet.Stream{Format: "m3u8", Definition: "HD", Type: freshet.StreamVideo, URL: u})
	}
	return m
}

func mediaKeepEveryField(t *testing.T, s Everything) {
	m := &freshet.Media{
		Account: "a", ID: "m1", Title: "Ein „Titel“ <b>", Type: "video", Status: "Blocked", AppID: "app-1",
		ReferenceID: "ref-123", Description: "d", Tags: []string{"x", "y z"}, CateID: -1 << 50, CateName: "c",
		CoverURL: "https://i/1.jpg", Snapshots: []string{"https://i/2.jpg"}, StorageLocation: "bucket", TemplateGroupID: "t",
		Duration: 12.345, Size: 1 << 50, UserData: `{"Extend":"e"}`, Created: day0().Add(-time.Hour), Modified: day0().Add(-time.Minute),
		Streams: []freshet.Stream{{
			JobID: "job", Format: "mp4", Definition: "2K", Type: freshet.StreamVideo, URL: "http://vod.example.com/a?b=c&d=e",
			Created: day0(), Modified: day0().Add(time.Minute), Size: 1 << 40, Bitrate: "1234.5", Encrypted: true,
			Status: "Invisible", Duration: "60.5", FPS: "25", Width: 1920, Height: 1080, EncryptType: "AliyunVoDEncryption",
			EncryptMode: "License", Specification: "H264.HD", NarrowBandType: "1.0", CodecName: "H264", WatermarkID: "w",
			JobType: "2", JobExt: "j", BitDepth: 10, HDRType: "HDR10",
		}, {Format: "m3u8", Definition: "LD", Type: freshet.StreamAudio, URL: "http://vod.example.com/x"}, {
			Format: "odd", Definition: "XL", Type: "smell", URL: "http://vod.example.com/a", Created: day0().Add(-2 * time.Hour),
		}},
	}
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{m, video("a", "empty")}))
	got, err := s.Media(t.Context(), "a", []string{"m1", "empty"})
	ok(t, err)
	want, empty := *m, *video("a", "empty")
	want.Updated, empty.Updated = day0(), day0()
	empty.Created, empty.Modified = day0(), day0()
	same(t, got, []*freshet.Media{&want, &empty})
}

func mediaInOrder(t *testing.T, s Everything) {
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1"), video("a", "m2"), video("a", "m3")}))
	got, err := s.Media(t.Context(), "a", []string{"m3", "gone", "m1"})
	ok(t, err)
	same(t, mediaIDs(got), []string{"m3", "m1"})
	got, err = s.Media(t.Context(), "a", nil)
	ok(t, err)
	same(t, len(got), 0)
}

func mediaIDs(list []*freshet.Media) []string {
	var ids []string
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	return ids
}

func listMedia(t *testing.T, s Everything) {
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "c"), video("a", "a"), video("b", "b"), video("a", "d")}))
	got, err := s.ListMedia(t.Context(), "a", "", 2)
	ok(t, err)
	same(t, mediaIDs(got), []string{"a", "c"})
	got, err = s.ListMedia(t.Context(), "a", "c", 2)
	ok(t, err)
	same(t, mediaIDs(got), []string{"d"})
	got, err = s.ListMedia(t.Context(), "a", "d", 2)
	ok(t, err)
	same(t, len(got), 0)
}

func haveMedia(t *testing.T, s Everything) {
	ids := []string{"m1", "m2", "m1", "", "m'3"}
	check := func(want ...bool) {
		t.Helper()
		for range 3 { // whatever is kept in memory must agree
			got, err := s.HaveMedia(t.Context(), "a", ids)
			ok(t, err)
			same(t, got, want)
		}
	}
	check(false, false, false, false, false)
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1"), video("b", "m2")}))
	check(true, false, true, false, false)
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m2"), video("a", "m'3")}))
	check(true, true, true, false, true)
}

func manyMedia(t *testing.T, s Everything) {
	var wg sync.WaitGroup
	errs := make(chan error, 3)
	for b := range 3 {
		wg.Go(func() {
			batch := make([]*freshet.Media, 1000)
			for i := range batch {
				batch[i] = video("a", fmt.Sprintf("m%d", b*500+i), "http://vod.example.com/x.m3u8")
			}
			errs <- s.PutMedia(t.Context(), day0(), batch)
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		ok(t, err)
	}
	got, err := s.ListMedia(t.Context(), "a", "", 5000)
	ok(t, err)
	same(t, len(got), 2000)
}

func mediaReplaced(t *testing.T, s Everything) {
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1", "http://h/1", "http://h/2")}))
	later := day0().Add(time.Hour)
	next := video("a", "m1", "http://h/3")
	next.Title = "new"
	ok(t, s.PutMedia(t.Context(), later, []*freshet.Media{next}))
	got, err := s.Media(t.Context(), "a", []string{"m1"})
	ok(t, err)
	next.Updated, next.Created, next.Modified = later, day0(), later
	same(t, got, []*freshet.Media{next})
}

func mediaTimes(t *testing.T, s Everything) {
	put := func(hours int, change func(*freshet.Media)) *freshet.Media {
		t.Helper()
		m := video("a", "m1", "http://h/1")
		m.Streams[0].Created = day0().Add(-24 * time.Hour)
		change(m)
		ok(t, s.PutMedia(t.Context(), day0().Add(time.Duration(hours)*time.Hour), []*freshet.Media{m}))
		got, err := s.Media(t.Context(), "a", []string{"m1"})
		ok(t, err)
		return got[0]
	}
	times := func(m *freshet.Media) []time.Time { return []time.Time{m.Created, m.Modified, m.Updated} }
	made, hour := day0().Add(-24*time.Hour), func(n int) time.Time { return day0().Add(time.Duration(n) * time.Hour) }
	same(t, times(put(0, func(*freshet.Media) {})), []time.Time{made, made, hour(0)})
	same(t, times(put(1, func(*freshet.Media) {})), []time.Time{made, made, hour(1)}) // nothing changed
	same(t, times(put(2, func(m *freshet.Media) { m.Title = "t" })), []time.Time{made, hour(2), hour(2)})
	same(t, times(put(3, func(m *freshet.Media) { m.Title, m.Created, m.Modified = "t", hour(-9), hour(-8) })),
		[]time.Time{hour(-9), hour(-8), hour(3)})
	same(t, times(put(4, func(m *freshet.Media) { m.Title = "t" })), []time.Time{hour(-9), hour(-8), hour(4)})
}

func runRemember(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"DroppedStreamsAreRemembered":      rememberDropped,
		"WhatAPlanSawIsRemembered":         rememberPlan,
		"EachURLHasItsOwnLastDay":          rememberDays,
		"WhatWasNotSeenForLongIsForgotten": rememberForgets,
		"ManyURLsSurvive":                  rememberMany,
	})
}

func remembered(t *testing.T, s Everything, since time.Time) []string {
	t.Helper()
	urls, err := s.Remembered(t.Context(), "a", "m1", since)
	ok(t, err)
	return sorted(urls)
}

func rememberDropped(t *testing.T, s Everything) {
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1", "http://h/1", "http://h/2", "http://h/3")}))
	same(t, remembered(t, s, time.Time{}), []string(nil))
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1", "http://h/2", "http://h/4")}))
	same(t, remembered(t, s, time.Time{}), []string{"http://h/1", "http://h/3"})
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1")}))
	same(t, remembered(t, s, time.Time{}), []string{"http://h/1", "http://h/2", "http://h/3", "http://h/4"})
}

// see plans a row of media m1 that yields URLs on a day.
func see(t *testing.T, s Everything, job string, days int, urls ...string) {
	t.Helper()
	now := day0().AddDate(0, 0, days)
	ok(t, s.Accept(t.Context(), newJob("a", job, "m1"), store.Nonce{}))
	rows := claim(t, s, "w-"+job, now, 1)
	same(t, len(rows), 1)
	p := planned(rows[0])
	p.Remember, p.Now = urls, now
	ok(t, s.SavePlan(t.Context(), p))
}

func rememberPlan(t *testing.T, s Everything) {
	see(t, s, "j1", 0, "http://h/b", "http://h/a", "http://h/b")
	same(t, remembered(t, s, time.Time{}), []string{"http://h/a", "http://h/b"})
	see(t, s, "j2", 0)
	see(t, s, "j3", 0, "http://h/c", "http://h/a")
	same(t, remembered(t, s, time.Time{}), []string{"http://h/a", "http://h/b", "http://h/c"})
}

func rememberDays(t *testing.T, s Everything) {
	day := func(n int) time.Time { return day0().AddDate(0, 0, n) }
	see(t, s, "j1", 0, "http://h/1", "http://h/2", "http://h/3")
	see(t, s, "j2", 10, "http://h/2")
	see(t, s, "j3", 20, "http://h/3", "http://h/4")
	same(t, remembered(t, s, day(0)), []string{"http://h/1", "http://h/2", "http://h/3", "http://h/4"})
	same(t, remembered(t, s, day(5)), []string{"http://h/2", "http://h/3", "http://h/4"})
	same(t, remembered(t, s, day(15)), []string{"http://h/3", "http://h/4"})
	same(t, remembered(t, s, day(25)), []string(nil))
	see(t, s, "j4", 25, "http://h/1", "http://h/2", "http://h/3", "http://h/4")
	same(t, len(remembered(t, s, day(25))), 4)
	see(t, s, "j5", 26, "http://h/1", "http://h/2", "http://h/3", "http://h/4") // the same again
	same(t, len(remembered(t, s, day(26))), 4)
	see(t, s, "j6", 22, "http://h/1", "http://h/9") // a clock that went back forgets nothing
	same(t, len(remembered(t, s, day(26))), 5)
}

func rememberForgets(t *testing.T, s Everything) {
	see(t, s, "j1", 0, "http://h/1")
	see(t, s, "j2", 29, "http://h/2")
	same(t, remembered(t, s, time.Time{}), []string{"http://h/1", "http://h/2"})
	see(t, s, "j3", 45, "http://h/3")
	same(t, remembered(t, s, time.Time{}), []string{"http://h/2", "http://h/3"})
}

func rememberMany(t *testing.T, s Everything) {
	var urls []string
	for i := range 5000 {
		urls = append(urls, fmt.Sprintf("http://h/%05d.ts", i))
	}
	see(t, s, "j1", 0, urls...)
	see(t, s, "j2", 1, urls[2500:]...)
	same(t, remembered(t, s, time.Time{}), urls)
	same(t, remembered(t, s, day0().AddDate(0, 0, 1)), urls[2500:])
}

func runDomains(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"DomainsKeepEveryField": domainsKeepEveryField,
		"ANameIsOneDomains":     domainNames,
		"AliasesAreGivenBack":   domainAliases,
		"RemovedIsForgotten":    domainRemoved,
	})
}

func domainsKeepEveryField(t *testing.T, s Everything) {
	d := freshet.Domain{
		Account: "a", Name: "vod.example.com", Aliases: []string{"cdn.example.com", "www.example.com"},
		Origin: "http://10.0.0.1:9000/x", TLS: true, IgnoreParams: []string{"utm"}, Offline: true,
		Unapproved: true, Guarded: true, CheckURL: "x/y", Scope: "global", ResourceGroup: "rg-1", Tags: map[string]string{"k": "v"},
		Sources: []freshet.Source{{Content: "10.0.0.1", Type: freshet.SourceIP, Port: 9000, Priority: freshet.PriorityPrimary}},
		URLAuth: freshet.URLAuth{
			Type: freshet.AuthB, MainKey: "main-key-000001", BackupKey: "backup-key-0001", ValiditySeconds: 60, Enforce: true, Open: []string{".ts"},
		},
		Created: day0(), Modified: day0().Add(time.Millisecond),
	}
	plain := freshet.Domain{Account: "a", Name: "a.example.com", Origin: "http://o"}
	other := freshet.Domain{Account: "b", Name: "b.example.com", Origin: "http://o"}
	for _, x := range []freshet.Domain{d, plain, other} {
		ok(t, s.PutDomain(t.Context(), x))
	}
	got, err := s.Domains(t.Context(), "a")
	ok(t, err)
	same(t, got, []freshet.Domain{plain, d})
	d.TLS, d.Aliases, d.URLAuth.MainKey = false, nil, "main-key-000002"
	ok(t, s.PutDomain(t.Context(), d))
	got, err = s.Domains(t.Context(), "")
	ok(t, err)
	same(t, got, []freshet.Domain{plain, other, d})
	d.URLAuth = freshet.URLAuth{}
	ok(t, s.PutDomain(t.Context(), d))
	got, err = s.Domains(t.Context(), "")
	ok(t, err)
	same(t, got, []freshet.Domain{plain, other, d})
}

func domainRemoved(t *testing.T, s Everything) {
	auth := freshet.URLAuth{Type: freshet.AuthA, MainKey: "main-key-000001"}
	ok(t, s.PutDomain(t.Context(), freshet.Domain{Account: "a", Name: "one", Aliases: []string{"x"}, URLAuth: auth}))
	ok(t, s.RemoveDomain(t.Context(), "one"))
	ok(t, s.RemoveDomain(t.Context(), "one"))
	d := freshet.Domain{Account: "b", Name: "one", Aliases: []string{"x"}} // nothing of the first is left, its keys least
	ok(t, s.PutDomain(t.Context(), d))
	got, err := s.Domains(t.Context(), "")
	ok(t, err)
	same(t, got, []freshet.Domain{d})
}

func domainNames(t *testing.T, s Everything) {
	put := func(account, name string, aliases ...string) error {
		return s.PutDomain(t.Context(), freshet.Domain{Account: account, Name: name, Aliases: aliases, Origin: "http://o"})
	}
	ok(t, put("a", "one", "uno", "one")) // its own name among the aliases is no clash
	for _, err := range []error{
		put("b", "one"), put("a", "two", "uno"), put("b", "two", "one"), put("b", "uno"), put("a", "two", "x", "one"),
	} {
		wantCode(t, err, freshet.CodeConflict)
	}
	ok(t, put("b", "two", "x")) // what was refused took no name
	got, err := s.Domains(t.Context(), "")
	ok(t, err)
	same(t, len(got), 2)
}

func domainAliases(t *testing.T, s Everything) {
	ok(t, s.PutDomain(t.Context(), freshet.Domain{Account: "a", Name: "one", Aliases: []string{"x", "y"}}))
	ok(t, s.PutDomain(t.Context(), freshet.Domain{Account: "a", Name: "one", Aliases: []string{"y"}}))
	ok(t, s.PutDomain(t.Context(), freshet.Domain{Account: "b", Name: "two", Aliases: []string{"x"}}))
}
