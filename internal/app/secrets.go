package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/seal"
	"github.com/freshet-vod/freshet/internal/store/sqlite"
)

// openStore opens the store with the keys of its secrets, which it returns
// too.
func openStore(ctx context.Context, o Options) (*sqlite.Store, *seal.Box, error) {
	box, made, err := secretKeys(o.Config, o.Env)
	if err != nil {
		return nil, nil, err
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: o.Config.Data, Log: o.Log, Box: box})
	if err != nil && made && errors.Is(err, seal.ErrKey) {
		// A key was missing, and the one that was made in its place is of no use.
		err = errors.Join(err, os.Remove(config.SecretsKeyPath(o.Config.Data)))
	}
	return db, box, err
}

// secretKeys returns the keys of the secrets: those of the environment, or of
// the file that is configured, or of the data folder, where a first one is made
// if there is none.
func secretKeys(c *config.Config, env func(string) string) (box *seal.Box, made bool, err error) {
	if env != nil {
		if text := env(config.EnvSecretsKey); text != "" {
			box, err = seal.ParseKeys(config.EnvSecretsKey, text)
			return box, false, err
		}
	}
	if c.Secrets.KeyFile != "" {
		box, err = seal.ReadFile(c.Secrets.KeyFile)
		return box, false, err
	}
	path := config.SecretsKeyPath(c.Data)
	box, err = seal.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return box, false, err
	}
	if err := seal.WriteFile(path, seal.NewKey()); err != nil {
		return nil, false, err
	}
	box, err = seal.ReadFile(path)
	return box, true, err
}

// RotateSecrets makes a new key for the secrets of a data folder, seals them with
// it, and forgets the keys before. No server may be using the folder. It returns
// the key file and the new key's name.
func RotateSecrets(ctx context.Context, o Options) (file, name string, err error) {
	o.defaults()
	c := o.Config
	if o.Env(config.EnvSecretsKey) != "" {
		return "", "", freshet.Invalid("secrets", "The keys are in %s: put a new one in front of those there and restart the server; it seals everything anew. Then take the old ones away.",
			config.EnvSecretsKey)
	}
	if db := filepath.Join(c.Data, "freshet.db"); !exists(db) {
		return "", "", freshet.Errorf(freshet.CodeNotFound, "There is no %s: name the server's data folder with --data.", db)
	}
	file = c.Secrets.KeyFile
	if file == "" {
		file = config.SecretsKeyPath(c.Data)
	}
	old, _, err := secretKeys(c, o.Env)
	if err != nil {
		return "", "", err
	}
	// First as it is: a folder in use, or keys that do not fit, must change
	// nothing.
	if err := reopen(ctx, o, old); err != nil {
		return "", "", err
	}
	fresh := seal.NewKey()
	keys := append([]string{fresh}, old.Text()...)
	// Both are in the file while secrets are sealed with one or the other.
	if err := seal.WriteFile(file, keys...); err != nil {
		return "", "", err
	}
	both, err := seal.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	if err := reopen(ctx, o, both); err != nil {
		return "", "", fmt.Errorf("sealing with the new key (%s holds it and the old ones): %w", file, err)
	}
	return file, both.Names()[0], seal.WriteFile(file, fresh)
}

// reopen opens the store, which seals its secrets, and closes it.
func reopen(ctx context.Context, o Options, box *seal.Box) error {
	db, err := sqlite.Open(ctx, sqlite.Options{Dir: o.Config.Data, Log: o.Log, Box: box})
	if err != nil {
		return err
	}
	return db.Close()
}
