package callback_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/callback"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

func film() *freshet.Media { return &freshet.Media{ID: "m1", Status: freshet.StatusNormal} }

func decoded(t *testing.T, body string) map[string]string {
	t.Helper()
	var m map[string]string
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("body %s: %v", body, err)
	}
	return m
}

func TestContract_5_1_BodyOfSubmitMediaRefreshComplete(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	w := newWorld(t)
	w.rule(r.URL + "/cb?a=1")
	w.run()
	good := w.planned(film(), func(j *freshet.Job, _ *freshet.Row) { j.UserData = `{"Extend":{"k": "v"}}` })
	w.ended("acme")
	bad := w.planned(film(), func(j *freshet.Job, r *freshet.Row) {
		j.Type, j.UserData = freshet.Prefetch, `{"Extend":"text"}`
		r.State, r.Fault, r.Message = freshet.RowFailed, "InvalidVideo.NoneStream", "The video has no stream."
	})
	w.ended("acme")
	got := r.got()
	if len(got) != 2 || got[0].path != "POST /cb?a=1" || got[0].header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatalf("received %+v", got)
	}
	want := map[string]string{
		"SuccessPlayUrls": "https://vod.example.com/a%2Cb.m3u8,http://plain.example.com/c.mp4?x=1&y=2", "TaskIds": "1460435123,1460435124",
		"Status": "success", "MediaId": "m1", "FilterPolicy": `{"ResultType":"Single","SliceFlag":false}`, "EventType": "SubmitMediaRefreshComplete",
		"EventTime": "2026-05-30T08:59:21Z", "MediaRefreshJobId": good, "TaskType": "Refresh", "Extend": `{"k":"v"}`,
	}
	if d := cmp.Diff(want, decoded(t, got[0].body)); d != "" {
		t.Error(d)
	}
	want["Status"], want["MediaRefreshJobId"], want["TaskType"], want["Extend"] = "fail", bad, "Preload", "text"
	want["ErrorCode"], want["ErrorMessage"] = "InvalidVideo.NoneStream", "The video has no stream."
	delete(want, "SuccessPlayUrls")
	delete(want, "TaskIds")
	if d := cmp.Diff(want, decoded(t, got[1].body)); d != "" {
		t.Error(d)
	}
}

func TestContract_5_5_BodyOfDeleteMediaComplete(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 30, 8, 59, 21, 0, time.UTC)
	for _, tt := range []struct {
		event vod.Deleted
		want  map[string]string
	}{
		{
			vod.Deleted{Media: "m", MediaType: "video", Type: vod.DeleteAll, At: at},
			map[string]string{"EventType": "DeleteMediaComplete", "EventTime": "2026-05-30T08:59:21Z", "Status": "success", "MediaType": "video", "DeleteType": "all", "MediaId": "m"},
		},
		{
			vod.Deleted{Media: "m", MediaType: "audio", Type: vod.DeleteStream, Jobs: []string{"a", "b"}, At: at},
			map[string]string{"EventType": "DeleteMediaComplete", "EventTime": "2026-05-30T08:59:21Z", "Status": "success", "MediaType": "audio", "DeleteType": "stream", "MediaId": "m", "JobIds": "a,b"},
		},
	} {
		if d := cmp.Diff(tt.want, decoded(t, string(tt.event.Body()))); d != "" {
			t.Error(d)
		}
	}
}

