package rpc_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/rpc"
	"github.com/freshet-vod/freshet/internal/store"
	"github.com/freshet-vod/freshet/internal/vod"
)

// memRules keeps callback rules in memory.
type memRules struct {
	mu    sync.Mutex // guards rules
	rules map[store.JobRef]store.CallbackRule
	full  bool
}

func (m *memRules) PutCallbackRule(_ context.Context, r store.CallbackRule) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return &freshet.Error{Code: freshet.CodeTooLarge, Field: "AppId", Message: "too many"}
	}
	m.rules[store.JobRef{Account: r.Account, Job: r.App}] = r
	return nil
}

func (m *memRules) CallbackRule(_ context.Context, account, app string) (store.CallbackRule, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rules[store.JobRef{Account: account, Job: app}]
	return r, ok, nil
}

func (m *memRules) DeleteCallbackRule(_ context.Context, _ time.Time, account, app string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rules, store.JobRef{Account: account, Job: app})
	return nil
}

func setupRules(tb testing.TB) (*fixture, *memRules) {
	tb.Helper()
	m := &memRules{rules: map[store.JobRef]store.CallbackRule{}}
	return setup(tb, func(o *rpc.Options) { o.Callbacks = m }), m
}

const receiver = "https://example.com/cb?a=1"

// setCallback are the parameters of a good call, with changes; "" leaves one out.
func setCallback(kv ...string) []string {
	p := map[string]string{"CallbackURL": receiver}
	for i := 0; i < len(kv); i += 2 {
		p[kv[i]] = kv[i+1]
	}
	var out []string
	for name, value := range p {
		if value != "" {
			out = append(out, name, value)
		}
	}
	return out
}

func mns(kv ...string) []string {
	return setCallback(append([]string{"CallbackURL", "", "CallbackType", "MNS", "MnsEndpoint", "http://1.mns.example.com/", "MnsQueueName", "q"}, kv...)...)
}

// kept makes a call that must be good and returns the rule that it left.
func kept(t *testing.T, app string, kv []string) store.CallbackRule {
	t.Helper()
	f, m := setupRules(t)
	f.call("SetMessageCallback", kv...).ok(t)
	r, ok, _ := m.CallbackRule(t.Context(), account, app)
	if !ok {
		t.Fatalf("no rule for %s after %v", app, kv)
	}
	return r
}

func refusedCallback(t *testing.T, code, text string, kv []string) {
	t.Helper()
	f, m := setupRules(t)
	f.call("SetMessageCallback", kv...).refused(t, 400, code, text)
	if len(m.rules) > 0 {
		t.Errorf("%v: refused and kept", kv)
	}
}

func TestContract_4_7_CallbackType(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"": "HTTP", "HTTP": "HTTP", "http": "HTTP", " HTTP ": "HTTP"} {
		if r := kept(t, vod.DefaultApp, setCallback("CallbackType", word)); r.Type != want || r.URL != receiver {
			t.Errorf("%q: %+v", word, r)
		}
	}
	for _, word := range []string{"MNS", "mns", "Simple Message Queue(formerly MNS)", "Simple Message Queue (formerly MNS)"} {
		if r := kept(t, vod.DefaultApp, mns("CallbackType", word)); r.Type != "MNS" {
			t.Errorf("%q: %+v", word, r)
		}
	}
	refusedCallback(t, "InvalidParameter", invalidText("CallbackType"), setCallback("CallbackType", "SMTP"))
}

