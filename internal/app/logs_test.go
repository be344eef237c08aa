package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// logKeys are the keys that the guide lists.
func logKeys(t *testing.T) map[string]bool {
	t.Helper()
	guide, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(guide), "### Logs\n")
	text, _, _ = strings.Cut(text, "\n### ")
	keys := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\|").FindAllStringSubmatch(text, -1) {
		for _, k := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			keys[k[1]] = true
		}
	}
	if len(keys) < 20 {
		t.Fatalf("the guide lists %d keys", len(keys))
	}
	return keys
}

// TestLogs_HaveTheKeysOfTheGuide holds that every attribute in the source has a
// constant key of the list, and that the list holds no other.
func TestLogs_HaveTheKeysOfTheGuide(t *testing.T) {
	t.Parallel()
	known, used := logKeys(t), map[string]bool{}
	files := token.NewFileSet()
	check := func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return
		}
		fn, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if x, ok := fn.X.(*ast.Ident); !ok || x.Name != "slog" || strings.HasPrefix(fn.Sel.Name, "New") {
			return
		}
		lit, ok := call.Args[0].(*ast.BasicLit)
		if !ok {
			t.Errorf("%s: the key is no constant", files.Position(call.Pos()))
			return
		}
		key, err := strconv.Unquote(lit.Value)
		if used[key] = true; err != nil || !known[key] {
			t.Errorf("%s: the guide does not list the key %s", files.Position(call.Pos()), lit.Value)
		}
	}
	for _, root := range []string{"../../internal", "../../cmd", "../../client"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err == nil {
				ast.Inspect(f, func(n ast.Node) bool {
					check(n)
					return true
				})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for key := range known {
		if !used[key] {
			t.Errorf("the guide lists %s, which nothing logs", key)
		}
	}
}

// TestLogs_TellNoSecrets does with secrets what people do, rightly and wrongly,
// with all that is logged, and looks for them in the log.
func TestLogs_TellNoSecrets(t *testing.T) {
	t.Parallel()
	const secret, wrong, signed = "the-secret-of-the-first-key", "a-wrong-secret", "4102444800-0-0-0123456789abcdef"
	var log pages
	c := settings(t.TempDir())
	c.Private.Listen = "127.0.0.1:0"
	c.Domains = []config.Domain{{Account: config.DefaultAccount, Name: popDomain, Origin: "http://127.0.0.1:1"}}
	ctx, cancel := context.WithCancel(t.Context())
	env := map[string]string{config.EnvAccessKeyID: "FKlog", config.EnvAccessKeySecret: secret}
	s, err := app.NewServer(ctx, app.Options{
		Config: c, Env: func(k string) string { return env[k] }, Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	cl := caller(t, s, "FKlog", secret)
	if _, err := caller(t, s, "FKlog", wrong).POPs(ctx); err == nil {
		t.Error("a wrong secret is let in")
	}
	basic, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Addr()+"/v1/jobs?AccessKeySecret="+wrong, http.NoBody)
	basic.SetBasicAuth("FKlog", secret)
	if resp, err := http.DefaultClient.Do(basic); err != nil || resp.Body.Close() != nil {
		t.Error(err)
	}
	key, err := cl.CreateKey(ctx, client.NewKey{})
	if err != nil {
		t.Fatal(err)
	}
	hook, err := cl.SetWebhook(ctx, "http://127.0.0.1:1/hook?token="+wrong)
	if err != nil {
		hook, err = cl.SetWebhook(ctx, "https://receiver.invalid/hook?token="+wrong)
	}
	if err != nil {
		t.Fatal(err)
	}
	film := `{"MediaId":"film-1","Title":"t","Status":"Normal","Streams":[{"Format":"m3u8","Definition":"HD","StreamType":"video","PlayURL":"http://` +
		popDomain + `/film/hd.m3u8?auth_key=` + signed + `"}]}`
	if _, err := cl.Import(ctx, strings.NewReader(film), nil); err != nil {
		t.Fatal(err)
	}
	// The origin is not there: the prefetch fails, which is logged and told.
	r, err := cl.Submit(ctx, client.JobRequest{Type: freshet.Prefetch, URLs: []string{"http://" + popDomain + "/a.ts?auth_key=" + signed}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Submit(ctx, client.JobRequest{Type: freshet.Purge, Media: []string{"film-1"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := cl.Wait(ctx, r.JobID, nil); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if log.text.Len() == 0 {
		t.Fatal("nothing is logged")
	}
	for _, s := range []string{secret, wrong, signed, key.Secret, hook.Secret, strings.TrimPrefix(hook.Secret, "whsec_")} {
		if s == "" || bytes.Contains(log.text.Bytes(), []byte(s)) {
			t.Errorf("the log tells %q:\n%s", s, log.text.String())
		}
	}
	for line := range bytes.Lines(log.text.Bytes()) {
		if !json.Valid(line) {
			t.Errorf("not an object: %s", line)
		}
	}
}
