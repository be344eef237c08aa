package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/store"
)

const (
	keyID   = "testid"
	secret  = "testsecret"
	account = "acme"
	layout  = "2006-01-02T15:04:05Z"
)

// fakeKeys is a store.Keys in memory that counts reads.
type fakeKeys struct {
	mu     sync.Mutex
	keys   map[string]store.Key
	nonces []store.Nonce
	reads  int
	fail   error
	// gate, if set, is called in Key between the read and the return.
	gate func()
}

func newKeys() *fakeKeys {
	return &fakeKeys{keys: map[string]store.Key{
		keyID: {ID: keyID, Secret: secret, Account: account},
		"off": {ID: "off", Secret: secret, Account: account, Disabled: true},
	}}
}

func (f *fakeKeys) PutKey(_ context.Context, k store.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	f.keys[k.ID] = k
	return nil
}

func (f *fakeKeys) Key(_ context.Context, id string) (store.Key, error) {
	f.mu.Lock()
	k, ok := f.keys[id]
	f.reads++
	fail, gate := f.fail, f.gate
	f.mu.Unlock()
	if gate != nil {
		gate()
	}
	if fail != nil {
		return store.Key{}, fail
	}
	if !ok {
		return store.Key{}, freshet.Errorf(freshet.CodeNotFound, "There is no such access key.")
	}
	return k, nil
}

func (f *fakeKeys) KeyOf(ctx context.Context, acc, id string) (store.Key, error) {
	k, err := f.Key(ctx, id)
	if err == nil && k.Account != acc {
		return store.Key{}, freshet.Errorf(freshet.CodeNotFound, "There is no such access key.")
	}
	return k, err
}

func (f *fakeKeys) ListKeys(_ context.Context, acc string) ([]store.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []store.Key
	for _, k := range f.keys {
		if k.Account == acc {
			out = append(out, k)
		}
	}
	return out, nil
}

func (f *fakeKeys) PutNonce(_ context.Context, _ time.Time, n store.Nonce) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		f.nonces = append(f.nonces, n)
	}
	return f.fail
}

func (f *fakeKeys) Nonces(context.Context, time.Time) ([]store.Nonce, error) {
	return f.nonces, f.fail
}

func newAuth(tb testing.TB, change ...func(*auth.Options)) (*auth.Auth, *fakeKeys) {
	tb.Helper()
	keys := newKeys()
	o := auth.Options{Keys: keys}
	for _, c := range change {
		c(&o)
	}
	a, err := auth.New(context.Background(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return a, keys
}

var nonces atomic.Int64

func newNonce() string { return "n" + strconv.FormatInt(nonces.Add(1), 10) }

// v1 makes a signed V1 request; change may spoil it before it is signed.
func v1(tb testing.TB, id string, at time.Time, change ...func(url.Values)) *auth.Request {
	tb.Helper()
	p := url.Values{"Action": {"GetMediaRefreshJobs"}, "Version": {"2017-03-21"}, "MediaRefreshJobId": {"41d465e31957abcd"}}
	for _, c := range change {
		c(p)
	}
	auth.SignV1("GET", p, id, secret, at, newNonce())
	return &auth.Request{Method: "GET", Path: "/", Host: "h", Params: params(tb, p.Encode()), Header: http.Header{}}
}

// v3 makes a signed V3 request to the vendor's API.
func v3(tb testing.TB, id string, at time.Time, body string) *auth.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://127.0.0.1:8080/?MediaIds=a%2C+b&TaskType=Refresh", nil)
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("X-Acs-Action", "RefreshMediaPlayUrls")
	req.Header.Set("X-Acs-Version", "2017-03-21")
	auth.SignV3(req, id, secret, []byte(body), at, newNonce())
	return &auth.Request{
		Method: "POST", Path: "/", Host: req.Host, Params: params(tb, req.URL.RawQuery),
		Header: req.Header, Body: []byte(body), Write: true,
	}
}

func params(tb testing.TB, query string) auth.Params {
	tb.Helper()
	p, err := auth.ParseParams(query, "")
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// kind returns the kind of a fault, 0 for success.
func kind(tb testing.TB, err error) auth.Kind {
	tb.Helper()
	if err == nil {
		return 0
	}
	f, ok := errors.AsType[*auth.Fault](err)
	if !ok {
		tb.Fatalf("error is %T (%v), want a *auth.Fault", err, err)
	}
	if f.Error() == "" {
		tb.Error("a fault without text")
	}
	return f.Kind
}

type vector struct {
	Method, Secret, Body            string
	Params, Query, Headers          map[string]string
	StringToSign, Signature         string
	CanonicalRequest, Authorization string
}

func vectors(tb testing.TB) map[string]vector {
	tb.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var v map[string]vector
	if err := json.Unmarshal(b, &v); err != nil {
		tb.Fatal(err)
	}
	if len(v) != 8 {
		tb.Fatalf("%d vectors, want 8", len(v))
	}
	return v
}

func encode(m map[string]string) string {
	q := url.Values{}
	for k, v := range m {
		q.Set(k, v)
	}
	return q.Encode()
}
