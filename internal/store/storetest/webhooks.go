package storetest

import (
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/store"
)

func runWebhooks(t *testing.T, open Open) {
	subtests(t, open, map[string]func(*testing.T, Everything){
		"AWebhookIsReplacedAndWhatWaitsGoesThere":   webhookReplaced,
		"TheEndOfAJobIsToldOnce":                    jobsFinished,
		"JobsWithoutAWebhookAreNotWatched":          jobsNotWatched,
		"AWebhookDeletedMeanwhileIsToldNothingMore": jobsForgotten,
	})
}

func hook() store.Webhook {
	return store.Webhook{Account: "acme", URL: "https://one.example.com/", Secret: "whsec_s", Created: day0(), Modified: day0()}
}

func webhookReplaced(t *testing.T, s Everything) {
	w := hook()
	ok(t, s.PutWebhook(t.Context(), w))
	got, found, err := s.Webhook(t.Context(), "acme")
	ok(t, err)
	same(t, found, true)
	same(t, got, w)
	_, found, err = s.Webhook(t.Context(), "other")
	ok(t, err)
	same(t, found, false)
	tell(t, s, "acme", "j1")
	_, err = s.FinishJob(t.Context(), day0(), store.JobRef{Account: "acme", Job: "j1"}, []byte(`{}`))
	ok(t, err)
	w.URL, w.Previous, w.PreviousEnds = "http://two.example.com:81/", "whsec_p", day0().Add(time.Hour)
	ok(t, s.PutWebhook(t.Context(), w))
	got, _, err = s.Webhook(t.Context(), "acme")
	ok(t, err)
	same(t, got, w)
	list := deliver(t, s, day0())
	if len(list) != 1 || list[0].URL != w.URL || list[0].Host != "two.example.com:81" || !list[0].Native {
		t.Errorf("claimed %+v", list)
	}
}

func watched(t *testing.T, s Everything) []store.JobRef {
	t.Helper()
	list, err := s.Watched(t.Context(), store.JobRef{}, 100)
	ok(t, err)
	return list
}

func jobsFinished(t *testing.T, s Everything) {
	ok(t, s.PutWebhook(t.Context(), hook()))
	tell(t, s, "acme", "j1")
	tell(t, s, "acme", "j2")
	ref := store.JobRef{Account: "acme", Job: "j1"}
	same(t, watched(t, s), []store.JobRef{ref, {Account: "acme", Job: "j2"}})
	page, err := s.Watched(t.Context(), ref, 1)
	ok(t, err)
	same(t, page, []store.JobRef{{Account: "acme", Job: "j2"}})
	is, err := s.Watching(t.Context(), ref)
	ok(t, err)
	same(t, is, true)
	is, err = s.Watching(t.Context(), store.JobRef{Account: "other", Job: "j1"})
	ok(t, err)
	same(t, is, false)
	for i := range 3 {
		told, err := s.FinishJob(t.Context(), day0(), ref, []byte(`{"n":1}`))
		ok(t, err)
		same(t, told, i == 0)
	}
	told, err := s.FinishJob(t.Context(), day0(), store.JobRef{Account: "other", Job: "j2"}, []byte(`{}`))
	ok(t, err)
	same(t, told, false)
	got := deliver(t, s, day0())
	if len(got) != 1 || got[0].Event != store.FinishEvent || string(got[0].Body) != `{"n":1}` || got[0].Job != "j1" {
		t.Errorf("claimed %+v", got)
	}
}

func jobsNotWatched(t *testing.T, s Everything) {
	ok(t, s.PutWebhook(t.Context(), hook()))
	tell(t, s, "other", "j1")
	same(t, watched(t, s), []store.JobRef{})
}

func jobsForgotten(t *testing.T, s Everything) {
	ok(t, s.PutWebhook(t.Context(), hook()))
	tell(t, s, "acme", "j1")
	tell(t, s, "acme", "j2")
	_, err := s.FinishJob(t.Context(), day0(), store.JobRef{Account: "acme", Job: "j1"}, []byte(`{}`))
	ok(t, err)
	ok(t, s.DeleteWebhook(t.Context(), day0(), "acme"))
	same(t, watched(t, s), []store.JobRef{})
	same(t, deliver(t, s, day0()), []store.Callback{})
	same(t, jobsOf(callbacks(t, s, "acme", true)), []string{"j1"})
}