func TestContract_4_7_CallbackURL(t *testing.T) {
	t.Parallel()
	long := "http://example.com/" + strings.Repeat("a", 237) // 256 bytes
	for _, good := range []string{"http://example.com", "https://example.com:8443/a?b=c&d", "HTTP://EXAMPLE.com/", "http://10.0.0.1/", long} {
		if r := kept(t, vod.DefaultApp, setCallback("CallbackURL", good)); r.URL != good {
			t.Errorf("%q is kept as %q", good, r.URL)
		}
	}
	refusedCallback(t, "MissingParameter", missingText("CallbackURL"), setCallback("CallbackURL", ""))
	refusedCallback(t, "MissingParameter", missingText("CallbackURL"), setCallback("CallbackURL", " "))
	for _, bad := range []string{long + "a", "ftp://example.com/", "example.com", "http://", "http://u:p@example.com/", "http://a.example.com/,http://b.example.com/", "http://a b/", "http://example.com/\x01"} {
		refusedCallback(t, "InvalidParameter", invalidText("CallbackURL"), setCallback("CallbackURL", bad))
	}
	if r := kept(t, vod.DefaultApp, mns("CallbackURL", "not looked at")); r.URL != "" {
		t.Errorf("a rule of MNS has the URL %q", r.URL)
	}
}

func TestContract_4_7_EventTypeList(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{
		"":                           nil,
		"ALL":                        {"ALL"},
		"all":                        {"ALL"},
		"FileUploadComplete,ALL":     {"ALL"},
		"SubmitMediaRefreshComplete": {"SubmitMediaRefreshComplete"},
		" DeleteMediaComplete , submitmediarefreshcomplete,DeleteMediaComplete,": {"DeleteMediaComplete", "SubmitMediaRefreshComplete"},
		strings.Join(vod.Events(), ","):                                          vod.Events(),
	} {
		r := kept(t, vod.DefaultApp, setCallback("EventTypeList", list))
		if d := cmp.Diff(want, r.Events, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%q:\n%s", list, d)
		}
		if r.Wants("SubmitMediaRefreshComplete") != (strings.Contains(strings.ToLower(list), "submit") || strings.Contains(strings.ToLower(list), "all")) {
			t.Errorf("%q: wants SubmitMediaRefreshComplete: %t", list, r.Wants("SubmitMediaRefreshComplete"))
		}
	}
	for _, bad := range []string{"Everything", "FileUploadComplete;DeleteMediaComplete", "ALL,Everything"} {
		refusedCallback(t, "InvalidParameter", invalidText("EventTypeList"), setCallback("EventTypeList", bad))
	}
}

func TestContract_4_7_AuthSwitchAndAuthKey(t *testing.T) {
	t.Parallel()
	const key = "Abc123"
	longest := "Aa1" + strings.Repeat("x", 29)
	for _, tt := range []struct {
		word, key string
		on        bool
	}{
		{"", "", false}, {"off", "", false}, {"off", key, false}, {"", key, false}, {"on", key, true}, {"ON", longest, true},
	} {
		r := kept(t, vod.DefaultApp, setCallback("AuthSwitch", tt.word, "AuthKey", tt.key))
		if r.Auth != tt.on || r.AuthKey != tt.key {
			t.Errorf("AuthSwitch=%q AuthKey=%q: %+v", tt.word, tt.key, r)
		}
	}
	refusedCallback(t, "InvalidParameter", invalidText("AuthSwitch"), setCallback("AuthSwitch", "yes", "AuthKey", key))
	refusedCallback(t, "MissingParameter", missingText("AuthKey"), setCallback("AuthSwitch", "on"))
	for _, bad := range []string{longest + "x", "abc123", "ABC123", "Abcdef", "Abc 123", "Äbc123a", "Abc123\n"} {
		refusedCallback(t, "InvalidParameter", invalidText("AuthKey"), setCallback("AuthSwitch", "on", "AuthKey", bad))
	}
	if r := kept(t, vod.DefaultApp, mns("AuthSwitch", "on", "AuthKey", key)); r.Auth || r.AuthKey != "" {
		t.Errorf("a rule of MNS has a key: %+v", r)
	}
}

