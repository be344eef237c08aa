package app

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/freshet-vod/freshet"
	"github.com/freshet-vod/freshet/internal/config"
	"github.com/freshet-vod/freshet/internal/enrol"
	"github.com/freshet-vod/freshet/internal/store"
)

// seedKey makes sure that there is a key to begin with: that of the
// environment, or else, on a new data folder, one that is made and written to
// its credentials file. It tells whether it did that.
func seedKey(ctx context.Context, keys store.Keys, data string, env func(string) string) (made bool, err error) {
	fromEnv, ok, err := config.EnvCredentials(env)
	if err != nil {
		return false, err
	}
	key := store.Key{Account: config.DefaultAccount, Created: time.Now().UTC().Truncate(time.Millisecond)}
	if ok && fromEnv.SecurityToken != "" {
		return false, freshet.Invalid(config.EnvSecurityToken, "%s belongs to clients: a server's key is none that ends.", config.EnvSecurityToken)
	}
	if ok {
		key.ID, key.Secret = fromEnv.AccessKeyID, fromEnv.AccessKeySecret
		return false, keepKey(ctx, keys, key)
	}
	have, err := keys.ListKeys(ctx, config.DefaultAccount)
	if err != nil || len(have) > 0 {
		return false, err
	}
	key.ID, key.Secret = "FK"+randomHex(9), randomHex(20)
	// The file first: a key that is stored but told to nobody would lock its
	// owner out.
	if _, err := config.WriteCredentials(data, config.Credentials{AccessKeyID: key.ID, AccessKeySecret: key.Secret}); err != nil {
		return false, err
	}
	return true, keys.PutKey(ctx, key)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// keepKey stores the key of the environment, which is named at every start. One
// that was disabled stays so: it was disabled for good.
func keepKey(ctx context.Context, keys store.Keys, key store.Key) error {
	have, err := keys.Key(ctx, key.ID)
	switch {
	case freshet.ErrorCode(err) == freshet.CodeNotFound:
		return keys.PutKey(ctx, key)
	case err != nil:
		return err
	case have.Account != key.Account:
		return freshet.Errorf(freshet.CodeConflict, "The key %s of %s belongs to another account: choose another ID.", key.ID, config.EnvAccessKeyID)
	case have.Secret == key.Secret:
		return nil
	}
	have.Secret = key.Secret
	return keys.PutKey(ctx, have)
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// busToken returns the token that POPs may share, if a file is configured, and
// the secret that the peer key comes from: that token, or else one that is made
// and kept in the data folder. A configured token is kept there too, so that
// the peer key, which enrolled POPs have kept, outlives the file.
func busToken(file, data string) (shared, secret string, err error) {
	path := filepath.Join(data, "token")
	if file != "" {
		if shared, err = config.ReadToken(file); err != nil {
			return "", "", err
		}
	}
	if enrol.IsToken(shared) {
		return "", "", freshet.Invalid("bus.token_file", "%s holds a one-time token, which belongs to one POP: POPs cannot share it", file)
	}
	kept, err := config.ReadToken(path)
	switch {
	case err == nil && (shared == "" || kept == shared):
		return shared, kept, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", "", err
	}
	secret = cmp.Or(shared, randomHex(24))
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", "", fmt.Errorf("writing the POPs' token: %w", err)
	}
	return shared, secret, nil
}

// peerKey derives the key by which POPs prove to each other who they are, so
// that the token itself never travels between caches.
func peerKey(token string) []byte {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("freshet peer v1"))
	return m.Sum(nil)
}
