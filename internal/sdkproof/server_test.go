package sdkproof_test

import (
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/testdata"
)

const (
	keyID  = "FKsdkproof"
	secret = "the secret of the tests"
	// bearerToken is enough to call.
	bearerToken = "the-bearer-token-of-the-tests"
)

// server runs a whole server with one POP and the catalog of the ladder, for one
// test, with changes of its configuration.
func server(tb testing.TB, change ...func(*config.Config)) *app.Server {
	tb.Helper()
	files, err := fs.Sub(testdata.FS, "ladder")
	if err != nil {
		tb.Fatal(err)
	}
	origin := httptest.NewServer(http.FileServerFS(files))
	tb.Cleanup(origin.Close)
	c := config.Default()
	c.Data, c.Listen = tb.TempDir(), "127.0.0.1:0"
	c.POPs = []config.POP{{ID: "local", Caches: []config.Cache{{Driver: config.DriverEdge, Listen: "127.0.0.1:0", MaxBytes: 16 << 20, MaxObjectBytes: 8 << 20}}}}
	c.Domains = []config.Domain{{Name: "vod.example.com", Origin: config.URL(origin.URL), Account: config.DefaultAccount}}
	bearer := filepath.Join(c.Data, "bearer-token")
	if err := os.WriteFile(bearer, []byte(bearerToken+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	c.Auth.BearerTokens = []config.BearerToken{{Name: "tests", File: bearer, Account: config.DefaultAccount}}
	for _, f := range change {
		f(c)
	}
	env := map[string]string{config.EnvAccessKeyID: keyID, config.EnvAccessKeySecret: secret}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := app.NewServer(ctx, app.Options{Config: c, Env: func(k string) string { return env[k] }})
	if err != nil {
		cancel()
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	importCatalog(ctx, tb, s)
	return s
}

// operator calls the native API of a server.
func operator(tb testing.TB, s *app.Server) *client.Client {
	tb.Helper()
	c, err := client.New(client.Options{Endpoint: "http://" + s.Addr(), AccessKeyID: keyID, AccessKeySecret: secret})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

func importCatalog(ctx context.Context, tb testing.TB, s *app.Server) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c := operator(tb, s)
	catalog, err := testdata.FS.Open("ladder/catalog.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer catalog.Close()
	for _, lines := range []io.Reader{catalog, strings.NewReader(describedMedia)} {
		if sum, err := c.Import(ctx, lines, nil); err != nil || sum.Imported == 0 || sum.Refused > 0 {
			tb.Fatalf("%+v, %v", sum, err)
		}
	}
}

// onlyTheSound allows everything but to touch other media than one.
const onlyTheSound = `{"Version":"1","Statement":[
	{"Effect":"Allow","Action":"vod:*","Resource":"*"},
	{"Effect":"Deny","Action":["vod:RefreshMediaPlayUrls","vod:GetVideoInfo","vod:GetPlayInfo","vod:GetVideoInfos","vod:DeleteVideo"],"Resource":"acs:vod:*:*:media/` + film + `"},
	{"Effect":"Deny","Action":["vod:DescribeVodRefreshTasks","vod:AddVodDomain"],"Resource":"*"}]}`

// makeKeys makes access keys beside the first: one with a policy, one that is
// disabled, some of other accounts, and temporary ones. It returns what rows call them.
func makeKeys(t *testing.T, s *app.Server) map[string]string {
	t.Helper()
	c := operator(t, s)
	for _, account := range []string{"neighbour", "closed"} {
		if _, err := c.CreateAccount(t.Context(), account); err != nil {
			t.Fatal(err)
		}
	}
	kept := map[string]string{}
	for name, k := range map[string]client.NewKey{
		"bound": {Policy: onlyTheSound}, "off": {}, "neighbour": {Account: "neighbour"}, "closed": {Account: "closed"},
	} {
		made, err := c.CreateKey(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		kept[name+" key"], kept[name+" secret"] = made.ID, made.Secret
	}
	for _, name := range []string{"temporary", "second temporary"} {
		made, err := c.IssueToken(t.Context(), keyID, client.NewToken{Lasts: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		kept[name+" key"], kept[name+" secret"], kept[name+" token"] = made.AccessKeyID, made.AccessKeySecret, made.SecurityToken
	}
	if _, err := c.SetKey(t.Context(), kept["off key"], true); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetAccount(t.Context(), "closed", true); err != nil {
		t.Fatal(err)
	}
	return kept
}
