package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/freshet-vod/freshet"
)

// Credentials are an access key as a client uses it.
type Credentials struct {
	AccessKeyID     string
	AccessKeySecret string
	SecurityToken   string // of a temporary key
}

// The variables that hold credentials, for clients and for the first key of a
// new server.
const (
	EnvAccessKeyID     = envPrefix + "ACCESS_KEY_ID"
	EnvAccessKeySecret = envPrefix + "ACCESS_KEY_SECRET"
	EnvSecurityToken   = envPrefix + "SECURITY_TOKEN" // of a temporary key, for clients
)

// EnvSecretsKey is the variable that may hold the keys of the secrets in the
// database.
const EnvSecretsKey = envPrefix + "SECRETS_KEY"

// SecretsKeyPath returns where a data folder keeps the key of its secrets, if
// no other is configured.
func SecretsKeyPath(data string) string { return filepath.Join(data, "secrets.key") }

const (
	credentialsFile = "credentials"
	keyLine         = "access_key_id: "
	secretLine      = "access_key_secret: " //nolint:gosec // a name, not a secret
)

// CredentialsPath returns where the credentials file of a data folder is.
func CredentialsPath(data string) string { return filepath.Join(data, credentialsFile) }

// EnvCredentials returns the credentials that the environment holds; false if
// it holds none. One variable without the other is an error: falling back to
// another key would act for somebody else.
func EnvCredentials(env func(string) string) (Credentials, bool, error) {
	c := Credentials{AccessKeyID: env(EnvAccessKeyID), AccessKeySecret: env(EnvAccessKeySecret), SecurityToken: env(EnvSecurityToken)}
	switch {
	case c.AccessKeyID == "" && c.AccessKeySecret == "":
		return Credentials{}, false, nil
	case c.AccessKeyID == "":
		return Credentials{}, false, freshet.Invalid(EnvAccessKeyID, "%s is set, but %s is not", EnvAccessKeySecret, EnvAccessKeyID)
	case c.AccessKeySecret == "":
		return Credentials{}, false, freshet.Invalid(EnvAccessKeySecret, "%s is set, but %s is not", EnvAccessKeyID, EnvAccessKeySecret)
	}
	return c, true, nil
}

// ReadCredentials reads the credentials file of a data folder. A missing file
// is a CodeNotFound error.
func ReadCredentials(data string) (Credentials, error) {
	path := CredentialsPath(data)
	text, err := os.ReadFile(path) //nolint:gosec // the user names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return Credentials{}, freshet.Errorf(freshet.CodeNotFound, "there is no credentials file %s", path)
	}
	if err != nil {
		return Credentials{}, freshet.Errorf(freshet.CodeInvalid, "reading the credentials: %w", err)
	}
	var c Credentials
	for line := range strings.SplitSeq(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if v, ok := strings.CutPrefix(line, keyLine); ok {
			c.AccessKeyID = strings.TrimSpace(v)
		} else if v, ok := strings.CutPrefix(line, secretLine); ok {
			c.AccessKeySecret = strings.TrimSpace(v)
		}
	}
	if c.AccessKeyID == "" || c.AccessKeySecret == "" {
		return Credentials{}, freshet.Errorf(freshet.CodeInvalid, "%s lacks a line %q or %q", path, strings.TrimSpace(keyLine), strings.TrimSpace(secretLine))
	}
	return c, nil
}

// WriteCredentials writes the credentials file of a data folder, readable by
// its owner only, and returns its path. It appears whole or not at all, and is
// on disk when the call returns: the secret is shown nowhere else.
func WriteCredentials(data string, c Credentials) (path string, err error) {
	path = CredentialsPath(data)
	tmp, err := os.CreateTemp(data, credentialsFile+".*") // made with mode 0600
	if err != nil {
		return "", fmt.Errorf("writing the credentials: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = fmt.Fprintf(tmp, "%s%s\n%s%s\n", keyLine, c.AccessKeyID, secretLine, c.AccessKeySecret)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return "", fmt.Errorf("writing the credentials: %w", err)
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return "", fmt.Errorf("writing the credentials: %w", err)
	}
	return path, nil
}

func trimLine(s string) string { return strings.TrimRight(s, "\r\n") }
