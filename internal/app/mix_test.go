package app_test

import (
	crand "crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/auth"
	"github.com/freshet-vod/freshet/internal/config"
)

// The size of the mix.
const (
	mixClients  = 50 // at once, of three accounts
	mixActions  = 10 // of each client, in each life of the server
	mixLives    = 2
	mixURLs     = 150 // the daily quotas: some calls are refused
	mixDirs     = 25
	mixPreloads = 50
)

// TestP8_AnyMixOfOperations: fifty clients of three accounts call every
// operation of the vendor's API in any order, while the server is stopped and
// started again. Afterwards counters, lists, tasks, callbacks and the audit
// trail of each account are what a simple model says, and nothing of one account
// showed in another.
func TestP8_AnyMixOfOperations(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	m := newMix(t)
	for life := range mixLives {
		s, end := serve(t, m.config, m.env)
		if life == 0 {
			m.prepare(t, s)
		}
		var wg sync.WaitGroup
		for i := range mixClients {
			c := &mixClient{
				mix: m, t: t, account: m.accounts[i%len(m.accounts)], name: fmt.Sprintf("c%d-%d", life, i),
				rand: rand.New(rand.NewPCG(seed, uint64(life*mixClients+i))), base: "http://" + s.Addr(), http: &http.Client{Transport: &http.Transport{}},
			}
			wg.Go(func() {
				defer c.http.CloseIdleConnections()
				for range mixActions {
					c.act()
				}
			})
		}
		wg.Wait()
		end()
		if t.Failed() {
			return
		}
	}
	s, end := serve(t, m.config, m.env)
	defer end()
	for _, a := range m.accounts {
		c := &mixClient{mix: m, t: t, account: a, name: "judge", base: "http://" + s.Addr(), http: &http.Client{Transport: &http.Transport{}}}
		m.judge(c, s)
		c.http.CloseIdleConnections()
	}
}

// mix is what the clients share: the server's settings, and the model.
type mix struct {
	config   *config.Config
	env      map[string]string
	accounts []*mixAccount
}

// mixAccount is one account, and what the model says of it. It is a set of sums
// and lists: each client adds what it was told.
type mixAccount struct {
	name, host, key, secret string
	film                    string // a media of two streams that is always there

	mu       sync.Mutex // guards what follows
	used     map[freshet.QuotaKind]int
	tasks    map[string]int // by object type
	native   int            // those that came by the native API
	taskIDs  []string
	jobs     map[string]int      // URLs of each row by job
	media    map[string]bool     // registered and not deleted
	domains  []string            // added
	callback map[string]string   // URL by application
	audited  map[[2]string]int   // calls of writes by operation and outcome
	refusals []mixRefusal        // for quota
	paths    map[string]struct{} // registered files
}

type mixRefusal struct {
	kind freshet.QuotaKind
	n    int
}

func newMix(t *testing.T) *mix {
	t.Helper()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) }))
	t.Cleanup(origin.Close)
	m := &mix{config: settings(t.TempDir()), env: map[string]string{config.EnvAccessKeyID: "FKmix", config.EnvAccessKeySecret: "secret of the mix"}}
	m.config.Limits.Own = config.Figures{URLsPerDay: mixURLs, DirectoriesPerDay: mixDirs, PreloadsPerDay: mixPreloads}
	for _, name := range []string{config.DefaultAccount, "blue", "green"} {
		host := name + ".example.com"
		m.config.Domains = append(m.config.Domains, config.Domain{Name: host, Origin: config.URL(origin.URL), Account: name})
		m.accounts = append(m.accounts, &mixAccount{
			name: name, host: host, key: "FKmix", secret: "secret of the mix", film: "film-of-" + name,
			used: map[freshet.QuotaKind]int{}, tasks: map[string]int{}, jobs: map[string]int{}, media: map[string]bool{},
			callback: map[string]string{}, audited: map[[2]string]int{}, paths: map[string]struct{}{},
		})
	}
	return m
}

