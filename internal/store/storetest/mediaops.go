package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/store"
)

func runMediaOps(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"MediaAreFoundByReference":               mediaNamed,
		"AnOriginalIsRegisteredOnce":             mediaRegistered,
		"ConcurrentRegistrationsAgree":           mediaRegisteredAtOnce,
		"ADeletedMediaIsGoneAndItsURLsStay":      mediaDeleted,
		"ADeletionIsToldWithItIfARuleWants":      mediaDeletionTold,
		"DeletedStreamsAreGoneAndTheirURLsStay":  streamsDeleted,
		"StreamsAreDeletedTogetherOrNotAtAll":    streamsNotDeleted,
		"HaveMediaNeverSeesWhatWasDeleted":       haveMediaDeleted,
		"MediaOpsOfOthersTouchNothing":           mediaOpsApart,
		"WhatWasRegisteredMayBeDeletedAndRetold": mediaRegisteredAgain,
	})
}

// original is a media with the original at a URL.
func original(account, id, url string) *freshet.Media {
	m := video(account, id, url, url+".m3u8")
	m.Streams[0].Definition, m.Streams[0].JobID = freshet.DefinitionOriginal, id+"-0"
	m.Streams[1].JobID = id + "-1"
	return m
}

func named(t *testing.T, s Everything, account string, references ...string) []string {
	t.Helper()
	got, err := s.MediaNamed(t.Context(), account, references)
	ok(t, err)
	return mediaIDs(got)
}

func mediaNamed(t *testing.T, s Everything) {
	ref := func(account, id, reference string) *freshet.Media {
		m := video(account, id)
		m.ReferenceID = reference
		return m
	}
	put := func(media ...*freshet.Media) { t.Helper(); ok(t, s.PutMedia(t.Context(), day0(), media)) }
	put(ref("a", "m2", "second"), ref("a", "m1", "first"), ref("b", "m3", "first"), ref("a", "m4", ""), ref("a", "m5", "second"))
	same(t, named(t, s, "a", "second", "gone", "first", ""), []string{"m2", "m1"})
	same(t, named(t, s, "b", "first", "second"), []string{"m3"})
	put(ref("a", "m1", "third"), ref("a", "m2", "")) // a new name, and none
	same(t, named(t, s, "a", "first", "second", "third"), []string{"m5", "m1"})
}

func mediaRegistered(t *testing.T, s Everything) {
	register := func(media ...*freshet.Media) []store.Registered {
		t.Helper()
		got, err := s.RegisterMedia(t.Context(), day0(), media)
		ok(t, err)
		return got
	}
	got := register(original("a", "m1", "http://h/1"), original("a", "m2", "http://h/2"), original("a", "m3", "http://h/1"))
	same(t, got, []store.Registered{{ID: "m1", New: true}, {ID: "m2", New: true}, {ID: "m1"}})
	same(t, register(original("b", "m4", "http://h/1")), []store.Registered{{ID: "m4", New: true}})
	// An import knows originals, too, and takes them away.
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{original("a", "m5", "http://h/5"), video("a", "m2", "http://h/2")}))
	same(t, register(original("a", "m6", "http://h/5"), original("a", "m7", "http://h/2")),
		[]store.Registered{{ID: "m5"}, {ID: "m7", New: true}})
	media, err := s.Media(t.Context(), "a", []string{"m1", "m3", "m6", "m7"})
	ok(t, err)
	same(t, mediaIDs(media), []string{"m1", "m7"})
}

func mediaRegisteredAtOnce(t *testing.T, s Everything) {
	const n = 8
	var wg sync.WaitGroup
	ids := make([]string, n)
	fresh := make([]bool, n)
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			r, err := s.RegisterMedia(t.Context(), day0(), []*freshet.Media{original("a", fmt.Sprintf("m%d", i), "http://h/1")})
			if errs[i] = err; err == nil {
				ids[i], fresh[i] = r[0].ID, r[0].New
			}
		})
	}
	wg.Wait()
	ok(t, errors.Join(errs...))
	made := 0
	for i := range n {
		same(t, ids[i], ids[0])
		if fresh[i] {
			made++
		}
	}
	same(t, made, 1)
}

func deleted(t *testing.T, s Everything, account string, ids ...string) []string {
	t.Helper()
	got, err := s.DeleteMedia(t.Context(), day0(), store.Deletion{Account: account, IDs: ids})
	ok(t, err)
	return got
}

func mediaDeleted(t *testing.T, s Everything) {
	m := original("a", "m1", "http://h/1")
	m.ReferenceID = "reference"
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{m, video("a", "m2", "http://h/3")}))
	same(t, deleted(t, s, "a", "gone", "m1", "m1"), []string{"m1"})
	got, err := s.Media(t.Context(), "a", []string{"m1", "m2"})
	ok(t, err)
	same(t, mediaIDs(got), []string{"m2"})
	list, err := s.ListMedia(t.Context(), "a", "", 9)
	ok(t, err)
	same(t, mediaIDs(list), []string{"m2"})
	same(t, len(named(t, s, "a", "reference")), 0)
	same(t, remembered(t, s, time.Time{}), []string{"http://h/1", "http://h/1.m3u8"})
	same(t, len(deleted(t, s, "a", "m1")), 0)
}

