package app_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/client"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
)

// settings are those of a server on free ports, whose data outlives it.
func settings(dir string) *config.Config {
	c := config.Default()
	c.Data, c.Listen = dir, "127.0.0.1:0"
	c.POPs = []config.POP{{ID: "local", Caches: []config.Cache{{Driver: config.DriverEdge, Listen: "127.0.0.1:0", MaxBytes: 1 << 20, MaxObjectBytes: 1 << 20}}}}
	return c
}

// serve runs a server; the function it returns ends it.
func serve(t *testing.T, c *config.Config, env map[string]string, change ...func(*app.Options)) (s *app.Server, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o := app.Options{Config: c, Env: func(k string) string { return env[k] }}
	for _, f := range change {
		f(&o)
	}
	s, err := app.NewServer(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	return s, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func caller(t *testing.T, s *app.Server, id, secret string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Endpoint: "http://" + s.Addr(), AccessKeyID: id, AccessKeySecret: secret, Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestServer_DisabledKeyStaysDisabled holds that a key of the environment is
// not given back its powers by a restart.
func TestServer_DisabledKeyStaysDisabled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, secret := range []string{"the secret of the environment", "another secret"} {
		env := map[string]string{config.EnvAccessKeyID: "FKenv", config.EnvAccessKeySecret: secret}
		s, end := serve(t, settings(dir), env)
		_, err := caller(t, s, "FKenv", secret).SetKey(t.Context(), "FKenv", true)
		end()
		if err != nil && freshet.ErrorCode(err) != freshet.CodeUnauthenticated {
			t.Fatal(err)
		}
		s, end = serve(t, settings(dir), env)
		_, err = caller(t, s, "FKenv", secret).Keys(t.Context(), "")
		end()
		if freshet.ErrorCode(err) != freshet.CodeUnauthenticated {
			t.Fatalf("a disabled key gets in after a restart: %v", err)
		}
	}
}

// TestServer_TellsWhereTheFirstKeyIs holds that every start tells it, also the
// one after a start that made the key and then could not go on.
func TestServer_TellsWhereTheFirstKeyIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for start, made := range []bool{true, false} {
		s, end := serve(t, settings(dir), nil)
		if s.CredentialsFile != filepath.Join(dir, "credentials") || s.MadeKey != made {
			t.Errorf("start %d: %q, made: %t", start, s.CredentialsFile, s.MadeKey)
		}
		end()
	}
}

// TestServer_TakenAddressSaysWhatToDo holds that the error names the address
// and where it is set.
func TestServer_TakenAddressSaysWhatToDo(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := config.Address(taken.Addr().String())
	for want, set := range map[string]func(*config.Config){
		"--listen":        func(c *config.Config) { c.Listen = addr },
		"caches[].listen": func(c *config.Config) { c.POPs[0].Caches[0].Listen = addr },
	} {
		c := settings(t.TempDir())
		set(c)
		_, err := app.NewServer(t.Context(), app.Options{Config: c})
		if freshet.ErrorCode(err) != freshet.CodeConflict || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), string(addr)) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
}

// lines is a log that a test waits for.
type lines chan string

// Write implements [io.Writer].
func (l lines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default: // nobody waits any more
	}
	return len(b), nil
}

// TestPOP_UnknownIDIsTold holds that a POP whose ID the control plane does not
// know says so: nothing else would tell why it takes no traffic.
func TestPOP_UnknownIDIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("a-token-that-all-POPs-share\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := settings(filepath.Join(dir, "control"))
	c.Bus = config.Bus{Listen: "127.0.0.1:0", TokenFile: token}
	s, end := serve(t, c, nil)
	defer end()
	p := settings(filepath.Join(dir, "pop"))
	p.Caches, p.POPs = p.POPs[0].Caches, nil
	p.POP = &config.Member{ID: "edge-9", Control: config.URL("nats://" + s.BusAddr()), TokenFile: token}
	ctx, cancel := context.WithCancel(t.Context())
	log := make(lines, 100)
	pop, err := app.NewPOP(ctx, app.Options{Config: p, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- pop.Run() }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	late := time.After(10 * time.Second)
	for {
		select {
		case line := <-log:
			if strings.Contains(line, "knows no POP of this ID") && strings.Contains(line, "edge-9") {
				return
			}
		case <-late:
			t.Fatal("the POP does not say that nobody knows it")
		}
	}
}

// TestServer_AnswersEveryPathInItsForm holds that nothing on the API's listener
// is answered by a redirect or a page: a path that is not clean is the vendor
// API's to refuse, one below /v1 the native API's.
func TestServer_AnswersEveryPathInItsForm(t *testing.T) {
	t.Parallel()
	s, end := serve(t, settings(t.TempDir()), nil)
	defer end()
	for path, kind := range map[string]string{
		"//?Action=x&Format=XML": "xml", "/a/../b": "json", "/": "json", "/healthz/": "json",
		"/v1": "problem", "/v1//jobs": "problem", "/v1/nothing": "problem",
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		// Written out: a client would clean the path.
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		_ = resp.Body.Close()
		_ = conn.Close()
		if ct := resp.Header.Get("Content-Type"); resp.StatusCode < 400 || !strings.Contains(ct, kind) {
			t.Errorf("%s: status %d, content type %q, want an error as %s", path, resp.StatusCode, ct, kind)
		}
	}
}