func TestContract_5_2_ThreeAttemptsUnlessOneIsAnsweredWith200(t *testing.T) {
	t.Parallel()
	elsewhere := newReceiver(t, nil)
	redirect := func(code int) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, code) }
	}
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	for name, tt := range map[string]struct {
		answer func(int, http.ResponseWriter, *http.Request)
		calls  int
		state  store.CallbackState
		error  string
	}{
		"200":         {status(200), 1, store.CallbackDelivered, ""},
		"500, 200":    {status(500, 200), 2, store.CallbackDelivered, ""},
		"500 twice":   {status(500, 503, 200), 3, store.CallbackDelivered, ""},
		"500 for all": {status(500), 3, store.CallbackFailed, "The receiver answered with status 500."},
		"201":         {status(201), 3, store.CallbackFailed, "The receiver answered with status 201."},
		"204":         {status(204), 3, store.CallbackFailed, "The receiver answered with status 204."},
		"404":         {status(404), 3, store.CallbackFailed, "The receiver answered with status 404."},
		"301":         {redirect(301), 3, store.CallbackFailed, "The receiver answered with status 301."},
		"302":         {redirect(302), 3, store.CallbackFailed, "The receiver answered with status 302."},
		"307":         {redirect(307), 3, store.CallbackFailed, "The receiver answered with status 307."},
		"no answer": {func(_ int, _ http.ResponseWriter, r *http.Request) {
			select {
			case <-never:
			case <-r.Context().Done():
			}
		}, 3, store.CallbackFailed, "The receiver did not answer within 200ms."},
		"hangs up": {func(_ int, w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_ = c.Close()
		}, 3, store.CallbackFailed, "The receiver could not be reached."},
		"an endless body": {func(_ int, w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, 1, store.CallbackDelivered, ""},
		"an endless header": {func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("a", 64<<10))
		}, 3, store.CallbackFailed, "The receiver could not be reached."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, tt.answer)
			w := newWorld(t)
			w.rule(r.URL)
			w.planned(film())
			w.run(func(o *callback.Options) {
				if name == "no answer" {
					o.Timeout = 200 * time.Millisecond
				}
			})
			c := w.ended("acme")[0]
			w.stop()
			got := r.got()
			if c.State != tt.state || c.Attempts != tt.calls || len(got) != tt.calls || c.Error != tt.error {
				t.Fatalf("%d calls; %+v", len(got), c)
			}
			for i := 1; i < len(got); i++ {
				if got[i].body != got[0].body {
					t.Errorf("attempt %d has another body", i)
				}
				if got[i].at.Sub(got[i-1].at) < 15*time.Millisecond {
					t.Errorf("attempt %d came at once", i)
				}
			}
		})
	}
	t.Cleanup(func() {
		if n := len(elsewhere.got()); n > 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

func TestContract_5_3_VectorsOfTheSignature(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"test123": "c72b60894140fa98920f1279219b7ed4", "Test123": "c587b80d2d0ede300e8967937da7219b"} {
		if got := callback.VendorSignature("https://www.example.com/your/callback", "1519375990", key); got != want {
			t.Errorf("key %s: %s, want %s", key, got, want)
		}
	}
}

func TestContract_5_3_HeadersOfTheSignature(t *testing.T) {
	t.Parallel()
	const key = "Abc123"
	r := newReceiver(t, status(500, 200))
	own := newReceiver(t, nil)
	w := newWorld(t)
	signed := func(on bool) {
		w.rule(r.URL+"/cb?x=1&y=%2F", func(r *store.CallbackRule) { r.Auth, r.AuthKey = on, key })
	}
	signed(true)
	w.run()
	check := func(c received, url string) {
		t.Helper()
		timestamp := c.header.Get("X-Vod-Timestamp")
		sum := md5.Sum([]byte(url + "|" + timestamp + "|" + key))
		if c.header.Get("X-Vod-Signature") != hex.EncodeToString(sum[:]) {
			t.Errorf("signature %q at %q", c.header.Get("X-Vod-Signature"), timestamp)
		}
		if n, err := strconv.ParseInt(timestamp, 10, 64); err != nil || len(timestamp) != 10 || c.at.Unix()-n > 5 || n > c.at.Unix() {
			t.Errorf("timestamp %q at %s", timestamp, c.at)
		}
	}
	w.planned(film())
	w.ended("acme")
	for _, c := range r.got() {
		check(c, r.URL+"/cb?x=1&y=%2F")
	}
	w.planned(film(), func(j *freshet.Job, _ *freshet.Row) {
		j.UserData = `{"MessageCallback":{"CallbackURL":"` + own.URL + `/own"}}`
	})
	w.ended("acme")
	check(own.got()[0], own.URL+"/own")
	signed(false)
	w.planned(film())
	w.ended("acme")
	last := r.got()[len(r.got())-1]
	if len(r.got()) != 3 || last.header.Get("X-Vod-Signature") != "" || last.header.Get("X-Vod-Timestamp") != "" {
		t.Errorf("with the switch off: %v", last.header)
	}
}

func TestContract_5_4_WhereAnEventGoes(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	cb := func(path, kind string) string {
		return fmt.Sprintf(`{"MessageCallback":{"CallbackURL":%q,"CallbackType":%q}}`, r.URL+path, kind)
	}
	on := func(rule *store.CallbackRule) {}
	off := func(rule *store.CallbackRule) { rule.Events = []string{"DeleteMediaComplete"} }
	byQueue := func(rule *store.CallbackRule) { rule.Type, rule.URL = store.ByMNS, "" }
	for name, tt := range map[string]struct {
		rule       func(*store.CallbackRule) // nil: none
		job, media string                    // UserData
		app        string
		want       string
	}{
		"the rule's":                               {rule: on, want: "/rule"},
		"the request's before all":                 {rule: on, job: cb("/job", "http"), media: cb("/media", "http"), want: "/job"},
		"the media's before the rule's":            {rule: on, media: cb("/media", "http"), want: "/media"},
		"only what is passed through":              {rule: on, job: `{"Extend":"x"}`, media: cb("/media", "http"), want: "/media"},
		"nowhere without a rule":                   {job: cb("/job", "http")},
		"nowhere if the event is off":              {rule: off, job: cb("/job", "http")},
		"nowhere with an empty list":               {rule: func(r *store.CallbackRule) { r.Events = nil }, job: cb("/job", "http")},
		"everywhere with ALL":                      {rule: func(r *store.CallbackRule) { r.Events = []string{"ALL"} }, want: "/rule"},
		"a queue of the rule is not served":        {rule: byQueue},
		"the request's type wins over the rule's":  {rule: byQueue, job: cb("/job", "http"), want: "/job"},
		"a queue of the request is not served":     {rule: on, job: cb("/job", "mns")},
		"the rule of another application":          {rule: on, app: "app-2"},
		"the rule of the application of the media": {rule: func(r *store.CallbackRule) { r.App = "app-2" }, app: "app-2", want: "/rule"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			prefix := "/" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "")
			at := func(s string) string { return strings.ReplaceAll(s, r.URL, r.URL+prefix) }
			if tt.rule != nil {
				w.rule(r.URL+prefix+"/rule", tt.rule)
			}
			w.planned(&freshet.Media{ID: "m", UserData: at(tt.media), AppID: tt.app}, func(j *freshet.Job, _ *freshet.Row) { j.UserData = at(tt.job) })
			if tt.want == "" {
				if list := w.list("acme"); len(list) > 0 {
					t.Errorf("queued %+v", list)
				}
				return
			}
			w.run()
			w.ended("acme")
			want := "POST " + prefix + tt.want
			if !slices.ContainsFunc(r.got(), func(c received) bool { return c.path == want }) {
				t.Errorf("%s was not called", want)
			}
		})
	}
}

func TestADeletedRuleEndsWhatIsBeingRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newReceiver(t, func(n int, rw http.ResponseWriter, _ *http.Request) {
		if n == 0 {
			if err := w.store.DeleteCallbackRule(t.Context(), time.Now(), "acme", vod.DefaultApp); err != nil {
				t.Error(err)
			}
		}
		rw.WriteHeader(http.StatusInternalServerError)
	})
	w.rule(r.URL)
	w.planned(film())
	w.run()
	c := w.ended("acme")[0]
	w.stop()
	if len(r.got()) != 1 || c.State != store.CallbackFailed || c.Error != "The rule of the application was deleted." {
		t.Errorf("%d calls, %+v", len(r.got()), c)
	}
}

// TestDeliverySurvivesARestart ends the process's parts while a receiver holds
// an attempt, and starts them again on the same folder.
func TestDeliverySurvivesARestart(t *testing.T) {
	t.Parallel()
	held, release := make(chan struct{}, 10), make(chan struct{})
	r := newReceiver(t, func(n int, w http.ResponseWriter, req *http.Request) {
		switch n {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			held <- struct{}{}
			select {
			case <-release:
			case <-req.Context().Done():
			}
		}
	})
	w := newWorld(t)
	w.rule(r.URL)
	w.planned(film())
	w.run()
	<-held
	w.close()
	close(release)
	w.open()
	before := w.list("acme")
	if len(before) != 1 || before[0].State != store.CallbackWaiting || before[0].Attempts != 1 || before[0].Worker != "" {
		t.Errorf("after the restart: %+v", before)
	}
	w.run()
	c := w.ended("acme")[0]
	got := r.got()
	if c.State != store.CallbackDelivered || len(got) != 3 || got[2].body != got[0].body {
		t.Errorf("%d calls, %+v", len(got), c)
	}
}

func TestHeadersAreNoMoreThanNeeded(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, nil)
	w := newWorld(t)
	w.rule(r.URL)
	w.planned(film())
	w.run()
	w.ended("acme")
	want := []string{"Content-Length", "Content-Type", "User-Agent"}
	if got := slices.Sorted(maps.Keys(r.got()[0].header)); !slices.Equal(got, want) {
		t.Errorf("headers %v, want %v", got, want)
	}
}