func mediaDeletionTold(t *testing.T, s Everything) {
	ok(t, s.PutCallbackRule(t.Context(), rule("a", "app-1", "DeleteMediaComplete")))
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1"), video("a", "m2")}))
	_, err := s.DeleteMedia(t.Context(), day0(), store.Deletion{
		Account: "a", IDs: []string{"m1", "gone", "m2"},
		Events: func(m *freshet.Media) []store.Event {
			app := map[string]string{"m1": "app-1", "m2": "app-2"}[m.ID]
			return []store.Event{{Type: "DeleteMediaComplete", App: app, Media: m.ID, Body: []byte("{}")}}
		},
	})
	ok(t, err)
	list, err := s.ListCallbacks(t.Context(), store.CallbackQuery{Account: "a", Limit: 9})
	ok(t, err)
	if len(list) != 1 || list[0].Media != "m1" || list[0].Event != "DeleteMediaComplete" {
		t.Errorf("queued %+v", list)
	}
}

func streamsDeleted(t *testing.T, s Everything) {
	m := original("a", "m1", "http://h/1")
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{m}))
	later := day0().Add(time.Hour)
	ok(t, s.DeleteStreams(t.Context(), later, "a", "m1", []string{"m1-0"}))
	got, err := s.Media(t.Context(), "a", []string{"m1"})
	ok(t, err)
	if len(got[0].Streams) != 1 || got[0].Streams[0].JobID != "m1-1" || !got[0].Modified.Equal(later) || !got[0].Created.Equal(day0()) {
		t.Errorf("left is %+v", got[0])
	}
	same(t, remembered(t, s, time.Time{}), []string{"http://h/1"})
	r, err := s.RegisterMedia(t.Context(), later, []*freshet.Media{original("a", "m2", "http://h/1")})
	ok(t, err)
	same(t, r, []store.Registered{{ID: "m2", New: true}})
}

func streamsNotDeleted(t *testing.T, s Everything) {
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{original("a", "m1", "http://h/1")}))
	for _, c := range []struct{ account, media, job, field string }{
		{"a", "gone", "m1-0", "media"}, {"b", "m1", "m1-0", "media"}, {"a", "m1", "gone", "jobs"},
	} {
		err := s.DeleteStreams(t.Context(), day0(), c.account, c.media, []string{"m1-1", c.job})
		wantCode(t, err, freshet.CodeNotFound)
		if e, is := errors.AsType[*freshet.Error](err); !is || e.Field != c.field {
			t.Errorf("%v names %q, want %q", c, e.Field, c.field)
		}
	}
	got, err := s.Media(t.Context(), "a", []string{"m1"})
	ok(t, err)
	same(t, len(got[0].Streams), 2)
}

// haveMediaDeleted asks while media come and go: nobody may hear for long that
// a media exists that was deleted before they asked.
func haveMediaDeleted(t *testing.T, s Everything) {
	ask := func() bool {
		have, err := s.HaveMedia(t.Context(), "a", []string{"m1"})
		if err != nil {
			t.Error(err)
			return false
		}
		return have[0]
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					ask()
				}
			}
		})
	}
	for range 50 {
		ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{video("a", "m1")}))
		if !ask() {
			t.Error("a media that was stored is not there")
		}
		deleted(t, s, "a", "m1")
		if ask() {
			t.Error("a media that was deleted is there")
		}
	}
	close(stop)
	wg.Wait()
	if ask() {
		t.Error("a media that was deleted came back")
	}
}

func mediaOpsApart(t *testing.T, s Everything) {
	m := original("a", "m1", "http://h/1")
	m.ReferenceID = "reference"
	ok(t, s.PutMedia(t.Context(), day0(), []*freshet.Media{m}))
	for _, other := range []string{"b", "", "A", "a "} {
		same(t, len(named(t, s, other, "reference")), 0)
		same(t, len(deleted(t, s, other, "m1")), 0)
		r, err := s.RegisterMedia(t.Context(), day0(), []*freshet.Media{original(other, "x"+other, "http://h/1")})
		ok(t, err)
		same(t, r, []store.Registered{{ID: "x" + other, New: true}})
	}
	same(t, named(t, s, "a", "reference"), []string{"m1"})
}

func mediaRegisteredAgain(t *testing.T, s Everything) {
	for _, id := range []string{"m1", "m2"} {
		r, err := s.RegisterMedia(t.Context(), day0(), []*freshet.Media{original("a", id, "http://h/1")})
		ok(t, err)
		same(t, r, []store.Registered{{ID: id, New: true}})
		same(t, deleted(t, s, "a", id), []string{id})
	}
}
