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
