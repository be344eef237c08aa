package callback_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/callback"
	"github.com/freshet-vod/freshet/internal/store"
)

// TestReceiversOfOneAccountThatHangDoNotHoldUpOthers fills the queue with what
// nobody answers.
func TestReceiversOfOneAccountThatHangDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	hung := newReceiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	lively := newReceiver(t, nil)
	w := newWorld(t)
	w.rule(hung.URL)
	w.rule(lively.URL, func(r *store.CallbackRule) { r.Account = "other" })
	for i := range 40 {
		w.planned(&freshet.Media{ID: fmt.Sprint(i)})
	}
	w.run(func(o *callback.Options) { o.Workers, o.PerHost, o.Timeout = 8, 4, 10*time.Second })
	w.until("no call is held", func() bool { return len(hung.got()) == 2 }) // a quarter of the workers
	begun := time.Now()
	for i := range 20 {
		w.planned(&freshet.Media{ID: fmt.Sprint(i), Account: "other"})
	}
	w.ended("other")
	if took := time.Since(begun); took > 5*time.Second || len(lively.got()) != 20 {
		t.Errorf("%d calls after %s", len(lively.got()), took)
	}
	if n := len(hung.got()); n != 2 {
		t.Errorf("%d calls of the account whose receiver hangs", n)
	}
}

func TestNoMoreThanAllowedGoesToOneHostAtATime(t *testing.T) {
	t.Parallel()
	var w *world
	now, most := make(chan int, 1), 0
	now <- 0
	r := newReceiver(t, func(_ int, _ http.ResponseWriter, _ *http.Request) {
		n := <-now + 1
		most = max(most, n)
		now <- n
		timer := time.NewTimer(5 * time.Millisecond)
		<-timer.C
		now <- <-now - 1
	})
	w = newWorld(t)
	for _, account := range []string{"acme", "other"} {
		w.rule(r.URL, func(r *store.CallbackRule) { r.Account = account })
		for i := range 30 {
			w.planned(&freshet.Media{ID: fmt.Sprint(i), Account: account})
		}
	}
	w.run(func(o *callback.Options) { o.PerHost = 3 })
	w.ended("acme")
	w.ended("other")
	w.stop()
	<-now
	if len(r.got()) != 60 || most > 3 || most < 2 {
		t.Errorf("%d calls, %d at a time", len(r.got()), most)
	}
}
