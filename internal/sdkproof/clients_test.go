package sdkproof_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/rpc/rpctest"
)

// patience bounds every wait for the server.
const patience = 30 * time.Second

// theNewSDK is held by tests that use the newer SDK: its clients share state
// without a lock.
var theNewSDK sync.Mutex

// everyClient makes a client of each SDK and mode, each with a server of its own,
// and hands them to a test one after the other, with the names of what the server
// starts with.
func everyClient(t *testing.T, change func(*config.Config), use func(c rpctest.Client, kept map[string]string)) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs Node")
	}
	theNewSDK.Lock()
	defer theNewSDK.Unlock()
	const goClients, nodeClients = 5, 2
	for i := range goClients {
		s := server(t, change)
		use(rpctest.Clients(s.Addr(), keyID, secret)[i], makeKeys(t, s))
	}
	for i := range nodeClients {
		s := server(t, change)
		use(rpctest.Node(t, "testdata/node/calls.js", "../../.cache/node/node_modules", s.Addr(), keyID, secret)[i], makeKeys(t, s))
	}
}

// TestContract_4_EveryClientRunsTheTable points each of the vendor's SDKs at a
// server of its own.
func TestContract_4_EveryClientRunsTheTable(t *testing.T) {
	t.Parallel()
	everyClient(t, func(*config.Config) {}, func(c rpctest.Client, kept map[string]string) { runTable(t, c, table(), kept) })
}

// runTable makes all calls with one client.
func runTable(t *testing.T, c rpctest.Client, rows []row, kept map[string]string) {
	t.Helper()
	for _, r := range rows {
		if !c.Has(r.action) {
			continue
		}
		t.Run(c.Name()+": "+r.action+" "+r.about, func(t *testing.T) {
			var pairs []string
			for name, value := range kept {
				pairs = append(pairs, "{"+name+"}", value)
			}
			fill := strings.NewReplacer(pairs...)
			client := c
			if r.as != nil {
				client = c.As(rpctest.Credentials{
					KeyID: fill.Replace(r.as.KeyID), Secret: fill.Replace(r.as.Secret),
					Token: fill.Replace(r.as.Token), Bearer: fill.Replace(r.as.Bearer),
				})
			}
			if client != nil {
				run{client: client, row: r, fill: fill}.make(t, kept)
			}
		})
	}
}

// run is one row in the making.
type run struct {
	client rpctest.Client
	row    row
	fill   *strings.Replacer
}

func (r run) make(t *testing.T, kept map[string]string) {
	t.Helper()
	params := map[string]string{}
	for name, value := range r.row.params {
		params[name] = r.fill.Replace(value)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		answer, failure := r.client.Call(r.row.action, params)
		if r.row.fault != nil {
			r.refused(t, failure)
			return
		}
		if failure != nil {
			t.Fatalf("%+v", *failure)
		}
		wrong := r.differences(answer)
		if r.row.soon && len(wrong) > 0 && time.Now().Before(end) {
			continue
		}
		for _, w := range wrong {
			t.Error(w)
		}
		for name, path := range r.row.keep {
			kept[name] = answer.Field(path)
		}
		return
	}
}

// differences lists the fields that are not as they must be. Fields that the SDK
// has no place for are left out.
func (r run) differences(answer rpctest.Answer) []string {
	var wrong []string
	for path, want := range r.row.want {
		if !r.client.Sees(r.row.action, path) {
			continue
		}
		if got, want := answer.Field(path), r.fill.Replace(want); !matches(got, want) {
			wrong = append(wrong, path+" is "+quote(got)+", want "+quote(want))
		}
	}
	return wrong
}

func quote(s string) string { return "“" + s + "”" }

func matches(got, want string) bool {
	if len(want) > 1 && strings.HasPrefix(want, "/") && strings.HasSuffix(want, "/") {
		return regexp.MustCompile(want[1 : len(want)-1]).MatchString(got)
	}
	return got == want
}

// refused checks an error as the SDK shows it.
func (r run) refused(t *testing.T, failure *rpctest.Failure) {
	t.Helper()
	want := r.row.fault
	if failure == nil {
		t.Fatalf("no error, want %s", want.code)
	}
	if failure.Status != want.status {
		t.Errorf("status %d, want %d: %+v", failure.Status, want.status, *failure)
	}
	if !r.client.Decodes() { // the whole body is the message then
		if !strings.Contains(failure.Message, "<Code>"+want.code+"</Code>") || !strings.Contains(failure.Message, "<RequestId>") {
			t.Errorf("%+v, want %s", *failure, want.code)
		}
		return
	}
	if failure.Code != want.code || !strings.Contains(failure.Message, want.message) {
		t.Errorf("%+v, want %+v", *failure, *want)
	}
	if !matches(failure.RequestID, anyRequestID) {
		t.Errorf("request ID %q", failure.RequestID)
	}
}