func TestContract_4_7_MnsEndpointAndMnsQueueName(t *testing.T) {
	t.Parallel()
	if r := kept(t, vod.DefaultApp, mns()); r.MNSEndpoint != "http://1.mns.example.com/" || r.MNSQueue != "q" {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{"MnsEndpoint", "MnsQueueName"} {
		refusedCallback(t, "MissingParameter", missingText(name), mns(name, ""))
		refusedCallback(t, "InvalidParameter", invalidText(name), mns(name, strings.Repeat("a", 257)))
		refusedCallback(t, "InvalidParameter", invalidText(name), mns(name, "a\x02b"))
	}
	if r := kept(t, vod.DefaultApp, setCallback("MnsEndpoint", "x", "MnsQueueName", "y")); r.MNSEndpoint != "" || r.MNSQueue != "" {
		t.Errorf("a rule of HTTP has a queue: %+v", r)
	}
}

func TestContract_4_7_AppId(t *testing.T) {
	t.Parallel()
	kept(t, "app-1000000", setCallback())
	kept(t, "app-1000007", setCallback("AppId", " app-1000007 "))
	for _, bad := range []string{"a b", "app/1", "äpp", strings.Repeat("a", 65)} {
		refusedCallback(t, "InvalidParameter", invalidText("AppId"), setCallback("AppId", bad))
	}
	f, m := setupRules(t)
	m.full = true
	f.call("SetMessageCallback", setCallback()...).refused(t, 400, "InvalidParameter", invalidText("AppId"))
}

func TestContract_4_7_OldParametersAreIgnored(t *testing.T) {
	t.Parallel()
	kept(t, vod.DefaultApp, setCallback("CallbackSwitch", "off", "OwnerAccount", "x", "ResourceRealOwnerId", "1"))
}

func TestContract_4_7_SettingAgainReplacesAll(t *testing.T) {
	t.Parallel()
	f, m := setupRules(t)
	f.call("SetMessageCallback", setCallback("EventTypeList", "ALL", "AuthSwitch", "on", "AuthKey", "Abc123")...).ok(t)
	f.call("SetMessageCallback", setCallback("CallbackURL", "http://other.example.com/")...).ok(t)
	r, _, _ := m.CallbackRule(t.Context(), account, vod.DefaultApp)
	want := store.CallbackRule{Account: account, App: vod.DefaultApp, Type: "HTTP", URL: "http://other.example.com/"}
	if d := cmp.Diff(want, r, cmpopts.IgnoreFields(store.CallbackRule{}, "Modified"), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

// shown decodes the MessageCallback of an answer.
func shown(t *testing.T, a answer) map[string]string {
	t.Helper()
	a.ok(t)
	var got struct{ MessageCallback map[string]string }
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	return got.MessageCallback
}

func TestContract_4_8_GetMessageCallback(t *testing.T) {
	t.Parallel()
	f, _ := setupRules(t)
	want := func(app string, fields map[string]string) {
		t.Helper()
		if d := cmp.Diff(fields, shown(t, f.call("GetMessageCallback", "AppId", app))); d != "" {
			t.Error(d)
		}
	}
	want("", map[string]string{"AppId": "app-1000000"})
	want("app-9", map[string]string{"AppId": "app-9"})
	f.call("SetMessageCallback", setCallback("EventTypeList", "DeleteMediaComplete, SubmitMediaRefreshComplete", "AuthSwitch", "on", "AuthKey", "Abc123")...).ok(t)
	byHTTP := map[string]string{
		"AppId": "app-1000000", "CallbackType": "HTTP", "CallbackURL": receiver,
		"EventTypeList": "DeleteMediaComplete,SubmitMediaRefreshComplete", "AuthSwitch": "on", "AuthKey": "Abc123",
	}
	want("", byHTTP)
	want("app-1000000", byHTTP)
	f.call("SetMessageCallback", mns("AppId", "app-9")...).ok(t)
	want("app-9", map[string]string{
		"AppId": "app-9", "CallbackType": "MNS", "EventTypeList": "", "MnsEndpoint": "http://1.mns.example.com/", "MnsQueueName": "q",
	})
	f.call("GetMessageCallback", "AppId", "a/b").refused(t, 400, "InvalidParameter", invalidText("AppId"))
	// In XML, one element per field.
	a := f.call("GetMessageCallback", "Format", "XML")
	if a.status != 200 || !strings.Contains(a.body, "<GetMessageCallbackResponse><MessageCallback><AppId>app-1000000</AppId><CallbackType>HTTP</CallbackType>") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestContract_4_9_DeleteMessageCallback(t *testing.T) {
	t.Parallel()
	f, m := setupRules(t)
	f.call("SetMessageCallback", setCallback()...).ok(t)
	f.call("SetMessageCallback", setCallback("AppId", "app-2")...).ok(t)
	f.call("DeleteMessageCallback", "AppId", "app-3").ok(t)
	f.call("DeleteMessageCallback").ok(t)
	f.call("DeleteMessageCallback").ok(t)
	if len(m.rules) != 1 || m.rules[store.JobRef{Account: account, Job: "app-2"}].URL != receiver {
		t.Errorf("left: %+v", m.rules)
	}
	f.call("DeleteMessageCallback", "AppId", "a b").refused(t, 400, "InvalidParameter", invalidText("AppId"))
}

// requestOf is request with another key.
func requestOf(key, action string, kv ...string) *http.Request {
	p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}}
	for i := 0; i < len(kv); i += 2 {
		p.Set(kv[i], kv[i+1])
	}
	auth.SignV1(http.MethodPost, p, key, secret, time.Now(), nonce())
	return httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/?"+p.Encode(), nil)
}

func TestP8_CallbackRulesOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	f, m := setupRules(t)
	f.call("SetMessageCallback", setCallback("AuthSwitch", "on", "AuthKey", "Abc123")...).ok(t)
	before := maps.Clone(m.rules)
	if got := shown(t, f.do(requestOf("second", "GetMessageCallback"))); len(got) != 1 {
		t.Errorf("another account sees %v", got)
	}
	f.do(requestOf("second", "DeleteMessageCallback")).ok(t)
	if d := cmp.Diff(before, m.rules); d != "" {
		t.Error(d)
	}
}

// TestContract_12_NoncesOfCallbackRulesAreRemembered: a call that is repeated
// after a restart must not bring an old rule back.
func TestContract_12_NoncesOfCallbackRulesAreRemembered(t *testing.T) {
	t.Parallel()
	var remembered []store.Nonce
	a, err := auth.New(t.Context(), auth.Options{Keys: memKeys{nonces: &remembered}})
	if err != nil {
		t.Fatal(err)
	}
	m := &memRules{rules: map[store.JobRef]store.CallbackRule{}}
	f := setup(t, func(o *rpc.Options) { o.Callbacks, o.Auth = m, a })
	f.call("SetMessageCallback", setCallback()...).ok(t)
	f.call("GetMessageCallback").ok(t)
	f.call("DeleteMessageCallback").ok(t)
	if len(remembered) != 2 {
		t.Errorf("%d nonces are remembered, want 2", len(remembered))
	}
}

// FuzzCallbackRule sends anything as parameters of SetMessageCallback.
func FuzzCallbackRule(f *testing.F) {
	f.Add("CallbackURL=http://example.com/&EventTypeList=ALL&AuthSwitch=on&AuthKey=Abc123", false)
	f.Add("CallbackType=MNS&MnsEndpoint=http://x/&MnsQueueName=q&AppId=app-2", true)
	f.Add("CallbackURL=https://[::1%25eth0]:99999/%00&AuthKey=%ff&EventTypeList=,,", true)
	f.Fuzz(func(t *testing.T, query string, xml bool) {
		fx, m := setupRules(t)
		p, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		kv := []string{}
		for name, values := range p {
			if name == "Action" || name == "Version" || name == "Format" || strings.HasPrefix(name, "Signature") || name == "AccessKeyId" || name == "Timestamp" || name == "SecurityToken" {
				continue
			}
			kv = append(kv, name, values[0])
		}
		if xml {
			kv = append(kv, "Format", "XML")
		}
		a := fx.call("SetMessageCallback", kv...)
		sound(t, a)
		for _, r := range m.rules {
			if r.Type == store.ByHTTP && vod.CheckCallbackURL(r.URL) != nil || r.Auth && r.AuthKey == "" || r.App == "" || r.Account != account {
				t.Errorf("kept %+v", r)
			}
			sound(t, fx.call("GetMessageCallback", "AppId", r.App, "Format", "XML"))
			fx.call("GetMessageCallback", "AppId", r.App).ok(t)
		}
	})
}