// prepare makes the accounts' keys, and a media of each.
func (m *mix) prepare(t *testing.T, s *app.Server) {
	t.Helper()
	operator := caller(t, s, "FKmix", "secret of the mix")
	for _, a := range m.accounts {
		if a.name != config.DefaultAccount {
			if _, err := operator.CreateAccount(t.Context(), a.name); err != nil && freshet.ErrorCode(err) != freshet.CodeConflict {
				t.Fatal(err)
			}
			k, err := operator.CreateKey(t.Context(), client.NewKey{Account: a.name})
			if err != nil {
				t.Fatal(err)
			}
			a.key, a.secret = k.ID, k.Secret
		}
		line := fmt.Sprintf(`{"MediaId":%q,"Title":"film","MediaType":"video","Status":"Normal","Streams":[
			{"JobId":"j1","Format":"mp4","Definition":"HD","StreamType":"video","PlayURL":"http://%[2]s/film/hd.mp4"},
			{"JobId":"j2","Format":"mp4","Definition":"LD","StreamType":"video","PlayURL":"http://%[2]s/film/ld.mp4"}]}`, a.film, a.host)
		sum, err := caller(t, s, a.key, a.secret).Import(t.Context(), strings.NewReader(strings.ReplaceAll(line, "\n", "")), nil)
		if err != nil || sum.Imported != 1 {
			t.Fatal(sum, err)
		}
	}
}

// mixClient is one client with its own randomness.
type mixClient struct {
	mix     *mix
	t       *testing.T
	account *mixAccount
	name    string
	n       int
	rand    *rand.Rand
	base    string
	http    *http.Client

	media []string // that it registered and did not delete
}

// other returns another account.
func (c *mixClient) other() *mixAccount {
	for {
		if a := c.mix.accounts[c.rand.IntN(len(c.mix.accounts))]; a != c.account {
			return a
		}
	}
}

// fresh returns a name that nobody else uses.
func (c *mixClient) fresh() string {
	c.n++
	return fmt.Sprintf("%s-%d", c.name, c.n)
}

// mixAnswer is an answer of the vendor's API.
type mixAnswer struct {
	code string // "" of a success
	body map[string]any
}

// call calls an operation, and notes that a write was called. A fault of the
// server is never an answer.
func (c *mixClient) call(action string, kv ...string) mixAnswer {
	p := url.Values{"Action": {action}, "Version": {"2017-03-21"}, "Format": {"JSON"}}
	for i := 0; i < len(kv); i += 2 {
		p.Set(kv[i], kv[i+1])
	}
	auth.SignV1(http.MethodPost, p, c.account.key, c.account.secret, time.Now(), crand.Text())
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.base+"/?"+p.Encode(), http.NoBody)
	if err != nil {
		c.t.Error(err)
		return mixAnswer{code: "none"}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Error(err)
		return mixAnswer{code: "none"}
	}
	defer resp.Body.Close()
	a := mixAnswer{}
	if err := json.NewDecoder(resp.Body).Decode(&a.body); err != nil {
		c.t.Errorf("%s: %v", action, err)
	}
	a.code, _ = a.body["Code"].(string)
	if resp.StatusCode >= 500 || (a.code == "") != (resp.StatusCode == http.StatusOK) || a.code == "UnsupportedOperation" {
		c.t.Errorf("%s %v: status %d, %v", action, kv, resp.StatusCode, a.body)
	}
	outcome := a.code
	if outcome == "" {
		outcome = freshet.AuditOK
	}
	c.account.mu.Lock()
	defer c.account.mu.Unlock()
	if slices.Contains(mixWrites(), action) {
		c.account.audited[[2]string{action, outcome}]++
	}
	return a
}

// mixWrites are the operations that change something.
func mixWrites() []string {
	return []string{
		"RefreshMediaPlayUrls", "RefreshVodObjectCaches", "PreloadVodObjectCaches", "SetMessageCallback", "DeleteMessageCallback",
		"RegisterMedia", "DeleteVideo", "DeleteStream", "AddVodDomain",
	}
}

// want complains about an answer with another code.
func (c *mixClient) want(a mixAnswer, what string, codes ...string) bool {
	if !slices.Contains(codes, a.code) {
		c.t.Errorf("%s of %s: %q, want one of %q: %v", what, c.account.name, a.code, codes, a.body)
		return false
	}
	return a.code == ""
}

// list returns a list of texts of an answer.
func (a mixAnswer) list(name string) []string {
	var out []string
	items, _ := a.body[name].([]any)
	for _, item := range items {
		s, _ := item.(string)
		out = append(out, s)
	}
	return out
}

func (a mixAnswer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

func (a mixAnswer) total() int {
	n, _ := a.body["TotalCount"].(float64)
	return int(n)
}
