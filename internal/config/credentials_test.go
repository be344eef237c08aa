package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/config"
)

func TestCredentials_RoundTripReadableByTheOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := config.Credentials{AccessKeyID: "id-1", AccessKeySecret: "se cret"}
	for range 2 { // the second write replaces the first
		path, err := config.WriteCredentials(dir, want)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode is %v, %v", info.Mode(), err)
		}
	}
	got, err := config.ReadCredentials(dir)
	if err != nil || got != want {
		t.Errorf("got %v, %v", got, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestCredentials_FaultsNameTheFileAndNeverTheSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := config.ReadCredentials(dir); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("a missing file is %v", err)
	}
	path := config.CredentialsPath(dir)
	if err := os.WriteFile(path, []byte("access_key_secret: hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.ReadCredentials(dir)
	if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
	if _, err := config.WriteCredentials(filepath.Join(dir, "absent"), config.Credentials{}); err == nil {
		t.Error("a missing folder was accepted")
	}
}

func TestEnvCredentials_HalfAPairIsAnError(t *testing.T) {
	t.Parallel()
	get := func(env map[string]string) (config.Credentials, bool, error) {
		return config.EnvCredentials(func(k string) string { return env[k] })
	}
	if _, ok, err := get(nil); ok || err != nil {
		t.Errorf("nothing set: %v, %v", ok, err)
	}
	if _, _, err := get(map[string]string{"FRESHET_ACCESS_KEY_ID": "a"}); err == nil || !strings.Contains(err.Error(), "FRESHET_ACCESS_KEY_SECRET") {
		t.Errorf("no secret: %v", err)
	}
	if _, _, err := get(map[string]string{"FRESHET_ACCESS_KEY_SECRET": "a"}); err == nil {
		t.Error("no ID was accepted")
	}
	c, ok, err := get(map[string]string{"FRESHET_ACCESS_KEY_ID": "a", "FRESHET_ACCESS_KEY_SECRET": "b"})
	if err != nil || !ok || c != (config.Credentials{AccessKeyID: "a", AccessKeySecret: "b"}) {
		t.Errorf("both: %v, %v, %v", c, ok, err)
	}
}

func TestReadToken_RefusesShortAndManyLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, ok := range map[string]bool{
		"0123456789abcdef\n": true, "0123456789abcdef": true, "short\n": false,
		"0123456789abcdef\n0123456789abcdef\n": false, "0123456789 abcdef\n": false,
	} {
		path := filepath.Join(dir, "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := config.ReadToken(path); (err == nil) != ok || ok && got != "0123456789abcdef" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}
