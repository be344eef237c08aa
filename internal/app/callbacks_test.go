package app_test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

const (
	cbKey    = "FKcallbacks"
	cbSecret = "the secret of the callbacks"
)

// callbackServer runs a server that may call this machine, with one media.
func callbackServer(t *testing.T, dir string) (*app.Server, func()) {
	t.Helper()
	c := settings(dir)
	c.Callbacks.Allow = []config.Network{"127.0.0.0/8", "::1"}
	c.Domains = []config.Domain{{Name: "vod.example.com", Origin: "http://127.0.0.1:9", Account: config.DefaultAccount}}
	s, end := serve(t, c, map[string]string{config.EnvAccessKeyID: cbKey, config.EnvAccessKeySecret: cbSecret})
	const media = `{"MediaId":"m1","MediaType":"video","Status":"Normal","Streams":[{"Format":"mp4","Definition":"HD","StreamType":"video","PlayURL":"http://vod.example.com/a.mp4"}]}`
	if _, err := caller(t, s, cbKey, cbSecret).Import(t.Context(), strings.NewReader(media), nil); err != nil {
		t.Fatal(err)
	}
	return s, end
}

type taken struct {
	header http.Header
	body   map[string]any
}

// taker takes what is posted and hands it on.
func taker(t *testing.T) (url string, got chan taken) {
	t.Helper()
	got = make(chan taken, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		x := taken{header: r.Header.Clone()}
		if err := json.Unmarshal(b, &x.body); err != nil {
			t.Errorf("body %s: %v", b, err)
		}
		got <- x
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func next(t *testing.T, got chan taken) taken {
	t.Helper()
	select {
	case x := <-got:
		return x
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
		return taken{}
	}
}

// TestContract_5_RealSDKIsToldOfItsJob sets a rule with the vendor's SDK,
// refreshes a media, and compares what the receiver gets with what
// GetMediaRefreshJobs says.
func TestContract_5_RealSDKIsToldOfItsJob(t *testing.T) {
	t.Parallel()
	s, end := callbackServer(t, t.TempDir())
	defer end()
	url, got := taker(t)
	own, gotOwn := taker(t)
	sdk := rpctest.Clients(s.Addr(), cbKey, cbSecret)[0]
	call := func(action string, params map[string]string) rpctest.Answer {
		t.Helper()
		answer, failure := sdk.Call(action, params)
		if failure != nil {
			t.Fatalf("%s: %+v", action, *failure)
		}
		return answer
	}
	call("SetMessageCallback", map[string]string{
		"CallbackURL": url + "/cb", "EventTypeList": "SubmitMediaRefreshComplete", "AuthSwitch": "on", "AuthKey": "Abc123",
	})
	const extend = `{"Extend":{"k":"v"}}`
	job := call("RefreshMediaPlayUrls", map[string]string{"MediaIds": "m1", "TaskType": "Refresh", "UserData": extend}).Field("MediaRefreshJobId")
	event := next(t, got)
	rows := call("GetMediaRefreshJobs", map[string]string{"MediaRefreshJobId": job})
	for _, name := range []string{"MediaRefreshJobId", "MediaId", "TaskType", "FilterPolicy", "Status", "SuccessPlayUrls", "TaskIds"} {
		if want := rows.Field("MediaRefreshJobs[0]." + name); event.body[name] != want || want == "" {
			t.Errorf("%s is %q in the event and %q in the answer", name, event.body[name], want)
		}
	}
	if event.body["Extend"] != `{"k":"v"}` {
		t.Errorf("Extend is %q", event.body["Extend"])
	}
	sum := md5.Sum([]byte(url + "/cb|" + event.header.Get("X-Vod-Timestamp") + "|Abc123"))
	if event.header.Get("X-Vod-Signature") != hex.EncodeToString(sum[:]) {
		t.Errorf("headers %v", event.header)
	}
	call("RefreshMediaPlayUrls", map[string]string{
		"MediaIds": "m1", "TaskType": "Refresh", "UserData": `{"MessageCallback":{"CallbackURL":"` + own + `"}}`,
	})
	if next(t, gotOwn).body["Status"] != "success" {
		t.Error("the receiver of the call was told of a failure")
	}
	// With the type switched off, neither of them is told.
	call("SetMessageCallback", map[string]string{"CallbackURL": url, "EventTypeList": "DeleteMediaComplete"})
	untold := call("RefreshMediaPlayUrls", map[string]string{
		"MediaIds": "m1", "TaskType": "Refresh", "UserData": `{"MessageCallback":{"CallbackURL":"` + own + `"}}`,
	}).Field("MediaRefreshJobId")
	for call("GetMediaRefreshJobs", map[string]string{"MediaRefreshJobId": untold}).Field("MediaRefreshJobs[0].Status") == "processing" {
		if t.Context().Err() != nil {
			t.Fatal("not planned")
		}
	}
	call("SetMessageCallback", map[string]string{"CallbackURL": url, "EventTypeList": "ALL"})
	last := call("RefreshMediaPlayUrls", map[string]string{"MediaIds": "m1", "TaskType": "Refresh"}).Field("MediaRefreshJobId")
	if x := next(t, got); x.body["MediaRefreshJobId"] != last || len(gotOwn) > 0 {
		t.Errorf("told of %v, want %s; %d more", x.body["MediaRefreshJobId"], last, len(gotOwn))
	}
}

// TestContract_4_14_DeleteVideoIsTold deletes a media with the vendor's SDK. A
// call that deletes nothing tells nothing.
func TestContract_4_14_DeleteVideoIsTold(t *testing.T) {
	t.Parallel()
	s, end := callbackServer(t, t.TempDir())
	defer end()
	url, got := taker(t)
	sdk := rpctest.Clients(s.Addr(), cbKey, cbSecret)[0]
	if _, failure := sdk.Call("SetMessageCallback", map[string]string{"CallbackURL": url, "EventTypeList": "DeleteMediaComplete"}); failure != nil {
		t.Fatalf("%+v", *failure)
	}
	if _, failure := sdk.Call("DeleteVideo", map[string]string{"VideoIds": "m1,gone"}); failure != nil {
		t.Fatalf("%+v", *failure)
	}
	event := next(t, got)
	for name, want := range map[string]string{
		"EventType": "DeleteMediaComplete", "Status": "success", "MediaType": "video", "DeleteType": "all", "MediaId": "m1",
	} {
		if event.body[name] != want {
			t.Errorf("%s is %v, want %s", name, event.body[name], want)
		}
	}
	if at, err := time.Parse("2006-01-02T15:04:05Z", event.body["EventTime"].(string)); err != nil || time.Since(at) > time.Minute {
		t.Errorf("EventTime is %v", event.body["EventTime"])
	}
	if _, failure := sdk.Call("DeleteVideo", map[string]string{"VideoIds": "m1"}); failure == nil || failure.Code != "InvalidVideo.NotFound" {
		t.Errorf("deleting again: %+v", failure)
	}
	page, err := caller(t, s, cbKey, cbSecret).Callbacks(t.Context(), false, "", 10)
	if err != nil || len(page.Callbacks) != 1 || len(got) > 0 {
		t.Errorf("%+v, %v", page, err)
	}
}

// tried waits for the first failed attempt of the newest callback.
func tried(t *testing.T, c *client.Client) client.Callback {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-tick.C {
		page, err := c.Callbacks(t.Context(), false, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Callbacks) > 0 && page.Callbacks[0].Error != "" {
			return page.Callbacks[0]
		}
		if time.Now().After(end) {
			t.Fatalf("no attempt failed: %+v", page)
		}
	}
}

// TestMediaRefreshFinished_IsToldToTheWebhook sets a webhook with the client of
// the native API and purges through a real POP; the first attempts fail, and the
// server is restarted before one succeeds.
func TestMediaRefreshFinished_IsToldToTheWebhook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, end := callbackServer(t, dir)
	refused := make(chan struct{}, 100)
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		refused <- struct{}{}
	}))
	t.Cleanup(failing.Close)
	c := caller(t, s, cbKey, cbSecret)
	made, err := c.SetWebhook(t.Context(), failing.URL)
	if err != nil || !strings.HasPrefix(made.Secret, "whsec_") {
		t.Fatal(made, err)
	}
	receipt, err := c.Submit(t.Context(), client.JobRequest{Type: freshet.Purge, Media: []string{"m1"}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-refused:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
	}
	waiting := tried(t, c)
	if waiting.State != "waiting" || waiting.Error != "The receiver answered with status 500." || waiting.Attempts != 1 || waiting.Next.IsZero() {
		t.Errorf("after the first attempt: %+v", waiting)
	}
	end()
	s, end = callbackServer(t, dir)
	defer end()
	c = caller(t, s, cbKey, cbSecret)
	url, got := taker(t)
	rotated, err := c.RotateWebhook(t.Context())
	if err != nil || rotated.Secret == made.Secret || rotated.PreviousEnds.IsZero() {
		t.Fatal(rotated, err)
	}
	if again, err := c.SetWebhook(t.Context(), url); err != nil || again.Secret != "" {
		t.Fatal(again, err)
	}
	if err := c.RetryCallback(t.Context(), waiting.ID); err != nil {
		t.Fatal(err)
	}
	event := next(t, got)
	data, _ := event.body["data"].(map[string]any)
	if event.body["type"] != "MediaRefreshFinished" || data["job"] != receipt.JobID || data["state"] != "complete" {
		t.Errorf("told %v", event.body)
	}
	pops, _ := data["pops"].([]any)
	if len(pops) != 1 || pops[0].(map[string]any)["pop"] != "local" || pops[0].(map[string]any)["final"] != 1.0 {
		t.Errorf("POPs %v", pops)
	}
	if event.header.Get("Webhook-Id") != "msg_"+waiting.ID || len(strings.Fields(event.header.Get("Webhook-Signature"))) != 2 {
		t.Errorf("headers %v", event.header)
	}
}

// TestP9_CallbacksMayNotCallThisMachine holds for a server as it is configured
// without a word of it.
func TestP9_CallbacksMayNotCallThisMachine(t *testing.T) {
	t.Parallel()
	url, got := taker(t)
	s, end := serve(t, settings(t.TempDir()), map[string]string{config.EnvAccessKeyID: cbKey, config.EnvAccessKeySecret: cbSecret})
	defer end()
	c := caller(t, s, cbKey, cbSecret)
	if _, err := c.PutDomain(t.Context(), freshet.Domain{Name: "vod.example.com", Origin: "http://127.0.0.1:9"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetWebhook(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Submit(t.Context(), client.JobRequest{Type: freshet.Purge, URLs: []string{"http://vod.example.com/a.mp4"}}); err != nil {
		t.Fatal(err)
	}
	first := tried(t, c)
	if first.Error != "The host's address may not be called." || len(got) > 0 {
		t.Errorf("%+v; %d calls arrived", first, len(got))
	}
}
