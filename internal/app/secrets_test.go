package app_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/app"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/seal"
)

// once starts a server and stops it.
func once(t *testing.T, c *config.Config, env map[string]string) error {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s, err := app.NewServer(ctx, app.Options{Config: c, Env: func(name string) string { return env[name] }})
	if err != nil {
		return err
	}
	stop()
	return s.Run()
}

func TestSecrets_AKeyIsMadeAndNeededAfterwards(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	if err := once(t, c, nil); err != nil {
		t.Fatal(err)
	}
	path := config.SecretsKeyPath(c.Data)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if err := once(t, c, nil); err != nil {
		t.Errorf("the second start: %v", err)
	}
	moved := filepath.Join(t.TempDir(), "key")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := once(t, c, nil); freshet.ErrorCode(err) != freshet.CodeInvalid || !strings.Contains(err.Error(), "key file") {
		t.Errorf("without its key: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a useless key was left behind: %v", err)
	}
	c.Secrets.KeyFile = moved
	if err := once(t, c, nil); err != nil {
		t.Errorf("with its key elsewhere: %v", err)
	}
	key, err := seal.ReadFile(moved)
	if err != nil {
		t.Fatal(err)
	}
	c.Secrets.KeyFile = ""
	if err := once(t, c, map[string]string{config.EnvSecretsKey: key.Text()[0]}); err != nil {
		t.Errorf("with its key in the environment: %v", err)
	}
}

func TestSecrets_Rotate(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	if err := once(t, c, nil); err != nil {
		t.Fatal(err)
	}
	path := config.SecretsKeyPath(c.Data)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, name, err := app.RotateSecrets(t.Context(), app.Options{Config: c})
	if err != nil || file != path {
		t.Fatalf("%s, %v", file, err)
	}
	fresh, err := seal.ReadFile(path)
	if err != nil || len(fresh.Names()) != 1 || fresh.Names()[0] != name {
		t.Fatalf("the file holds %v, not %s; %v", fresh.Names(), name, err)
	}
	if err := once(t, c, nil); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := once(t, c, nil); freshet.ErrorCode(err) != freshet.CodeInvalid {
		t.Errorf("the old key still opens: %v", err)
	}
	// A rotation with keys that do not fit changes nothing.
	if _, _, err := app.RotateSecrets(t.Context(), app.Options{Config: c}); freshet.ErrorCode(err) != freshet.CodeInvalid {
		t.Errorf("rotated without the right key: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(old) {
		t.Errorf("the key file was changed: %v", err)
	}
}

func TestSecrets_RotateRefuses(t *testing.T) {
	t.Parallel()
	c := settings(t.TempDir())
	if _, _, err := app.RotateSecrets(t.Context(), app.Options{Config: c}); freshet.ErrorCode(err) != freshet.CodeNotFound {
		t.Errorf("a folder without a store: %v", err)
	}
	if _, err := os.Stat(config.SecretsKeyPath(c.Data)); !os.IsNotExist(err) {
		t.Errorf("a key was made: %v", err)
	}
	env := func(name string) string {
		if name == config.EnvSecretsKey {
			return seal.NewKey()
		}
		return ""
	}
	if _, _, err := app.RotateSecrets(t.Context(), app.Options{Config: c, Env: env}); freshet.ErrorCode(err) != freshet.CodeInvalid {
		t.Errorf("keys of the environment: %v", err)
	}
	_, end := serve(t, c, nil)
	defer end()
	if _, _, err := app.RotateSecrets(t.Context(), app.Options{Config: c}); freshet.ErrorCode(err) != freshet.CodeConflict {
		t.Errorf("beside a running server: %v", err)
	}
}
